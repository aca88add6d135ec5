"""The US rule on day trades, as a table of rules and the dates on which each was in force.

A day trade opens and closes a position in the same security on one day. An account whose equity is below the minimum may make so
many within so many trading days; one more makes it a pattern day trader, whose orders a broker refuses. The refusal would come at the
exit, so it is the entry that is refused here when its exit on the same day could be the one too many.
"""

from decimal import Decimal

import msgspec

from holdfast.core.instruments import AssetClass
from holdfast.core.types import Money

US_CALENDARS = frozenset({"XNYS", "XNAS", "XASE", "BATS", "ARCX"})
"""Calendars of US stock exchanges, by their ISO 10383 codes."""


class DayTradeRule(msgspec.Struct, frozen=True):
    """``most`` day trades in ``days`` trading days below ``equity``, on ISO dates from ``since`` and before ``until``."""

    since: str
    until: str
    most: int
    days: int
    equity: Money
    source: str


DAY_TRADE_RULES = (
    DayTradeRule(
        since="2001-09-28",
        until="2026-06-04",
        most=3,
        days=5,
        equity=Money(Decimal(25_000)),
        source="FINRA Rule 4210(f)(8)(B), before it NASD Rule 2520; retired for the intraday margin framework",
    ),
)


def rule_on(date: str, calendar: str, asset: AssetClass) -> DayTradeRule | None:
    """The rule in force for an asset on a calendar's ISO ``date``; None when there is none."""
    if asset is not AssetClass.STOCK or calendar not in US_CALENDARS:
        return None
    return next((rule for rule in DAY_TRADE_RULES if rule.since <= date < rule.until), None)
