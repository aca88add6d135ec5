# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""What people ask of a running account, what they are answered, and what the account does by itself."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core import lifecycle
from holdfast.core.messages import (
    Action,
    Bar,
    CancelOrders,
    CommandDone,
    Flatten,
    Flattened,
    Halt,
    OrderPrepared,
    OrderRejected,
    OrderTerms,
    PlaceOrder,
    PnlSnapshot,
    Report,
    Resume,
    RiskRefused,
    Signal,
    SubmitOrder,
)
from holdfast.core.milestones import AccountStateChanged, MarketFresh, MarketStale, TradingDayStarted
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.session.account import AccountState
from holdfast.core.state import apply
from holdfast.core.steering import StopStrategy
from holdfast.core.strategy.api import Context
from holdfast.core.types import (
    HOUR_NS,
    MINUTE_NS,
    ClientOrderId,
    Money,
    OrderRole,
    OrderType,
    Quantity,
    Side,
    StrategyId,
)
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import DAYS, OFFICE_HOURS, START_NS, Account, Scripted, bar, minute, new_state, price
from tests.scenario.test_engine_protection import Picky

D = Decimal
OWN = StrategyId("s0")


def buy(quantity: object, symbol: str = "ABC", **terms: Any) -> Any:
    return lambda context, _: context.buy(symbol, quantity, **terms)


def answer(records: list[Any]) -> CommandDone:
    """The one answer among the records of a command."""
    (done,) = [record.body for record in records if isinstance(record.body, CommandDone)]
    return done


# --- commands and their answers ---------------------------------------------------------------------------------------


def test_a_command_is_kept_with_who_asked_and_answered() -> None:
    """The command is the first record, under the id it was filed with; the answer and the order hang on it."""
    account = Account().closes(1, 100)
    records = account.place(Action.BUY, 10, limit_price=price(90), order_type=OrderType.LIMIT)
    assert [record.type for record in records[:6]] == [
        "PlaceOrder", "Signal", "RiskApproved", "OrderPrepared", "OrderReleased", "CommandDone",
    ]  # fmt: skip
    command = records[0]
    assert command.source == "cli:alice"
    assert {record.correlation_id for record in records} == {command.correlation_id}
    assert records[5].causation_id == command.id
    done = answer(records)
    assert (done.accepted, done.client_order_ids) == (True, (account.state.ids.order(1),))
    assert done.text == f"buy 10 ABC limit as {account.state.ids.order(1)}"


@pytest.mark.parametrize(
    ("action", "quantity", "terms", "text"),
    [
        (Action.BUY, "-5", {}, "quantity must be above zero, not -5"),
        (Action.SELL, "NaN", {}, "quantity must be a finite number"),
        (Action.BUY, "1E+30", {}, "quantity must be below"),
        (Action.TARGET, "NaN", {}, "quantity must be a finite number"),
        (Action.BUY, "1", {"limit_price": price(-1)}, "limit_price must be above zero"),
        (Action.BUY, "1", {"stop_loss": price("Infinity")}, "stop_loss must be a finite number"),
        (Action.BUY, None, {"confidence": 7.0}, "confidence must be above 0 and at most 1, not 7.0"),
        (Action.CLOSE, "0", {}, "nothing to do: ABC is where it is asked to be"),
        (Action.BUY, "1", {"symbol": "NONE"}, "refused by price_known: no price of NONE is known yet"),
        (Action.BUY, "1", {"limit_price": price(90)}, "the prices given make it a limit order, not a market order"),
        (Action.BUY, "0.5", {}, ""),
        (Action.BUY, "0.0000000001", {}, "refused by quantity_increment"),
    ],
)
def test_impossible_orders_of_people_are_answered(
    action: Action, quantity: Any, terms: dict[str, Any], text: str
) -> None:
    """Whatever a person asks for, there is an answer, and nothing impossible gets into the books."""
    account = Account().closes(1, 100)
    done = answer(account.place(action, quantity, **terms))
    assert done.accepted is (text == "")
    assert text in done.text
    assert account.state.orders.open_buys == {}
    assert bool(account.of(OrderPrepared)) is done.accepted


