"""A scenario's account whose records go into a real journal: for what people may see of a story that the real core has lived."""

from itertools import groupby
from pathlib import Path

from holdfast.core.messages import PAPER, Envelope, FillBusted, OrderFilled
from holdfast.journal import Batch, Journal
from holdfast.journal.reader import Reader
from holdfast.runtime.account import _orders, _positions
from tests.scenario.account import Account


def kept(account: Account, folder: Path) -> Reader:
    """A journal of all that an account has lived so far, opened for reading; the caller closes it."""
    url = f"sqlite:///{folder / f'kept-{len(list(folder.iterdir()))}.db'}"
    for _, records in groupby(account.records, lambda record: record.epoch):
        _keep(account, url, list(records))
    return Reader.open(url)


def _keep(account: Account, url: str, records: list[Envelope]) -> None:
    """What one process has recorded, with the rows as they are in the end."""
    state, journal = account.state, Journal.open(url)
    journal.take(state.account, PAPER, "a scenario")
    journal.append(
        Batch(
            account=state.account,
            envelopes=records,
            orders=_orders(state, records),
            positions=_positions(state, records),
            account_state=state.account_state.value,
            cash=state.portfolio.cash,
        )
    )
    journal.close()


def bust_of(fill: OrderFilled) -> FillBusted:
    """The exchange undoes an execution."""
    return FillBusted(
        fill.client_order_id,
        fill.execution_id,
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        fill.fee,
        "erroneous",
    )


def seen(*values: object) -> tuple[object, ...]:
    """Values to compare with whole numbers, whatever their types."""
    return values
