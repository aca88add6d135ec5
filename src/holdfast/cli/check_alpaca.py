"""``holdfast check alpaca``: keys, account, history, both streams and an order's round trip, each with its time."""

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from rich.text import Text

from holdfast.adapters.alpaca.connection.environment import load_alpaca
from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings, Mode
from holdfast.adapters.alpaca.connection.symbols import is_crypto
from holdfast.adapters.alpaca.market_data.feed import AlpacaFeed
from holdfast.adapters.alpaca.market_data.market_data import AlpacaMarketData
from holdfast.adapters.alpaca.market_data.wire import Kind
from holdfast.adapters.alpaca.trading.broker import AlpacaBroker
from holdfast.brokers.port import AtBroker, BrokerOrder, StreamStatus, Unavailable
from holdfast.calendars import trading_calendar
from holdfast.cli import terminal
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN
from holdfast.config import DEFAULT_PATH, Config, load_config
from holdfast.core.instruments import CRYPTO, US_EQUITY
from holdfast.core.messages import CancelOrder, MarketEvent, OrderTerms, Report, SubmitOrder
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
from holdfast.errors import HoldfastError
from holdfast.feeds.live import FeedStatus
from holdfast.observe.logs import LogFormat, set_up_logs
from holdfast.observe.metrics import ApiMetrics

PATIENCE_S = 20.0
"""How long any one step may take."""
SKEW_S = 2.0
"""How far the machine's clock may be from Alpaca's before that is worth a word."""
FAR = Decimal("0.5")
"""The round trip's limit is half the market's price: it rests, and is taken back."""
POLL_S = 0.1

OK, NOTE, FAIL, SKIPPED = "ok", "warn", "fail", "skip"
_STYLES = {OK: GOOD, NOTE: WARN, FAIL: BAD, SKIPPED: DIM}


class Wrong(HoldfastError):
    """A step that failed, and what to do about it."""


