"""Indicators and other timeframes as strategies have them: fed before they are called, warmed up by the history, never ahead."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.calendars import trading_calendar
from holdfast.core.adjustments import CorporateAction
from holdfast.core.engine.market import on_heartbeat, on_instant, show
from holdfast.core.instant import instants
from holdfast.core.messages import Bar, FeedEvent, Heartbeat, Trade
from holdfast.core.milestones import StrategyStopped
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Context, Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.strategy.indicator import Indicator
from holdfast.core.strategy.shape import fault_of_shape
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, StrategyId
from holdfast.errors import InvalidValue
from holdfast.indicators import Atr, Bollinger, Ema, Highest, Rsi, Sma, Vwap
from tests.scenario.account import new_state
from tests.unit.core.test_strategy_buckets import at

Step = Callable[[Context, Any], object]


class Probe(Strategy):
    """Does what the test says at its start, at its bars and at its end, and keeps what comes of it."""

    start: Step = staticmethod(lambda context, probe: None)
    read: Step = staticmethod(lambda context, probe: None)

    def __init__(self) -> None:
        super().__init__(None)
        self.seen: list[Any] = []
        self.kept: Any = None
        self.ended = 0

    def on_start(self, context: Context) -> None:
        self.kept = type(self).start(context, self)

    def on_bar(self, context: Context, bar: Bar) -> None:
        self.seen.append(type(self).read(context, bar))

    def on_end(self, context: Context) -> None:
        self.ended += 1
        context.log("over", ended=self.ended)


def probe(start: Step, read: Callable[[Any, Context, Bar], object] | None = None, **fields: Any) -> Probe:
    made = type("Made", (Probe,), {"start": staticmethod(start), **fields})()
    if read is not None:
        type(made).read = staticmethod(lambda context, bar: read(made.kept, context, bar))
    return made  # type: ignore[no-any-return]


class Account:
    """One account with one strategy, shown events as an engine shows them."""

    def __init__(
        self,
        strategy: Strategy,
        calendar: str = "24/7",
        timeframe: str = "1Min",
        symbols: tuple[str, ...] = ("ABC",),
        feed_bar_ns: int | None = MINUTE_NS,
    ) -> None:
        self.state = new_state(RiskLimits(), trading_calendar(calendar))
        self.runner = Runner(StrategyId("s"), strategy, symbols, parse_timeframe(timeframe))
        self.host = self.state.host
        self.stops: list[str] = []
        self.host.add(self.runner, feed_bar_ns)
        self.host.start(0)

    def show(self, *events: FeedEvent) -> "Account":
        for instant in instants(events):
            turn = on_instant(self.state, instant)
            for record in () if turn is None else turn.records:
                if isinstance(record.body, StrategyStopped):
                    self.stops.append(record.body.detail)
        return self

    @property
    def fault(self) -> str:
        return [*self.stops, *[detail for _, _, detail in self.host.stops]][0]


START = at("24/7", "2024-03-04T00:00")
OPEN = at("XNYS", "2024-03-04T09:30")


def bars(
    count: int,
    seed: int = 1,
    symbol: str = "ABC",
    start_ns: int = START,
    length_ns: int = MINUTE_NS,
    gaps: bool = False,
) -> list[Bar]:
    """A random walk with volume, in bars without end; with ``gaps`` every now and then some are missing."""
    random = np.random.default_rng(seed)
    closes = np.round(100 * np.exp(np.cumsum(random.normal(0, 0.002, count))), 2)
    made, before = [], 100.0
    for number, close in enumerate(closes.tolist()):
        high, low = max(before, close) + 0.05, min(before, close) - 0.05
        first = start_ns + number * length_ns
        made.append(Bar(symbol, first + length_ns, first, before, high, low, close, float(random.integers(1, 900))))
        before = close
    return [one for one in made if not gaps or random.random() > 0.3]


def ema(values: list[float], length: int) -> float | None:
    alone = Ema(length)
    for value in values:
        alone.update(value)
    return alone.value


# --- indicators -------------------------------------------------------------------------------------------------------


def test_it_has_the_present_bar_when_the_strategy_is_called() -> None:
    """In each call an indicator is that of all bars up to this one, None before it is ready."""
    data = bars(60)
    strategy = probe(lambda context, _: context.indicator(Ema(20)), lambda kept, context, bar: kept.value)
    Account(strategy).show(*data)
    closes = [one.close for one in data]
    assert strategy.seen == [ema(closes[: number + 1], 20) for number in range(60)]
    assert strategy.seen[:19] == [None] * 19
    assert strategy.kept.ready
    assert strategy.kept["ABC"].values(3) == strategy.seen[-3:]


def test_each_symbol_has_its_own() -> None:
    """One indicator of several symbols is one for each, read by the symbol; without it the reader is told to say which."""
    first, second = bars(30, 1), bars(30, 2, "XYZ")
    strategy = probe(lambda context, _: context.indicator(Sma(5)), lambda kept, context, bar: kept[bar.symbol].value)
    account = Account(strategy, symbols=("XYZ", "ABC")).show(*first, *second)
    assert list(strategy.kept) == ["ABC", "XYZ"]
    assert strategy.kept["XYZ"].value == pytest.approx(np.mean([one.close for one in second[-5:]]))
    assert strategy.kept["ABC"].value == pytest.approx(np.mean([one.close for one in first[-5:]]))
    with pytest.raises(InvalidValue, match=r"SMA\(5\) has several symbols; say which: \['ABC'\]\.value"):
        _ = strategy.kept.value
    with pytest.raises(InvalidValue, match="did you mean ABC"):
        _ = strategy.kept["ABX"]
    views = account.host.indicators()
    assert [(view.symbol, view.name, view.panel) for view in views] == [
        ("ABC", "SMA(5)", "price"),
        ("XYZ", "SMA(5)", "price"),
    ]
    assert views[1].values == {"value": strategy.kept["XYZ"].value}


def test_several_outputs_and_what_of_a_bar() -> None:
    """Outputs go by their names; ``of`` says what of a bar is taken; the chart's name says both."""

    def start(context: Context, _: Probe) -> Any:
        return (
            context.indicator(Bollinger(5)),
            context.indicator(Sma(3), of="hlc3"),
            context.indicator(Highest(4)),
            context.indicator(Sma(3), of="volume", timeframe="5Min"),
        )

    data = bars(21)
    strategy = probe(start)
    account = Account(strategy).show(*data)
    bands, typical, highest, volume = strategy.kept
    assert bands.lower < bands.value < bands.upper
    assert typical.value == pytest.approx(np.mean([(one.high + one.low + one.close) / 3 for one in data[-3:]]))
    assert highest.value == max(one.high for one in data[-4:])
    assert volume.value == pytest.approx(sum(one.volume for one in data[5:20]) / 3)
    names = [view.name for view in account.host.indicators()]
    assert names == ["Bollinger(5, 2)", "SMA(3) of hlc3", "Highest(4)", "SMA(3) of volume, 5Min"]