def test_a_signal_from_outside_is_its_strategys_own() -> None:
    """It goes into the strategy's ledger and by the strategy's limits; one that a person has switched off takes none but to close."""
    account = Account(Scripted({}))
    account.state.strategy_limits[OWN] = StrategyLimits(max_position_value=Money(D(1500)))
    account.closes(1, 100)

    def signal(action: Action, quantity: int, command_id: str) -> CommandDone:
        wanted = Signal(OWN, "ABC", action, quantity=Quantity(D(quantity)))
        return answer(account.ask(PlaceOrder(wanted), command_id))

    assert signal(Action.BUY, 10, "one").accepted
    account.closes(2, 100, 100)
    assert account.position("s0") == 10
    assert "refused by position_value: ABC could reach 2,000.00" in signal(Action.BUY, 10, "two").text
    account.ask(StopStrategy(OWN), "off")
    assert "is stopped, and takes no signal but to close" in signal(Action.SELL, 1, "three").text
    assert signal(Action.CLOSE, 0, "four").accepted


def test_cancels_by_id_by_symbol_and_all() -> None:
    """A cancel takes what it names and says how many; naming nothing that lives is refused."""

    def act(context: Context, _: Bar) -> None:
        for number, symbol in enumerate(("ABC", "ABC", "XYZ", "XYZ"), 1):
            context.buy(symbol, number, limit_price=50, time_in_force="gtc")

    account = Account(Scripted({2: act})).closes(1, 60, symbol="XYZ").closes(1, 60)
    ids = [account.state.ids.order(number) for number in range(1, 5)]
    done = answer(account.ask(CancelOrders(client_order_id=ids[0]), "a"))
    assert (done.accepted, done.client_order_ids, done.text) == (True, (ids[0],), "canceling 1 order")
    assert answer(account.ask(CancelOrders(symbol="XYZ"), "b")).client_order_ids == (ids[2], ids[3])
    assert list(account.state.orders.live) == [ids[1]]
    assert answer(account.ask(CancelOrders(), "c")).client_order_ids == (ids[1],)
    assert answer(account.ask(CancelOrders(), "d")).text == "no live order of any symbol"
    assert not answer(account.ask(CancelOrders(client_order_id=ClientOrderId("h0")), "e")).accepted
    assert account.state.account_state is AccountState.IDLE


def test_a_halt_lets_ways_out_through_and_nothing_else() -> None:
    """Halted, nothing that raises risk is made, for strategies and people alike; closing works; resume ends it."""
    script = {
        2: buy(5),
        3: lambda context, _: context.sell("ABC", 4),
        6: buy(1),
    }
    account = Account(Scripted({1: buy(10), **script})).closes(1, 100)
    assert answer(account.ask(Halt("lunch"))).text == "halted: nothing that raises risk is sent"
    assert account.state.account_state is AccountState.HALTED
    account.closes(2, 100, 100, 100)
    assert [(body.rule, body.side) for body in account.of(RiskRefused)] == [("account_state", "buy")]
    assert account.position() == 6
    assert answer(account.place(Action.BUY, 1)).text.startswith("refused by account_state: the account is HALTED")
    account.closes(5, 100)
    assert account.state.account_state is AccountState.HALTED
    assert answer(account.ask(Resume(), "r")).text == "resumed"
    account.closes(6, 100)
    assert (account.position(), account.state.account_state) == (7, AccountState.IDLE)
    assert answer(account.ask(Resume(), "r2")).text == "the account is IDLE, not halted"


def test_turning_round_while_halted_closes_and_goes_no_further() -> None:
    """What closes is let out at once; what would open on the other side is refused when its turn comes."""
    account = Account(Scripted({1: buy(10), 2: lambda context, _: context.target("ABC", -10)})).closes(1, 100)
    account.ask(Halt("lunch"))
    account.closes(2, 100, 100)
    assert account.position() == 0
    assert [(body.rule, body.side, body.quantity) for body in account.of(RiskRefused)] == [
        ("account_state", "sell", 10)
    ]


