"""What a backtest and a finished run look like on paper."""

from decimal import Decimal
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.backtesting.results import AccountResult, StrategyResult
from holdfast.calendars import trading_calendar
from holdfast.cli.terminal import (
    BAD,
    DIM,
    GOOD,
    WARN,
    Cell,
    Column,
    count,
    facts,
    money,
    percent,
    price,
    signed,
    table,
    when,
)

if TYPE_CHECKING:
    from holdfast.statistics import BenchmarkStatistics, Statistics


def print_backtest(
    console: Console, result: AccountResult, statistics: "Statistics", rests_on: list[str], feed: str
) -> None:
    """One account's report: the few numbers that matter, whose they are, and what they rest on."""
    console.print()
    console.print(Text(f"{result.account}", style="bold"), Text(f"over {feed}", style=DIM))
    for row in result.strategies:
        if row.stopped:
            console.print(Text(f"{row.strategy} was stopped ({row.stopped})", style=BAD))
    console.print(facts([*_outcome(result, statistics), *_trading(result, statistics)]))
    if result.strategies:
        console.print(_strategies(result.strategies, console.width))
    if result.positions:
        console.print(_positions(result, console.width))
    console.print(Text("it rests on", style=DIM))
    grid = Table.grid(padding=(0, 1))
    for line in rests_on:
        is_left_out = line in result.not_modelled
        text = f"not in these figures: {line}" if is_left_out else line
        grid.add_row(Text("  -", style=DIM), Text(text, style=WARN if is_left_out else DIM))
    console.print(grid)


def print_months(console: Console, statistics: "Statistics") -> None:
    """The return of each month and year, a row a year."""
    months = {row.period: row.return_pct for row in statistics.monthly}
    grid = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, header_style=DIM)
    for title in ("%", *_MONTHS, "year"):
        grid.add_column(title, justify="right", no_wrap=True)
    for year in statistics.yearly:
        cells = (months.get(f"{year.period}-{month:02d}") for month in range(1, 13))
        grid.add_row(year.period, *map(_month, cells), _month(year.return_pct))
    console.print(grid)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


LONG_PCT = 9.95


def _month(value: float | None) -> Text:
    if value is None:
        return Text("")
    shown = f"{value:.1f}" if abs(value) < LONG_PCT else f"{value:.0f}"  # so that a year fits into 80 columns
    return Text(shown, style=BAD if value < 0 else GOOD)


def _outcome(result: AccountResult, numbers: "Statistics") -> list[tuple[str, Cell]]:
    sessions = f"{numbers.sessions:,} session{'s' if numbers.sessions != 1 else ''}"
    rate = f" at {result.bars / result.seconds:,.0f}/s" if result.seconds else ""
    pairs: list[tuple[str, Cell]] = [
        (
            "period",
            (
                f"{numbers.first_session or when(result.start_ns)[:10]} to {numbers.last_session or when(result.end_ns)[:10]}, "
                f"{sessions}, {result.bars:,} bars{rate}"
            ),
        ),
        ("equity", _equity(result)),
    ]
    if numbers.cagr_pct is not None:
        pairs.append(("growth a year", percent(Decimal(repr(numbers.cagr_pct)))))
    if numbers.benchmark is not None:
        pairs.append(("benchmark", _benchmark(numbers.benchmark)))
    pairs.append(("max drawdown", _fall(result, numbers)))
    if numbers.volatility_pct is not None:
        pairs.append(("volatility", f"{numbers.volatility_pct:.2f}% a year"))
    if numbers.sharpe is not None:
        pairs.append(("Sharpe", _sharpe(numbers)))
    ratios = {"Sortino": numbers.sortino, "Calmar": numbers.calmar}
    said = [f"{name} {value:.2f}" for name, value in ratios.items() if value is not None]
    if said:
        pairs.append(("", ", ".join(said)))
    if numbers.ruined_on is not None:
        pairs.append(
            ("ruin", Text(f"equity was at or below zero on {numbers.ruined_on}: returns end there", style=BAD))
        )
    return pairs


def _benchmark(benchmark: "BenchmarkStatistics") -> str:
    parts = [f"{benchmark.name}: {_of(benchmark.total_return_pct, '{:+.2f}%')}"]
    parts += [f"beta {benchmark.beta:.2f}"] if benchmark.beta is not None else []
    parts += [f"alpha {benchmark.alpha_pct:+.2f}% a year"] if benchmark.alpha_pct is not None else []
    return ", ".join(parts)


def _fall(result: AccountResult, numbers: "Statistics") -> str:
    fall = numbers.drawdown
    text = f"{result.max_drawdown_pct:.2f}%"
    if fall.days is None or fall.high_ns is None:
        return text
    calendar = trading_calendar(numbers.calendar)

    def session(mark_ns: int) -> str:  # a daily bar is a mark at its end, when the next day has begun
        return calendar.day_at(mark_ns - 1).date

    end = f"to {session(fall.recovered_ns)}" if fall.recovered_ns is not None else "and not made good"
    return f"{text}, {fall.days:,.0f} days from {session(fall.high_ns)} {end}"


def _sharpe(numbers: "Statistics") -> str:
    text = f"{numbers.sharpe:.2f}"
    if numbers.intervals is not None and numbers.intervals.sharpe is not None:
        text += f" (resampled 95%: {numbers.intervals.sharpe.low:.2f} to {numbers.intervals.sharpe.high:.2f})"
    if numbers.trials > 1 and numbers.deflated_sharpe_pct is not None:
        return f"{text}, {numbers.deflated_sharpe_pct:.0f}% sure with {numbers.trials:,} trials"
    if numbers.probabilistic_sharpe_pct is not None:
        text += f", {numbers.probabilistic_sharpe_pct:.0f}% sure above 0"
    return text


def _trading(result: AccountResult, numbers: "Statistics") -> list[tuple[str, Cell]]:
    held, trips, costs = numbers.exposure, numbers.trips, numbers.costs
    pairs: list[tuple[str, Cell]] = []
    if held.time_in_market_pct is not None:
        pairs.append(
            (
                "in the market",
                f"{held.time_in_market_pct:.0f}% of the time, {held.mean_gross_pct:.0f}% of equity on average",
            )
        )
    if trips.count:
        said = [
            f"{trips.count:,}",
            f"{trips.win_rate_pct:.0f}% won",
            f"profit factor {_of(trips.profit_factor, '{:.2f}')}",
        ]
        pairs.append(("round trips", ", ".join([*said, f"{_of(trips.expectancy, '{:+,.2f}')} each"])))
    paid = {"fees": costs.fees, "slippage": costs.slippage, "borrowing": costs.borrow, "interest": costs.interest}
    pairs.append(("costs", ", ".join(f"{name} {value:,.2f}" for name, value in paid.items() if value) or "none"))
    still = f", {result.open_orders} still open" if result.open_orders else ""
    pairs.append(("orders", f"{result.orders:,}{still}, {result.fills:,} fills of {result.signals:,} signals"))
    if result.decided_bars or result.ambiguous_bars:
        pairs.append(("decided in bars", f"{result.decided_bars:,}, {result.ambiguous_bars:,} ambiguous"))
    if result.anomalies:
        pairs.append(("anomalies", Text(f"{result.anomalies}", style=BAD)))
    return pairs


def _of(value: float | None, form: str) -> str:
    return "none" if value is None else form.format(value)


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
