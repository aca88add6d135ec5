"""A venue that was put together again from what it had reported goes on as if nothing had happened."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.messages import (
    Bar,
    CancelRefused,
    MarketEvent,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderTerms,
    Quote,
    Report,
    Trade,
)
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.types import ClientOrderId, OrderType, Price, Quantity, Side, StrategyId, TimeInForce
from holdfast.venue.exchange import Exchange
from holdfast.venue.models import BpsOfNotional, NoCommission, PerOrder, PerShare
from holdfast.venue.settings import FillAt, VenueSettings
from tests.budget import examples

CALENDAR = TradingCalendar(
    "short days",
    [TradingDay(date=str(n), start_ns=n * 400, open_ns=n * 400 + 50, close_ns=n * 400 + 350) for n in range(100)],
)


class Submit(msgspec.Struct, frozen=True):
    """An order was released at this time."""

    terms: OrderTerms
    released_ns: int


class Cancel(msgspec.Struct, frozen=True):
    """A cancel was released at this time."""

    client_order_id: ClientOrderId
    released_ns: int


class Over(msgspec.Struct, frozen=True):
    """The instant is over: what comes now was decided when its bars were known."""

    time_ns: int


Step = Bar | Quote | Trade | Submit | Cancel | Over
Log = list[tuple[Step, Sequence[Report]]]

prices = st.integers(190, 210).map(lambda n: n / 2)
sizes = st.sampled_from([0.0, 1.0, 3.0, 10.0, 40.0, 2.5])
decimals = st.integers(190, 210).map(lambda n: Price(Decimal(n) / 2))
venue_settings = st.builds(
    VenueSettings,
    fill=st.sampled_from(FillAt),
    slippage_bps=st.sampled_from([Decimal(0), Decimal(7)]),
    volume_share=st.sampled_from([None, Decimal("0.5"), Decimal(1)]),
    latency_ns=st.sampled_from([0, 0, 20, 40, 90]),
    latency_jitter_ns=st.sampled_from([0, 0, 40]),
    slippage_noise_bps=st.sampled_from([Decimal(0), Decimal(5)]),
    commission=st.sampled_from(
        [NoCommission(), PerShare(Decimal("0.01"), Decimal(1)), BpsOfNotional(Decimal(1)), PerOrder(Decimal(2))]
    ),
    seed=st.integers(0, 3),
)


slow_and_scarce = st.builds(
    VenueSettings,
    volume_share=st.just(Decimal("0.5")),
    latency_ns=st.sampled_from([10, 30]),
)


class Mix(msgspec.Struct, frozen=True):
    """What scripts are made of."""

    symbols: str
    kinds: str
    quantities: tuple[Decimal, ...]
    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    groups: tuple[str | None, ...]


EVERYTHING = Mix(
    symbols="AB",
    kinds="bbqt",
    quantities=(Decimal(1), Decimal(5), Decimal(20), Decimal("2.5")),
    order_types=tuple(OrderType),
    times_in_force=tuple(TimeInForce),
    groups=(None, None, "g1", "g2"),
)
HUNGRY = Mix(
    symbols="A",
    kinds="bqt",
    quantities=(Decimal(3), Decimal(9)),
    order_types=(OrderType.MARKET, OrderType.MARKET, OrderType.TRAILING_STOP),
    times_in_force=(TimeInForce.GTC, TimeInForce.GTC, TimeInForce.CLS),
    groups=(None,),
)


@st.composite
def market_events(draw: st.DrawFn, time_ns: int, mix: Mix) -> MarketEvent:
    """A bar, quote or trade at a time."""
    symbol = draw(st.sampled_from(mix.symbols))
    kind = draw(st.sampled_from(mix.kinds))
    if kind == "q":
        bid, ask = draw(st.one_of(prices, st.just(0.0))), draw(st.one_of(prices, st.just(0.0)))
        return Quote(symbol, time_ns, bid, draw(sizes), ask, draw(sizes))
    if kind == "t":
        return Trade(symbol, time_ns, draw(prices), draw(sizes))
    ends = draw(st.tuples(prices, prices))
    high = max(*ends, draw(prices))
    low = min(*ends, draw(prices))
    start_ns = time_ns - draw(st.sampled_from([20, 50, 100]))
    return Bar(symbol, time_ns, start_ns, ends[0], high, low, ends[1], draw(sizes))


@st.composite
def order_terms(draw: st.DrawFn, number: int, mix: Mix) -> OrderTerms:
    """An order with all the prices that any type may need, some for what another fills."""
    by_percent = draw(st.booleans())
    return OrderTerms(
        client_order_id=ClientOrderId(f"o{number}"),
        strategy=StrategyId(draw(st.sampled_from(["s", "s", "t"]))),
        symbol=draw(st.sampled_from(mix.symbols)),
        parent=ClientOrderId(f"o{draw(st.integers(0, number))}") if draw(st.booleans()) else None,
        side=draw(st.sampled_from(Side)),
        quantity=Quantity(draw(st.sampled_from(mix.quantities))),
        order_type=draw(st.sampled_from(mix.order_types)),
        time_in_force=draw(st.sampled_from(mix.times_in_force)),
        limit_price=draw(decimals),
        stop_price=draw(decimals),
        trail_amount=None if by_percent else draw(st.sampled_from([Price(Decimal("0.5")), Price(Decimal(2))])),
        trail_percent=Decimal("1.5") if by_percent else None,
        oco_group=draw(st.sampled_from(mix.groups)),
    )


@st.composite
def scripts(draw: st.DrawFn, mix: Mix = EVERYTHING) -> list[Step]:
    """Market events in order of time, and what is asked for between them."""
    steps: list[Step] = []
    now_ns, orders = 100, 0
    for what in draw(st.lists(st.sampled_from("eeeoooocx"), min_size=4, max_size=50)):
        if what == "e":
            now_ns += draw(st.sampled_from([0, 5, 20, 20, 50, 50, 120, 500]))
            steps.append(draw(market_events(now_ns, mix)))
        elif what == "o":
            steps.append(Submit(draw(order_terms(orders, mix)), now_ns))
            orders += 1
        elif what == "x":
            steps.append(Over(now_ns))
        elif orders:
            steps.append(Cancel(ClientOrderId(f"o{draw(st.integers(0, orders - 1))}"), now_ns))
    return steps


def do(exchange: Exchange, step: Step, now_ns: int) -> Sequence[Report]:
    if isinstance(step, Submit):
        return exchange.submit(step.terms, step.released_ns, now_ns)
    if isinstance(step, Cancel):
        return exchange.cancel(step.client_order_id, step.released_ns, now_ns)
    if isinstance(step, Over):
        exchange.end_instant()
        return ()
    return exchange.on_market(step)


def time_after(step: Step) -> int:
    return step.released_ns if isinstance(step, Submit | Cancel) else step.time_ns


def run(exchange: Exchange, steps: Sequence[Step]) -> Log:
    return [(step, tuple(do(exchange, step, time_after(step)))) for step in steps]


def restored(setting: VenueSettings, log: Log) -> Exchange:
    """An exchange that saw the events of the log, got its reports back, and was asked again what was not answered."""
    exchange = Exchange(setting, CALENDAR)
    terms = {step.terms.client_order_id: step for step, _ in log if isinstance(step, Submit)}
    open_requests: list[Submit | Cancel] = []
    for step, reports in log:
        if isinstance(step, Submit | Cancel):
            open_requests.append(step)
        elif isinstance(step, Over):
            exchange.end_instant()
        else:
            exchange.observe(step)
        for report in reports:
            put_back(exchange, report, terms, open_requests)
    for request in open_requests:
        assert not do(exchange, request, time_after(log[-1][0])), "it is still under way, so nothing is said of it"
    return exchange


def put_back(
    exchange: Exchange, report: Report, submits: dict[ClientOrderId, Submit], open_requests: list[Submit | Cancel]
) -> None:
    body = report.body
    submit = submits[body.client_order_id]
    match body:
        case OrderAccepted():
            open_requests.remove(submit)
            exchange.restore_order(submit.terms, body.broker_order_id, submit.released_ns, report.time_ns)
        case OrderRejected():
            open_requests.remove(submit)
            exchange.remove(body.client_order_id, report.time_ns)
        case OrderFilled():
            exchange.restore_fill(body.client_order_id, body.quantity, report.time_ns)
        case OrderReplaced():
            exchange.restore_quantity(body.client_order_id, body.quantity)
        case OrderCanceled() | OrderExpired():
            exchange.remove(body.client_order_id, report.time_ns)
    if isinstance(body, CancelRefused) or (isinstance(body, OrderCanceled) and body.reason == "requested"):
        cancels = (r for r in open_requests if isinstance(r, Cancel) and r.client_order_id == body.client_order_id)
        open_requests.remove(next(cancels))


def state(exchange: Exchange) -> list[dict[str, object]]:
    """The working orders with all they remember, but for what only a restart notes."""
    rows = [msgspec.structs.asdict(order) for order in exchange.open_orders()]
    return [{name: value for name, value in row.items() if name not in ("arrived_on", "offered")} for row in rows]


def check_restart(setting: VenueSettings, steps: list[Step], cut: int) -> None:
    log = run(Exchange(setting, CALENDAR), steps)
    straight = Exchange(setting, CALENDAR)
    run(straight, steps[:cut])
    again = restored(setting, log[:cut])
    assert state(again) == state(straight)
    assert run(again, steps[cut:]) == log[cut:]


@settings(max_examples=examples())
@given(setting=venue_settings, steps=scripts(), data=st.data())
def test_a_restored_venue_reports_what_an_uninterrupted_one_does(
    setting: VenueSettings, steps: list[Step], data: st.DataObject
) -> None:
    """Cut anywhere between two steps, the orders at work and every later report are the same."""
    check_restart(setting, steps, data.draw(st.integers(0, len(steps)), label="cut"))


@settings(max_examples=examples())
@given(setting=slow_and_scarce, steps=scripts(HUNGRY))
def test_what_was_taken_of_the_market_stays_taken(setting: VenueSettings, steps: list[Step]) -> None:
    """The same at every cut, where orders arrive late and all want more than there is."""
    for cut in range(len(steps) + 1):
        check_restart(setting, steps, cut)


@settings(max_examples=examples())
@given(setting=venue_settings, steps=scripts())
def test_every_order_lives_by_the_rules(setting: VenueSettings, steps: list[Step]) -> None:
    """Accepted first, never filled over its quantity, nothing after its end, no two executions with one id."""
    totals: dict[ClientOrderId, Decimal] = {}
    filled: dict[ClientOrderId, Decimal] = {}
    terms = {step.terms.client_order_id: step.terms for step in steps if isinstance(step, Submit)}
    over: set[ClientOrderId] = set()
    executions: set[str] = set()
    for _, reports in run(Exchange(setting, CALENDAR), steps):
        assert list(reports) == sorted(reports, key=lambda report: report.time_ns)
        for body in (report.body for report in reports):
            order_id = body.client_order_id
            if isinstance(body, CancelRefused):
                assert order_id not in totals or order_id in over
                continue
            assert order_id not in over
            if isinstance(body, OrderAccepted):
                assert order_id not in totals
                totals[order_id], filled[order_id] = terms[order_id].quantity, Decimal(0)
            elif isinstance(body, OrderFilled):
                assert body.execution_id not in executions
                executions.add(body.execution_id)
                filled[order_id] += body.quantity
                assert body.quantity > 0
                assert body.fee >= 0
                assert filled[order_id] <= totals[order_id]
                limited(terms[order_id], body)
            elif isinstance(body, OrderReplaced):
                assert filled[order_id] < body.quantity < totals[order_id]
                totals[order_id] = body.quantity
            if isinstance(body, OrderCanceled | OrderExpired | OrderRejected) or filled[order_id] == totals[order_id]:
                over.add(order_id)


def limited(terms: OrderTerms, fill: OrderFilled) -> None:
    """A limit is never broken."""
    if terms.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and terms.limit_price is not None:
        assert terms.side.sign * fill.price <= terms.side.sign * terms.limit_price


@settings(max_examples=examples())
@given(setting=venue_settings, steps=scripts())
def test_the_volume_share_holds_for_all_orders_together(setting: VenueSettings, steps: list[Step]) -> None:
    """After a bar of a symbol that only has bars, no more than its share has traded until the next one."""
    bars = [step for step in steps if not isinstance(step, Quote | Trade)]
    share = setting.volume_share
    if share is None:
        return
    left: dict[str, Decimal] = {}
    ends: dict[str, int] = {}
    for step, reports in run(Exchange(setting, CALENDAR), bars):
        if isinstance(step, Bar):
            left[step.symbol], ends[step.symbol] = share * Decimal(step.volume), step.time_ns
        for report in reports:
            body = report.body
            if isinstance(body, OrderFilled) and report.time_ns == ends[body.symbol]:
                left[body.symbol] -= body.quantity
                assert left[body.symbol] >= 0
