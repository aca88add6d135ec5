"""What validation accepts sizing can fill, and the reverse; reduce-only orders are never barred. Over accounts of every kind."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdfast.core.broker_rules import HeldExits
from holdfast.core.exits import Exits
from holdfast.core.instruments import CRYPTO, INDIA_EQUITY, US_EQUITY, Instrument
from holdfast.core.messages import OrderTerms, RiskApproved, RiskRefused
from holdfast.core.risk.caps import free_quantity
from holdfast.core.risk.check import check, fit, room
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.risk.view import Holding, Others, RiskView, Scope
from holdfast.core.session.account import AccountState
from holdfast.core.types import ClientOrderId, Money, OrderRole, OrderType, Price, Quantity, Side, StrategyId
from tests.budget import examples

D = Decimal
CASES = settings(max_examples=examples())


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(D(low), D(high), places=places, allow_nan=False, allow_infinity=False)


UNITS = st.one_of(decimals("0", "500", 0), decimals("0", "3", 9), decimals("0", "90000", 3))
POSITIONS = st.one_of(UNITS, UNITS.map(lambda units: -units))
PRICES = st.one_of(decimals("0.01", "900", 2), decimals("0.000001", "0.1", 9), decimals("1000", "90000", 1))
PERCENT = decimals("0.1", "250", 1)
AMOUNTS = decimals("0", "200000", 2)
BOUNDS = decimals("0.01", "200000", 2)


@st.composite
def scopes(draw: st.DrawFn, who: str = "the account") -> Scope:
    position = draw(POSITIONS)
    others = []
    for symbol in draw(st.lists(st.sampled_from(["XYZ", "QRS", "B/U"]), max_size=3, unique=True)):
        held = draw(POSITIONS)
        others.append(
            Holding(
                symbol, Price(draw(PRICES)), Quantity(held), Quantity(held + draw(UNITS)), Quantity(held - draw(UNITS))
            )
        )
    return Scope(
        Quantity(position),
        Quantity(position + draw(UNITS)),
        Quantity(position - draw(UNITS)),
        Others.of(others),
        who=who,
    )


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


BOTH = {
    "max_position_value": maybe(BOUNDS), "max_position_pct": maybe(PERCENT), "max_gross_exposure": maybe(BOUNDS),
    "max_gross_pct": maybe(PERCENT), "max_net_exposure": maybe(BOUNDS), "max_net_pct": maybe(PERCENT),
}  # fmt: skip
LIMITS = st.builds(
    RiskLimits, **BOTH, leverage=decimals("0.5", "4", 1), cash_reserve=maybe(AMOUNTS), cash_reserve_pct=maybe(decimals("0.1", "99.9", 1)),
    allow_short=st.booleans(), max_group_pct=maybe(PERCENT), max_volume_pct=maybe(PERCENT),
    correlation_groups=st.sampled_from([{}, {"one": ("ABC", "XYZ")}, {"one": ("ABC", "XYZ"), "two": ("ABC", "B/U", "QRS")}]),
    max_positions=maybe(st.integers(1, 4)),
)  # fmt: skip
OWN_LIMITS = st.builds(StrategyLimits, **BOTH, max_positions=maybe(st.integers(1, 4)))
INSTRUMENTS: st.SearchStrategy[Instrument] = st.sampled_from([US_EQUITY, CRYPTO, INDIA_EQUITY])
HELD_EXITS = st.sampled_from([HeldExits(), HeldExits(step=D(1)), HeldExits(pairs=False), HeldExits(step=D(10))])


@st.composite
def views(draw: st.DrawFn) -> RiskView:
    own = draw(maybe(scopes(who="strategy s")))
    return RiskView(
        state=draw(st.sampled_from([AccountState.IDLE, AccountState.IDLE, AccountState.PENDING_ORDER, AccountState.HALTED])),
        mark=Price(draw(PRICES)),
        account=draw(scopes()),
        equity=Money(draw(st.one_of(AMOUNTS, AMOUNTS.map(lambda amount: -amount)))),
        cash=Money(draw(AMOUNTS)),
        strategy=own,
        strategy_limits=None if own is None else draw(OWN_LIMITS),
        instrument=draw(INSTRUMENTS),
        held_exits=draw(HELD_EXITS),
        own=draw(POSITIONS),
        bar_volume=draw(maybe(decimals("0", "100000", 0))),
    )  # fmt: skip


@st.composite
def drafts(draw: st.DrawFn) -> OrderTerms:
    kind, side = (
        draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP])),
        draw(st.sampled_from(list(Side))),
    )
    price = Price(draw(PRICES))
    low, high = Price(D("1e-9")), Price(D("1e9"))
    stop, target = (low, high) if side is Side.BUY else (high, low)
    return OrderTerms(
        ClientOrderId("h1"), StrategyId("s"), "ABC", side, Quantity(D(0)), kind,
        limit_price=price if kind is OrderType.LIMIT else None, stop_price=price if kind is OrderType.STOP else None,
        stop_loss=draw(st.sampled_from([None, stop])), take_profit=draw(st.sampled_from([None, target])),
        exits=draw(st.sampled_from([None, Exits(hold_ns=1), Exits(trail_percent=D(5))])),
    )  # fmt: skip


def sized(terms: OrderTerms, quantity: Decimal) -> OrderTerms:
    return replace(terms, quantity=Quantity(quantity))


def accepts(terms: OrderTerms, quantity: Decimal, view: RiskView, limits: RiskLimits) -> bool:
    """Whether validation lets a quantity through; steps and the smallest order are rules apart from size."""
    answer = check(sized(terms, quantity), view, limits)
    if isinstance(answer, RiskRefused) and answer.rule in ("quantity_increment", "minimum_value"):
        return accepts(terms, quantity, _without_steps(view), limits)
    return isinstance(answer, RiskApproved)


def _without_steps(view: RiskView) -> RiskView:
    free = replace(US_EQUITY, quantity_increment=D("1e-12"), minimum_value=D(0))
    return replace(view, instrument=free)


@CASES
@given(drafts(), views(), LIMITS, UNITS, st.sampled_from(["1", "0.001", "0.000000001"]))
def test_what_sizing_gives_validation_accepts(
    terms: OrderTerms, view: RiskView, limits: RiskLimits, intent: Decimal, lot: str
) -> None:
    """Whatever the intent, the size it comes to passes every limit; and where it was cut, one lot more would not."""
    found = fit(terms, view, limits, intent, D(lot))
    if isinstance(found, RiskRefused):
        assert not accepts(terms, D(lot), view, limits) or intent < D(lot)
        return
    assert 0 < found.quantity <= intent
    assert accepts(terms, found.quantity, view, limits)
    if found.quantity + D(lot) <= intent:
        assert not accepts(terms, found.quantity + D(lot), view, limits)


@CASES
@given(drafts(), views(), LIMITS, UNITS.filter(bool))
def test_what_validation_accepts_sizing_fills(
    terms: OrderTerms, view: RiskView, limits: RiskLimits, quantity: Decimal
) -> None:
    """An intent that validation accepts is filled whole, down to the last thin decimal; one that it refuses never is."""
    found = fit(terms, view, limits, quantity, D("0.000000001"))
    filled = not isinstance(found, RiskRefused) and found.quantity == quantity
    assert filled is accepts(terms, quantity, view, limits)


@CASES
@given(drafts(), views(), LIMITS, UNITS.filter(bool))
def test_a_smaller_order_is_never_refused_for_its_size(
    terms: OrderTerms, view: RiskView, limits: RiskLimits, quantity: Decimal
) -> None:
    """What the greatest quantity is, each smaller one is allowed, but for those whose exits the broker wouldn't hold."""
    view = replace(view, held_exits=replace(view.held_exits, step=None))
    most, _ = room(terms, view, limits)
    assert accepts(terms, quantity, view, limits) is (quantity <= most)


