"""One world: an engine that runs unchanged among a disk, a network, a broker and a market, all simulated and all failing.

First faults strike while strategies and people trade (safety: nothing may ever be wrong). Then nothing fails any more, and within
`REST_WITHIN_S` everything has to be known and the books have to agree with the broker's (liveness).
"""

import asyncio
import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from holdfast.brokers.breaker import Breaker, is_well
from holdfast.brokers.capability import IdempotencyClass
from holdfast.config import LiveConfig, SupervisorConfig
from holdfast.core.findings import Reconcile, Resolution, Resolve, SupervisorCycle
from holdfast.core.instruments import US_EQUITY
from holdfast.core.messages import Resume, SubmitOrder
from holdfast.core.orders.order import OrderState
from holdfast.core.protection.cover import is_covered
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.session.causes import Cause
from holdfast.core.state import EngineState
from holdfast.core.strategy.host import Runner
from holdfast.core.turn import Turn
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Money
from holdfast.errors import Fatal, HoldfastError, JournalError
from holdfast.runtime.live.clock import LiveClock
from holdfast.runtime.live.live_account import LiveAccount
from holdfast.runtime.live.loop import LiveLoop
from holdfast.runtime.live.supervisor import Stores, Supervisor
from holdfast.telemetry import crash_points
from holdfast.torture.world.broker import NAMES, WorldBroker
from holdfast.torture.world.checks import Checks, Evidence, Trace, Violation, check_at_rest
from holdfast.torture.world.disk import LEASE, Disk, DiskFates, WorldJournal
from holdfast.torture.world.exchange import Exchange, Part
from holdfast.torture.world.loop import WORLD, Killed, Process, Stuck, VirtualLoop
from holdfast.torture.world.market import EVERY_S, Market, Steps, WorldFeed
from holdfast.torture.world.stores import SharedStore, WorldClaims, WorldLocks
from holdfast.torture.world.wire import Network, NetworkFates, Wire

ACCOUNT = "world"
BEGIN_NS = 1_704_294_000 * SECOND_NS
"""Wednesday 2024-01-03, 15:00 UTC."""
REST_WITHIN_S = 120.0
"""After the last fault, everything has to be known within this time."""
MARKET_GOES_ON_S = 10.0
"""How long prices still move after the last fault; then only orders at the market fill, and the latest order has arrived."""
ACCEPT_EVERY_S = 10.0
"""How often a person looks whether the books and the broker agree, at the end."""
LOOK_EVERY_S = 0.2
"""How often a standby looks at the journal."""
CYCLES = 2
"""How many comparisons with the broker there must be while nothing is under way, before a world counts as at rest."""
LIMITS = RiskLimits(max_position_value=Money(Decimal(6_000)), duplicate_window_s=0.0)
WATCHED = LiveConfig(check_every_s=5.0, reconcile_every_s=5.0)
"""Shorter than a user's, so that a short life has some of each."""


FOLLOWED_UP = SupervisorConfig(interval_s=2.0, lease_s=5.0, back_off_s=0.5, time_to_live_s=15.0)
"""Likewise."""


class Fates(NetworkFates, DiskFates, Protocol):
    """All that chance, or a test's plan, decides."""

    def store_is_lost(self) -> bool:
        """Whether the store of locks gives no answer this time."""

    def slip(self) -> BaseException | None:
        """What a call of the broker's adapter breaks with."""


