"""The proof of the way to Zerodha and back: session, account, instruments, candles, price, both streams and an order's round trip."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlsplit

from holdfast.adapters.zerodha.connection.instruments import Instruments, KiteInstrument
from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.session import Tokens, login_command
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.connection.symbols import canonical_symbol, quote_key
from holdfast.adapters.zerodha.login.begin import session_note
from holdfast.adapters.zerodha.market_data.candles import INTERVALS, Candles
from holdfast.adapters.zerodha.market_data.feed import KiteFeed
from holdfast.adapters.zerodha.trading.broker import ZerodhaBroker, no_hints
from holdfast.brokers.adapter import Proof, Step, Verdict
from holdfast.brokers.environment import is_loopback
from holdfast.brokers.port import AccessDenied, AtBroker, BrokerOrder, Unavailable
from holdfast.brokers.proving import PATIENCE_S, Found, Wrong, feed_status, stream_status, take_step
from holdfast.calendars import trading_calendar
from holdfast.core.messages import CancelOrder, OrderTerms, Report, SubmitOrder
from holdfast.core.types import (
    DAY_NS,
    SECOND_NS,
    ClientOrderId,
    OrderType,
    Quantity,
    Side,
    StrategyId,
    TimeInForce,
    iso_time,
    plain,
    to_price,
)
from holdfast.feeds.live import Stream
from holdfast.telemetry.metrics import ApiMetrics

OK, NOTE, FAIL, SKIPPED = Verdict.OK, Verdict.NOTE, Verdict.FAIL, Verdict.SKIPPED
SKEW_S = 3.0
"""How far the machine's clock may be from Zerodha's, which tells whole seconds, before that is worth a word."""
POLL_S = 0.2
CALENDAR = "XBOM"


async def prove(settings: KiteSettings, proof: Proof) -> None:
    """Session, account, instruments, candles, price, both streams and an order's round trip. What goes wrong is told, and not raised."""
    await _Check(settings, proof).run()


