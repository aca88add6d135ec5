"""``holdfast orders``, ``positions`` and ``fills``: what the journal says, while an engine runs or after it died."""

from pathlib import Path

from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import JOURNAL, config_for_reading, known_account
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Cell, Column, count, money, price, signed, table, when
from holdfast.config import Config
from holdfast.core.orders.order import TERMINAL, OrderState
from holdfast.journal.reader import Reader
from holdfast.views import encode
from holdfast.views import orders as views
from holdfast.views.orders import FillView, OrderView
from holdfast.views.positions import Holding, PositionView
from holdfast.views.positions import positions as open_positions

ORDER_COLUMNS = [
    Column("created (UTC)", 4),
    Column("account", 5),
    Column("order"),
    Column("strategy", 2),
    Column("side"),
    Column("quantity", right=True),
    Column("symbol"),
    Column("type", 3),
    Column("price", 3, right=True),
    Column("filled", 1, right=True),
    Column("average", 2, right=True),
    Column("state"),
    Column("why", 6),
]
FILL_COLUMNS = [
    Column("time (UTC)", 1),
    Column("account", 5),
    Column("strategy", 2),
    Column("side"),
    Column("quantity", right=True),
    Column("symbol"),
    Column("price", right=True),
    Column("fee", 3, right=True),
    Column("order", 4),
]
POSITION_COLUMNS = [
    Column("account", 3),
    Column("symbol"),
    Column("held by", 1),
    Column("quantity", right=True),
    Column("average", right=True),
    Column("cost", 2, right=True),
    Column("realised", 1, right=True),
    Column("fees", 4, right=True),
]


SHOWN = 50
"""How many rows people get unless they ask for more; programs get all."""


def _limit(limit: int | None, as_json: bool) -> int | None:
    return limit if limit is not None or as_json else SHOWN


def orders(config_file: Path | None, open_only: bool, account: str | None, limit: int | None, as_json: bool) -> None:
    """Print orders, the newest first."""
    config = config_for_reading(config_file, JOURNAL)
    with Reader.open(config.journal.url) as reader:
        found = views.orders(reader, known_account(config, account), live_only=open_only, limit=_limit(limit, as_json))
    if as_json:
        terminal.print_json([encode.as_json(row) for row in found])
        return
    _print(config, "no open orders" if open_only else "no orders yet", ORDER_COLUMNS, [_order(row) for row in found])


def fills(config_file: Path | None, account: str | None, limit: int | None, as_json: bool) -> None:
    """Print executions, the newest first."""
    config = config_for_reading(config_file, JOURNAL)
    with Reader.open(config.journal.url) as reader:
        found = views.fills(reader, known_account(config, account), limit=_limit(limit, as_json))
    if as_json:
        terminal.print_json([encode.as_json(row) for row in found])
        return
    _print(config, "no fills yet", FILL_COLUMNS, [_fill(row) for row in found])


def positions(config_file: Path | None, account: str | None, as_json: bool) -> None:
    """Print what is held: each account's line, and under it the strategies' shares."""
    config = config_for_reading(config_file, JOURNAL)
    with Reader.open(config.journal.url) as reader:
        found = open_positions(reader, known_account(config, account))
    if as_json:
        terminal.print_json([encode.as_json(row) for row in found])
        return
    cells = [line for row in found for line in _position(row)]
    _print(config, "no open positions", POSITION_COLUMNS, cells)


def _print(config: Config, nothing: str, columns: list[Column], cells: list[list[Cell]]) -> None:
    """The table without the account where there is but one."""
    console = terminal.console()
    if len(config.accounts) == 1:
        index = next(index for index, column in enumerate(columns) if column.name == "account")
        columns = columns[:index] + columns[index + 1 :]
        cells = [row[:index] + row[index + 1 :] for row in cells]
    console.print(table(columns, cells, console.width) if cells else Text(nothing, style=DIM))


def state_text(state: str) -> Text:
    """An order's state in its colour."""
    if state == OrderState.FILLED:
        return Text(state, style=GOOD)
    if state in (OrderState.REJECTED, OrderState.FAILED, OrderState.UNKNOWN):
        return Text(state, style=BAD)
    return Text(state, style=DIM if OrderState(state) in TERMINAL else WARN)


def _order(row: OrderView) -> list[Cell]:
    limits = [price(value) for value in (row.limit_price, row.stop_price) if value is not None]
    kind = row.order_type if row.role == "entry" else f"{row.order_type} ({row.role})"
    return [
        when(row.created_ns),
        row.account,
        row.client_order_id,
        row.strategy,
        terminal.side(row.side),
        count(row.quantity),
        row.symbol,
        kind,
        " / ".join(limits),
        count(row.filled_quantity) if row.filled_quantity else "",
        price(row.average_fill_price),
        state_text(row.state),
        Text(row.reason, style=DIM),
    ]


def _fill(row: FillView) -> list[Cell]:
    deal: list[Cell] = [terminal.side(row.side), count(row.quantity), row.symbol, price(row.price)]
    return [when(row.time_ns), row.account, row.strategy, *deal, price(row.fees), Text(row.client_order_id, style=DIM)]


def _position(row: PositionView) -> list[list[Cell]]:
    shares = row.strategies
    if len(shares) == 1:
        return [_line(row.account, row.symbol, shares[0].strategy, row)]
    return [_line(row.account, row.symbol, "", row), *(_line("", "", share.strategy, share) for share in shares)]


def _line(account: str, symbol: str, holder: str, row: Holding) -> list[Cell]:
    figures: list[Cell] = [count(row.quantity), price(row.average_price), money(row.cost), signed(row.realised)]
    return [account, symbol, holder, *figures, money(row.fees)]
