"""When an order may trade and when it ends, by the hours of New York and of markets that never close.

Alpaca: regular hours are the exchange's; extended hours run from 04:00 to 20:00 (documented), which is five and a half
hours before the open and four after the close. The overnight session is not built.
"""

import datetime as dt
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from holdfast.calendars import ALWAYS_OPEN, trading_calendar
from holdfast.core.messages import Bar, MarketEvent
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import SECOND_NS, TimeInForce
from holdfast.sim.alpaca.market.place import AFTER_CLOSE_NS, BEFORE_OPEN_NS
from holdfast.sim.alpaca.trading.order import Order

NEW_YORK = ZoneInfo("America/New_York")
GTC_DAYS = 90
"""Alpaca: a gtc order is canceled 90 days after it was made, by a job at 16:15 New York (documented)."""
_GTC_JOB = dt.time(16, 15)


class Session(StrEnum):
    """Which hours an order keeps."""

    REGULAR = "regular"
    EXTENDED = "extended"
    ALWAYS = "always"


def session_of(order: Order) -> Session:
    """The hours of an order."""
    if order.is_crypto:
        return Session.ALWAYS
    return Session.EXTENDED if order.extended_hours else Session.REGULAR


def new_york(time_ns: int) -> dt.datetime:
    """A time on New York's clocks, to the microsecond."""
    return dt.datetime.fromtimestamp(time_ns // SECOND_NS, NEW_YORK) + dt.timedelta(
        microseconds=time_ns % SECOND_NS // 1000
    )


def to_ns(moment: dt.datetime) -> int:
    """An aware time in UTC nanoseconds."""
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


class Hours:
    """The sessions of one exchange calendar. Shared by all accounts."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self.regular = calendar
        self._known: dict[Session, tuple[int, int]] = {}

    @cached_property
    def extended(self) -> TradingCalendar:
        """The same days with the extended hours as their open and close."""
        days = [
            TradingDay(
                date=day.date,
                start_ns=min(day.start_ns, day.open_ns - BEFORE_OPEN_NS),
                open_ns=day.open_ns - BEFORE_OPEN_NS,
                close_ns=day.close_ns + AFTER_CLOSE_NS,
            )
            for day in self.regular.days
        ]
        return TradingCalendar(f"{self.regular.name} extended", days)

    def calendar(self, session: Session) -> TradingCalendar:
        """The calendar of a session kind."""
        if session is Session.ALWAYS:
            return trading_calendar(ALWAYS_OPEN)
        return self.regular if session is Session.REGULAR else self.extended

    def is_open(self, session: Session, time_ns: int) -> bool:
        """Whether orders of these hours trade at this time."""
        if session is Session.ALWAYS:
            return True
        opens_ns, closes_ns = self._around(session, time_ns)
        return opens_ns <= time_ns < closes_ns

    def opens_ns(self, session: Session, time_ns: int) -> int:
        """When the session that is on at a time began, or else the next begins; 0 for what never closes."""
        return 0 if session is Session.ALWAYS else self._around(session, time_ns)[0]

    def holds(self, session: Session, event: MarketEvent) -> bool:
        """Whether an event belongs to the session. A bar does if it overlaps it, so that hourly and daily bars count."""
        if session is Session.ALWAYS:
            return True
        start_ns = event.start_ns if isinstance(event, Bar) else event.time_ns
        opens_ns, closes_ns = self._around(session, start_ns)
        return start_ns < closes_ns and (event.time_ns > opens_ns or start_ns >= opens_ns)

    def _around(self, session: Session, time_ns: int) -> tuple[int, int]:
        """The session that is on at a time, or else the next."""
        known = self._known.get(session)
        if known is not None and known[0] <= time_ns < known[1]:
            return known
        calendar = self.calendar(session)
        closes_ns = calendar.next_close_ns(time_ns)
        day = calendar.day_at(closes_ns - 1)
        self._known[session] = day.open_ns, day.close_ns
        return day.open_ns, day.close_ns

    def expiry_ns(self, session: Session, time_in_force: TimeInForce, now_ns: int) -> int:
        """When an order made now ends by itself."""
        calendar = self.calendar(session)
        if time_in_force is TimeInForce.OPG:
            return calendar.next_close_ns(calendar.next_open_ns(now_ns))
        if time_in_force is not TimeInForce.GTC and session is not Session.ALWAYS:
            return calendar.next_close_ns(now_ns)
        day = new_york(now_ns).date() + dt.timedelta(days=GTC_DAYS)
        return to_ns(dt.datetime.combine(day, _GTC_JOB, NEW_YORK))
