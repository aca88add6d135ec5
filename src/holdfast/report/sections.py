"""The parts of a page about one run."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.report import figures, heat, words
from holdfast.report.definitions import DEFINITIONS, GROUPS, shown, value_of
from holdfast.report.falls import deepest, under_water
from holdfast.report.markup import Content, Html, section, table, tag
from holdfast.report.packed import MOST_TRADES
from holdfast.report.record import Run, Trade

FALLS = 5
TILES = (
    "total_return_pct",
    "cagr_pct",
    "drawdown.max_pct",
    "sharpe",
    "volatility_pct",
    "trips.count",
    "trips.win_rate_pct",
    "trips.profit_factor",
    "exposure.time_in_market_pct",
    "costs.total",
)
EXTREMES = 5
"""So many of the best and of the worst round trips are on the page for readers without scripts, and on paper."""
MOST_SYMBOLS = 200
"""Rows of the table by symbol; the others are one row."""
FEW_SESSIONS = 60


def alarms(run: Run) -> list[Html]:
    """What has to be known before any number is looked at."""
    found = [
        f"Strategy {part.strategy} was stopped, and what it held was kept to the end: {part.stopped}"
        for part in run.parts
        if part.stopped
    ]
    if run.statistics.ruined_on:
        found.append(
            f"The account was ruined: its worth came to zero or below in the session of {run.statistics.ruined_on}. Returns end there, and what the account did afterwards is none."
        )
    if run.fill == "close":
        found.append("Orders filled at the close of the bar that they were decided on. Nobody can have that price.")
    if run.counts.anomalies:
        found.append(
            f"{run.counts.anomalies:,} reports were about orders that could not be: the run is not to be trusted."
        )
    return [tag("p", tag("strong", "Attention. "), text, class_="alarm", role="note") for text in found]


def key_numbers(run: Run) -> Html:
    """The numbers people look at first, each with what it says."""
    statistics = run.statistics
    tiles = []
    for name in TILES:
        row = DEFINITIONS[name]
        value = value_of(statistics, name)
        is_signed = row.show in (words.change, words.gained) and value is not None
        kind = ("good" if value > 0 else "bad" if value < 0 else "") if is_signed else ""
        tiles.append(
            tag(
                "div",
                tag("dt", term(name)),
                tag("dd", shown(statistics, name), class_=f"value {kind}".strip(), data_number=name),
                tag("dd", _beside(run, name), class_="beside"),
                class_="tile",
            )
        )
    return tag(
        "section",
        tag("h2", "Key numbers", class_="out"),
        tag("dl", tiles, class_="tiles"),
        _doubt(run),
        id="numbers",
        class_="bare",
    )


def term(name: str) -> Html:
    """A number's name with its definition, which is shown on hover, on focus and on touch."""
    row = DEFINITIONS[name]
    tip = f"d-{name.replace('.', '-').replace('_', '-')}"
    return tag(
        "button",
        row.label,
        tag("span", row.says, role="tooltip", class_="tip"),
        type="button",
        class_="term",
        data_tip=tip,
    )


def _beside(run: Run, name: str) -> str:
    """What puts a number into proportion."""
    statistics, trips = run.statistics, run.statistics.trips
    intervals = statistics.intervals
    if name == "total_return_pct":
        return f"{words.money(statistics.deposit)} became {words.money(statistics.end_equity)}"
    if name == "cagr_pct" and intervals and intervals.cagr_pct:
        return f"sessions drawn anew: {words.change(intervals.cagr_pct.low, 1)} to {words.change(intervals.cagr_pct.high, 1)}"
    if name == "sharpe" and intervals and intervals.sharpe:
        return f"sessions drawn anew: {words.number(intervals.sharpe.low)} to {words.number(intervals.sharpe.high)}"
    if name == "drawdown.max_pct" and statistics.drawdown.longest_days is not None:
        return f"longest below a high: {words.days(statistics.drawdown.longest_days)} days"
    if name == "trips.count":
        still_open = sum(trade.is_open for trade in run.trades)
        return f"{trips.longs:,} long, {trips.shorts:,} short" + (f", {still_open:,} still open" if still_open else "")
    if name == "trips.win_rate_pct" and trips.count:
        return f"{trips.wins:,} won, {trips.losses:,} lost"
    if name == "trips.profit_factor" and trips.expectancy is not None:
        return f"{words.gained(trips.expectancy)} a round trip"
    if name == "exposure.time_in_market_pct":
        return f"largest exposure {words.percent(statistics.exposure.max_gross_pct, 0)}"
    if name == "costs.total":
        return f"{words.percent(statistics.costs.total_pct)} of the opening cash"
    return ""


