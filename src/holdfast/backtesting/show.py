"""A result in a console and in a notebook."""

from html import escape
from typing import TYPE_CHECKING

from holdfast.core.types import iso_time

if TYPE_CHECKING:
    from holdfast.backtesting.result import Result

Rows = list[tuple[str, str]]
MOST_NAMES = 5
CHART_POINTS = 300


def as_text(result: "Result") -> str:
    """What a console shows."""
    rows = _rows(result)
    width = max(len(name) for name, _ in rows)
    lines = [_title(result), *(f"  {name:<{width}}  {value}" for name, value in rows)]
    lines += [f"  note: {note}" for note in result.notes]
    lines.append("  it rests on:")
    lines += [f"  - {line}" for line in result.fine_print]
    return "\n".join(lines)


def as_html(result: "Result") -> str:
    """What a notebook shows: the numbers, the equity as a line, the fine print."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:right'>{escape(value)}</td></tr>"
        for name, value in _rows(result)
    )
    fine = "".join(f"<li>{escape(line)}</li>" for line in (*result.notes, *result.fine_print))
    return (
        f"<div><b>{escape(_title(result))}</b>{_chart(result)}<table>{cells}</table>"
        f"<details><summary>what it rests on</summary><ul>{fine}</ul></details></div>"
    )


def _title(result: "Result") -> str:
    names = ", ".join(row.strategy for row in result.account.strategies)
    symbols = result.head.symbols
    shown = ", ".join(symbols[:MOST_NAMES]) + (
        f" and {len(symbols) - MOST_NAMES} more" if len(symbols) > MOST_NAMES else ""
    )
    return f"{names} on {shown}"


def _rows(result: "Result") -> Rows:
    account, summary = result.account, result.summary
    trips = summary.trips
    rows = [(f"{name} stopped", why) for name, why in result.stopped.items()]
    rows += [
        (
            "period",
            f"{iso_time(account.start_ns)[:10]} to {iso_time(account.end_ns)[:10]}, {summary.sessions:,} sessions, {account.bars:,} bars",
        ),
        ("equity", f"{account.value.equity:,.2f} of {account.deposit:,.2f}"),
        (
            "return",
            f"{account.return_pct:+.2f} %"
            + (f", {summary.cagr_pct:+.2f} % a year" if summary.cagr_pct is not None else ""),
        ),
        ("max drawdown", f"{account.max_drawdown_pct:.2f} %"),
        ("volatility", _pct(summary.volatility_pct)),
        ("Sharpe", _number(summary.sharpe)),
        ("time in market", _pct(summary.exposure.time_in_market_pct)),
        ("orders", f"{account.orders:,}, {account.fills:,} fills"),
        (
            "trades",
            f"{trips.count:,}" + (f", {trips.win_rate_pct:.1f} % won" if trips.win_rate_pct is not None else ""),
        ),
        ("profit factor", _number(trips.profit_factor)),
        ("fees", f"{account.value.fees:,.2f}"),
    ]
    if summary.benchmark is not None:
        rows.append((f"benchmark {summary.benchmark.name}", _pct(summary.benchmark.total_return_pct)))
    return rows


def _pct(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _chart(result: "Result") -> str:
    """The equity as one line of SVG."""
    values = result.curve.equity
    if len(values) < 2:
        return ""
    step = max(1, len(values) // CHART_POINTS)
    shown = [*values[::step].tolist(), float(values[-1])]
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    width, height = 480, 90
    points = " ".join(
        f"{place / (len(shown) - 1) * width:.1f},{height - (value - low) / span * height:.1f}"
        for place, value in enumerate(shown)
    )
    return (
        f"<svg viewBox='0 -2 {width} {height + 4}' width='{width}' height='{height}' style='display:block;margin:.5em 0'>"
        f"<polyline points='{points}' fill='none' stroke='#2a78d6' stroke-width='1.5'/></svg>"
    )
