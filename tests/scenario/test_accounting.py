"""The shipped strategies over real market data, their books checked by arithmetic that shares nothing with ours."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import parse_config
from holdfast.core.messages import CashDeposited, OrderFilled, PnlSnapshot, PositionChanged
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Side
from tests.budget import in_a_campaign

CENT = Fraction(1, 100)
CASH = "1000000"

COSTS = {
    "free": {},
    "dear": {
        "slippage_bps": 3,
        "slippage_noise_bps": 2,
        "volume_share": "0.05",
        "latency_ms": 300,
        "fill": "next_open",
        "commission": {"type": "per_share", "rate": "0.0035", "minimum": "0.35"},
    },
}

LATEST = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
"""Since when the last of 23 years are traded, with the falls and the gaps of March 2020."""

STRATEGIES: dict[str, dict[str, Any]] = {
    "EmaCross": {"fast": 10, "slow": 30, "quantity": "37", "allow_short": True},
    "Momentum": {"lookback": 20, "threshold": 0.1, "quantity": "53", "allow_short": True},
    "MeanReversion": {"window": 20, "entry": 1.5, "quantity": "41", "allow_short": True, "stop_pct": 0.5},
}


class Bookkeeper:
    """Keeps books of its own from the fills alone, in fractions, and holds every snapshot against them.

    Profit is figured the long way round: every unit's cost is an exact fraction of what was paid.
    """

    def __init__(self, state: EngineState) -> None:
        self.state = state
        self.cash = self.deposits = self.fees = self.realised = Fraction(0)
        self.quantity: dict[str, Fraction] = {}
        self.average: dict[str, Fraction] = {}
        self.fills = self.snapshots = 0

    def watch(self, turn: Turn) -> None:
        filled = False  # the clock's snapshot comes first in a turn, before the fills and their prices
        for record in turn.records:
            match record.body:
                case CashDeposited() as deposit:
                    self.cash += Fraction(deposit.amount)
                    self.deposits += Fraction(deposit.amount)
                case OrderFilled() as fill:
                    self.book(fill)
                    filled = True
                case PositionChanged() as change:
                    assert Fraction(change.account_quantity) == self.quantity[change.symbol]
                case PnlSnapshot() as snapshot:
                    self.check(snapshot, at_marks=filled)

    def book(self, fill: OrderFilled) -> None:
        self.fills += 1
        price, units = Fraction(fill.price), Fraction(fill.quantity)
        signed = units if fill.side is Side.BUY else -units
        self.cash -= signed * price + Fraction(fill.fee)
        self.fees += Fraction(fill.fee)
        held, average = self.quantity.get(fill.symbol, Fraction(0)), self.average.get(fill.symbol, Fraction(0))
        if held * signed < 0:
            closed = min(abs(held), abs(signed))
            self.realised += closed * (price - average) * (1 if held > 0 else -1)
        now = held + signed
        if held * signed >= 0:
            average = (abs(held) * average + abs(signed) * price) / abs(now)
        elif held * now < 0:
            average = price
        self.quantity[fill.symbol], self.average[fill.symbol] = now, average

    def check(self, snapshot: PnlSnapshot, *, at_marks: bool) -> None:
        """Hold a snapshot against our books; one made by the clock is valued at prices older than those seen here."""
        self.snapshots += at_marks
        ours = Fraction(snapshot.realised) + Fraction(snapshot.unrealised) - Fraction(snapshot.fees)
        assert Fraction(snapshot.equity) == self.deposits + ours
        assert Fraction(snapshot.cash) == self.cash
        assert Fraction(snapshot.fees) == self.fees
        assert abs(Fraction(snapshot.realised) - self.realised) < CENT
        if at_marks:
            self.value(snapshot)

    def value(self, snapshot: PnlSnapshot) -> None:
        marks = {symbol: Fraction(repr(self.state.marks[symbol])) for symbol, held in self.quantity.items() if held}
        worth = sum((self.quantity[symbol] * mark for symbol, mark in marks.items()), Fraction(0))
        paper_profit = sum(
            (self.quantity[symbol] * (mark - self.average[symbol]) for symbol, mark in marks.items()), Fraction(0)
        )
        assert Fraction(snapshot.equity) == self.cash + worth
        assert abs(Fraction(snapshot.unrealised) - paper_profit) < CENT


def trade(path: Path, symbols: list[str], timeframe: str, venue: dict[str, Any], leverage: int = 10) -> Bookkeeper:
    """All shipped strategies on one account over a file, with a bookkeeper watching."""
    account = {"name": "books", "cash": CASH, "risk": {"leverage": leverage}}
    strategies = [
        {
            "id": name,
            "class": f"holdfast.strategies:{name}",
            "account": "books",
            "symbols": symbols,
            "timeframe": timeframe,
        }
        | {"params": params}
        for name, params in STRATEGIES.items()
    ]
    data = {
        "feed": {"kind": "file", "path": str(path), "symbols": symbols},
        "venue": venue,
        "accounts": [account],
        "strategies": strategies,
    }
    config = parse_config(data, "test", path.parent)
    feed = build_feed(config)
    state = build_state(config, config.accounts[0], feed, None)
    keeper = Bookkeeper(state)
    replay = Replay(state, build_exchange(config, config.accounts[0], state), keeper.watch)
    replay.begin(config.accounts[0].deposit, "test")
    replay.run(feed.events(), feed.trading_from_ns)
    return keeper


def check_ledgers(keeper: Bookkeeper) -> None:
    """The strategies' ledgers add up to the account, in quantity, fees and profit."""
    portfolio = keeper.state.portfolio
    for symbol, line in portfolio.lines.items():
        ledgers = [ledger for (_, name), ledger in portfolio.ledgers.items() if name == symbol]
        assert sum(ledger.quantity for ledger in ledgers) == line.quantity
        assert sum(ledger.fees for ledger in ledgers) == line.fees
        mark = Decimal(repr(keeper.state.marks[symbol]))
        profits = [ledger.realised + ledger.quantity * mark - ledger.cost for ledger in ledgers]
        assert sum(profits) == line.realised + line.quantity * mark - line.cost


@pytest.mark.parametrize("costs", [in_a_campaign("free"), "dear"])
@pytest.mark.parametrize(
    ("file", "since", "symbols", "timeframe", "fills"),
    [
        ("us_minute_trades", None, ["SPY"], "1Min", 150),
        ("us_tick_trades_ibm", None, ["IBM"], "1Min", 150),
        ("us_tick_quotes_ibm", None, ["IBM"], "5Min", 30),
        pytest.param("us_hour", LATEST, ["SPY", "IBM"], "1Hour", 500, id="us_hour, two years and a quarter"),
        pytest.param("us_hour", None, ["SPY", "IBM"], "1Hour", 5000, id="us_hour, all", marks=pytest.mark.campaign),
    ],
)
def test_books_of_real_data_hold_to_the_cent_after_every_fill(
    shared_data: Path,
    tmp_path: Path,
    file: str,
    since: dt.datetime | None,
    symbols: list[str],
    timeframe: str,
    fills: int,
    costs: str,
) -> None:
    """cash + positions = deposits + realised + unrealised - fees, by independent arithmetic, after every fill."""
    data = shared_data / f"{file}.parquet"
    if since is not None:
        whole, data = data, tmp_path / "latest.parquet"
        pq.write_table(pq.read_table(whole, filters=[("ts", ">=", since)]), data)
    keeper = trade(data, symbols, timeframe, COSTS[costs])
    assert keeper.fills >= fills, keeper.fills
    assert keeper.snapshots == keeper.fills
    check_ledgers(keeper)