def _doubt(run: Run) -> Html | str:
    """How little a short run says, and how often luck alone loses money."""
    statistics = run.statistics
    said = []
    if statistics.sessions < FEW_SESSIONS:
        said.append(
            f"{words.count(statistics.sessions)} session{'s' if statistics.sessions != 1 else ''}: too few for any of these numbers to mean much."
        )
    if statistics.intervals:
        chance = words.percent(statistics.intervals.loss_probability_pct, 0)
        said.append(
            f"With its sessions drawn anew {statistics.intervals.resamples:,} times, the run lost money in {chance} of them; the ranges beside the numbers are the middle 95 % of those runs."
        )
    if statistics.trials == 1:
        said.append("Counted as the only try. If it is the best of many, these numbers are too good.")
    return tag("p", " ".join(said), class_="hint") if said else ""


def fine_print(run: Run) -> Html:
    """What the result rests on: near the top, and whole."""
    counts = run.counts
    share = f" ({counts.ambiguous_bars / counts.decided_bars * 100:.1f} %)" if counts.decided_bars else ""
    facts = [
        (
            "Market orders fill",
            {"close": "at the close of the deciding bar", "next_open": "at the next bar's open"}.get(
                run.fill, run.fill or words.NONE
            ),
        ),
        ("Bars that leave open what came first", f"{counts.ambiguous_bars:,} of {counts.decided_bars:,}{share}"),
        ("Orders that risk refused", words.count(sum(counts.refusals.values()))),
        ("Orders that did not fill whole", words.count(sum(counts.unfilled.values()))),
    ]
    cells = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
    lines = [tag("li", _sentence(line)) for line in run.fine_print]
    notes = (
        [tag("h3", "Said of the data before the run"), tag("ul", [tag("li", _sentence(note)) for note in run.notes])]
        if run.notes
        else []
    )
    return section(
        "rests",
        "What this result rests on",
        tag("dl", cells, class_="facts"),
        tag("ul", lines),
        notes,
        class_="card rests",
    )


def _sentence(text: str) -> str:
    """As it was said, with a capital and a full stop; names stay as they are."""
    word = text.split(" ", 1)[0]
    start = text[:1].upper() if word.isalpha() and word.islower() else text[:1]
    return f"{start}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def worth(run: Run) -> Html:
    """Equity, benchmark and drawdown over time, and the worst falls."""
    statistics = run.statistics
    time_ns, below = under_water(run.curve, statistics.deposit)
    worst = deepest(time_ns, below, FALLS)
    rows = []
    for place, fall in enumerate(worst, 1):
        end = words.NONE if fall.recovered_ns is None else run.session_of(fall.recovered_ns)
        length = words.years(fall.high_ns, fall.end_ns) + ("" if fall.recovered_ns is not None else ", not over")
        rows.append(
            [
                f"{place}",
                words.percent(fall.depth_pct),
                run.session_of(fall.high_ns),
                run.session_of(fall.low_ns),
                end,
                length,
            ]
        )
    falls_ = (
        table(
            ["Fall", "Depth", "From its high on", "Lowest on", "High reached again", "Length"],
            rows,
            caption="The worst falls, as marked in the chart",
        )
        if rows
        else tag("p", "The account was never below an earlier high.", class_="none")
    )
    label = f"Equity of {run.name}, from {words.money(statistics.deposit)} to {words.money(statistics.end_equity)}; deepest fall {words.percent(statistics.drawdown.max_pct)}"
    return section("equity", "Equity and falls", chart("worth", label, run.curve.equity), falls_)


def chart(kind: str, label: str, fallback: Any = None) -> Html:
    """A place for one of the charts that can be zoomed; without scripts it has one line, or says so."""
    inside = (
        figures.line(np.asarray(fallback, dtype=np.float64), label=label)
        if fallback is not None and len(fallback)
        else tag("p", "This chart needs JavaScript, which is off here. Nothing is loaded from anywhere.", class_="none")
    )
    return tag("div", inside, class_="chart", data_chart=kind, data_label=label)


def trades_on_prices(run: Run) -> Html:
    """Candles with the round trips on them, and the list of those."""
    if not run.candles:
        why = "No prices were kept with this result (its feed is no file or frame, or it has more symbols than charts are kept for)."
        return section("trades", "Trades", tag("p", why, class_="none"), trade_list(run))
    return section("trades", "Trades", chart("candles", f"Prices and trades of {run.name}"), trade_list(run))


