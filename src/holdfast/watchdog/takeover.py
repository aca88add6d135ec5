"""The time for which the watchdog has the account itself: as short as can be, and under the engine's own rules.

It is the engine's own recovery, core, journal and gate, without strategies and market data: every order is explained first, the core
places the stops that its guards ask for, each order is durable before it leaves, and a lost answer is asked for. What
it is asked beyond that (to close a position, to go by the broker's books) takes the way that people's commands take.
"""

import asyncio
import time
from collections.abc import Sequence

from holdfast.brokers.port import Unavailable
from holdfast.config import Config, WatchdogConfig
from holdfast.core.drafts import close_signal
from holdfast.core.findings import Reconcile
from holdfast.core.messages import CancelOrders, Command, PlaceOrder, Protect
from holdfast.core.orders.order import Order
from holdfast.core.state import EngineState
from holdfast.core.types import SECOND_NS, OrderRole, Price
from holdfast.journal.commands import file_command
from holdfast.runtime.compose import Engine
from holdfast.runtime.live.health import Cause
from holdfast.runtime.live.unresolved import UNANSWERED
from holdfast.watchdog.broker import AtBroker
from holdfast.watchdog.cover import Gap
from holdfast.watchdog.recorded import lacks_stop, without_stop

LONGEST_S = 60.0
"""For how long the account is kept at most: an engine that is started meanwhile waits for it."""
LOOK_S = 3.0
"""Between two looks at what the broker has: four requests each, beside those of comparing the books, of 200 a minute."""
SETTLE_S = 0.25
"""Between two looks at our own orders, which cost nothing."""
SOURCE = "watchdog"

Gaps = Sequence[Gap]


def is_to_mend(settings: WatchdogConfig, state: EngineState, gap: Gap) -> bool:
    """Whether a gap is to be closed, and how is known."""
    if settings.action == "place":
        has_default = settings.default_stop_pct is not None and gap.price is not None
        return lacks_stop(state, gap) or (has_default and bool(without_stop(state, gap)))
    return settings.action == "flatten"


class Takeover:
    """Works on gaps until they are closed, nothing more can be done, or the time is over; then :attr:`left` are those that remain."""

    def __init__(self, config: Config, engine: Engine, at_broker: AtBroker, found: Gaps) -> None:
        self._config = config
        self._engine = engine
        self._at_broker = at_broker
        self._symbols = {gap.symbol for gap in found}
        self._asked: set[object] = set()
        self._flattens = config.watchdog.action == "flatten"
        self.left: Gaps = found

    @property
    def _state(self) -> EngineState:
        return self._engine.accounts[0].state

    async def run(self) -> None:
        """Have the account looked after, then stop. Raises what an engine's run raises."""
        loop = self._engine.loop
        running = asyncio.create_task(loop.run())
        working = asyncio.create_task(self._work())
        try:
            await asyncio.wait({running, working}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.stop("the watchdog gives the account back")
            working.cancel()
        await running
        if working.done() and not working.cancelled():
            working.result()

    def give_back(self) -> None:
        """Stop before everything is done."""
        self._engine.loop.stop("the watchdog was asked to stop")

    async def _work(self) -> None:
        await self._engine.loop.recovered.wait()
        ends_s = time.monotonic() + LONGEST_S
        while time.monotonic() < ends_s:
            if not self._is_settled():
                await asyncio.sleep(SETTLE_S)
                continue
            await self._look()
            if not self.left:
                return
            self._act()
            await asyncio.sleep(LOOK_S)

    def _is_settled(self) -> bool:
        """Whether every order has its answer, so that what the broker shows is the outcome."""
        unanswered = any(order.state in UNANSWERED for order in self._state.orders.live.values())
        return self._engine.accounts[0].is_settled and not unanswered

    async def _look(self) -> None:
        try:
            found = await (self._at_broker.open_still() if self._flattens else self._without_stop())
        except Unavailable:
            return  # the next look may say more
        self.left = [gap for gap in found if gap.symbol in self._symbols]

    async def _without_stop(self) -> Gaps:
        _, found = await self._at_broker.unprotected()
        return [gap for gap in found if is_to_mend(self._config.watchdog, self._state, gap)]

    def _act(self) -> None:
        """Ask the core for what it doesn't do by itself."""
        if Cause.POSITIONS in self._state.impairments:
            self._ask("books", Reconcile(accept=True, reason="the watchdog goes by the broker's positions"))
        elif self._flattens:
            for gap in self.left:
                self._close(gap.symbol)
        else:
            for gap in self.left:
                self._give_default(gap)

    def _give_default(self, gap: Gap) -> None:
        """Ask for the stop that is configured where nobody asked for one."""
        percent = self._config.watchdog.default_stop_pct
        if percent is None or gap.price is None:
            return
        stop = Price(gap.price - gap.price * percent / 100 * (1 if gap.quantity > 0 else -1))
        for strategy in without_stop(self._state, gap):
            why = f"nobody asked for a stop: {percent}% from the broker's price"
            self._ask((strategy, gap.symbol), Protect(gap.symbol, stop, strategy, gap.price, why))

    def _close(self, symbol: str) -> None:
        """Cancel what could open more first; when that is confirmed, close what each strategy has.

        A close cancels its position's protection itself.
        """
        openers = [order for order in self._regular(symbol) if not self._is_reduce_only(order)]
        for order in openers:
            key = order.terms.client_order_id
            self._ask(key, CancelOrders(client_order_id=key))
        if openers:
            return
        for strategy, of, _ in list(self._state.portfolio.open_ledgers()):
            if of == symbol:
                self._ask((strategy, symbol), PlaceOrder(close_signal(strategy, symbol)))

    def _regular(self, symbol: str) -> list[Order]:
        live = self._state.orders.live.values()
        return [order for order in live if order.terms.symbol == symbol and order.terms.role is OrderRole.REGULAR]

    def _is_reduce_only(self, order: Order) -> bool:
        """Whether it closes its strategy's position: one of ours, or of the engine's before it fell silent."""
        terms = order.terms
        return self._state.portfolio.strategy_quantity(terms.strategy, terms.symbol) * terms.side.sign < 0

    def _ask(self, what: object, command: Command) -> None:
        """File a command, once a takeover."""
        if what in self._asked:
            return
        self._asked.add(what)
        now_ns = time.time_ns()
        expires_ns = now_ns + int(LONGEST_S) * SECOND_NS
        file_command(self._config.journal.url, self._state.account, command, SOURCE, expires_ns, now_ns)
