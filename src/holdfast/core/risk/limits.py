"""The limits of an account and of a strategy, and the profiles they come in (docs/risk.md)."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from holdfast.core.instruments import AssetClass
from holdfast.core.ranges import (
    Amount,
    AmountOrZero,
    Count,
    Multiple,
    Percent,
    PercentOfEquity,
    Ranged,
    Seconds,
    SecondsOrZero,
    Within,
)
from holdfast.core.risk.sizing import Sizing
from holdfast.core.types import SECOND_NS


class MarketHours(StrEnum):
    """When entries may be made."""

    REGULAR = "regular"  # while the calendar's regular hours last; crypto at any time
    ANY = "any"


class StrategyLimits(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a strategy may risk, judged on its own positions and orders; the account has the same limits on all of them.

    None: no such limit. Percentages are of the account's equity. Worst case counts everywhere: positions, and whatever is
    open, in flight or unknown, on the side that hurts. No limit bars a reduce-only order.

    * ``max_position_value``, ``max_position_pct``: a symbol's worst-case position.
    * ``max_gross_exposure``, ``max_gross_pct``: all worst-case positions together, whichever side they are on.
    * ``max_net_exposure``, ``max_net_pct``: long less short, on the side that the order adds to.
    * ``max_positions``, ``max_positions_by_class``: symbols that are held or may come to be held, in all and by asset class.
    * ``max_open_orders``, ``max_orders_per_minute``: entries that may be live, or be made in any minute.
    * ``daily_loss_pct``: realised and unrealised, in percent of the equity with which the account's day began.
    * ``max_loss_streak``: losing trades in a row on a trading day after which no entry is made for the rest of it.
    * ``min_confidence``: of a signal. ``require_stop``: every entry asks for a stop-loss or a trail.
    * ``min_stop_pct``, ``max_stop_pct``: its distance, in percent of the price that the entry is judged by.
    * ``sizing``: how big a signal is that leaves its size to risk.
    """

    max_position_value: Amount | None = None
    max_position_pct: PercentOfEquity | None = None
    max_gross_exposure: Amount | None = None
    max_gross_pct: PercentOfEquity | None = None
    max_net_exposure: Amount | None = None
    max_net_pct: PercentOfEquity | None = None
    max_positions: Count | None = None
    max_positions_by_class: dict[AssetClass, Count] | None = None
    max_open_orders: Count | None = None
    max_orders_per_minute: Count | None = None
    daily_loss_pct: Percent | None = None
    max_loss_streak: Count | None = None
    min_confidence: Annotated[Decimal, Within(0, 1)] | None = None
    require_stop: bool | None = None
    min_stop_pct: Annotated[Decimal, Within(0, 100, below=True)] | None = None
    max_stop_pct: Percent | None = None
    sizing: Sizing | None = None


class RiskLimits(StrategyLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account may risk: the limits of a strategy, on everything in the account, and those that only it has.

    * ``leverage``: buying power is equity times this; 2 is what US Regulation T allows overnight.
    * ``cash_reserve``, ``cash_reserve_pct``: cash that is left if every open buy fills and every short is bought back.
    * ``correlation_groups``: symbols that move together; ``max_group_pct`` bounds the worst case of each group.
    * ``max_drawdown_pct``: so far below its peak the account goes into PRESERVATION until a person resumes it.
    * ``max_volume_pct``: an order's share of the average volume of the strategy's last ``volume_bars`` bars.
    * ``price_collar_pct``: how far a limit may be priced through the best quote, or the last price without one (a fat finger).
    * ``duplicate_window_s``: the same order again within this time, or while its twin is live, is a mistake (`intents.twin_of`); 0: it never is.
    * ``max_data_age_s``: an entry needs data of its symbol that is no older. A symbol known to be stale takes none at all.
    * ``allow_short``: whether a position may go below zero.
    * ``market_hours``: whether entries are made outside regular hours.
    * ``avoid_wash_trades``: an order that could trade with one of the account's own is refused.
    * ``day_trade_rule``: whether the US rule on day trades is kept on the dates when it was in force (`day_trades.py`).
    """

    max_open_orders: Count | None = 200
    max_orders_per_minute: Count | None = 300
    sizing: Sizing | None = Sizing()
    leverage: Multiple = Decimal(2)
    cash_reserve: AmountOrZero | None = None
    cash_reserve_pct: Annotated[Decimal, Within(0, 100, below=True)] | None = None
    correlation_groups: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    max_group_pct: PercentOfEquity | None = None
    max_drawdown_pct: Percent | None = None
    max_volume_pct: PercentOfEquity | None = None
    volume_bars: Annotated[int, Within(1, 100_000)] = 1
    price_collar_pct: PercentOfEquity = Decimal(10)
    duplicate_window_s: SecondsOrZero = 1.0
    max_data_age_s: Seconds | None = None
    allow_short: bool = True
    market_hours: MarketHours = MarketHours.ANY
    avoid_wash_trades: bool = False
    day_trade_rule: bool = False

    @property
    def bounds_loss(self) -> bool:
        """Whether a loss can put the account into PRESERVATION."""
        return self.daily_loss_pct is not None or self.max_drawdown_pct is not None

    @property
    def duplicate_window_ns(self) -> int:
        """The duplicate window in nanoseconds."""
        return int(self.duplicate_window_s * SECOND_NS)


PROFILES: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "conservative": {
        "leverage": "1",
        "max_position_pct": "10",
        "max_gross_pct": "80",
        "cash_reserve_pct": "10",
        "max_positions": 10,
        "max_open_orders": 20,
        "max_orders_per_minute": 30,
        "price_collar_pct": "3",
        "daily_loss_pct": "2",
        "max_drawdown_pct": "10",
        "avoid_wash_trades": True,
        "day_trade_rule": True,
        "sizing": {"method": "percent_equity", "max_pct": "5"},
    },
    "prop-firm": {
        "leverage": "1",
        "max_position_pct": "20",
        "max_gross_pct": "100",
        "max_positions": 5,
        "max_open_orders": 10,
        "max_orders_per_minute": 20,
        "price_collar_pct": "2",
        "daily_loss_pct": "4",
        "max_drawdown_pct": "8",
        "max_loss_streak": 5,
        "require_stop": True,
        "max_stop_pct": "5",
        "market_hours": "regular",
        "avoid_wash_trades": True,
        "day_trade_rule": True,
        "sizing": {"method": "risk_per_trade", "risk_pct": "0.5"},
    },
}
"""Named starting points, as a configuration would write them; single limits in it override them."""


def many_symbols(symbols: int) -> dict[str, int]:
    """The default profile's limits on entries for an account of so many symbols, where it has too many for the usual ones.

    A change of the whole portfolio is an order for each symbol, and may be made twice within a minute.
    """
    usual = RiskLimits()
    wanted = {"max_open_orders": 2 * symbols, "max_orders_per_minute": 3 * symbols}
    return {name: most for name, most in wanted.items() if most > getattr(usual, name)}


def limits_of(profile: str, given: Mapping[str, Any] | None = None) -> RiskLimits:
    """A profile's limits with what is ``given`` in their place.

    Raises KeyError for a profile there is not, and :class:`msgspec.ValidationError` for values that can't be.
    """
    return msgspec.convert({**PROFILES[profile], **(given or {})}, RiskLimits, strict=False)
