"""The order of rows in a file, of symbols and of strategies in the configuration changes nothing."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.assembly import build_feed
from holdfast.backtesting.run import Backtest
from holdfast.config import parse_config
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Context, OrderFilled, Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.types import MINUTE_NS, StrategyId
from holdfast.venue.settings import FillAt, VenueSettings
from tests.budget import examples
from tests.scenario.account import Account, minute

SYMBOLS = ("AA", "BB", "CC", "DD")
LENGTHS = (1, 1, 2, 5)


class Restless(Strategy):
    """Orders in all symbols whatever it is shown, and always more than the account can pay for."""

    def __init__(self, appetite: int) -> None:
        super().__init__(None)
        self.appetite = appetite
        self.calls = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        for number, symbol in enumerate(context.symbols):
            self.calls += 1
            price = context.price(symbol)
            if price is None or self.calls % 3 == number % 3:
                continue
            if self.calls % 2:
                context.buy(symbol, self.appetite * (number + 1), stop_loss=round(price * 0.98, 2), time_in_force="gtc")
            else:
                context.buy(symbol, self.appetite, limit_price=round(price * 0.99, 2))

    def on_bars(self, context: Context, bars: Mapping[str, Bar]) -> None:
        weakest = min(bars.values(), key=lambda bar: bar.close - bar.open)
        context.target(weakest.symbol, -self.appetite)

    def on_trade(self, context: Context, trade: Trade) -> None:
        context.target(trade.symbol, self.appetite)

    def on_quote(self, context: Context, quote: Quote) -> None:
        context.close(quote.symbol)

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        other = context.symbols[(context.symbols.index(fill.symbol) + 1) % len(context.symbols)]
        if context.price(other) is not None and len(context.orders()) < 20:
            context.buy(other, 1, limit_price=90)


prices = st.integers(92, 108).map(float)


@st.composite
def markets(draw: st.DrawFn) -> list[MarketEvent]:
    """Symbols with bars of different lengths, some with gaps, some with ticks at the same times."""
    events: list[MarketEvent] = []
    for now in range(1, draw(st.integers(3, 9))):
        for symbol, length in zip(SYMBOLS, LENGTHS, strict=True):
            if now % length == 0 and draw(st.integers(0, 5)):
                opens, close = draw(prices), draw(prices)
                low, high = min(opens, close) - draw(st.integers(0, 3)), max(opens, close) + draw(st.integers(0, 3))
                events.append(Bar(symbol, minute(now), minute(now - length), opens, high, low, close, 500.0))
        for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
            price = draw(prices)
            ticks: list[MarketEvent] = [
                Trade("EE", minute(now), price, 50.0),
                Quote("EE", minute(now), price - 1, 9.0, price + 1, 9.0),
            ]
            events.append(draw(st.sampled_from(ticks)))
    return events


def shuffled(draw: Any, events: Sequence[MarketEvent]) -> list[MarketEvent]:
    """The same events, those of one time in another order; but ticks of one symbol and kind as they were."""
    found: list[MarketEvent] = []
    for _, group in groupby(events, key=attrgetter("time_ns")):
        together = list(group)
        order = draw(st.permutations(range(len(together))))
        ticks = {kind: iter([event for event in together if type(event) is kind]) for kind in (Quote, Trade)}
        mixed = [together[place] for place in order]
        found += [next(ticks[type(event)]) if type(event) in ticks else event for event in mixed]
    return found


def run(events: Sequence[MarketEvent], names: Sequence[str], symbols: Sequence[str], venue: VenueSettings) -> list[Any]:
    account = Account(symbols=(), venue=venue, limits=RiskLimits(leverage=Decimal(1), duplicate_window_s=0))
    for name in names:
        runner = Runner(StrategyId(name), Restless(40 if name == "x" else 150), symbols, MINUTE_NS)
        account.state.host.add(runner, MINUTE_NS)
        runner.context.every(150, "clock")
    account.run(*events)
    return [record.body for record in account.records]


@settings(max_examples=examples(25, campaign=500))
@given(
    events=markets(),
    venue=st.builds(
        VenueSettings,
        fill=st.sampled_from(FillAt),
        volume_share=st.sampled_from([None, Decimal("0.1")]),
        latency_ns=st.sampled_from([0, 1_000]),
    ),
    data=st.data(),
)
def test_nothing_depends_on_the_order_of_what_happens_at_one_time(
    events: list[MarketEvent], venue: VenueSettings, data: st.DataObject
) -> None:
    """Every record is the same: orders and their ids, fills, cash, refusals for want of buying power."""
    symbols = (*SYMBOLS, "EE")
    expected = run(events, ("x", "y"), symbols, venue)
    names = data.draw(st.permutations(["x", "y"]))
    assert run(shuffled(data.draw, events), names, data.draw(st.permutations(symbols)), venue) == expected


@pytest.mark.parametrize("other", [[1, 2, 0], [2, 1, 0]], ids=str)
def test_rows_of_a_file_may_come_in_any_order_of_one_time(other: list[int], tmp_path: Path) -> None:
    """The whole way from the file to the fills; the symbols of the configuration in any order too."""
    rows = [
        f"{symbol},2024-01-02T15:{number:02}:00Z,{close - 1},{close + 2},{close - 3},{close},1000"
        for number in range(12)
        for symbol, close in (("AA", 100 + number % 5), ("BB", 50 - number % 3), ("CC", 70 + number % 4))
    ]
    results = []
    for order in ([0, 1, 2], other):
        folder = tmp_path / str(order)
        folder.mkdir()
        lines = [rows[3 * number + place] for number in range(12) for place in order]
        (folder / "bars.csv").write_text("\n".join(["symbol,ts,open,high,low,close,volume", *lines]))
        config = parse_config(
            {
                "feed": {"path": "bars.csv"},
                "venue": {"fill": "next_open"},
                "accounts": [{"name": "a"}],
                "strategies": [
                    {"id": "s", "class": "holdfast.strategies:EmaCross", "account": "a", "timeframe": "1Min"}
                    | {"symbols": [("AA", "BB", "CC")[place] for place in order], "params": {"fast": 2, "slow": 3}}
                ],
            },
            "test",
            folder,
        )
        backtest = Backtest(config, config.accounts[0], build_feed(config), folder)
        result = backtest.run()
        results.append((list(backtest.recorder.fills.rows()), result.value))
    assert results[0][0]
    assert results[0] == results[1]