def test_a_halt_names_what_still_works_at_the_broker() -> None:
    """Orders already at the broker stay, and the answer says so; after a resume the account is pending again."""
    account = Account(Scripted({1: buy(5, limit_price=50)})).closes(1, 60)
    assert "1 order still at work at the broker" in answer(account.ask(Halt())).text
    account.ask(Resume(), "r")
    assert account.state.account_state is AccountState.PENDING_ORDER


# --- flatten ----------------------------------------------------------------------------------------------------------


def test_flatten_cancels_closes_and_says_so() -> None:
    """Every order is canceled, every position closed, protected ones too; then it is over and the account is halted."""
    first = Scripted({1: buy(10, stop_loss=90, take_profit=120), 2: buy(5, limit_price=50, time_in_force="gtc")})
    second = Scripted({1: buy(30, stop_loss=85)})
    account = Account(first, second).closes(1, 100, 100)
    assert answer(account.ask(Flatten())).text == "halted; canceling 4 orders, closing 2 positions"
    assert (account.of(Flattened), account.state.orders.live) == ([Flattened()], {})
    assert list(account.state.portfolio.open_ledgers()) == []
    assert (account.state.account_state, account.state.flattening) == (AccountState.HALTED, False)
    assert account.state.guards == {}


def test_flatten_of_nothing_is_over_at_once() -> None:
    """An account without orders and positions is flat."""
    account = Account().closes(1, 100)
    account.ask(Flatten())
    assert account.of(Flattened) == [Flattened()]


def test_flatten_closes_opposite_strategies_while_halted() -> None:
    """Closing one side first would carry the account through zero; as part of a flatten it passes, marked as no risk."""
    account = Account(Scripted({1: buy(100)}), Scripted({1: lambda context, _: context.sell("ABC", 30)})).closes(1, 100)
    account.ask(Halt())
    account.ask(Flatten(), "f")
    sent = [effect for turn in account.turns[-6:] for effect in turn.effects if isinstance(effect, SubmitOrder)]
    assert [(effect.terms.quantity, effect.raises_risk) for effect in sent] == [(100, False), (30, False)]
    assert account.of(Flattened) == [Flattened()]
    assert (account.position("s0"), account.position("s1")) == (0, 0)


def test_flatten_works_through_partial_fills() -> None:
    """A close that takes several bars is waited for, without a second order."""
    account = Account(Scripted({1: buy(90)}), venue=VenueSettings(volume_share=D("0.1"))).run(
        bar(1, 100.0, volume=900.0)
    )
    account.run(bar(2, 100.0, volume=300.0))
    account.ask(Flatten())
    assert account.of(Flattened) == []
    account.run(*[bar(number, 100.0, volume=300.0) for number in range(3, 6)])
    assert (account.position(), account.of(Flattened), len(account.of(OrderPrepared))) == (0, [Flattened()], 2)


def refuses_sales(terms: OrderTerms) -> bool:
    return terms.side is Side.SELL and terms.role is OrderRole.REGULAR


def test_a_position_that_will_not_close_is_left_to_a_person() -> None:
    """After three refusals flatten gives up, names the position, and puts its protection back."""
    account = Account(Scripted({1: buy(10, stop_loss=90)}), exchange=Picky(refuses_sales)).closes(1, 100)
    account.ask(Flatten())
    assert len(account.of(OrderRejected)) == 3
    assert account.of(Flattened) == [Flattened(("s0:ABC",))]
    assert [(order.terms.role, order.remaining) for order in account.state.orders.live.values()] == [
        (OrderRole.STOP_LOSS, 10)
    ]
    account.closes(2, 100)
    assert (len(account.of(OrderRejected)), account.state.flattening) == (3, False)
    account.ask(Flatten(), "again")
    assert len(account.of(OrderRejected)) == 6