def test_the_history_warms_it_up() -> None:
    """What is shown before trading begins is seen by indicators of every timeframe."""
    data = bars(200)
    strategy = probe(
        lambda context, _: (context.indicator(Ema(30)), context.indicator(Sma(3), timeframe="1Hour")),
        lambda kept, context, bar: [one.value for one in kept],
    )
    account = Account(strategy)
    for instant in instants(data[:190]):
        show(account.state, instant)
    account.show(*data[190:])
    assert strategy.seen[190] == [
        ema([one.close for one in data[:191]], 30),
        np.mean([data[at].close for at in (59, 119, 179)]),
    ]


def test_what_is_not_ready_says_how_much_it_needs() -> None:
    """So many minutes of trading, by the sessions' length; what is ready, and what begins anew each session, is not named."""

    def start(context: Context, _: Probe) -> Any:
        context.indicator(Vwap())
        return [context.indicator(Sma(20), timeframe=name) for name in (None, "1Hour", "1Day", "1Week")]

    account = Account(probe(start), "XNYS").show(*bars(30, start_ns=OPEN))
    cold = account.host.lanes.cold()
    assert [(row.name, row.minutes) for row in cold] == [
        ("SMA(20), 1Hour", 21 * 60),
        ("SMA(20), 1Day", 21 * 390),
        ("SMA(20), 1Week", 21 * 5 * 390),
    ]


