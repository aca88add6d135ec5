"""Alpaca's market data as it comes: stocks and crypto pairs together, each event once, gaps filled."""

import asyncio
from collections.abc import Collection, Iterable, Sequence

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings, StockFeed
from holdfast.adapters.alpaca.connection.symbols import canonical_symbol, is_crypto
from holdfast.adapters.alpaca.market_data.connection import Timing
from holdfast.adapters.alpaca.market_data.counts import Counts
from holdfast.adapters.alpaca.market_data.history import History
from holdfast.adapters.alpaca.market_data.line import Line, Wanted
from holdfast.adapters.alpaca.market_data.wire import Item, Kind
from holdfast.core.messages import MarketEvent
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import MINUTE_NS
from holdfast.errors import ConfigError, InvalidValue
from holdfast.feeds.live import Deliver, FeedStatus, TellStatus


class AlpacaFeed:
    """A :class:`~holdfast.feeds.live.LiveFeed` of any of trades, quotes and one-minute bars of stocks and crypto pairs.

    ``calendar`` says when silence of the stocks' stream is an alarm and how far ``warm_up_minutes`` of trading go back.
    The market's time is Alpaca's own clock, so a simulated Alpaca's time is understood. `counts` says what happened.

    Raises :class:`~holdfast.errors.ConfigError` when there is nothing to carry.
    """

    def __init__(
        self,
        settings: AlpacaSettings,
        rest: AlpacaRest,
        symbols: Iterable[str],
        kinds: Collection[Kind],
        calendar: TradingCalendar,
        warm_up_minutes: int,
        timing: Timing | None = None,
    ) -> None:
        self.counts = Counts()
        self._settings = settings
        self._symbols = tuple(sorted({canonical_symbol(symbol) for symbol in symbols}))
        self._kinds = tuple(kind for kind in Kind if kind in kinds)
        self._warm_up_minutes = warm_up_minutes
        if not self._symbols or not self._kinds:
            raise ConfigError("a live feed needs symbols and at least one of trades, quotes and bars; name some")
        if warm_up_minutes < 0:
            raise InvalidValue(f"warm_up_minutes must not be below zero, not {warm_up_minutes}")
        stocks = tuple(symbol for symbol in self._symbols if not is_crypto(symbol))
        pairs = tuple(symbol for symbol in self._symbols if is_crypto(symbol))
        self._stocks = stocks
        wanted = [
            (Wanted("stocks", settings.stocks_stream_url, stocks, self._kinds, calendar), settings.stock_feed),
            (Wanted("crypto", settings.crypto_stream_url, pairs, self._kinds, None), None),
        ]
        self._lines = [
            Line(each, settings, History(rest, stock_feed), timing or Timing(), self.counts)
            for each, stock_feed in wanted
            if each.symbols
        ]

    @property
    def kind(self) -> str:
        """``alpaca``."""
        return "alpaca"

    @property
    def name(self) -> str:
        """Where the data come from: ``Alpaca iex``, ``Alpaca crypto``, or both."""
        tapes = [self._settings.stock_feed.value if line.wanted.name == "stocks" else "crypto" for line in self._lines]
        return f"Alpaca {' and '.join(tapes)}"

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol it carries, sorted."""
        return self._symbols

    @property
    def bar_ns(self) -> int | None:
        """One minute; None when it carries no bars (`history` has them all the same)."""
        return MINUTE_NS if Kind.BARS in self._kinds else None

    def history(self, until_ns: int) -> Sequence[MarketEvent]:
        """One-minute bars of the last minutes of trading before ``until_ns``, in order of time. Blocks for its requests.

        What happens from ``until_ns`` on `run` delivers first of all, fetched if need be.

        Raises :class:`~holdfast.errors.DataError` when they can't be had.
        """
        items: list[Item] = []
        for line in self._lines:
            items += line.warm_up(until_ns, self._warm_up_minutes)
        return sorted((event for event, _ in items), key=lambda event: event.time_ns)

    async def run(self, deliver: Deliver, tell: TellStatus) -> None:
        """Deliver events until cancelled; of each symbol and kind in order of time, each once, and none left out.

        ``tell`` hears of a loss at once, and of the return when everything is subscribed again and what was missed has
        been delivered. What could not be fetched is named there. Raises :class:`~holdfast.errors.ConfigError` when there is no use in
        trying again: refused keys, too many symbols, a stream or symbols that the plan or Alpaca doesn't have.
        """
        self._check_symbol_limit()
        board = _Board(tell, [line.wanted.name for line in self._lines])
        try:
            async with asyncio.TaskGroup() as tasks:
                for line in self._lines:
                    tasks.create_task(line.run(deliver, board.teller(line.wanted.name)))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # the others are its consequence, or no better news

    def _check_symbol_limit(self) -> None:
        """Raises ConfigError where the plan's limit is known to be passed; the server may count more strictly."""
        limit, count = self._settings.symbol_limit, len(self._stocks)
        has_ticks = Kind.TRADES in self._kinds or Kind.QUOTES in self._kinds
        if self._settings.stock_feed is StockFeed.IEX and has_ticks and count > limit:
            raise ConfigError(
                f"the plan streams trades and quotes of {limit} stocks, not of {count}; ask for fewer, for bars only "
                "(there is no limit on those), or set symbol_limit to what your plan has"
            )


class _Board:
    """Makes one status of those of several lines: connected is when all are."""

    def __init__(self, tell: TellStatus, names: Iterable[str]) -> None:
        self._tell = tell
        self._down = set(names)
        self._news: list[str] = []

    def teller(self, name: str) -> TellStatus:
        """Where one line tells its status."""

        def tell(status: FeedStatus) -> None:
            if not status.connected:
                self._down.add(name)
                self._tell(status)
                return
            self._down.discard(name)
            self._news.append(status.reason)
            if not self._down:
                news, self._news = self._news, []
                self._tell(FeedStatus(connected=True, reason="; ".join(news)))

        return tell