def test_nothing_holds_a_flatten_up() -> None:
    """While positions are being closed, a strategy's further intents come to nothing, reduce-only orders included."""
    script = {1: buy(90), 3: lambda context, _: context.sell("ABC", 5, limit_price=500, time_in_force="gtc")}
    account = Account(Scripted(script), venue=VenueSettings(volume_share=D("0.1"))).run(bar(1, 100.0, volume=900.0))
    account.run(bar(2, 100.0, volume=300.0))
    account.ask(Flatten())
    account.run(*[bar(number, 100.0, volume=300.0) for number in range(3, 7)])
    assert (account.of(Flattened), account.position()) == ([Flattened()], 0)


# --- the account by itself --------------------------------------------------------------------------------------------


def test_a_trading_day_begins_with_its_equity() -> None:
    """Each day is recorded once, with the equity at its beginning, by the calendar of the exchange."""
    account = Account(Scripted({1: buy(100)}))
    account.run(bar(1, 100.0), bar(60 * 23, 110.0), bar(60 * 24, 120.0), bar(60 * 24 + 1, 130.0))
    days = account.of(TradingDayStarted)
    assert [(day.trading_day, day.day_start_equity) for day in days] == [("day 0", 100_000), ("day 1", 102_000)]
    account.run(bar(60 * 25, 130.0))
    assert account.of(PnlSnapshot)[-1].day_start_equity == 102_000


def test_what_ends_at_midnight_belongs_to_the_day_before() -> None:
    """A daily bar is an event at the next day's first moment, and is of its own day."""
    account = Account().run(bar(60 * 24, 100.0))
    assert [day.trading_day for day in account.of(TradingDayStarted)] == ["day 0"]
    account.run(bar(60 * 48, 100.0))
    assert [day.trading_day for day in account.of(TradingDayStarted)] == ["day 0", "day 1"]


