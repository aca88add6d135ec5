"""Everything the handlers of the local Alpaca reach: one market, one clock, its accounts and its faults."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from holdfast.core.messages import MarketEvent
from holdfast.core.types import iso_time
from holdfast.sim.alpaca.market.assets import Assets
from holdfast.sim.alpaca.market.hub import Hub
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.store import Store
from holdfast.sim.chassis.market.view import MarketView

if TYPE_CHECKING:
    from holdfast.sim.alpaca.trading.trading_accounts import TradingAccounts
    from holdfast.sim.chassis.faults.registry import Faults


class World:
    """One simulated market with its accounts. Used from one event loop only.

    The market begins with the last known of everything before the clock's time. ``faults`` and ``accounts`` are put in by
    whoever builds the world, since accounts are made around it. ``has_fees`` says whether trades cost what they do at Alpaca.
    """

    faults: "Faults"
    accounts: "TradingAccounts"
    has_fees: bool = False

    def __init__(self, clock: MarketClock, place: Marketplace, history: Store) -> None:
        self.clock = clock
        self.place = place
        self.calendar = place.calendar
        self.history = history
        self.assets = Assets(history.data)
        self.market = MarketView(lambda symbol: history.previous_close(symbol, clock.now_ns))
        self.hub = Hub(history)
        self.events = 0
        self.is_over = False
        for symbol in history.data:
            for event in history.last_events(symbol, clock.now_ns):
                self.market.see(event)

    async def take(self, event: MarketEvent) -> None:
        """An event happens: the clock comes to it, the market sees it, every account, then whoever streams it."""
        self.clock.advance(event.time_ns)
        self.market.see(event)
        for trading in self.accounts.all():
            trading.on_market(event)
        self.hub.tell(event)

    def show(self, event: MarketEvent) -> None:
        """An event that no account meets, because it says again what they met in another shape."""
        self.clock.advance(event.time_ns)
        self.market.see(event)
        self.hub.tell(event)

    def pass_time(self, now_ns: int) -> None:
        """Time goes on without an event (a session opens or closes)."""
        self.clock.advance(now_ns)
        for trading in self.accounts.all():
            trading.on_time(now_ns)

    def status(self) -> dict[str, Any]:
        """How the market stands, for `/_sim/status`: ``events`` have happened, ``over`` when there are no more."""
        clock = self.clock
        return {
            "market_time": iso_time(clock.now_ns),
            "is_open": self.calendar.is_open(clock.now_ns),
            "speed": "max" if clock.speed is None else clock.speed,
            "started": clock.is_started,
            "paused": clock.is_paused,
            "over": self.is_over,
            "events": self.events,
            "data": self.history.name,
            "symbols": [asset.symbol for asset in self.assets.all()],
            "data_stream_clients": len(self.hub.clients),
        }


WORLD = web.AppKey("world", World)
