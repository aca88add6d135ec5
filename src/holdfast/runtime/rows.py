"""Whether the tables beside the records say what the records do. People read them, and so does a start: the latest executions.

The audit computes every row anew. A start can't take the time: it compares what is open, which it has before it anyway.
"""

from collections.abc import Iterator

from holdfast.core.orders.order import Order
from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.state import EngineState
from holdfast.errors import JournalCorrupt
from holdfast.journal.reader import Reader

FIGURES = ("quantity", "cost", "realised", "fees")
PROGRESS = ("state", "quantity", "filled_quantity", "fees", "broker_order_id", "cancel_released_ns")


def check_rows(state: EngineState, reader: Reader) -> None:
    """Raise JournalCorrupt unless positions, live orders and cash are those of the state, in which every record is applied."""
    if state.sequence == 0:
        return
    problems = [*_cash(state, reader), *_positions(state, reader), *_orders(state, reader)]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise JournalCorrupt(
            f"account {state.account!r}: {problems[0]}{more}: a table was changed beside the records, so the journal must not be traded "
            "on; `holdfast audit verify` lists all of it; restore a backup"
        )


def _cash(state: EngineState, reader: Reader) -> Iterator[str]:
    row = reader.account(state.account)
    if row.cash != state.portfolio.cash:
        yield f"cash is {row.cash} in the account's row, and the records make it {state.portfolio.cash}"


def _positions(state: EngineState, reader: Reader) -> Iterator[str]:
    portfolio = state.portfolio
    books: dict[tuple[str, str], Ledger] = {("", symbol): line for symbol, line in portfolio.lines.items()}
    books.update({(str(strategy), symbol): ledger for (strategy, symbol), ledger in portfolio.ledgers.items()})
    for row in reader.positions(state.account):
        book = books.pop((row.strategy, row.symbol), None) or Ledger()
        for name in FIGURES:
            stored, computed = getattr(row, name), getattr(book, name)
            if stored != computed:
                yield f"{name} of {row.strategy or 'the account'} in {row.symbol} is {stored} in its row, not {computed}"
    for (strategy, symbol), book in books.items():
        if book.quantity:
            yield f"the position of {strategy or 'the account'} in {symbol} has no row"


def _orders(state: EngineState, reader: Reader) -> Iterator[str]:
    live: dict[str, Order] = {str(key): order for key, order in state.orders.live.items()}
    for row in reader.orders(state.account, live_only=True):
        order = live.pop(row.client_order_id, None)
        if order is None:
            yield f"order {row.client_order_id} is live in its row, and over by the records"
            continue
        for name in PROGRESS:
            if str(getattr(row, name)) != str(getattr(order, name)):
                yield f"{name} of order {row.client_order_id} is {getattr(row, name)} in its row, not {getattr(order, name)}"
    for key in live:
        yield f"order {key} works by the records, and not by its row"