def trade_list(run: Run) -> Html:
    """The best and the worst; scripts put the list of all in their place."""
    if not run.trades:
        return tag("p", "No round trip was made.", class_="none")
    ordered = sorted(run.trades, key=lambda trade: trade.profit)
    chosen = ordered if len(ordered) <= 2 * EXTREMES else [*ordered[:EXTREMES], *ordered[-EXTREMES:]]
    rows = [_trade_row(trade) for trade in reversed(chosen)]
    head = ["Symbol", "Side", "Entry (UTC)", "Exit (UTC)", "Quantity", "Entry price", "Exit price", "Profit", "R"]
    said = "The best and the worst round trips" if len(chosen) < len(ordered) else "All round trips"
    left_out = len(ordered) - MOST_TRADES
    hint = (
        tag(
            "p",
            f"The chart and this list have the {MOST_TRADES:,} round trips that earned or lost most, of {len(ordered):,}; the numbers are of all.",
            class_="hint",
        )
        if left_out > 0
        else ""
    )
    return tag("div", table(head, rows, caption=said, text=4), hint, data_list="trades")


def _trade_row(trade: Trade) -> list[Content]:
    left = "still open" if trade.is_open else words.moment(trade.exit_ns)
    prices = words.price(trade.entry_price), words.price(trade.exit_price)
    return [
        trade.symbol,
        trade.side,
        words.moment(trade.entry_ns),
        left,
        words.price(trade.quantity),
        *prices,
        words.gained(trade.profit),
        words.number(trade.r_multiple),
    ]


def distributions(run: Run) -> Html:
    """Of profits, daily returns and R multiples, and what the trades went through."""
    closed = [trade for trade in run.trades if not trade.is_open]
    profits = np.array([trade.profit for trade in closed])
    returns = np.asarray(run.sessions.returns, dtype=np.float64) * 100
    flat_ = int((returns == 0).sum())
    without = f" ({flat_:,} of {len(returns):,} sessions without one are left out)" if flat_ else ""
    boxes = [
        _box(
            "Profit of each round trip",
            _histogram(profits, "How many round trips earned how much", words.gained, figures.short_money),
        ),
        _box(
            f"Return of each session, percent{without}",
            _histogram(returns[returns != 0], "How many sessions returned how much", words.change, _short),
        ),
    ]
    multiples = np.array([trade.r_multiple for trade in closed if trade.r_multiple is not None])
    if len(multiples):
        boxes.append(
            _box(
                "R multiples: profit by money at risk",
                _histogram(
                    multiples, "How many round trips earned how many times what they risked", words.number, _short
                ),
            )
        )
    seen = [trade for trade in closed if trade.worst is not None and trade.best is not None]
    if len(seen) > 1:
        boxes.append(
            _box("Worst open profit (MAE) and what came of it", _excursions(seen, "worst", "worst open profit"))
        )
        boxes.append(_box("Best open profit (MFE) and what came of it", _excursions(seen, "best", "best open profit")))
    return section("distribution", "Distribution", tag("div", boxes, class_="grid2"))


def _box(title: str, content: Html) -> Html:
    return tag("figure", tag("figcaption", title), content)


def _histogram(values: Any, label: str, show: figures.Show, tick: figures.Show) -> Html:
    if len(values) < 2:
        return tag("p", "Fewer than two: there is no distribution to show.", class_="none")
    return figures.histogram(
        values,
        label=f"{label}: {len(values):,} from {show(float(values.min()))} to {show(float(values.max()))}",
        show=show,
        tick=tick,
    )


def _short(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".").replace("-", words.MINUS) if value else "0"


def _excursions(trades: Sequence[Trade], name: str, x_name: str) -> Html:
    xs, ys = (np.array([getattr(trade, field) for trade in trades], dtype=np.float64) for field in (name, "profit"))
    label = f"Profit of {len(trades):,} round trips against their {x_name}"
    return figures.scatter(
        xs, ys, (ys > 0).tolist(), label=label, x_name=x_name, y_name="profit", tick=figures.short_money
    )


