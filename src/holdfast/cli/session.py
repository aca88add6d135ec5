"""One run of an engine from the command line: signals end it in order, a ticker lets people see it, a result sums it up."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from decimal import Decimal

from holdfast.cli.hang_up import HangUp
from holdfast.cli.signals import Ender
from holdfast.config import Config
from holdfast.control.duration import seconds
from holdfast.core.messages import (
    Envelope,
    OrderAnomaly,
    OrderFilled,
    OrderPrepared,
    RiskRefused,
)
from holdfast.core.milestones import (
    AccountStateChanged,
    StrategyStopped,
)
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import NOT_YET
from holdfast.core.turn import Turn
from holdfast.core.types import ZERO, iso_time, plain
from holdfast.journal.database import public
from holdfast.journal.verify import verify
from holdfast.runtime.compose import Engine
from holdfast.runtime.trading_log import TradingLog
from holdfast.views.encode import Json, as_json
from holdfast.views.positions import holding
from holdfast.views.wording import is_news

TICK_S = 0.25
"""How often people are shown something new."""

_LOUD_STATES = {AccountState.HALTED.value, AccountState.PRESERVATION.value}

Ticker = Callable[[], None]


class Session:
    """Watches one run. ``news`` gathers what people want to know, for the ticker to take away; ``counts`` counts every record."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.counts: Counter[str] = Counter()
        self.news: deque[Envelope] = deque()
        self.started_s = time.monotonic()
        self.reason = ""
        self._beginning: set[str] = set()
        self._log = TradingLog()

    def watch(self, turn: Turn) -> None:
        """Shown every turn, in the engine's own time: so it only sorts, and hands over to the log."""
        counts = self.counts
        for record in turn.records:
            body = record.body
            counts[type(body).__name__] += 1
            if is_news(body) or (isinstance(body, AccountStateChanged) and self._is_loud(record.account, body)):
                self.news.append(record)
        self._log(turn)

    def _is_loud(self, account: str, body: AccountStateChanged) -> bool:
        """Not every order: what a person has to know about. That a start waits for its market is told by what it waits for."""
        if body.reason.endswith(NOT_YET):
            self._beginning.add(account)
            return False
        was_beginning = account in self._beginning
        self._beginning.discard(account)
        watched = (body.new,) if was_beginning else (body.old, body.new)
        return not _LOUD_STATES.isdisjoint(watched)

    def run(self, engine: Engine, duration_s: float | None, tick: Ticker) -> None:
        """Run the engine to its end, however that comes about. Raises what the engine raises."""
        self.reason = asyncio.run(_run(engine, self.config.journal.url, duration_s, tick))

    def result(self, engine: Engine, records: dict[str, Json]) -> Json:
        """The run as JSON. ``records`` is what the audit found, by account."""
        counts, accounts = self.counts, [_account(engine, index) for index in range(len(engine.accounts))]
        for account in accounts:
            account["totals"] = records.get(account["account"], {})
        last = engine.loop.last_event
        first, source = accounts[0], self.config.sources[0]
        feeds: list[Json] = [{"kind": feed.kind, "name": feed.name} for feed in engine.feeds]
        return {
            "reason": self.reason,
            "recovered": engine.loop.recovered.is_set(),
            "seconds": round(time.monotonic() - self.started_s, 3),
            "bars": engine.loop.events,
            "replayed": engine.loop.replayed,
            "signals": counts["Signal"],
            "orders": counts[OrderPrepared.__name__],
            "fills": counts[OrderFilled.__name__],
            "refusals": counts[RiskRefused.__name__],
            "anomalies": counts[OrderAnomaly.__name__],
            "strategies_stopped": counts[StrategyStopped.__name__],
            "equity": plain(sum((Decimal(account["equity"]) for account in accounts), ZERO)),
            "market_time": None if last is None else iso_time(last.time_ns),
            "feed": feeds[0],
            "feeds": feeds,
            "seed": source.seed if source.kind == "synthetic" else None,
            "failures": {account: str(error) for account, error in engine.loop.failures.items()},
            "journal": public(self.config.journal.url),
            "database": engine.journal.database.metrics.summary(),
            "requests": _requests(engine),
            **{key: first[key] for key in ("account", "epoch", "restarts", "records")},
            "positions": [{"account": a["account"], **row} for a in accounts for row in a["positions"]],
            "accounts": accounts,
        }


def _requests(engine: Engine) -> object:
    """Of the only account that makes some; of several by account; None where all is in memory."""
    found = {name: metrics.summary() for name, metrics in engine.metrics.items() if metrics.summary()["calls"]}
    return None if not found else next(iter(found.values())) if len(engine.accounts) == 1 else found


def _account(engine: Engine, index: int) -> Json:
    state = engine.accounts[index].state
    value = state.portfolio.value(state.price)
    figures = ("equity", "cash", "realised", "unrealised", "fees", "gross_exposure")
    return {
        "account": state.account,
        "broker": state.broker,
        "state": state.account_state,
        "epoch": state.epoch,
        "restarts": state.epoch - 1,
        "records": state.sequence,
        "orders_ever": state.order_count,
        "open_orders": len(state.orders.live),
        **{name: plain(getattr(value, name)) for name in figures},
        "day_pnl": plain(value.equity - state.day_start_equity),
        "positions": [as_json(holding(symbol, line)) for symbol, line in state.portfolio.open_lines()],
    }


def audited(session: Session, engine: Engine) -> Json:
    """The run's result with the journal's proof in it. For after the journal was closed."""
    found = verify(session.config.journal.url)
    totals = {row.account: {"records": row.records, "orders": row.orders, "fills": row.fills} for row in found.accounts}
    return session.result(engine, totals) | {"chain_verified": found.ok, "problems": found.problems}


async def _run(engine: Engine, url: str, duration_s: float | None, tick: Ticker) -> str:
    def at_work() -> str:
        """An account that can answer."""
        names = [account.name for account in engine.accounts]
        return next((name for name in names if name not in engine.loop.failures), names[0])

    hang_up = HangUp(url, at_work)
    ender = Ender(engine.loop.stop, hang_up.reload)
    tasks = [asyncio.create_task(_tick(engine, tick))]
    if duration_s is not None:
        tasks.append(asyncio.create_task(_end_after(engine, duration_s)))
    try:
        with ender:
            for account in engine.accounts:
                account.state.host.stops_on_interrupt = True  # a person's Ctrl-C comes another way
            if engine.settings is not None:
                engine.settings.keep_handlers(*ender.signals, install=ender.install)
            reason = await engine.loop.run()
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
    return reason


async def _tick(engine: Engine, tick: Ticker) -> None:
    """Show what is new. When that can't be done any more the run ends in order, and then the error is told."""
    try:
        while True:
            tick()
            await asyncio.sleep(TICK_S)
    except Exception as error:
        engine.loop.stop(f"nothing can be shown any more ({type(error).__name__})")
        raise


async def _end_after(engine: Engine, duration_s: float) -> None:
    """The time asked for begins when recovery is over."""
    await engine.loop.recovered.wait()
    await asyncio.sleep(duration_s)
    engine.loop.stop("the time asked for is over")


def duration_of(text: str | None) -> float | None:
    """The ``--for`` option in seconds."""
    return None if text is None else seconds(text)
