"""The proof of the way to Alpaca and back: keys, account, history, both streams and an order's round trip."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from decimal import Decimal

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings, Mode
from holdfast.adapters.alpaca.connection.symbols import is_crypto
from holdfast.adapters.alpaca.market_data.feed import AlpacaFeed
from holdfast.adapters.alpaca.market_data.market_data import AlpacaMarketData
from holdfast.adapters.alpaca.trading.broker import AlpacaBroker
from holdfast.brokers.adapter import Proof, Step, Verdict
from holdfast.brokers.port import AtBroker, BrokerOrder, Unavailable
from holdfast.brokers.proving import PATIENCE_S, Found, Wrong, feed_status, stream_status, take_step
from holdfast.calendars import trading_calendar
from holdfast.core.instruments import CRYPTO, US_EQUITY
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
    from_float,
    iso_time,
    plain,
    to_price,
)
from holdfast.feeds.live import Stream
from holdfast.telemetry.metrics import ApiMetrics

SKEW_S = 2.0
"""How far the machine's clock may be from Alpaca's before that is worth a word."""
FAR = Decimal("0.5")
"""The round trip's limit is half the market's price: it rests, and is taken back."""
POLL_S = 0.1

OK, NOTE, FAIL, SKIPPED = Verdict.OK, Verdict.NOTE, Verdict.FAIL, Verdict.SKIPPED


async def prove(settings: AlpacaSettings, proof: Proof) -> None:
    """Keys, account, history, both streams and an order's round trip. What goes wrong is told, and not raised."""
    await _Check(settings, proof).run()


class _Check:
    """The steps, in the order in which they make sense."""

    def __init__(self, settings: AlpacaSettings, proof: Proof) -> None:
        self._settings = settings
        self._proof = proof
        self._symbol = proof.symbol
        self._send = proof.send
        self._tell = proof.tell
        self._metrics = ApiMetrics()
        self._rest = AlpacaRest(settings, self._metrics.observe)
        self._broker = AlpacaBroker(settings, self._rest)
        self._market = AlpacaMarketData(self._rest, settings, self._metrics)
        self._now_ns = time.time_ns()
        self._reports: list[Report] = []
        self._price: Decimal | None = None

    async def run(self) -> None:
        """All steps; one that fails doesn't keep the next from being tried, but for the connection itself."""
        settings = self._settings
        where = f"{settings.mode} account at {settings.trading_url}, market data from {settings.data_url}"
        self._tell(Step("keys", OK, where))
        self._broker.open(self._reports.append, lambda _: None, lambda _key, _filled: None, lambda: self._now_ns)
        try:
            if await take_step(self._proof, "connection", self._connection):
                for what, step in (
                    ("account", self._account),
                    ("history", self._history),
                    ("price", self._latest),
                    ("order events", self._order_events),
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
            raise Wrong(f"{error}; check the network, and ALPACA_TRADING_URL if it is set") from None
        skew_s = abs(self._now_ns - time.time_ns()) / SECOND_NS
        text = f"Alpaca's clock says {iso_time(self._now_ns)}"
        if skew_s <= SKEW_S:
            return OK, text
        return NOTE, f"{text}, {skew_s:,.1f} s from this machine's: the engine goes by Alpaca's"

    async def _account(self) -> Found:
        account = await self._broker.account()
        working = await self._broker.open_orders()
        held = ", ".join(f"{plain(row.quantity)} {row.symbol}" for row in account.positions) or "no positions"
        return OK, f"{account.account_id}: cash {account.cash:,.2f}, {held}, {len(working)} open orders"

    async def _history(self) -> Found:
        since_ns = self._now_ns - 10 * DAY_NS
        table = await asyncio.to_thread(self._market.history, self._symbol, "1Day", since_ns, self._now_ns)
        if table is None:
            raise Wrong(
                f"no history of {self._symbol} can be had: does the plan include it? ALPACA_STOCK_FEED=iex is free"
            )
        if table.empty:
            return NOTE, f"no bars of {self._symbol} in the last ten days"
        return OK, f"{len(table)} daily bars of {self._symbol}, the last closed at {table['close'].iloc[-1]:g}"

    async def _latest(self) -> Found:
        price = await asyncio.to_thread(self._market.price, self._symbol)
        if price is None:
            raise Wrong(f"no price of {self._symbol} can be had")
        self._price = from_float(price)
        return OK, f"{self._symbol} at {price:g}"

    async def _order_events(self) -> Found:
        status = await stream_status(self._broker)
        if not status.connected:
            raise Wrong(f"{status.reason}; another program may be connected with these keys (Alpaca allows one)")
        return OK, "listening"

    async def _market_data(self) -> Found:
        feed = AlpacaFeed(
            self._settings,
            self._rest,
            [self._symbol],
            [Stream.BARS],
            calendar=trading_calendar("24/7" if is_crypto(self._symbol) else "XNYS"),
            warm_up_minutes=0,
        )
        status = await feed_status(feed)
        if not status.connected:
            raise Wrong(f"{status.reason}; another program may be connected with these keys (Alpaca allows one)")
        return OK, f"subscribed to bars of {self._symbol}"

    # --- an order there and back --------------------------------------------------------------------------------------

    def _order(self) -> OrderTerms:
        if self._price is None:
            raise Wrong(f"without a price of {self._symbol} no order is made")
        rules = CRYPTO if is_crypto(self._symbol) else US_EQUITY
        limit = rules.limit_price(to_price(self._price * FAR), Side.BUY)
        quantity = Quantity(Decimal(1)) if not is_crypto(self._symbol) else rules.steps(Decimal(20) / limit)
        return OrderTerms(
            client_order_id=ClientOrderId(f"check{uuid.uuid4().hex[:15]}"),
            strategy=StrategyId("check"),
            symbol=self._symbol,
            side=Side.BUY,
            quantity=quantity,
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            limit_price=limit,
        )

    async def _round_trip(self) -> Found:
        terms = self._order()
        what = f"buy {plain(terms.quantity)} {terms.symbol}, limit {plain(terms.limit_price or Decimal(0))}, half the market's price"
        if not self._send:
            return SKIPPED, f"dry run: it would {what}, see it there and cancel it; --send does so"
        if self._settings.mode is Mode.LIVE:
            return SKIPPED, "never with real money; use the paper keys"
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
            raise Wrong(f"order {terms.client_order_id} could not be canceled: look at it on Alpaca's page")
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
