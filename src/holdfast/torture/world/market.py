"""The market, the feed that carries it into an engine, and a strategy that wants something all the time."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated
from zlib import crc32

from msgspec import Meta

from holdfast.core.messages import MarketEvent, Trade
from holdfast.core.strategy.api import Context, Parameters, Strategy
from holdfast.core.types import OrderRole, StrategyId
from holdfast.feeds.live import Deliver, FeedStatus, TellStatus
from holdfast.torture.world.loop import Process

SYMBOLS = ("ALFA", "BRAV")
EVERY_S = 0.5
FIRST_PRICE = Decimal(100)
TICK = Decimal("0.05")
LOWEST, HIGHEST = Decimal(90), Decimal(110)


Steps = Callable[[str], int]
"""By how many ticks a symbol's price moves next."""


class Market:
    """Prices that move as ``steps`` says. Both symbols trade at the same instants, so equal times are the rule."""

    def __init__(self, steps: Steps, now_ns: Callable[[], int]) -> None:
        self.history: list[MarketEvent] = []
        self.prices = dict.fromkeys(SYMBOLS, FIRST_PRICE)
        self.listeners: list[Callable[[MarketEvent], None]] = []
        self._steps = steps
        self._now_ns = now_ns

    def move(self, on_price: Callable[[str, Decimal], None]) -> None:
        """One step: the broker's matching sees it first."""
        now_ns = self._now_ns()
        for symbol in SYMBOLS:
            step = TICK * self._steps(symbol)
            price = min(max(self.prices[symbol] + step, LOWEST), HIGHEST)
            self.prices[symbol] = price
            on_price(symbol, price)
            event = Trade(symbol, now_ns, float(price), 100.0)
            self.history.append(event)
            for listener in list(self.listeners):
                listener(event)


class WorldFeed:
    """`feeds.live.LiveFeed` for one process."""

    kind = "world"
    name = "world"
    symbols = SYMBOLS
    bar_ns = None

    def __init__(self, market: Market, process: Process) -> None:
        self._market = market
        self._process = process
        self._queue: asyncio.Queue[MarketEvent | BaseException | None] = asyncio.Queue()
        process.on_killed.append(self._leave)

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        """Everything up to a time."""
        return [event for event in self._market.history if event.time_ns <= until_ns]

    def cut(self) -> None:
        """Lose the connection for a moment."""
        self._queue.put_nowait(None)

    def corrupt(self, fault: BaseException) -> None:
        """What comes next breaks it."""
        self._queue.put_nowait(fault)

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:
        """Deliver until cancelled."""
        self._market.listeners.append(self._on_event)
        try:
            tell(FeedStatus(connected=True, reason="subscribed"))
            while True:
                event = await self._queue.get()
                if event is None:
                    tell(FeedStatus(connected=False, reason="the connection was lost"))
                    await asyncio.sleep(1.0)
                    tell(FeedStatus(connected=True, reason="subscribed again"))
                elif isinstance(event, BaseException):
                    raise event
                else:
                    await deliver(event)
        finally:
            self._leave()

    def _on_event(self, event: MarketEvent) -> None:
        self._process.later(0.005, self._queue.put_nowait, event)

    def _leave(self) -> None:
        if self._on_event in self._market.listeners:
            self._market.listeners.remove(self._on_event)


class Restless(Strategy):
    """Wants something of every kind: entries at the market and at limits, brackets, cancels, exits. A hash decides."""

    class Params(Parameters, frozen=True):
        """``activity`` is the share of events that it answers; after ``until_ns`` it wants nothing more."""

        seed: int
        activity: Annotated[float, Meta(ge=0, le=1)]
        until_ns: int
        raises: bool = False

    params: Params
    history_bars = 1

    def on_trade(self, context: Context, trade: Trade) -> None:
        """Now and then ask for something."""
        if trade.time_ns >= self.params.until_ns:
            return
        draw = crc32(f"{self.params.seed} {trade.symbol} {trade.time_ns}".encode())
        draw, chosen = divmod(draw, 1000)
        if chosen >= self.params.activity * 1000:
            return
        draw, what = divmod(draw, 10)
        if self.params.raises and what == 0 and draw % 4 == 0:
            raise ValueError("a strategy's own mistake")
        self._ask(context, trade, what, draw % 20 + 1)

    def _ask(self, context: Context, trade: Trade, what: int, quantity: int) -> None:
        symbol, price = trade.symbol, trade.price
        if what <= 1:
            context.buy(symbol, quantity, time_to_live_s=3.0 if quantity % 2 else None)
        elif what == 2:
            context.sell(symbol, quantity)
        elif what <= 4:
            context.buy(symbol, quantity, limit_price=round(price - 0.1 * (quantity % 5), 2))
        elif what == 5:
            context.sell(symbol, quantity, limit_price=round(price + 0.1 * (quantity % 5), 2))
        elif what <= 7:
            context.buy(
                symbol,
                quantity,
                stop_loss=round(price - 0.2 - 0.1 * (quantity % 5), 2),
                take_profit=round(price + 0.2 + 0.1 * (quantity % 4), 2),
            )
        elif what == 8:
            for order in context.orders(symbol):
                if order.role is OrderRole.REGULAR:
                    context.cancel(order.client_order_id)
        else:
            context.close(symbol)


AIMING = StrategyId("aiming")
MOST_AIMED = 15
"""The largest position that :class:`Aiming` asks for; the smallest is none."""


class Aiming(Strategy):
    """States positions, long or flat, again and again, before it is known what became of its orders: a hash decides."""

    class Params(Parameters, frozen=True):
        """After ``until_ns`` it states nothing more."""

        seed: int
        until_ns: int

    params: Params
    history_bars = 1

    def on_trade(self, context: Context, trade: Trade) -> None:
        """Now and then another position; now and then with exits."""
        draw = crc32(f"aim {self.params.seed} {trade.symbol} {trade.time_ns}".encode())
        if trade.time_ns >= self.params.until_ns or draw % 4:
            return
        wanted = (0, 0, 5, 10, MOST_AIMED)[draw // 4 % 5]
        price, kind = trade.price, draw // 20 % 4
        stop = round(price - 0.5, 2) if wanted and kind <= 1 else None
        profit = round(price + 0.5, 2) if wanted and not kind else None
        context.target(trade.symbol, wanted, stop_loss=stop, take_profit=profit)
