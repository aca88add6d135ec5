"""Holdfast: a crash-safe trading engine for your own strategies on your own accounts.

What a strategy is written with comes from here: ``from holdfast import Strategy, Parameters, Context, Bar``
(docs/strategies.md). A name is loaded when it is first asked for, so that ``import holdfast`` alone costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Annotated

    from msgspec import Meta

    from holdfast.backtesting.api import backtest
    from holdfast.bias.api import lookahead
    from holdfast.core.adjustments import CorporateAction
    from holdfast.core.messages import Bar, Quote, Trade
    from holdfast.core.messages import OrderFilled as Fill
    from holdfast.core.orders.order import OrderState
    from holdfast.core.strategy.api import Parameters, Strategy, above_zero
    from holdfast.core.strategy.context import Context
    from holdfast.core.strategy.indicator import Indicator, Panel
    from holdfast.core.strategy.lanes import BySymbol
    from holdfast.core.strategy.measures import BarArrays
    from holdfast.core.strategy.order_kinds import Exits, Limit, Market, Stop, StopLimit, TrailingStop
    from holdfast.core.strategy.sessions import Session, SessionPhase
    from holdfast.core.strategy.shown import OrderView, Position, Timer
    from holdfast.core.strategy.updates import OrderStatus, OrderUpdate
    from holdfast.core.types import OrderRole, OrderType, Side, TimeInForce
    from holdfast.errors import InvalidValue
    from holdfast.indicators import (
        Atr,
        Bollinger,
        Donchian,
        Ema,
        Highest,
        Lowest,
        Macd,
        RollingVolatility,
        Rsi,
        Sma,
        TaLib,
        Talipp,
        Vwap,
        Wma,
        ZScore,
    )
    from holdfast.sweeping.api import sweep

__all__ = [
    "Annotated",
    "Atr",
    "Bar",
    "BarArrays",
    "Bollinger",
    "BySymbol",
    "Context",
    "CorporateAction",
    "Donchian",
    "Ema",
    "Exits",
    "Fill",
    "Highest",
    "Indicator",
    "InvalidValue",
    "Limit",
    "Lowest",
    "Macd",
    "Market",
    "Meta",
    "OrderRole",
    "OrderState",
    "OrderStatus",
    "OrderType",
    "OrderUpdate",
    "OrderView",
    "Panel",
    "Parameters",
    "Position",
    "Quote",
    "RollingVolatility",
    "Rsi",
    "Session",
    "SessionPhase",
    "Side",
    "Sma",
    "Stop",
    "StopLimit",
    "Strategy",
    "TaLib",
    "Talipp",
    "TimeInForce",
    "Timer",
    "Trade",
    "TrailingStop",
    "Vwap",
    "Wma",
    "ZScore",
    "above_zero",
    "backtest",
    "lookahead",
    "sweep",
]

_HOMES = {
    "typing": ("Annotated",),
    "msgspec": ("Meta",),
    "holdfast.backtesting.api": ("backtest",),
    "holdfast.bias.api": ("lookahead",),
    "holdfast.sweeping.api": ("sweep",),
    "holdfast.core.adjustments": ("CorporateAction",),
    "holdfast.core.messages": ("Bar", "Quote", "Trade"),
    "holdfast.core.orders.order": ("OrderState",),
    "holdfast.core.strategy.api": ("Parameters", "Strategy", "above_zero"),
    "holdfast.core.strategy.order_kinds": ("Exits", "Limit", "Market", "Stop", "StopLimit", "TrailingStop"),
    "holdfast.core.strategy.context": ("Context",),
    "holdfast.core.strategy.indicator": ("Indicator", "Panel"),
    "holdfast.core.strategy.lanes": ("BySymbol",),
    "holdfast.core.strategy.measures": ("BarArrays",),
    "holdfast.core.strategy.sessions": ("Session", "SessionPhase"),
    "holdfast.core.strategy.shown": ("OrderView", "Position", "Timer"),
    "holdfast.core.strategy.updates": ("OrderStatus", "OrderUpdate"),
    "holdfast.core.types": ("OrderRole", "OrderType", "Side", "TimeInForce"),
    "holdfast.errors": ("InvalidValue",),
    "holdfast.indicators": (
        "Atr",
        "Bollinger",
        "Donchian",
        "Ema",
        "Highest",
        "Lowest",
        "Macd",
        "RollingVolatility",
        "Rsi",
        "Sma",
        "TaLib",
        "Talipp",
        "Vwap",
        "Wma",
        "ZScore",
    ),
}
_HOME_OF = {name: (home, name) for home, names in _HOMES.items() for name in names}
_HOME_OF["Fill"] = ("holdfast.core.messages", "OrderFilled")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        found: Any = _version()
    elif name in _HOME_OF:
        home, real_name = _HOME_OF[name]
        found = getattr(import_module(home), real_name)
    else:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}{_nearest(name)}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, __all__, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("holdfast")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"
