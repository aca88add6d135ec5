"""The page: one file, its own style and script inside, nothing from anywhere else.

A content security policy names the style and the script by their digests and allows nothing more, so that whatever a symbol or a
strategy is called, and whatever slipped through, can't run or load anything.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files

import numpy as np

from holdfast.report import heat, sections, words
from holdfast.report.compare import SERIES, comparison
from holdfast.report.falls import deepest, under_water
from holdfast.report.markup import Content, Html, html, tag
from holdfast.report.packed import MOST_TRADES, Names, candles, numbers, packed, thinned, times
from holdfast.report.record import Report, Run, Trade

POLICY = (
    "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'"
)


def page(report: Report) -> str:
    """The report as HTML: the same for the same runs, to the byte."""
    style, script = _ours("report.css"), _ours("report.js")
    is_single = len(report.runs) == 1
    parts = _single(report) if is_single else comparison(report)
    data = _single_data(report.runs[0]) if is_single else {"runs": [_curve(run) for run in report.runs]}
    policy = POLICY.format(style=_digest(style), script=_digest(script))
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", report.title),
        tag("style", Html(style)),
    ]
    body = [
        tag("a", "To the numbers", href="#numbers", class_="skip"),
        _header(report),
        tag("main", parts, [heat.sweep(report.sweep)] if report.sweep and not is_single else []),
        _footer(report),
        tag("script", packed(data), type="application/x-holdfast", id="data"),
        tag("script", Html(script)),
    ]
    return html([Html("<!doctype html>\n"), tag("html", tag("head", head), tag("body", body), lang="en")]) + "\n"


def _single(report: Report) -> list[Content]:
    run = report.runs[0]
    return [
        sections.alarms(run),
        sections.key_numbers(run),
        sections.fine_print(run),
        sections.worth(run),
        heat.months(run),
        sections.trades_on_prices(run),
        sections.distributions(run),
        sections.by_symbol(run),
        sections.orders(run),
        [heat.sweep(report.sweep)] if report.sweep else [],
        sections.all_numbers(run),
        sections.settings(run),
    ]


LINKS = {
    "numbers": "Numbers",
    "rests": "Fine print",
    "equity": "Equity",
    "months": "Months",
    "trades": "Trades",
    "distribution": "Distribution",
    "parts": "Symbols",
    "orders": "Refusals",
    "sweep": "Parameters",
    "all": "All numbers",
    "settings": "Settings",
}


def _header(report: Report) -> list[Html]:
    run = report.runs[0]
    statistics = run.statistics
    if len(report.runs) > 1:
        said = f"{len(report.runs)} runs side by side"
        there = {"numbers", "equity", "settings", "rests"}
    else:
        said = f"Backtest, {statistics.first_session or words.NONE} to {statistics.last_session or words.NONE}: {statistics.sessions:,} sessions of {statistics.calendar}, {run.counts.bars:,} market events. Past results say little about the future."
        there = set(LINKS) - {"sweep"}
    if report.sweep:
        there.add("sweep")
    links = [tag("a", text, href=f"#{name}") for name, text in LINKS.items() if name in there]
    toggle = tag("button", "Theme", type="button", id="theme", hidden=True, aria_label="Theme: as the system has it")
    top = tag("div", tag("h1", report.title), toggle, class_="top")
    return [tag("header", top, tag("p", said)), tag("nav", links, aria_label="Parts of the page")]


def _footer(report: Report) -> Html:
    versions = sorted({run.facts.get("Holdfast", "") for run in report.runs} - {""})
    made = f"Made by Holdfast {', '.join(versions)}. " if versions else "Made by Holdfast. "
    return tag(
        "footer", tag("p", made, "Times are UTC. Nothing on this page was loaded from anywhere, and nothing is sent.")
    )


# --- data of the charts -----------------------------------------------------------------------------------------------------


def _single_data(run: Run) -> dict[str, object]:
    names = Names()
    trades = sorted(run.trades, key=lambda trade: -abs(trade.profit))[:MOST_TRADES]
    trades.sort(key=lambda trade: (trade.entry_ns, trade.exit_ns))
    counted: dict[str, int] = {}
    for trade in run.trades:
        counted[trade.symbol] = counted.get(trade.symbol, 0) + 1
    symbols = sorted(run.candles, key=lambda symbol: (-counted.get(symbol, 0), symbol))
    return {
        "fill": run.fill,
        "runs": [_curve(run)],
        "candles": [{"symbol": symbol, **candles(run.candles[symbol])} for symbol in symbols],
        "indicators": [
            {
                "strategy": row.strategy,
                "symbol": row.symbol,
                "name": row.name,
                "output": row.output,
                "panel": row.panel,
                "t": times(kept[0]),
                "y": numbers(kept[1]),
            }
            for row in run.indicators
            if row.symbol in run.candles
            for kept in [thinned(row.time_ns, row.values)]
        ],
        "trades": _columns(trades, names),
        "words": list(names.known),
    }


def _columns(trades: list[Trade], names: Names) -> dict[str, object]:
    floats = {
        name: numbers([getattr(trade, name) or 0.0 for trade in trades])
        for name in ("quantity", "entry_price", "exit_price", "fees", "worst", "best")
    }
    return {
        **{
            name: names.numbers(getattr(trade, name) for trade in trades)
            for name in ("strategy", "symbol", "side", "exit_role", "tag")
        },
        "entry": times(np.array([trade.entry_ns for trade in trades], dtype=np.int64)),
        "exit": times(np.array([trade.exit_ns for trade in trades], dtype=np.int64)),
        "profit": numbers([trade.profit for trade in trades], 2),
        "r": [None if trade.r_multiple is None else round(trade.r_multiple, 3) for trade in trades],
        "bars": [trade.bars for trade in trades],
        "open": [place for place, trade in enumerate(trades) if trade.is_open],
        **floats,
    }


def _days(run: Run) -> list[int]:
    """The dates of the sessions: days since 1970, the first and then differences."""
    days = np.array(list(run.sessions.dates), dtype="datetime64[D]").astype(np.int64)
    return [int(step) for step in np.diff(days, prepend=0)]


def _curve(run: Run) -> dict[str, object]:
    deposit = run.statistics.deposit
    time_ns, below = under_water(run.curve, deposit)
    compared = run.benchmark
    benchmark = None
    if compared is not None and len(compared.time_ns) and len(run.curve.time_ns):
        start = max(0, int(np.searchsorted(compared.time_ns, run.curve.time_ns[0], side="left")) - 1)
        worth = compared.worth[start:] / compared.worth[start] * deposit
        kept = thinned(compared.time_ns[start:], worth)
        benchmark = {"name": compared.name, "t": times(kept[0]), "y": numbers(kept[1], 2)}
    return {
        "name": run.name,
        "deposit": deposit,
        "sessions": [times(run.session_starts_ns[: len(run.sessions.dates)]), _days(run)],
        "t": times(run.curve.time_ns),
        "equity": numbers(run.curve.equity, 2),
        "exposure": numbers(run.curve.exposure, 0),
        "below": numbers(below, 3),
        "falls": [
            [fall.high_ns // 1_000_000, fall.low_ns // 1_000_000, fall.end_ns // 1_000_000, round(fall.depth_pct, 4)]
            for fall in deepest(time_ns, below, sections.FALLS)
        ],
        "benchmark": benchmark,
        "series": SERIES,
    }


# --- style and script --------------------------------------------------------------------------------------------------------


@cache
def _ours(name: str) -> str:
    return files("holdfast.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
