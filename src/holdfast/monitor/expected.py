"""What is to be expected of an account, by the configuration: whether it has strategies, when its exchange trades, how often its market speaks."""

from collections.abc import Sequence

import msgspec

from holdfast.assembly import calendar_of
from holdfast.config import AccountConfig, Config, FeedConfig
from holdfast.config.monitor import MonitorConfig
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import MINUTE_NS, SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.monitor.hours import session_ns

LATE_BARS = 3
"""So many bars without one is late; twice as many is lost. The engine's own patience is the same (`core/engine/clock.py`)."""
GRACE_BARS = 2
"""After a start the first bar is on its way, and the second may be."""


class Expected(msgspec.Struct, frozen=True):
    """Of one account."""

    account: str
    broker: str
    strategies: tuple[str, ...]
    """The ids of those that the configuration has on it."""
    symbols: tuple[str, ...]
    """What they trade."""
    calendar: TradingCalendar
    is_live: bool
    """Whether the market goes by the wall's clock; else by that of the data."""
    bar_ns: int | None
    """How far apart its bars are, where the configuration says so."""
    stale_after_ns: int
    """The engine's own patience with a live feed; 0 for one that can be played again."""
    limits: MonitorConfig

    def cadence_ns(self, seen_ns: int | None, now_ns: int) -> int:
        """How far apart its market's events are: as seen, as configured, or a minute; not more than the exchange trades in a day."""
        cadence_ns = seen_ns or self.bar_ns or MINUTE_NS
        return min(cadence_ns, session_ns(self.calendar, now_ns) or cadence_ns)

    def market_late_ns(self, cadence_ns: int) -> int:
        """From when on market data is late; from twice as long on it is lost."""
        if self.limits.market_data_late_s is not None:
            return _ns(self.limits.market_data_late_s)
        return max(LATE_BARS * cadence_ns, self.stale_after_ns)

    def fills_late_ns(self, cadence_ns: int) -> int:
        """From when on an order at the market should have filled."""
        if self.limits.fills_late_s is not None:
            return _ns(self.limits.fills_late_s)
        return LATE_BARS * cadence_ns

    def grace_ns(self, cadence_ns: int) -> int:
        """How long after a start nothing is critical."""
        return max(_ns(self.limits.grace_s), GRACE_BARS * cadence_ns)


def expected(config: Config) -> list[Expected]:
    """Of every account of a configuration. Raises :class:`~holdfast.errors.ConfigError` for a calendar there is not."""
    return [_of(config, account) for account in config.accounts]


def _of(config: Config, account: AccountConfig) -> Expected:
    feed = config.feed_of(account)
    own = config.strategies_on(account.name)
    symbols = {symbol: None for strategy in own for symbol in strategy.symbols}
    return Expected(
        account.name,
        account.broker,
        tuple(strategy.id for strategy in own),
        tuple(symbols),
        calendar_of(account),
        feed.is_live,
        _bar_ns(feed, [strategy.timeframe for strategy in own]),
        _ns(feed.stale_after_s) if feed.is_live else 0,
        config.monitor,
    )


def _bar_ns(feed: FeedConfig, timeframes: Sequence[str]) -> int | None:
    """The shortest bar that is named. A live feed's bars are of a minute, whatever is built of them."""
    if feed.is_live:
        return MINUTE_NS
    named = [feed.bar] if isinstance(feed.bar, str) else list((feed.bar or {}).values())
    lengths_ns = []
    for text in named or timeframes:
        try:
            lengths_ns.append(parse_timeframe(text))
        except InvalidValue:
            continue
    return min(lengths_ns, default=None)


def _ns(seconds: float) -> int:
    return int(seconds * SECOND_NS)