@dataclass
class Findings:
    """What was found so far, shown as it is found."""

    quiet: bool
    rows: list[dict[str, object]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return all(row["verdict"] != FAIL for row in self.rows)

    def add(self, what: str, verdict: str, text: str, seconds: float | None = None) -> None:
        """One line."""
        self.rows.append({"check": what, "verdict": verdict, "text": text, "seconds": seconds})
        if not self.quiet:
            took = "" if seconds is None else f"{seconds * 1000:>7,.0f} ms"
            line = Text.assemble(
                (f"{verdict:<4}", f"bold {_STYLES[verdict]}"), f"  {what:<13}", (f"{took:>10}", DIM), f"  {text}"
            )
            terminal.console().print(line, soft_wrap=True)


def check_alpaca(config_file: Path | None, symbol: str, send: bool, as_json: bool) -> int:
    """Print a line for each step. Exit status 0, or 1 when one failed; raises ConfigError when keys are missing."""
    set_up_logs(LogFormat.CONSOLE, logging.ERROR)  # what went wrong is told by the steps
    path = config_file or DEFAULT_PATH
    config = load_config(path) if config_file is not None or path.exists() else Config()
    settings = load_alpaca(os.environ, Path(".env"), config.alpaca)
    findings = Findings(as_json)
    asyncio.run(_Check(settings, symbol, send, findings).run())
    if as_json:
        terminal.print_json({"ok": findings.ok, "checks": findings.rows})
    return 0 if findings.ok else 1


class _Check:
    """The steps, in the order in which they make sense."""

    def __init__(self, settings: AlpacaSettings, symbol: str, send: bool, findings: Findings) -> None:
        self._settings = settings
        self._symbol = symbol
        self._send = send
        self._findings = findings
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
        self._findings.add(
            "keys", OK, f"{settings.mode} account at {settings.trading_url}, market data from {settings.data_url}"
        )
        self._broker.open(self._reports.append, lambda _: None, lambda _key, _filled: None, lambda: self._now_ns)
        try:
            if await self._step("connection", self._connection):
                for what, step in (
                    ("account", self._account),
                    ("history", self._history),
                    ("price", self._latest),
                    ("order events", self._order_events),
                    ("market data", self._market_data),
                    ("round trip", self._round_trip),
                ):
                    await self._step(what, step)
        finally:
            self._broker.close()
            self._rest.close()

    async def _step(self, what: str, step: Callable[[], Awaitable[tuple[str, str]]]) -> bool:
        started_s = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE_S):
                verdict, text = await step()
        except TimeoutError:
            verdict, text = FAIL, f"nothing came within {PATIENCE_S:.0f} s: is a firewall or proxy in between?"
        except HoldfastError as error:
            verdict, text = FAIL, " ".join(str(error).split())
        self._findings.add(what, verdict, text, time.perf_counter() - started_s)
        return verdict != FAIL

    async def _connection(self) -> tuple[str, str]:
        try:
            self._now_ns = await self._broker.clock_ns()
        except Unavailable as error:
            raise Wrong(f"{error}; check the network, and ALPACA_TRADING_URL if it is set") from None
        skew_s = abs(self._now_ns - time.time_ns()) / SECOND_NS
        text = f"Alpaca's clock says {iso_time(self._now_ns)}"
        if skew_s <= SKEW_S:
            return OK, text
        return NOTE, f"{text}, {terminal.ago(skew_s)} from this machine's: the engine goes by Alpaca's"

    async def _account(self) -> tuple[str, str]:
        account = await self._broker.account()
        working = await self._broker.open_orders()
        held = ", ".join(f"{plain(row.quantity)} {row.symbol}" for row in account.positions) or "no positions"
        return OK, f"{account.account_id}: cash {terminal.money(account.cash)}, {held}, {len(working)} open orders"

    async def _history(self) -> tuple[str, str]:
        since_ns = self._now_ns - 10 * DAY_NS
        table = await asyncio.to_thread(self._market.history, self._symbol, "1Day", since_ns, self._now_ns)
        if table is None:
            raise Wrong(
                f"no history of {self._symbol} can be had: does the plan include it? ALPACA_STOCK_FEED=iex is free"
            )
        if table.empty:
            return NOTE, f"no bars of {self._symbol} in the last ten days"
        return OK, f"{len(table)} daily bars of {self._symbol}, the last closed at {table['close'].iloc[-1]:g}"

    async def _latest(self) -> tuple[str, str]:
        price = await asyncio.to_thread(self._market.price, self._symbol)
        if price is None:
            raise Wrong(f"no price of {self._symbol} can be had")
        self._price = from_float(price)
        return OK, f"{self._symbol} at {price:g}"

    async def _order_events(self) -> tuple[str, str]:
        told: asyncio.Queue[StreamStatus] = asyncio.Queue()
        stream = asyncio.create_task(self._broker.run(told.put))
        try:
            status = await told.get()
        finally:
            stream.cancel()
            with suppress(asyncio.CancelledError):
                await stream
        if not status.connected:
            raise Wrong(f"{status.reason}; another program may be connected with these keys (Alpaca allows one)")
        return OK, "listening"

    async def _market_data(self) -> tuple[str, str]:
        feed = AlpacaFeed(
            self._settings,
            self._rest,
            [self._symbol],
            [Kind.BARS],
            calendar=trading_calendar("24/7" if is_crypto(self._symbol) else "XNYS"),
            warm_up_minutes=0,
        )
        told: asyncio.Queue[FeedStatus] = asyncio.Queue()
        events: list[MarketEvent] = []

        async def deliver(event: MarketEvent) -> None:
            events.append(event)

        running = asyncio.create_task(feed.run(deliver, told.put_nowait))
        telling = asyncio.create_task(told.get())
        try:
            await asyncio.wait({running, telling}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            status = telling.result()
        finally:
            for task in (running, telling):
                task.cancel()
            await asyncio.gather(running, telling, return_exceptions=True)
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

    async def _round_trip(self) -> tuple[str, str]:
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
