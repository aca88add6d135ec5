"""Everything the handlers of the local Kite reach: one market, one clock, its accounts and its faults."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from holdfast.core.messages import MarketEvent
from holdfast.core.types import iso_time
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.faults.registry import Faults
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.store import Store
from holdfast.sim.chassis.market.view import MarketView
from holdfast.sim.kite.market.board import Board
from holdfast.sim.kite.market.instruments import Instruments
from holdfast.sim.kite.market.packets import Snapshot
from holdfast.sim.kite.market.ticker import Ticker
from holdfast.sim.kite.times import ist

if TYPE_CHECKING:
    from holdfast.sim.kite.session.accounts import Accounts


class World:
    """One simulated market with its accounts. Used from one event loop only."""

    faults: Faults
    accounts: "Accounts"

    def __init__(self, clock: MarketClock, place: Marketplace, history: Store) -> None:
        self.clock = clock
        self.place = place
        self.history = history
        self.instruments = Instruments(history.data)
        self.market = MarketView(lambda symbol: history.previous_close(symbol, clock.now_ns))
        self.board = Board()
        self.hub = Ticker(self)
        self.events = 0
        self.is_over = False
        self._numbers = 0
        self._trades = 0
        self._session = (0, 0, 0)
        for symbol in history.data:
            for event in history.last_events(symbol, clock.now_ns):
                self._see(event)

    def _see(self, event: MarketEvent) -> None:
        self.market.see(event)
        self.board.see(event, self._session_start(event.time_ns))

    def _session_start(self, time_ns: int) -> int:
        """When the trading day of a time began; one day is remembered, since most events are of the same."""
        begins_ns, ends_ns, day_ns = self._session
        if not begins_ns <= time_ns <= ends_ns:
            day = self.place.calendar.day_at(time_ns)
            self._session = day.start_ns, day.close_ns, day.start_ns
            day_ns = day.start_ns
        return day_ns

    async def take(self, event: MarketEvent) -> None:
        """An event happens: the clock comes to it, the market sees it, every account, then whoever streams it."""
        self.clock.advance(event.time_ns)
        self._see(event)
        for account in self.accounts.all():
            account.on_market(event)
        self.hub.tell(event)

    def show(self, event: MarketEvent) -> None:
        """An event that no account meets, because it says again what they met in another shape."""
        self.clock.advance(event.time_ns)
        self._see(event)
        self.hub.tell(event)

    def pass_time(self, now_ns: int) -> None:
        """Time goes on without an event (a session opens or closes)."""
        self.clock.advance(now_ns)
        for account in self.accounts.all():
            account.on_time(now_ns)

    def snapshot(self, symbol: str) -> Snapshot | None:
        """An instrument as it stands; None before anything is known of it."""
        return self.board.snapshot(symbol, self.market.previous_close(symbol), self.clock.now_ns)

    def band_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The lowest and the highest price an order may have today."""
        instrument = self.instruments.of_symbol(symbol)
        reference = self.market.previous_close(symbol) or self.market.price(symbol) or 0.0
        return instrument.band(reference)

    def next_number(self) -> int:
        """A number of its own for each order and trigger."""
        self._numbers += 1
        return self._numbers

    def trade_number(self) -> int:
        """A number of its own for each trade."""
        self._trades += 1
        return self._trades

    def order_id(self, number: int) -> str:
        """Nineteen digits that rise, as Zerodha's have since 2025; they say nothing."""
        return f"{1_900_000_000_000_000_000 + int(ist(self.clock.now_ns).strftime('%y%m%d')) * 10**10 + number}"

    def status(self) -> dict[str, Any]:
        """How the market stands, for `/_sim/status`: ``events`` have happened, ``over`` when there are no more."""
        clock = self.clock
        return {
            "market_time": iso_time(clock.now_ns),
            "is_open": self.place.calendar.is_open(clock.now_ns),
            "speed": "max" if clock.speed is None else clock.speed,
            "started": clock.is_started,
            "paused": clock.is_paused,
            "over": self.is_over,
            "events": self.events,
            "data": self.history.name,
            "symbols": [one.key for one in self.instruments.all()],
            "data_stream_clients": len(self.hub.clients),
        }

    def symbols(self) -> Sequence[str]:
        """The names in the data."""
        return [one.symbol for one in self.instruments.all()]


WORLD = web.AppKey("world", World)