def test_a_split_is_seen_in_every_timeframe() -> None:
    """Histories and indicators go on in shares of after it; one that can't be rescaled is made anew of the history."""

    class Last(Indicator):
        def __init__(self) -> None:
            super().__init__("Last", 1)

        def compute(self, value: float) -> float:
            return value

    def start(context: Context, _: Probe) -> Any:
        return [
            context.indicator(Sma(20)),
            context.indicator(Sma(2), timeframe="1Hour"),
            context.indicator(Last(), timeframe="1Hour"),
            context.indicator(Sma(5), of="volume"),
        ]

    data = bars(300)
    split_ns = data[250].time_ns
    later = [
        Bar("ABC", one.time_ns, one.start_ns, one.open / 2, one.high / 2, one.low / 2, one.close / 2, one.volume * 2)
        for one in data
    ]
    read = lambda kept, context, bar: [  # noqa: E731
        *[one.value for one in kept],
        [one.close for one in context.history("ABC", 9, "1Hour")],
        context.history("ABC", 3, "1Hour")[-1].volume if context.history("ABC", 3, "1Hour") else 0,
    ]
    fields = {"timeframes": ("1Hour",)}
    strategy, never = probe(start, read, **fields), probe(start, read, **fields)
    account = Account(strategy).show(*data[:251])
    account.show(CorporateAction("ABC", split_ns + 1, "2024-03-04", new=2), *later[251:])
    Account(never).show(*later)
    for seen, expected in zip(strategy.seen[251:], never.seen[251:], strict=True):
        for one, other in zip(seen, expected, strict=True):
            assert one == pytest.approx(other, rel=1e-12)


def test_vwap_begins_with_each_session() -> None:
    """It is that of the regular session alone, by the account's calendar, in daylight saving time too."""
    data = [
        one
        for day in ("2024-03-08", "2024-03-11")  # the clocks change in between
        for one in bars(700, 3, start_ns=at("XNYS", f"{day}T05:00"))
    ]
    strategy = probe(lambda context, _: context.indicator(Vwap()), lambda kept, context, bar: kept.value)
    Account(strategy, "XNYS").show(*data)
    for number, one in enumerate(data):
        day = "2024-03-08" if number < 700 else "2024-03-11"
        opens, closes = at("XNYS", f"{day}T09:30"), at("XNYS", f"{day}T16:00")
        within = [old for old in data[: number + 1] if opens <= old.start_ns < closes]
        if opens <= one.start_ns < closes:
            money = sum((old.high + old.low + old.close) / 3 * old.volume for old in within)
            assert strategy.seen[number] == pytest.approx(money / sum(old.volume for old in within), rel=1e-12)
        elif number:
            assert strategy.seen[number] == strategy.seen[number - 1]


@pytest.mark.parametrize(
    ("start", "fault"),
    [
        (lambda context, _: context.indicator(20), "takes an indicator such as Ema"),
        (lambda context, _: context.indicator(Ema(5), "ABX"), "does not have the symbol 'ABX'; did you mean ABC"),
        (lambda context, _: context.indicator(Ema(5), of="clsoe"), "can't be of 'clsoe'; did you mean 'close'"),
        (lambda context, _: context.indicator(Atr(5), of="close"), "takes whole bars; leave out of='close'"),
        (lambda context, _: context.indicator(Ema(5), timeframe="1Hr"), "timeframe '1Hr' is not"),
        (
            lambda context, _: context.indicator(Vwap(), timeframe="1Week"),
            "goes by sessions; a bar of 1Week has several",
        ),
        (lambda context, _: context.history("ABX", 5), "does not have the symbol 'ABX'"),
        (lambda context, _: [context.indicator(one) for one in [Rsi(5)] * 2], "is in use already; make a new one"),
        (lambda context, _: context.log(5), "takes a text first"),
    ],
)
def test_what_cannot_be_is_refused_with_one_line(start: Step, fault: str) -> None:
    """The strategy's own line is told what is wrong and what is right."""
    account = Account(probe(start))
    assert fault in account.fault
    assert account.fault.startswith("InvalidValue: ")


