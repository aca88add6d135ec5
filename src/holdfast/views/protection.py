"""How each position is protected: what its exits are, how much of it the broker is known to cover, and since when something is missing."""

from decimal import Decimal

import msgspec

from holdfast.core.orders.order import Order
from holdfast.core.protection.cover import Cover, confirmed, to_protect
from holdfast.core.protection.legs import Guard
from holdfast.core.state import EngineState
from holdfast.core.types import ZERO, ClientOrderId, StrategyId
from holdfast.views.orders import OrderView, order_view


class ProtectionView(msgspec.Struct, frozen=True):
    """A strategy's position, and what stands between it and the market."""

    account: str
    """Whose it is."""
    strategy: str
    """Whose it is there."""
    symbol: str
    """What is held."""
    quantity: Decimal
    """How much, in units of the symbol; below zero when it is short."""
    asked: bool
    """Whether its entry, a strategy's exit rules or a person asked for protection."""
    wanted: Decimal
    """How much is to be protected: what is to stay of it, as far as the account holds it."""
    protected: Decimal
    """How much the broker is known to cover in every way that is asked for."""
    unprotected_since_ns: int | None
    """Since when less is covered than is to be, in nanoseconds since 1970; None while nothing is missing, and where nothing was asked for."""
    alarm: bool
    """Whether that has lasted longer than is allowed, or can't be had."""
    stop_loss: Decimal | None
    """Where the stop stands now, in the symbol's currency."""
    take_profit: Decimal | None
    """Where the target stands, in the symbol's currency."""
    trails: bool
    """Whether the market moves the stop."""
    closes_ns: int | None
    """When it is closed by time, in nanoseconds since 1970; None: never."""
    closing: str
    """Why the engine is closing it; empty when it isn't."""
    legs: list[OrderView]
    """The protective orders at work."""


def protection(state: EngineState) -> list[ProtectionView]:
    """Every open position, by strategy and symbol."""
    held = sorted(state.portfolio.open_ledgers(), key=lambda row: (row[0], row[1]))
    return [_view(state, strategy, symbol, ledger.quantity) for strategy, symbol, ledger in held]


def _view(state: EngineState, strategy: StrategyId, symbol: str, quantity: Decimal) -> ProtectionView:
    key = strategy, symbol
    guard, cover = state.guards.get(key), state.covers.get(key, Cover())
    closing = state.closing.get(key)
    wanted = to_protect(state, key) if guard is not None else ZERO
    covered = ZERO if guard is None or not guard.roles else min(wanted, confirmed(state, key, guard, wanted))
    is_missing = guard is not None and covered < wanted
    shown = guard or Guard(ClientOrderId(""), None, None)
    return ProtectionView(
        account=state.account,
        strategy=strategy,
        symbol=symbol,
        quantity=quantity,
        asked=guard is not None,
        wanted=wanted,
        protected=covered,
        unprotected_since_ns=(cover.since_ns or None) if is_missing else None,
        alarm=is_missing and (cover.is_late or cover.has_failed),
        stop_loss=shown.stop_loss,
        take_profit=shown.take_profit,
        trails=shown.moves_stop,
        closes_ns=shown.closes_ns,
        closing="" if closing is None else closing.reason,
        legs=[_leg(state, order) for order in state.legs(*key)],
    )


def _leg(state: EngineState, order: Order) -> OrderView:
    return order_view(state.account, order.terms, order)
