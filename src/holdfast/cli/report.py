"""What a backtest and a finished run look like on paper."""

from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.backtesting.results import AccountResult, StrategyResult
from holdfast.cli.terminal import BAD, DIM, WARN, Cell, Column, count, facts, money, percent, price, signed, table, when
from holdfast.core.types import SECOND_NS
from holdfast.venue.settings import FillAt

_FILLS = {
    FillAt.CLOSE: "a market order at the close of the bar that it was decided on (venue fill = close)",
    FillAt.NEXT_OPEN: "a market order at the open of the next bar (venue fill = next_open)",
}


def print_backtest(console: Console, result: AccountResult, feed: str) -> None:
    """One account's report."""
    console.print()
    console.print(Text(f"{result.account}", style="bold"), Text(f"over {feed}", style=DIM))
    for row in result.strategies:
        if row.stopped:
            console.print(Text(f"{row.strategy} was stopped ({row.stopped})", style=BAD))
    console.print(facts(_facts(result)))
    if result.strategies:
        console.print(_strategies(result.strategies, console.width))
    if result.positions:
        console.print(_positions(result, console.width))
    for what in result.not_modelled:
        console.print(Text(f"not in these figures: {what}", style=WARN))


def _facts(result: AccountResult) -> list[tuple[str, Cell]]:
    value = result.value
    days = (result.end_ns - result.start_ns) / SECOND_NS / 86_400
    rate = result.bars / result.seconds if result.seconds else 0
    bars = f"{result.bars:,} in {result.seconds:.2f} s ({rate:,.0f}/s)"
    pairs: list[tuple[str, Cell]] = [
        ("period", f"{when(result.start_ns)} to {when(result.end_ns)} UTC ({days:,.1f} days)"),
        ("bars", bars),
        ("signals", f"{result.signals:,}"),
        ("orders", f"{result.orders:,}" + (f", {result.open_orders} still open" if result.open_orders else "")),
        ("fills", f"{result.fills:,}, {_FILLS[FillAt(result.fill)]}"),
    ]
    if result.decided_bars or result.ambiguous_bars:
        pairs.append(("decided in bars", f"{result.decided_bars:,}, {result.ambiguous_bars:,} ambiguous"))
    if result.unfilled:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in result.unfilled.items())
        pairs.append(("not filled whole", reasons))
    if result.refusals:
        refused = ", ".join(f"{rule} {number:,}" for rule, number in result.refusals.items())
        pairs.append(("refused by risk", refused))
    if result.anomalies:
        pairs.append(("anomalies", Text(f"{result.anomalies}", style=BAD)))
    return [
        *pairs,
        ("equity", _equity(result)),
        ("max drawdown", f"{result.max_drawdown_pct:.2f}%"),
        ("realised", signed(value.realised)),
        ("unrealised", signed(value.unrealised)),
        ("fees", money(value.fees)),
    ]


def _equity(result: AccountResult) -> Text:
    text = Text(f"{money(result.deposit)} -> {money(result.value.equity)}  ", style="bold")
    return text.append_text(percent(result.return_pct))


def _strategies(rows: list[StrategyResult], width: int) -> Table:
    columns = [
        Column("strategy"),
        Column("net", right=True),
        Column("realised", 1, right=True),
        Column("unrealised", 2, right=True),
        Column("fees", 2, right=True),
        Column("orders", 3, right=True),
        Column("fills", 3, right=True),
        Column("wins", 1, right=True),
        Column("losses", 1, right=True),
        Column("won", 2, right=True),
    ]
    return table(columns, map(_strategy_row, rows), width)


def _strategy_row(row: StrategyResult) -> list[Cell]:
    closed = row.wins + row.losses
    won = f"{row.wins / closed * 100:.0f}%" if closed else ""
    figures: list[Cell] = [signed(row.net), signed(row.realised), signed(row.unrealised), money(row.fees)]
    return [row.strategy, *figures, *map(count, (row.orders, row.fills, row.wins, row.losses)), won]


def _positions(result: AccountResult, width: int) -> Table:
    columns = [Column("still held"), Column("quantity", right=True), Column("average", right=True)]
    rows = [
        (symbol, count(Decimal(line.quantity)), price(line.average_price)) for symbol, line in result.positions.items()
    ]
    return table(columns, rows, width)