def test_an_indicator_comes_too_late_after_the_start() -> None:
    """One asked for at a bar would not have seen the history, live and after a restart: it is refused."""
    strategy = probe(lambda context, _: None, lambda kept, context, bar: context.indicator(Ema(5)))
    assert "call context.indicator in on_start" in Account(strategy).show(*bars(1)).fault


def test_an_indicator_that_raises_stops_its_strategy_alone() -> None:
    """A fault in the code of an own indicator is its strategy's, and told with the line."""

    class Broken(Indicator):
        def __init__(self) -> None:
            super().__init__("Broken", 1)

        def compute(self, value: float) -> float:
            return value / 0

    strategy, other = probe(lambda context, _: context.indicator(Broken())), probe(lambda context, _: None)
    account = Account(strategy)
    account.host.add(Runner(StrategyId("t"), other, ("ABC",), MINUTE_NS), MINUTE_NS)
    account.show(*bars(3))
    assert (len(strategy.seen), len(other.seen)) == (0, 3)
    assert not account.runner.running


# --- other timeframes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gaps", [False, True])
def test_bars_of_another_timeframe_are_complete_ones_only(gaps: bool) -> None:
    """At each bar the longer ones are those that have ended by then, as pandas makes them of the bars up to now; and none of later."""
    data = bars(600, 4, gaps=gaps)
    strategy = probe(
        lambda context, _: None,
        lambda kept, context, bar: context.history("ABC", 500, "1Hour"),
        timeframes=("1Hour",),
    )
    Account(strategy, timeframe="5Min" if not gaps else "1Min").show(*data)
    frame = pd.DataFrame([(one.open, one.high, one.low, one.close, one.volume) for one in data], columns=list("ohlcv"))
    frame.index = pd.to_datetime([one.start_ns for one in data])
    rules = {"o": "first", "h": "max", "l": "min", "c": "last", "v": "sum"}
    hours = frame.resample("1h").agg(rules).dropna()
    shown = data if gaps else data[4::5]
    for one, seen in zip(shown, strategy.seen, strict=True):
        ended = hours[hours.index.as_unit("ns").asi8 + HOUR_NS <= one.time_ns]
        assert [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in seen] == list(
            ended.itertuples(index=False, name=None)
        )
    assert len(strategy.seen[-1]) == 10


def test_a_day_ends_with_its_session() -> None:
    """The day's bar is there at the bar with which the session closes, not before; a timer of the evening sees it too."""
    data = bars(2 * 390, 5, start_ns=OPEN)[:390] + bars(10, 6, start_ns=OPEN + DAY_NS)
    strategy = probe(
        lambda context, _: None,
        lambda kept, context, bar: len(context.history("ABC", 5, "1Day")),
        timeframes=("1Day",),
    )
    Account(strategy, "XNYS").show(*data)
    assert strategy.seen == [0] * 389 + [1] * 11


