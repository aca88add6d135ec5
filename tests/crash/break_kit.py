"""What the tests that try to break the engine share: a strategy that orders everything, commands at set places, cuts, books."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from holdfast.brokers.replayed import ReplayedBroker
from holdfast.config import Config, parse_config
from holdfast.core.instant import Instant
from holdfast.core.messages import Bar, Command, CommandDone, OrderFilled, Quote, Request, Trade
from holdfast.core.strategy.api import Context, Parameters, Strategy, Timer
from holdfast.core.types import Side
from holdfast.journal.batch import Batch
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.journal.writer import Journal
from holdfast.runtime import loop as runtime_loop
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.compose import open_engine
from holdfast.runtime.identity import Beginning
from holdfast.runtime.loop import Loop

SYMBOLS = ["AVOR", "BRYX"]
HARD: dict[str, Any] = {
    "slippage_bps": 1,
    "slippage_noise_bps": 2,
    "volume_share": "0.02",
    "latency_ms": 50,
    "latency_jitter_ms": 600_000,
    "commission": {"type": "per_share", "rate": "0.005", "minimum": "1"},
}
STEADY = {**HARD, "latency_ms": 20, "latency_jitter_ms": 0}
NEXT_OPEN = {"fill": "next_open", "volume_share": "0.02"}

Commands = Mapping[tuple[str, int], Command]
"""What a person asks of an account when it has taken so many steps of the feed (its cursor)."""


class Cut(Exception):
    """The process ends here."""


class Everything(Strategy):
    """Orders of every type and time in force, brackets, cancels and timers, as a digest of all it was ever shown says."""

    class Params(Parameters, frozen=True):
        """``one_in``: how seldom it acts. ``fail_at``: the callback in which it raises (0: never)."""

        seed: int = 1
        one_in: int = 3
        fail_at: int = 0
        timer_s: float = 0
        time_to_live_s: float = 0

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.digest = hashlib.blake2b(str(params.seed).encode(), digest_size=8)
        self.calls = 0

    def on_start(self, context: Context) -> None:
        if self.params.timer_s:
            context.every(self.params.timer_s, "beat")

    def on_bar(self, context: Context, bar: Bar) -> None:
        self._act(context, bar.symbol, f"bar {bar.symbol} {bar.time_ns} {bar.open} {bar.high} {bar.low} {bar.close}")

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        draw = self._see(
            f"fill {fill.symbol} {fill.side} {fill.quantity} {fill.price} {context.time_ns} {context.cash}"
        )
        if draw % 5 == 0:
            context.close(fill.symbol)
        elif draw % 5 == 1:
            self._order(context, fill.symbol, draw // 5)

    def on_timer(self, context: Context, timer: Timer) -> None:
        symbol = context.symbols[self.calls % len(context.symbols)]
        self._act(context, symbol, f"timer {timer.name} {timer.time_ns}")

    def _see(self, text: str) -> int:
        self.calls += 1
        if self.calls == self.params.fail_at:
            raise RuntimeError("it was told to fail here")
        self.digest.update(text.encode())
        return int.from_bytes(self.digest.digest(), "big")

    def _act(self, context: Context, symbol: str, text: str) -> None:
        facts = [(view.side, view.quantity, view.filled_quantity, view.role) for view in context.orders()]
        position = context.position(symbol)
        draw = self._see(f"{text} {facts} {position.quantity} {position.realised} {context.price(symbol)}")
        if draw % self.params.one_in == 0:
            self._order(context, symbol, draw // self.params.one_in)

    def _order(self, context: Context, symbol: str, draw: int) -> None:
        price = context.price(symbol)
        if price is None:
            return
        side = -1 if draw & 1 else 1
        ask = context.sell if draw & 1 else context.buy
        quantity = 20 + (draw >> 1) % 180
        near, far = price * (1 + 0.0008 * side), price * (1 - 0.0012 * side)
        live = self.params.time_to_live_s or None
        pick = (draw >> 9) % 16
        if pick == 0:
            ask(symbol, quantity, time_to_live_s=live)
        elif pick == 1:
            ask(symbol, quantity, limit_price=round(far, 2), time_to_live_s=live)
        elif pick == 2:
            ask(symbol, quantity, stop_price=round(near, 2))
        elif pick == 3:
            ask(symbol, quantity, stop_price=round(near, 2), limit_price=round(near * (1 + 0.0004 * side), 2))
        elif pick == 4:
            ask(symbol, quantity, trail_percent="0.1")
        elif pick == 5:
            ask(symbol, quantity, trail_amount="0.07", time_in_force="gtc")
        elif pick == 6:
            ask(symbol, quantity, time_in_force="opg")
        elif pick == 7:
            ask(symbol, quantity, time_in_force="cls")
        elif pick == 8:
            ask(symbol, quantity, limit_price=round(near, 2), time_in_force="ioc")
        elif pick == 9:
            ask(symbol, quantity, time_in_force="fok")
        elif pick in (10, 11):
            ask(symbol, quantity, stop_loss=round(far, 2), take_profit=round(near, 2))
        elif pick == 12:
            direction = Side.SELL if side < 0 else Side.BUY
            context.target(symbol, direction=direction, confidence=0.3, stop_loss=round(far, 2))
        elif pick == 13:
            context.close(symbol)
        else:
            views = context.orders(symbol)
            if views:
                context.cancel(views[draw % len(views)].client_order_id)


class Ticks(Everything):
    """The same, told of every quote and trade."""

    def on_quote(self, context: Context, quote: Quote) -> None:
        self._act(context, quote.symbol, f"quote {quote.symbol} {quote.time_ns} {quote.bid} {quote.ask}")

    def on_trade(self, context: Context, trade: Trade) -> None:
        self._act(context, trade.symbol, f"trade {trade.symbol} {trade.time_ns} {trade.price} {trade.size}")


def configuration(
    folder: Path,
    venue: Mapping[str, Any],
    params: Mapping[str, Any] | None = None,
    accounts: Sequence[str] = ("one",),
    risk: Mapping[str, Any] | None = None,
    feed: Mapping[str, Any] | None = None,
    strategy: str = "Everything",
    timeframe: str = "5Min",
) -> Config:
    """One strategy of :class:`Everything` for each account, each with a seed of its own, over a made-up day."""
    folder.mkdir(exist_ok=True)
    market = {"kind": "synthetic", "seed": 5, "symbols": SYMBOLS, "days": 1, "history_days": 1, "bar": "5Min"}
    strategies = [
        {"id": f"s-{name}", "class": f"tests.crash.break_kit:{strategy}", "account": name, "symbols": SYMBOLS}
        | {"timeframe": timeframe, "params": {"seed": index + 1, **(params or {})}}
        for index, name in enumerate(accounts)
    ]
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {**market, **(feed or {})},
        "venue": dict(venue),
        "accounts": [{"name": name, "risk": {"leverage": 20, **(risk or {})}} for name in accounts],
        "strategies": strategies,
    }
    return parse_config(data, "test", folder)


def run(config: Config, beginning: Beginning | None = None) -> str:
    """A run to the end of the feed; ``beginning`` is what a person says begins anew."""
    with open_engine(config, beginning=beginning) as engine:
        return asyncio.run(engine.loop.run())


def ask_at(config: Config, commands: Commands, patch: pytest.MonkeyPatch) -> None:
    """Let every run of ``config`` meet the commands at their places, each until its answer is in the journal."""
    done = answered(config)
    wait_for, reach_venue = Loop._wait_for, runtime_loop.reach_venue

    def ask(account: AccountAtWork[ReplayedBroker]) -> None:
        for (name, cursor), body in commands.items():
            key = f"{name}-{cursor}"
            if name == account.name and cursor == account.state.cursor and key not in done:
                done.add(key)
                account.inbox.append(Request(account.state.now_ns, key, "cli:person", body))

    async def waiting(loop: Loop, time_ns: int) -> None:
        await loop._settle()
        for account in loop.accounts:
            if account.name not in loop._recoveries:
                ask(account)
        await wait_for(loop, time_ns)

    def reaching(account: AccountAtWork[ReplayedBroker], instant: Instant) -> None:
        reach_venue(account, instant)
        ask(account)

    patch.setattr(Loop, "_wait_for", waiting)
    patch.setattr(runtime_loop, "reach_venue", reaching)


def answered(config: Config) -> set[str]:
    """The commands that have their answer in the journal, as ``account-step``."""
    if not Path(config.journal.url.removeprefix("sqlite:///")).exists():
        return set()
    with Reader.open(config.journal.url) as reader:
        return {
            record.correlation_id
            for account in reader.accounts()
            for record in reader.records(account.account)
            if isinstance(record.body, CommandDone)
        }


def run_until(config: Config, batches: int | None, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run until so many batches were appended (None: to the end), and no further. Gives how many were."""
    count = 0
    append = Journal.append

    def counting(journal: Journal, batch: Batch) -> None:
        nonlocal count
        if count == batches:
            raise Cut
        count += 1
        append(journal, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", counting)
        ask_at(config, commands, patch)
        try:
            run(config)
        except Cut:
            assert batches is not None
    return count


def books(config: Config) -> dict[str, Any]:
    """All that must come out the same, without ids."""
    found: dict[str, Any] = {}
    with Reader.open(config.journal.url) as reader:
        for account in reader.accounts():
            name = account.account
            orders = [
                (row.created_ns, row.strategy, row.symbol, row.side, row.order_type, row.quantity, row.role)
                for row in reader.orders(name)
            ]
            ends = [
                (row.created_ns, row.symbol, row.state, row.filled_quantity, row.filled_notional, row.fees)
                for row in reader.orders(name)
            ]
            fills = [
                (row.time_ns, row.strategy, row.symbol, row.side, row.quantity, row.price, row.fee)
                for row in reader.fills(name)
            ]
            positions = [
                (row.strategy, row.symbol, row.quantity, row.cost, row.realised, row.fees)
                for row in reader.positions(name)
            ]
            found[name] = {
                "orders": sorted(map(str, orders)),
                "ends": sorted(map(str, ends)),
                "fills": sorted(map(str, fills)),
                "positions": positions,
            }
            found[name] |= {"cash": account.cash, "state": account.state}
    return found


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What is in one and not in the other, in words."""
    lines = []
    for account, facts in expected.items():
        for what, value in facts.items():
            other = found[account][what]
            if value != other and isinstance(value, list):
                lines += [f"{account} {what} only uncut: {row}" for row in value if row not in other]
                lines += [f"{account} {what} only cut: {row}" for row in other if row not in value]
            elif value != other:
                lines.append(f"{account} {what}: {value} uncut, {other} cut")
    return lines


def check_journal(config: Config) -> None:
    assert verify(config.journal.url).problems == []