class Life:
    """One process's engine, from its start to its end."""

    def __init__(
        self,
        process: Process,
        epoch: int,
        live: LiveAccount,
        loop: LiveLoop,
        feed: WorldFeed,
        broker: WorldBroker,
        journal: WorldJournal,
    ) -> None:
        self.process = process
        self.epoch = epoch
        self.live = live
        self.loop = loop
        self.feed = feed
        self.broker = broker
        self.wire = broker.wire
        self.journal = journal
        self.task: asyncio.Task[str]

    @property
    def state(self) -> EngineState:
        """Its core's state."""
        return self.live.account.state

    async def run(self) -> str:
        """Trade until stopped, then write what is left."""
        reason = await self.loop.run()
        await self.journal.close()
        return reason

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way and every order is known, or known to be lost."""
        unknown = (OrderState.PREPARED, OrderState.RELEASED, OrderState.UNKNOWN)
        overdue = self.state.overdue
        orders = [order for key, order in self.state.orders.live.items() if key not in overdue]
        return (
            self.loop.recovered.is_set()
            and self.live.account.is_settled
            and self.journal.is_idle
            and not self.live.reconciler.unresolved_ids
            and not (self.wire.under_way["POST"] or self.wire.under_way["DELETE"])
            and Cause.BOOKS not in self.state.impairments
            and not any(order.state in unknown or order.cancel_released_ns for order in orders)
            and not self.unsettled
        )

    @property
    def unsettled(self) -> list[str]:
        """What keeps the account from trading though its cause is gone, and positions without the protection they ask for.

        Not those of an exit that works at a broker which can't be asked for it: only a person knows.
        """
        state, missing = self.state, self.live.monitor.missing
        found = [f"impaired by {cause}" for cause in state.impairments if cause not in missing]
        for key in state.guards:
            closing = state.closing.get(key)
            is_decided = state.covers[key].has_failed or (closing is not None and closing.is_left)
            is_unknowable = any(leg.terms.client_order_id in state.overdue for leg in state.legs(*key))
            if not is_decided and not is_unknowable and not is_covered(state, key):
                found.append(f"{key} is not protected")
        return found


class World:
    """See the module. ``until_s`` is how long faults strike and strategies trade."""

    def __init__(
        self,
        idempotency: IdempotencyClass,
        fates: Fates,
        make_runner: Callable[[], Runner],
        steps: Steps,
        part: Part,
        on_life: Callable[[Life], None] = lambda _: None,
        prepare: Callable[[EngineState], None] = lambda _: None,
        *,
        live: LiveConfig = WATCHED,
    ) -> None:
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._on_exception)
        self.fates = fates
        self.idempotency = idempotency
        unique_ids = idempotency is IdempotencyClass.UNIQUE_ID
        self.exchange = Exchange(part, self.now_ns, unique_ids=unique_ids)
        self.market = Market(steps, self.now_ns)
        self.disk = Disk(ACCOUNT)
        self.stores = SharedStore(self.loop.time, fates.store_is_lost)
        self.network = Network(self.loop, self.exchange, fates)
        self.trace = Trace(self.loop.time)
        self.evidence = Evidence(idempotency)
        self.checks = Checks(self.disk, self.exchange, self.evidence, self.trace)
        self.lives = 0
        self.life: Life | None = None
        self._running: dict[Process, Life] = {}
        self.restart_after_s = 0.2
        self.is_over = False
        self._make_runner = make_runner
        self._on_life = on_life
        self._prepare = prepare
        self._live = live
        self._accepts_s = 0.0
        self._commands = 0
        self._hook()

    def _hook(self) -> None:
        network = self.network
        network.on_leave = self._on_leave
        network.on_order = self.checks.on_order
        network.on_taken = self.checks.on_taken
        self.exchange.on_fill = self.checks.on_fill
        network.on_not_taken = self.evidence.not_taken
        network.on_absent = lambda key: self.evidence.absent(key, self.now_ns())

    def now_ns(self) -> int:
        """The world's time, in UTC nanoseconds."""
        return BEGIN_NS + round(self.loop.time() * SECOND_NS)

    @property
    def violations(self) -> list[Violation]:
        """What was broken so far."""
        return self.checks.violations

    # --- the run ------------------------------------------------------------------------------------------------------

    def run(self, faults: Callable[["World"], Any]) -> None:
        """Live through it: ``faults(world)`` is a coroutine that ends when the last fault has struck."""
        asyncio.set_event_loop(None)
        episode = self.loop.create_task(self._episode(faults), context=WORLD)
        episode.add_done_callback(lambda _: self.loop.stop(), context=WORLD)
        try:
            self.loop.run_forever()
        except Stuck:
            self.checks.fail("I14", "everybody waits for ever")
        finally:
            crash_points.arm(None)
            self._bury()
        if episode.done() and not episode.cancelled() and episode.exception() is not None:
            raise episode.exception()  # type: ignore[misc]

    async def _episode(self, faults: Callable[["World"], Any]) -> None:
        self.market.move(self.exchange.on_price)
        ticking = self.loop.create_task(self._tick())
        self.start()
        await faults(self)
        await asyncio.sleep(MARKET_GOES_ON_S)
        ticking.cancel()
        await self._rest()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            self.market.move(self.exchange.on_price)

    async def _rest(self) -> None:
        """Wait until everything is known, then look at everything."""
        by_s = self.loop.time() + REST_WITHIN_S
        cycles = 0
        calm: tuple[Life | None, int, int] | None = None
        while not self.violations:
            await asyncio.sleep(EVERY_S / 2)
            life = self.life
            self.exchange.go_on()
            self._resolve()
            self._accept()
            seen = (
                life,
                len(self.exchange.orders),
                len(self.exchange.fills),
            )  # what is sent or filled between two looks is news
            if life is None or not life.is_at_rest or seen != calm or self._is_to_accept(life.state):
                calm = seen
                cycles = 0 if life is None else life.live.reconciler.cycles
            elif life.live.reconciler.cycles > cycles + CYCLES:
                self._look_at_everything(life)
                return
            if self.loop.time() > by_s:
                self.checks.fail("I14", f"not at rest {REST_WITHIN_S:.0f} s after the last fault: {self._unrest()}")
                if life is not None and life.loop.recovered.is_set():
                    self._look_at_everything(life)

    def _resolve(self) -> None:
        """A person, who can look at the broker's own screen, says of what can't be explained that it is not there.

        An order there that the books have under another id is not it, even if it came with this one: no screen of such a broker tells.
        """
        if self.life is None:
            return
        orders = self.life.state.orders
        booked = {order.broker_order_id: key for key, order in {**orders.live, **orders.finished}.items()}
        came = {order.id: order.client_id for order in self.exchange.orders.values()}
        there = {key for name, key in came.items() if booked.get(name, key) == key}
        for key in list(self.life.state.overdue):
            if key not in there and key not in self.checks.resolved and key in self.life.state.orders.live:
                self.checks.resolved.add(key)
                self.ask(Resolve(key, Resolution.NOT_SENT))

    def _accept(self) -> None:
        """A person who has moved shares says that the broker is right; and that an account that was preserved by hand may trade."""
        state = None if self.life is None else self.life.state
        if state is None or self.loop.time() < self._accepts_s:
            return
        if Cause.BY_HAND in state.impairments:
            self.ask(Resume())
        if self._is_to_accept(state):
            self.ask(Reconcile(accept=True, reason="shares were moved"))
        self._accepts_s = self.loop.time() + ACCEPT_EVERY_S

    def _is_to_accept(self, state: EngineState) -> bool:
        """Whether shares that were moved without a trade are missing in the books: only a person can say that it is right so."""
        ours = {symbol: line.quantity for symbol, line in state.portfolio.open_lines()}
        theirs = {symbol: quantity for symbol, quantity in self.exchange.positions.items() if quantity}
        return bool(self.exchange.moves) and (ours != theirs or bool(state.gaps))

    def _look_at_everything(self, life: Life) -> None:
        check_at_rest(self.checks, self.disk, self.exchange, life.state, self.new_state())

    def _unrest(self) -> str:
        life = self.life
        if life is None:
            return "no engine runs"
        if not life.loop.recovered.is_set():
            return f"{life.process.name} has not recovered; unresolved: {list(life.live.reconciler.unresolved_ids)}"
        states = [f"{key} {order.state}" for key, order in life.state.orders.live.items()]
        return f"unresolved: {list(life.live.reconciler.unresolved_ids)}; live: {states}; {life.unsettled}; {life.state.account_state}"

    def _bury(self) -> None:
        """End what is left, so that nothing of it runs when it is collected."""
        self.is_over = True
        for life in list(self._running.values()):
            life.process.kill()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_later(1.0, self.loop.stop, context=WORLD)
        self.loop.run_forever()
        self.loop.close()

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        is_known = isinstance(error, Killed | None) or _is_operating(error)  # who it concerns was told
        if not is_known:
            self.checks.fail("X2", f"{context.get('message')}: {error!r}")

    # --- engines ------------------------------------------------------------------------------------------------------

    def new_state(self) -> EngineState:
        """The account before its first record."""
        day_ns = BEGIN_NS - 15 * HOUR_NS
        days = [
            TradingDay(f"2024-01-0{3 + n}", day_ns + n * DAY_NS, day_ns + n * DAY_NS, day_ns + (n + 1) * DAY_NS)
            for n in range(3)
        ]
        calendar = TradingCalendar("world", days)
        state = EngineState(ACCOUNT, NAMES[self.idempotency], calendar, US_EQUITY, LIMITS, 5 * MINUTE_NS)
        state.host.add(self._make_runner(), None)
        self._prepare(state)
        return state

    def start(self) -> None:
        """Start an engine. There is no other, or that has been silent for the time of its lease."""
        if self.violations or self.is_over:
            return
        self.lives += 1
        process = Process(f"engine {self.lives}", self.loop)
        self.trace.add(f"{process.name} starts")
        self.life = life = process.context.run(self._build, process)
        self._running[process] = life
        self._on_life(life)
        life.task = process.start(life.run())
        life.task.add_done_callback(lambda task: self._on_end(life, task), context=WORLD)

    async def stand_by(self) -> None:
        """Wait, on another machine, for the engine to fall silent for the time of its lease; then take its account."""
        seen, since_s = self._sign_of_life(), self.loop.time()
        while self.loop.time() - since_s < LEASE.duration_s:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._sign_of_life() != seen:
                seen, since_s = self._sign_of_life(), self.loop.time()
        self.trace.add("a standby takes over")
        self.start()

    def thaw(self) -> None:
        """Let every process go on."""
        for process in list(self._running):
            process.thaw()

    def _sign_of_life(self) -> tuple[int, int]:
        return self.disk.epoch, self.disk.renewals

    def _build(self, process: Process) -> Life:
        wire = Wire(self.network, process)
        broker = WorldBroker(self.idempotency, self.exchange, wire, self.fates.slip)
        journal: Any = WorldJournal(self.disk, process, self.fates, self.loop.time)
        lease_term = journal.take(ACCOUNT, broker.name, process.name)
        state, feed, woken = self.new_state(), WorldFeed(self.market, process), asyncio.Event()
        clock = LiveClock(process.boot_time_ns)

        def watch(turn: Turn) -> None:
            self.checks.on_turn(process, state, turn, journal.last)

        recorded = lease_term, self.disk
        live = LiveAccount(state, broker, journal, recorded, clock, self._live, woken.set, process.name, watch)
        breaker = Breaker(WATCHED.error_threshold, live.on_breaker, clock.monotonic_s)
        wire.observe = lambda call: breaker.note(is_well(call.status), call.method)
        claims: Any = WorldClaims(self.stores, process)
        locks: Any = WorldLocks(self.stores, process)
        stores, unresolved = Stores(claims, locks, process.name), live.reconciler.unresolved
        live.supervise(Supervisor(live.account, unresolved, clock, FOLLOWED_UP, stores, _unmeasured, woken.set))
        commands: Any = self.disk
        return Life(
            process, lease_term.epoch, live, LiveLoop([live], feed, journal, commands, woken), feed, broker, journal
        )

    def _on_leave(self, process: Process, effect: SubmitOrder) -> None:
        life = self._running[process]
        self.checks.on_leave(process, life.epoch, effect, life.state, self.now_ns(), self.loop.time())
        self.checks.on_blind(effect, life.broker.broken)
        self.evidence.left(effect.terms.client_order_id, self.now_ns())

    def _on_end(self, life: Life, task: "asyncio.Task[str]") -> None:
        """An engine has ended: somebody starts it again."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self.trace.add(f"{life.process.name} ends", error or "")
        if not life.process.is_dead and error is not None:
            # what can't start says so; what has started ends because of its journal, and of nothing at the broker or the feed
            may_end = isinstance(error, JournalError) if life.loop.recovered.is_set() else _is_operating(error)
            if not may_end:
                self.checks.fail("X2", f"{life.process.name} broke: {error!r}")
        life.process.kill()
        del self._running[life.process]
        if self.life is not life:
            return  # another one has the account
        self.life = None
        self.loop.call_later(self.restart_after_s, self.start, context=WORLD)

    def ask(self, body: Any) -> None:
        """File a command of a person."""
        self._commands += 1
        name = f"command-{self._commands}"
        self.disk.commands[name] = (name, "cli:world", self.now_ns(), None, body)

    # --- what came of it ----------------------------------------------------------------------------------------------

    def digest(self) -> str:
        """What two runs have in common exactly when the same happened in both."""
        exchange = self.exchange
        book = [*exchange.orders.values(), *exchange.fills, exchange.cash, sorted(exchange.positions.items())]
        whole = hashlib.sha256(self.disk.last_hash.encode())
        whole.update(msgspec.json.encode(book))
        return whole.hexdigest()


def _unmeasured(_cycle: SupervisorCycle) -> None:
    """Nobody looks at a world's metrics."""


def _is_operating(error: BaseException) -> bool:
    """Whether it is one of those that an engine may end with; anything else is a broken rule."""
    return isinstance(error, HoldfastError) and not isinstance(error, Fatal)