@CASES
@given(drafts(), views(), LIMITS, UNITS.filter(bool))
def test_ways_out_are_never_barred(terms: OrderTerms, view: RiskView, limits: RiskLimits, quantity: Decimal) -> None:
    """What can only bring the position nearer to zero passes, in every account; so does protection, always."""
    free = free_quantity(terms.side, view.account)
    own = free if view.strategy is None else min(free, free_quantity(terms.side, view.strategy))
    if quantity <= own:
        assert accepts(terms, quantity, view, limits)
    leg = OrderTerms(terms.client_order_id, terms.strategy, "ABC", terms.side, Quantity(D(1)), role=OrderRole.STOP_LOSS)
    assert isinstance(check(leg, view, limits), RiskApproved)


def exact(value: Decimal) -> Fraction:
    return Fraction(value)


@CASES
@given(drafts(), views(), LIMITS, UNITS.filter(bool))
def test_an_accepted_order_keeps_every_limit(
    terms: OrderTerms, view: RiskView, limits: RiskLimits, quantity: Decimal
) -> None:
    """The limits on values worked out anew in exact fractions, on the account as it would be."""
    answer = check(sized(terms, quantity), view, limits)
    if isinstance(answer, RiskRefused) or not answer.raises_risk:
        return
    scope, equity = view.account, exact(view.equity)
    buys = terms.side is Side.BUY
    assert view.mark is not None
    worth = exact(max(answer.reference_price, view.mark))
    worst_long = exact(scope.worst_long) + (exact(quantity) if buys else 0)
    worst_short = exact(scope.worst_short) - (0 if buys else exact(quantity))
    exposure = worth * max(abs(worst_long), abs(worst_short))
    gross = exposure + exact(scope.others.exposure)
    assert gross <= equity * exact(limits.leverage)
    for bound, figure in (
        (limits.max_position_value, exposure), (limits.max_gross_exposure, gross),
        (None if limits.max_position_pct is None else limits.max_position_pct * view.equity / 100, exposure),
        (None if limits.max_gross_pct is None else limits.max_gross_pct * view.equity / 100, gross),
    ):  # fmt: skip
        assert bound is None or figure <= exact(bound)
    if limits.cash_reserve is not None and buys:
        needed = exact(scope.others.cash_needed)
        needed += worth * max(worst_long - exact(scope.position), -exact(scope.position))
        assert exact(view.cash) - needed >= exact(limits.cash_reserve)
    if not limits.allow_short and not buys:
        assert worst_short >= 0
    if limits.max_volume_pct is not None:
        assert view.bar_volume is not None
        assert exact(quantity) <= exact(view.bar_volume) * exact(limits.max_volume_pct) / 100
