"""Everything the handlers of the local Alpaca reach: one market, one clock, its accounts and its faults."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from holdfast.core.messages import MarketEvent
from holdfast.core.session.calendar import TradingCalendar
from holdfast.sim.alpaca.clock import MarketClock
from holdfast.sim.alpaca.market.assets import Assets
from holdfast.sim.alpaca.market.view import MarketView

if TYPE_CHECKING:
    from holdfast.sim.alpaca.faults.registry import Faults
    from holdfast.sim.alpaca.trading.desks import Desks

Publish = Callable[[MarketEvent], None]


class World:
    """One simulated market with its accounts. Used from one event loop only.

    ``faults`` and ``desks`` are put in by whoever builds the world, since desks are made around it.
    """

    faults: "Faults"
    desks: "Desks"

    def __init__(self, clock: MarketClock, calendar: TradingCalendar, assets: Assets, market: MarketView) -> None:
        self.clock = clock
        self.calendar = calendar
        self.assets = assets
        self.market = market
        self.publish: list[Publish] = []

    async def take(self, event: MarketEvent) -> None:
        """An event happens: the clock comes to it, the market sees it, every account, then whoever streams it."""
        self.show(event)
        for desk in self.desks.all():
            desk.on_market(event)
        self.tell(event)

    def show(self, event: MarketEvent) -> None:
        """The clock comes to the event and the market sees it, but no account meets it."""
        self.clock.advance(event.time_ns)
        self.market.see(event)

    def tell(self, event: MarketEvent) -> None:
        """Whoever streams gets it."""
        for publish in self.publish:
            publish(event)

    def pass_time(self, now_ns: int) -> None:
        """Time goes on without an event (a session opens or closes)."""
        self.clock.advance(now_ns)
        for desk in self.desks.all():
            desk.on_time(now_ns)

    def status(self) -> dict[str, Any]:
        """How the market stands, for `/_sim/status`."""
        return {"market_time_ns": self.clock.now_ns, "speed": self.clock.speed, "paused": self.clock.is_paused}


WORLD = web.AppKey("world", World)
