"""How much of each limit is used, by an account and by each of its strategies: the core's own figures (`core/views.py`), worst cases included."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.risk.view import Scope
from holdfast.core.state import EngineState
from holdfast.core.types import ZERO
from holdfast.core.views import strategy_scope, whole_account

MONEY, PERCENT, COUNT = "money", "percent", "count"
"""Units of a limit: in the account's currency, in percent (of equity, where nothing else is said), a number."""


class LimitView(msgspec.Struct, frozen=True):
    """A limit, and how much of it is used."""

    account: str
    """Whose it is."""
    strategy: str
    """Of which strategy; empty: of the account."""
    rule: str
    """As refusals name it (docs/risk.md)."""
    what: str
    """What is counted, where a rule has several: a symbol, a group, a class."""
    used: Decimal
    """How much of it is, were everything open to fill on the side that hurts."""
    limit: Decimal
    """How much is allowed."""
    unit: str
    """``money`` (the account's currency), ``percent``, ``count``."""
    ratio: Decimal | None
    """Used by limit, to four decimals; above 1 it is exceeded. None where nothing is allowed and nothing used."""


_Row = tuple[str, str, Decimal, Decimal, str]


def limits(state: EngineState) -> list[LimitView]:
    """Every limit that is set, the account's first, then by strategy. ``state`` knows the market's prices (`Books.scratch`)."""
    account = whole_account(state)
    rows = [*_for_both(state, state.limits, account), *_for_account(state, state.limits, account)]
    found = [_view(state, "", row) for row in rows]
    for strategy, own in sorted(state.strategy_limits.items()):
        found += [_view(state, strategy, row) for row in _for_both(state, own, strategy_scope(state, strategy))]
    return found


def _view(state: EngineState, strategy: str, row: _Row) -> LimitView:
    rule, what, used, limit, unit = row
    ratio = round(used / limit, 4) if limit > 0 else None if used <= 0 else Decimal(1) + used
    return LimitView(state.account, strategy, rule, what, _short(used), _short(limit), unit, ratio)


def _short(figure: Decimal) -> Decimal:
    """Exact to the fourth decimal; a figure is for people, and a decision is made by the core alone."""
    return round(figure, 4)


def _for_both(state: EngineState, given: StrategyLimits, scope: Scope) -> Iterator[_Row]:
    equity, all_of = state.equity, scope.others
    share = (lambda amount: amount * 100 / equity) if equity > 0 else (lambda _: ZERO)
    largest = max(all_of.exposures.items(), key=lambda item: (item[1], item[0]), default=("", ZERO))
    net = max(all_of.long, -all_of.short, ZERO)
    for name, what, used, most, most_pct in (
        ("position", largest[0], largest[1], given.max_position_value, given.max_position_pct),
        ("gross", "", all_of.exposure, given.max_gross_exposure, given.max_gross_pct),
        ("net", "", net, given.max_net_exposure, given.max_net_pct),
    ):
        if most is not None:
            yield f"{name}_value" if name == "position" else f"{name}_exposure", what, used, most, MONEY
        if most_pct is not None:
            yield f"{name}_pct", what, share(used), most_pct, PERCENT
    if given.max_positions is not None:
        yield "positions", "", Decimal(all_of.count), Decimal(given.max_positions), COUNT
    for asset, most_of in (given.max_positions_by_class or {}).items():
        yield f"positions_{asset}", str(asset), Decimal(all_of.classes.get(asset, 0)), Decimal(most_of), COUNT
    if given.max_open_orders is not None:
        yield "open_orders", "", Decimal(scope.open_orders), Decimal(given.max_open_orders), COUNT
    if given.max_orders_per_minute is not None:
        yield "order_rate", "", Decimal(scope.orders_last_minute), Decimal(given.max_orders_per_minute), COUNT
    if given.daily_loss_pct is not None:
        yield "daily_loss", "", max(ZERO, scope.day_loss_pct), given.daily_loss_pct, PERCENT
    if given.max_loss_streak is not None:
        yield "loss_streak", "", Decimal(scope.loss_streak), Decimal(given.max_loss_streak), COUNT


def _for_account(state: EngineState, given: RiskLimits, scope: Scope) -> Iterator[_Row]:
    equity, all_of = state.equity, scope.others
    power = equity * state.permits.bounded(given.leverage)
    yield "buying_power", "", all_of.exposure, max(ZERO, power), MONEY
    if given.max_drawdown_pct is not None:
        yield "drawdown", "", max(ZERO, state.counters.drawdown_pct(equity)), given.max_drawdown_pct, PERCENT
    if given.cash_reserve is not None or given.cash_reserve_pct is not None:
        kept = max(given.cash_reserve or ZERO, equity * (given.cash_reserve_pct or ZERO) / 100)
        yield "cash_reserve", "", all_of.cash_needed, max(ZERO, state.portfolio.total.cash - kept), MONEY
    if given.max_group_pct is not None and equity > 0:
        for name, members in given.correlation_groups.items():
            yield "group_exposure", name, all_of.exposure_of(members) * 100 / equity, given.max_group_pct, PERCENT