def test_longer_bars_of_ticks_and_of_the_feed_itself() -> None:
    """Trades are built into both timeframes; a feed's own bars of the other length are taken as they are; shorter than the feed's is refused."""
    fields: dict[str, Any] = {"timeframes": ("5Min",)}
    read = lambda kept, context, bar: [one.close for one in context.history("ABC", 9, "5Min")]  # noqa: E731
    ticks = probe(lambda context, _: None, read, **fields)
    trades = [Trade("ABC", START + number * MINUTE_NS // 2, 100.0 + number, 1.0) for number in range(25)]
    Account(ticks, feed_bar_ns=None).show(*trades)
    assert ticks.seen[-1] == [109.0, 119.0]
    same = probe(lambda context, _: None, read, **fields)
    Account(same, feed_bar_ns=5 * MINUTE_NS).show(*bars(4, length_ns=5 * MINUTE_NS))
    assert [len(one) for one in same.seen] == [1, 2, 3, 4]
    with pytest.raises(InvalidValue, match="can't have bars of 5Min: the feed's are of 1Hour"):
        Account(probe(lambda context, _: None, **fields), feed_bar_ns=HOUR_NS)


def test_bars_live_come_late_and_by_a_clock() -> None:
    """Without an event a heartbeat completes longer bars once what belongs to them can no longer come."""
    strategy = probe(lambda context, _: context.indicator(Sma(1), timeframe="5Min"))
    account = Account(strategy)
    account.host.allow_late(30 * 1_000_000_000)
    account.show(*bars(4))
    on_heartbeat(account.state, Heartbeat(START + 5 * MINUTE_NS + 1))
    assert strategy.kept.value is None
    on_heartbeat(account.state, Heartbeat(START + 6 * MINUTE_NS))
    assert strategy.kept.value == bars(4)[-1].close


def test_another_timeframe_has_to_be_declared() -> None:
    """Asked for first at a bar it would have no past: the class has to name it. What is no timeframe is found by the check."""
    strategy = probe(lambda context, _: None, lambda kept, context, bar: context.history("ABC", 5, "1Day"))
    assert 'write timeframes = ("1Day",) in its class' in Account(strategy).show(*bars(1)).fault
    for wrong, fault in (("1Day", "must be several texts"), (("1Dya",), "'1Dya' is no timeframe"), ((5,), "5 is no")):
        made = type("Mine", (Strategy,), {"on_bar": Strategy.on_bar, "timeframes": wrong})
        made.on_bar = lambda self, context, bar: None  # type: ignore[attr-defined]
        assert fault in fault_of_shape(made)


# --- arrays, sessions, log, end ---------------------------------------------------------------------------------------


def test_arrays_are_the_history() -> None:
    """Arrays of both timeframes hold what the lists do, as floats; empty at the start."""
    strategy = probe(
        lambda context, _: context.arrays("ABC", 5),
        lambda kept, context, bar: (context.arrays("ABC", 5), context.history("ABC", 5)),
        timeframes=("1Hour",),
    )
    Account(strategy).show(*bars(9))
    assert len(strategy.kept.close) == 0
    arrays, history = strategy.seen[-1]
    for name in ("time_ns", "open", "high", "low", "close", "volume"):
        assert getattr(arrays, name).tolist() == [getattr(one, name) for one in history]
    assert arrays.close.dtype == np.float64


def test_the_session_so_far() -> None:
    """Minutes since the open and the bars since then, none of before it; also after the close; None while nothing is open."""
    data = bars(700, 3, start_ns=at("XNYS", "2024-03-04T05:00")) + bars(280, 4, start_ns=at("XNYS", "2024-03-05T05:00"))
    strategy = probe(
        lambda context, _: None,
        lambda kept, context, bar: (context.minutes_since_open, len(context.session_bars("ABC"))),
    )
    Account(strategy, "XNYS").show(*data)
    assert strategy.seen[268:272] == [(None, 0), (0.0, 0), (1.0, 1), (2.0, 2)]
    assert strategy.seen[658:661] == [(389.0, 389), (None, 390), (None, 390)]
    assert strategy.seen[700 + 268 : 700 + 272] == [(None, 0), (0.0, 0), (1.0, 1), (2.0, 2)]
    always = probe(lambda context, _: None, lambda kept, context, bar: context.minutes_since_open)
    Account(always).show(*bars(3))
    assert always.seen == [None] * 3


def test_a_strategy_says_something() -> None:
    """A line has the market's time and plain values; nothing is said twice: not while history is shown."""
    lines: list[Any] = []
    strategy = probe(lambda context, _: None, lambda kept, context, bar: context.log("seen", bar=bar, close=bar.close))
    account = Account(strategy)
    account.host.log = lines.append
    data = bars(3)
    account.show(data[0])
    account.host.muted = False
    account.show(*data[1:])
    assert [(line.strategy, line.time_ns, line.text) for line in lines] == [
        ("s", one.time_ns, "seen") for one in data[1:]
    ]
    assert lines[0].values == {"bar": str(data[1]), "close": data[1].close}
    account.host.end()
    assert strategy.ended == 1
    assert (lines[-1].text, lines[-1].values) == ("over", {"ended": 1})