class _Check:
    """The steps, in the order in which they make sense."""

    def __init__(self, settings: KiteSettings, proof: Proof) -> None:
        self._settings = settings
        self._proof = proof
        self._symbol = canonical_symbol(proof.symbol)
        self._rest = KiteRest(settings, Tokens(settings, proof.sessions), ApiMetrics().observe)
        self._broker = ZerodhaBroker(self._rest, no_hints)
        self._instruments = Instruments(self._rest)
        self._now_ns = time.time_ns()
        self._reports: list[Report] = []
        self._quote: dict[str, Decimal] = {}

    async def run(self) -> None:
        """All steps; one that fails doesn't keep the next from being tried, but for session and connection."""
        note = session_note(self._settings, self._proof.sessions)
        self._proof.tell(Step("session", OK if note.lives else FAIL, note.text))
        if not note.lives:
            return
        self._broker.open(self._reports.append, lambda _: None, lambda _key, _filled: None, lambda: self._now_ns)
        try:
            if await take_step(self._proof, "connection", self._connection):
                for what, step in (
                    ("account", self._account),
                    ("instruments", self._listed),
                    ("candles", self._candles),
                    ("price", self._price),
                    ("order book", self._order_book),
                    ("market data", self._market_data),
                    ("round trip", self._round_trip),
                ):
                    await take_step(self._proof, what, step)
        finally:
            self._broker.close()
            self._rest.close()

    async def _connection(self) -> Found:
        try:
            self._now_ns = await self._broker.clock_ns()
        except Unavailable as error:
            raise Wrong(f"{error}; check the network, and api_url if it is set") from None
        except AccessDenied as error:
            raise Wrong(f"{error}; log in again: `{login_command(self._settings.login)}`") from None
        skew_s = abs(self._now_ns - time.time_ns()) / SECOND_NS
        text = f"Zerodha's clock says {iso_time(self._now_ns)}, at {self._settings.api_url}"
        if skew_s <= SKEW_S:
            return OK, text
        return NOTE, f"{text}, {skew_s:,.0f} s from this machine's: the engine goes by Zerodha's"

    async def _account(self) -> Found:
        account = await self._broker.account()
        working = await self._broker.open_orders()
        held = ", ".join(f"{plain(row.quantity)} {row.symbol}" for row in account.positions) or "no positions"
        return OK, f"{account.account_id}: cash {account.cash:,.2f}, {held}, {len(working)} open orders"

    async def _listed(self) -> Found:
        today = await asyncio.to_thread(self._instruments.today)
        found = today.need([self._symbol])[self._symbol]
        return OK, f"{len(today):,} of {today.date}; {self._symbol}: tick {plain(found.tick)}, lot {found.lot}"

    async def _instrument(self) -> KiteInstrument:
        today = await asyncio.to_thread(self._instruments.today)
        return today.need([self._symbol])[self._symbol]

    async def _candles(self) -> Found:
        instrument = await self._instrument()
        day = INTERVALS["1Day"]
        pages = Candles(self._rest).pages(instrument, day, self._now_ns - 10 * DAY_NS, self._now_ns)
        rows = [row for page in await asyncio.to_thread(list, pages) for row in page]
        if not rows:
            return NOTE, f"no candles of {self._symbol} in the last ten days"
        return OK, f"{len(rows)} daily candles of {self._symbol}, the last closed at {rows[-1].close:g}"

    async def _price(self) -> Found:
        key = quote_key(self._symbol)
        answer = await asyncio.to_thread(self._rest.request, "GET", "market.quote", params={"i": [key]})
        row = answer.get(key) if isinstance(answer, dict) else None
        if not isinstance(row, dict):
            raise Wrong(f"no quote of {self._symbol} can be had: does the app's plan have market data?")
        names = ("last_price", "lower_circuit_limit", "upper_circuit_limit")
        self._quote = {name: Decimal(row.get(name) or 0) for name in names}
        last, low, high = self._quote.values()
        return OK, f"{self._symbol} at {plain(last)}, today from {plain(low)} to {plain(high)}"

    async def _order_book(self) -> Found:
        status = await stream_status(self._broker)
        if not status.connected:
            raise Wrong(status.reason)
        return OK, "it is read"

    async def _market_data(self) -> Found:
        feed = KiteFeed(self._rest, [self._symbol], [Stream.BARS], trading_calendar(CALENDAR), warm_up_minutes=0)
        status = await feed_status(feed)
        if not status.connected:
            raise Wrong(status.reason)
        return OK, f"ticks of {self._symbol} come"

    # --- an order there and back --------------------------------------------------------------------------------------

    async def _order(self) -> OrderTerms:
        instrument = await self._instrument()
        if not self._quote.get("lower_circuit_limit"):
            raise Wrong(f"without the day's lowest price of {self._symbol} no order is made")
        return OrderTerms(
            client_order_id=ClientOrderId(f"check{uuid.uuid4().hex[:13]}"),
            strategy=StrategyId("check"),
            symbol=self._symbol,
            side=Side.BUY,
            quantity=Quantity(Decimal(instrument.lot)),
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.DAY,
            limit_price=to_price(self._quote["lower_circuit_limit"]),
        )

    async def _round_trip(self) -> Found:
        terms = await self._order()
        what = f"buy {plain(terms.quantity)} {terms.symbol}, limit {plain(terms.limit_price or Decimal(0))}, the day's lowest price"
        if not self._proof.send:
            return SKIPPED, f"dry run: it would {what}, see it there and cancel it; --send does so"
        if not is_loopback(urlsplit(self._settings.api_url).hostname or ""):
            return SKIPPED, "never with real money; `holdfast sim kite` takes it"
        self._broker.submit(SubmitOrder(terms, self._now_ns, raises_risk=True))
        await self._broker.drain()
        answer = self._reports[-1].body
        found = await self._seen(terms, (AtBroker.WORKING,))
        if found is None:
            raise Wrong(f"the order was not taken: {type(answer).__name__} {getattr(answer, 'reason', '')}")
        self._broker.cancel(CancelOrder(terms.client_order_id, self._now_ns))
        await self._broker.drain()
        ended = await self._seen(terms, (AtBroker.CANCELED, AtBroker.FILLED))
        if ended is None or ended.state is not AtBroker.CANCELED:
            raise Wrong(f"order {terms.client_order_id} could not be canceled: look at it on Kite's page")
        return OK, f"{what}: accepted, seen, canceled"

    async def _seen(self, terms: OrderTerms, states: Sequence[AtBroker]) -> BrokerOrder | None:
        """The order, once it is in one of these states; None when it doesn't get there in time."""
        deadline_s = time.monotonic() + PATIENCE_S / 4
        while time.monotonic() < deadline_s:
            found = await self._broker.find(terms)
            if found is not None and found.state in states:
                return found
            await asyncio.sleep(POLL_S)
        return None