def test_the_account_is_valued_every_hour() -> None:
    """One snapshot an hour of market time, and one for each fill."""
    account = Account().run(*[bar(number, 100.0) for number in range(1, 181)])
    hours = [record.time_ns // HOUR_NS for record in account.records if isinstance(record.body, PnlSnapshot)]
    assert hours == sorted(set(hours))
    assert len(hours) == 4


def test_a_daily_loss_preserves_the_account_until_the_next_day() -> None:
    """At the limit the account takes no new risk; reduce-only orders pass; the next trading day starts afresh."""
    script = {1: buy(1000), 62: buy(1), 63: lambda context, _: context.sell("ABC", 400), 65: buy(7)}
    account = Account(Scripted(script), limits=RiskLimits(daily_loss_pct=D(2))).run(bar(1, 100.0))
    account.run(bar(2, 98.0))
    assert account.state.account_state is AccountState.IDLE  # looked at by the minute: nothing was asked meanwhile
    account.run(*[bar(number, 98.0) for number in range(3, 62)])
    assert account.state.account_state is AccountState.PRESERVATION
    assert "the day has lost 2.00%; 2% is allowed" in account.of(AccountStateChanged)[-1].reason
    account.run(bar(62, 98.0), bar(63, 98.0))
    assert account.of(RiskRefused)[0].rule == "account_state"
    assert account.position() == 600
    account.run(bar(60 * 24 + 1, 98.0))
    assert account.state.account_state is AccountState.IDLE
    account.run(bar(60 * 24 + 2, 98.0))
    assert account.position() == 607


def test_a_loss_is_seen_before_the_hour_when_something_is_asked() -> None:
    """Between two valuations a new entry is judged by the equity of that moment."""
    account = Account(Scripted({1: buy(1000), 3: buy(1)}), limits=RiskLimits(daily_loss_pct=D(2))).closes(
        1, 100, 90, 90
    )
    assert [body.rule for body in account.of(RiskRefused)] == ["daily_loss"]


def test_silence_is_marked_while_the_market_is_open() -> None:
    """A symbol without data for longer than its limit is marked once, and again fresh with the length of the gap."""
    account = Account(calendar=OFFICE_HOURS, stale_after_ns=5 * MINUTE_NS)
    nine = 9 * 60
    account.run(bar(nine + 1, 10.0), bar(nine + 1, 20.0, symbol="XYZ"))
    account.run(*[bar(nine + number, 10.0) for number in range(2, 20)])
    (stale,) = account.of(MarketStale)
    assert (stale.symbol, stale.last_ns) == ("XYZ", minute(nine + 1))
    account.run(bar(nine + 20, 20.0, symbol="XYZ"))
    assert account.of(MarketFresh) == [MarketFresh("XYZ", 19 * MINUTE_NS)]


def test_a_night_is_not_silence() -> None:
    """Nothing is marked while the market is closed, and the next day counts from its open."""
    account = Account(calendar=OFFICE_HOURS, stale_after_ns=5 * MINUTE_NS)
    account.run(bar(17 * 60, 20.0, symbol="XYZ"), *[bar(number, 10.0) for number in range(17 * 60, 33 * 60 + 5)])
    assert account.of(MarketStale) == []
    account.run(*[bar(33 * 60 + number, 10.0) for number in range(5, 9)])
    assert [stale.symbol for stale in account.of(MarketStale)] == ["XYZ"]


def test_a_symbol_stale_at_a_restart_is_fresh_again_afterwards() -> None:
    """A restart knows from the records alone how long the symbol has been silent."""
    account = Account(calendar=OFFICE_HOURS, stale_after_ns=5 * MINUTE_NS)
    account.run(bar(541, 20.0, symbol="XYZ"), *[bar(540 + number, 10.0) for number in range(1, 20)])
    again = new_state(RiskLimits(), OFFICE_HOURS, stale_after_ns=5 * MINUTE_NS)
    for record in account.records:
        apply(again, record)
    lifecycle.warmed_up(again)
    account.state = again
    account.run(bar(561, 20.0, symbol="XYZ"))
    assert account.of(MarketFresh) == [MarketFresh("XYZ", 20 * MINUTE_NS)]


@pytest.mark.proves("K3", "I15")
def test_orders_of_a_stopped_day_come_back() -> None:
    """What was released without an answer is sent again under its id while fresh, and closed when it is not."""
    account = Account(Scripted({1: buy(5, limit_price=50), 2: buy(6, limit_price=50, time_to_live_s=60)})).closes(
        1, 60, 60
    )
    state = account.state
    first, second = account.order(1), account.order(2)
    for order in (first, second):
        order.state = order.state.RELEASED  # as if no answer had come
    state.now_ns += 61_000_000_000
    resent, closed = lifecycle.resend(state, first), lifecycle.resend(state, second)
    assert [(record.type, record.correlation_id) for record in resent.records] == [
        ("OrderReleased", first.correlation_id)
    ]
    (effect,) = resent.effects
    assert isinstance(effect, SubmitOrder)
    assert (effect.terms, effect.released_ns) == (first.terms, minute(1))
    assert ([record.type for record in closed.records], closed.effects) == (["OrderNotSent"], [])


@pytest.mark.proves("I15", "C1")
def test_time_never_goes_back() -> None:
    """A report with an older time than the last event is recorded at the engine's own time."""
    account = Account(Scripted({1: buy(5, limit_price=50)})).closes(1, 60, 60)
    (record, *_) = account.take(Report(START_NS, OrderRejected(account.state.ids.order(1), "late")))
    assert record.time_ns == minute(2)
    times = [record.time_ns for record in account.records]
    assert times == sorted(times)


def test_the_days_are_those_of_the_calendar() -> None:
    """The scenarios' calendars are what they say."""
    assert DAYS.day_at(START_NS).date == OFFICE_HOURS.day_at(START_NS).date == "day 0"
    assert not OFFICE_HOURS.is_open(START_NS)