def by_symbol(run: Run) -> Html:
    """What each symbol and each strategy came to."""
    head = ["Round trips", "Won", "Profit", "Fees", "Best", "Worst", "Profit factor"]
    closed = [trade for trade in run.trades if not trade.is_open]
    symbols = _grouped(closed, lambda trade: trade.symbol, MOST_SYMBOLS)
    parts = [
        [
            part.strategy,
            words.count(part.orders),
            words.count(part.fills),
            words.gained(part.net),
            words.gained(part.unrealised),
            words.money(part.fees),
        ]
        for part in run.parts
    ]
    by_strategy = _grouped(closed, lambda trade: trade.strategy, MOST_SYMBOLS)
    return section(
        "parts",
        "By symbol and strategy",
        table(["Symbol", *head], symbols, caption="Round trips that are over, by symbol")
        if symbols
        else tag("p", "No round trip is over.", class_="none"),
        table(["Strategy", *head], by_strategy, caption="Round trips that are over, by strategy")
        if by_strategy
        else [],
        table(
            ["Strategy", "Orders", "Fills", "Net", "of it unrealised", "Fees"],
            parts,
            caption="What each strategy's ledger came to, what is still open included",
        ),
    )


def _grouped(trades: Iterable[Trade], key: Callable[[Trade], str], most: int) -> list[list[str]]:
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(key(trade), []).append(trade)
    ordered = sorted(groups.items(), key=lambda item: (-sum(trade.profit for trade in item[1]), item[0]))
    rows = [_group_row(name, group) for name, group in ordered[:most]]
    rest = [trade for _, group in ordered[most:] for trade in group]
    return rows + ([_group_row(f"{len(ordered) - most:,} others", rest)] if rest else [])


def _group_row(name: str, trades: Sequence[Trade]) -> list[str]:
    profits = [trade.profit for trade in trades]
    won, lost = sum(profit for profit in profits if profit > 0), -sum(profit for profit in profits if profit < 0)
    rate = sum(profit > 0 for profit in profits) / len(profits) * 100
    fees = sum(trade.fees for trade in trades)
    factor = won / lost if lost else None
    return [
        name,
        words.count(len(trades)),
        words.percent(rate, 1),
        words.gained(sum(profits)),
        words.money(fees),
        words.gained(max(profits)),
        words.gained(min(profits)),
        words.number(factor),
    ]


def all_numbers(run: Run) -> Html:
    """Every number with what it says, in words, for paper and for those who can't hover."""
    groups = []
    for title, rows in GROUPS.items():
        if title.startswith("Beside") and run.statistics.benchmark is None:
            continue
        body = [
            [row.label, shown(run.statistics, name), tag("span", row.says, class_="says")] for name, row in rows.items()
        ]
        groups.append(table(["Number", "Value", "What it says"], body, caption=title, class_="numbers"))
    return section("all", "All numbers", groups)


def orders(run: Run) -> Html:
    """What became of orders, and what risk refused."""
    counts = run.counts
    states = [
        [state, words.count(many)] for state, many in sorted(counts.orders_by_state.items(), key=lambda item: -item[1])
    ]
    unfilled = [
        [reason, words.count(many)] for reason, many in sorted(counts.unfilled.items(), key=lambda item: -item[1])
    ]
    refused = heat.refusals(run) or tag("p", "Risk refused nothing.", class_="none")
    return section(
        "orders",
        "Orders and refusals",
        refused,
        tag(
            "div",
            table(["State", "Orders"], states, caption="Orders by how they ended")
            if states
            else tag("p", "No order was made.", class_="none"),
            table(["Why", "Orders"], unfilled, caption="Orders that did not fill whole") if unfilled else [],
            class_="grid2",
        ),
    )


def settings(run: Run) -> Html:
    """With what it was run, and how to do it again."""
    facts = [[name, value] for name, value in run.facts.items()]
    parameters = [
        [f"{strategy}: {name}", _plain(value)]
        for strategy, values in run.parameters.items()
        for name, value in values.items()
    ]
    said = [[name, _plain(value)] for name, value in flat(run.settings) if value not in (None, {}, [], "")]
    return section(
        "settings",
        "How it was made, and how to make it again",
        table(["Fact", "Value"], facts, caption="The run", text=2),
        table(["Parameter", "Value"], parameters, caption="Parameters of the strategies, defaults included", text=2)
        if parameters
        else [],
        tag(
            "details",
            tag("summary", "All settings"),
            table(["Key", "Value"], said, caption="Settings that are not empty", text=2),
        )
        if said
        else [],
        [tag("h3", "Run it again"), tag("pre", tag("code", run.again), tabindex=0)] if run.again else [],
    )


def flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings with dotted names; entries of a list are numbered."""
    if isinstance(values, Mapping) and values:
        for name, value in values.items():
            yield from flat(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(values, (list, tuple)) and any(isinstance(value, Mapping) for value in values):
        for place, value in enumerate(values, 1):
            yield from flat(value, f"{prefix}[{place}]")
    else:
        yield prefix, values


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
