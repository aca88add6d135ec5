"""Both sides of a comparison, made by running one account twice over files of bars that may differ."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from holdfast import Exits
from holdfast.assembly import build_feed
from holdfast.backtesting.rerun import Rerun
from holdfast.config import parse_config
from holdfast.core.adjustments import CashDeposited
from holdfast.core.strategy.api import Bar, Context, Parameters, Strategy
from holdfast.core.types import MINUTE_NS, Money
from holdfast.parity.asks import Asks
from holdfast.parity.prices import Day, find
from holdfast.parity.report import Parity, Terms, compare, moments

BEGIN_NS = 1_704_205_800_000_000_000  # 2024-01-02 14:30 UTC
CASH = Decimal(100_000)
Row = tuple[str, str, str, str, int]
"""Open, high, low, close and volume of a minute."""
BARS: list[Row] = [
    ("99", "101", "98", "100", 1000),
    ("100", "102", "99", "101", 1000),
    ("102", "104", "101", "103", 60),
    ("104", "106", "103", "105", 1000),
    ("106", "108", "105", "107", 1000),
    ("108", "110", "107", "109", 1000),
    ("110", "112", "109", "111", 1000),
    ("112", "114", "111", "113", 1000),
]


class Script(Strategy):
    """Buys 100 at the second bar and closes at the fifth, by the market's time."""

    class Params(Parameters, frozen=True):
        """``time_in_force`` of the entry; ``stop`` is its protective stop, 0 for none."""

        time_in_force: str = "day"
        stop: str = "0"

    params: Params

    def on_bar(self, context: Context, bar: Bar) -> None:
        minute = (bar.time_ns - BEGIN_NS) // MINUTE_NS
        if minute == 2:
            exits = Exits(stop_loss=self.params.stop) if self.params.stop != "0" else None
            context.buy(bar.symbol, 100, time_in_force=self.params.time_in_force, exits=exits)
        if minute == 5:
            context.close(bar.symbol)


class Side:
    """One run of the script: what was asked for, and what the account is worth in the end."""

    def __init__(
        self, folder: Path, name: str, bars: Mapping[int, Row], venue: Any = None, risk: Any = None, params: Any = None
    ) -> None:
        path = folder / f"{name}.csv"
        lines = ["ts,symbol,open,high,low,close,volume"]
        lines += [f"{_time(minute)},ACME,{','.join(map(str, row))}" for minute, row in bars.items()]
        path.write_text("\n".join(lines) + "\n")
        text = {
            "feed": {"kind": "file", "path": str(path), "bar": "1Min"},
            "venue": venue or {},
            "accounts": [{"name": "one", "calendar": "24/7", "cash": str(CASH), "risk": risk or {}}],
            "strategies": [
                {
                    "id": "script",
                    "class": "tests.unit.parity.kit:Script",
                    "account": "one",
                    "symbols": ["ACME"],
                    "params": params or {},
                }
            ],
        }
        config = parse_config(text, "test", folder)
        self.asks = Asks()
        self.run = Rerun(config, config.accounts[0], build_feed(config), None, self.asks.take)
        self.run.begin([CashDeposited(Money(CASH), "opening cash")])
        self.run.run(0, END_NS)
        self.equity = self.run.state.portfolio.value(self.run.state.price).equity


END_NS = BEGIN_NS + 60 * MINUTE_NS


def whole(changes: Mapping[int, Row | None] | None = None, bars: Sequence[Row] = BARS) -> dict[int, Row]:
    """The bars by their minute; ``changes`` are other bars in place of some, None for one that is missing."""
    rows: dict[int, Row | None] = {**dict(enumerate(bars)), **(changes or {})}
    return {minute: row for minute, row in sorted(rows.items()) if row is not None}


def compared(live: Side, backtest: Side, within_ns: int = 0) -> Parity:
    """The comparison, with the backtest's prices."""
    state, sides = backtest.run.state, (live.asks, backtest.asks)
    prices = find(backtest.run.events(END_NS), moments(sides), lambda _: Day("2024-01-02", END_NS))
    last = {"ACME": state.price("ACME") or Decimal(0)}
    terms = Terms(prices, last, {"ACME": Decimal(1)}, lambda _: Day("2024-01-02", END_NS), CASH, within_ns)
    return compare("one", *sides, terms)


def _time(minute: int) -> str:
    moment = dt.datetime.fromtimestamp(BEGIN_NS // 10**9 + 60 * minute, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
