"""Rules about size. Each is a cap: the greatest quantity that it allows for a draft (docs/adr/0011).

All have one form: ``base + worth x max(same + quantity, opposite) <= limit``, where ``same`` and ``opposite`` are the worst cases on the
draft's side and on the other. So :meth:`Cap.figure` and :attr:`Cap.most` can't disagree, and neither can validation and sizing.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from holdfast.core.risk.cap import UNIT, Cap
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.risk.view import Case, Scope
from holdfast.core.types import ZERO, Side, plain

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL


def caps(case: Case, account: RiskLimits | None) -> Iterator[Cap]:
    """Every cap that is set, as it is for this draft. ``account`` is given where the account is what is judged."""
    yield from _for_both(case)
    if account is not None:
        yield from _for_account(case, account)


def free_quantity(side: Side, scope: Scope) -> Decimal:
    """The greatest quantity that can't raise risk: it brings the position nearer to zero, whatever else is open on its side."""
    if side is _BUY:
        return max(ZERO, scope.position) - scope.worst_long
    return max(ZERO, -scope.position) + scope.worst_short


def _sides(case: Case) -> tuple[Decimal, Decimal]:
    """The worst cases on the draft's side and on the other, each positive where it is a position that way."""
    scope = case.scope
    if case.terms.side is _BUY:
        return scope.worst_long, -scope.worst_short
    return -scope.worst_short, scope.worst_long


def _for_both(case: Case) -> Iterator[Cap]:
    limits, equity, who = case.limits, case.view.equity, case.scope.who
    same, opposite = _sides(case)
    symbol = f"{case.terms.symbol} could reach"
    if limits.max_position_value is not None:
        yield Cap("position_value", symbol, limits.max_position_value, ZERO, case.worth, same, opposite)
    if limits.max_position_pct is not None:
        yield Cap(
            "position_pct", symbol, equity * limits.max_position_pct / 100, ZERO, case.worth, same, opposite, equity
        )
    if limits.max_gross_exposure is not None or limits.max_gross_pct is not None:
        gross, text = case.scope.others.exposure, f"all positions of {who} could reach"
        if limits.max_gross_exposure is not None:
            yield Cap("gross_exposure", text, limits.max_gross_exposure, gross, case.worth, same, opposite)
        if limits.max_gross_pct is not None:
            limit = equity * limits.max_gross_pct / 100
            yield Cap("gross_pct", text, limit, gross, case.worth, same, opposite, equity)
    if limits.max_net_exposure is not None or limits.max_net_pct is not None:
        net, text = _net(case), f"{who}, long less short, could reach"
        if limits.max_net_exposure is not None:
            yield Cap("net_exposure", text, limits.max_net_exposure, net, case.worth, same, same)
        if limits.max_net_pct is not None:
            yield Cap("net_pct", text, equity * limits.max_net_pct / 100, net, case.worth, same, same, equity)


def _for_account(case: Case, limits: RiskLimits) -> Iterator[Cap]:
    view, scope = case.view, case.scope
    same, opposite = _sides(case)
    leverage = view.permits.bounded(limits.leverage)
    lent = "" if leverage == limits.leverage else f"the broker lends {plain(leverage)} x equity; "
    yield Cap(
        "buying_power",
        f"{lent}all positions could reach",
        view.equity * leverage,
        scope.others.exposure,
        case.worth,
        same,
        opposite,
    )
    largest = view.instrument.largest_order
    if largest is not None:  # what is held is to be closed by one order
        text = f"{case.terms.symbol}, of which one order takes no more, could reach"
        yield Cap("largest_order", text, largest, ZERO, UNIT, same, opposite)
    lends = view.permits.lends(case.terms.symbol)
    if case.terms.side is _SELL and not (limits.allow_short and lends):
        why = "" if lends else f"the broker lends no {case.terms.symbol}; "
        yield Cap("short_sale", f"{why}{case.terms.symbol} could be short by", ZERO, ZERO, UNIT, same, same)
    if limits.cash_reserve is not None or limits.cash_reserve_pct is not None:
        yield from _reserve(case, limits)
    if limits.max_group_pct is not None:
        limit = view.equity * limits.max_group_pct / 100
        for name, members in limits.correlation_groups.items():
            if case.terms.symbol in members:
                others = scope.others.exposure_of(members)
                text = f"group {name} could reach"
                yield Cap("group_exposure", text, limit, others, case.worth, same, opposite, view.equity)
    if limits.max_volume_pct is not None and view.bar_volume is not None:
        limit = view.bar_volume * limits.max_volume_pct / 100
        yield Cap("volume_share", "of the bars' volume the order takes", limit, ZERO, UNIT, ZERO, ZERO)


def _net(case: Case) -> Decimal:
    """The other symbols' long less short, or short less long, on the draft's side and in the worst case."""
    others = case.scope.others
    return others.long if case.terms.side is _BUY else -others.short


def _reserve(case: Case, limits: RiskLimits) -> Iterator[Cap]:
    """Buys may use up the cash but for the reserve, once every short is bought back. Selling short uses none."""
    if case.terms.side is _SELL:
        return
    view, scope = case.view, case.scope
    kept = max(limits.cash_reserve or ZERO, view.equity * (limits.cash_reserve_pct or ZERO) / 100)
    bought, short = scope.worst_long - scope.position, -scope.position
    text = f"with {kept:,.2f} of cash in reserve, buys could cost"
    yield Cap("cash_reserve", text, view.cash - kept, scope.others.cash_needed, case.worth, bought, short)
