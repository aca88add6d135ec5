"""No accepted order breaks a limit at the moment of acceptance, in any interleaving of intents, reports and prices.

The engine is driven by ``step`` alone; what the broker says is drawn. After each acceptance the limits are counted anew from the
orders and positions there are, by other arithmetic than that of risk.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.broker_rules import BrokerRules
from holdfast.core.messages import (
    Action,
    Halt,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PlaceOrder,
    Report,
    Resume,
    RiskApproved,
    Signal,
)
from holdfast.core.orders.order import Order
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.risk.sizing import Sizing
from holdfast.core.types import ZERO, Money, OrderRole, OrderType, Price, Quantity, Side, StrategyId
from tests.budget import examples
from tests.scenario.account import Account, Scripted, bar

D = Decimal
SYMBOLS = ("ABC", "XYZ", "QRS")
OWNERS = (StrategyId("s0"), StrategyId("s1"))
LIMITS = RiskLimits(
    max_position_value=Money(D(30_000)),
    max_position_pct=D(28),
    max_gross_exposure=Money(D(60_000)),
    max_gross_pct=D(58),
    max_net_exposure=Money(D(45_000)),
    max_positions=2,
    max_open_orders=5,
    leverage=D(1),
    cash_reserve=Money(D(30_000)),
    correlation_groups={"pair": ("ABC", "XYZ")},
    max_group_pct=D(45),
    duplicate_window_s=0.0,
    sizing=Sizing(max_pct=D(20)),
)
OWN = StrategyLimits(max_position_value=Money(D(15_000)), max_gross_exposure=Money(D(20_000)), max_open_orders=3)


class Silent:
    """A broker that has yet to say something: everything it says is drawn."""

    def on_market(self, _event: object) -> list[Report]:
        return []

    def submit(self, *_order: object) -> list[Report]:
        return []

    def cancel(self, *_order: object) -> list[Report]:
        return []

    def end_instant(self) -> None:
        """Nothing happens here."""


class Recount:
    """The worst case of the account, or of one strategy, from nothing but orders and ledgers."""

    def __init__(self, account: Account, owner: StrategyId | None = None) -> None:
        state = account.state
        self.long: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.short: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.held: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.orders = 0
        for (strategy, symbol), ledger in state.portfolio.ledgers.items():
            if owner in (None, strategy):
                for side in (self.long, self.short, self.held):
                    side[symbol] += ledger.quantity
        for order in state.orders.live.values():
            if order.terms.role is OrderRole.REGULAR and owner in (None, order.terms.strategy):
                self._open(order)

    def _open(self, order: Order) -> None:
        self.orders += 1
        left = order.quantity - order.filled_quantity + (order.terms.then or ZERO)
        if order.terms.side is Side.BUY:
            self.long[order.terms.symbol] += left
        else:
            self.short[order.terms.symbol] -= left

    def exposure(self, prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """What each symbol could be worth, on whichever side is larger."""
        symbols = {symbol for side in (self.long, self.short) for symbol, units in side.items() if units}
        return {
            symbol: prices[symbol] * max(abs(self.long[symbol]), abs(self.short[symbol])) for symbol in sorted(symbols)
        }


def check_account(account: Account, approved: RiskApproved) -> None:
    """Every limit of the account, with the order that was just accepted."""
    terms, state = approved.terms, account.state
    prices = {symbol: state.price(symbol) or Price(ZERO) for symbol in SYMBOLS}
    prices[terms.symbol] = max(prices[terms.symbol], approved.reference_price)
    count = Recount(account)
    exposure = count.exposure(prices)
    equity = state.equity
    gross = sum(exposure.values())
    assert exposure[terms.symbol] <= min(D(30_000), equity * 28 / 100)
    assert gross <= min(D(60_000), equity * 58 / 100, equity)
    worst = count.long if terms.side is Side.BUY else count.short
    assert sum(prices[symbol] * units for symbol, units in worst.items()) * terms.side.sign <= 45_000
    assert len(exposure) <= 2
    assert count.orders <= 5
    if terms.symbol in ("ABC", "XYZ"):
        assert exposure.get("ABC", 0) + exposure.get("XYZ", 0) <= equity * 45 / 100
    if terms.side is Side.BUY:
        needed = sum(
            prices[symbol] * max(count.long[symbol] - count.held[symbol], -count.held[symbol], ZERO)
            for symbol in exposure
        )
        assert state.portfolio.cash - needed >= 30_000
    assert state.account_state.takes_risk


def check_strategy(account: Account, approved: RiskApproved) -> None:
    """Every limit of the strategy that has some, where the order could add to what it holds."""
    terms, state = approved.terms, account.state
    if terms.strategy != OWNERS[0] or terms.then is not None:  # that only closes; what follows is judged when it does
        return
    count = Recount(account, terms.strategy)
    same, held = (
        (count.long[terms.symbol], count.held[terms.symbol])
        if terms.side is Side.BUY
        else (-count.short[terms.symbol], -count.held[terms.symbol])
    )
    if same <= max(held, ZERO):
        return
    prices = {symbol: state.price(symbol) or Price(ZERO) for symbol in SYMBOLS}
    prices[terms.symbol] = max(prices[terms.symbol], approved.reference_price)
    exposure = count.exposure(prices)
    assert exposure[terms.symbol] <= 15_000
    assert sum(exposure.values()) <= 20_000
    assert count.orders <= 3


INTENTS = st.tuples(
    st.just("intent"), st.sampled_from(OWNERS), st.sampled_from(SYMBOLS), st.sampled_from([Action.BUY, Action.SELL, Action.TARGET]),
    st.sampled_from(list(Side)), st.one_of(st.none(), st.integers(1, 400)), st.sampled_from([None, 0.9, 1.1]),
)  # fmt: skip
REPORTS = st.tuples(
    st.sampled_from(["accept", "fill", "part", "cancel", "unknown", "reject"]), st.integers(0, 5), st.integers(1, 90)
)
PRICES = st.tuples(st.just("price"), st.sampled_from(SYMBOLS), st.sampled_from([80.0, 93.5, 100.0, 107.25, 125.0]))
TURNS = st.lists(
    st.one_of(INTENTS, INTENTS, REPORTS, REPORTS, PRICES, st.just(("halt",)), st.just(("resume",))),
    min_size=4,
    max_size=40,
)


class Player:
    """Lets drawn things happen, and checks each acceptance."""

    def __init__(self, orders_cross_zero: bool) -> None:
        self.account = Account(
            Scripted({}),
            Scripted({}),
            limits=LIMITS,
            symbols=SYMBOLS,
            exchange=Silent(),
            rules=BrokerRules(orders_cross_zero=orders_cross_zero),
        )
        self.account.state.strategy_limits[OWNERS[0]] = OWN
        self.account.run(*[bar(1, 100.0, symbol=symbol) for symbol in SYMBOLS])
        self.accepted = self._fills = 0

    def take(self, turn: tuple[Any, ...]) -> None:
        """One thing that happens."""
        what, *details = turn
        before = len(self.account.records)
        if what == "intent":
            self._ask(*details)
        elif what == "price":
            symbol, price = details
            self.account.run(bar(2, price, symbol=symbol))
        elif what in ("halt", "resume"):
            self.account.ask(Halt() if what == "halt" else Resume(), f"c{self.account.state.sequence}")
        else:
            self._report(what, *details)
        for record in self.account.records[before:]:
            if isinstance(record.body, RiskApproved) and record.body.terms.role is OrderRole.REGULAR:
                self.accepted += 1
                if record.body.raises_risk:
                    check_account(self.account, record.body)
                check_strategy(self.account, record.body)

    def _ask(
        self, owner: StrategyId, symbol: str, action: Action, side: Side, units: int | None, limit: float | None
    ) -> None:
        price = self.account.state.price(symbol)
        assert price is not None
        if action is Action.TARGET:
            quantity = None if units is None else Quantity(D(units * side.sign))
            signal = Signal(owner, symbol, action, side, quantity)
        else:
            own = None if limit is None else Price(price * D(str(limit)))
            side = Side.BUY if action is Action.BUY else Side.SELL
            kind = OrderType.MARKET if own is None else OrderType.LIMIT
            quantity = None if units is None else Quantity(D(units))
            signal = Signal(owner, symbol, action, side, quantity, order_type=kind, limit_price=own)
        self.account.ask(PlaceOrder(signal), f"c{self.account.state.sequence}")

    def _report(self, what: str, number: int, units: int) -> None:
        live = list(self.account.state.orders.live.values())
        if not live:
            return
        order = live[number % len(live)]
        key, left = order.terms.client_order_id, order.remaining
        if what in ("fill", "part"):
            self._fills += 1
            quantity = left if what == "fill" else Quantity(min(left, D(units)))
            price = self.account.state.price(order.terms.symbol) or Price(D(1))
            body: Any = OrderFilled(key, f"x{self._fills}", order.terms.symbol, order.terms.side, quantity, price)
        elif what == "accept":
            body = OrderAccepted(key, f"b{key}")
        else:
            body = {"cancel": OrderCanceled, "unknown": OrderUnknown, "reject": OrderRejected}[what](key, "drawn")
        self.account.take(Report(self.account.state.now_ns, body))


@pytest.mark.proves("I7")
@settings(max_examples=examples())
@given(TURNS, st.booleans())
def test_no_accepted_order_breaks_a_limit(turns: list[tuple[Any, ...]], orders_cross_zero: bool) -> None:
    """Two strategies, three symbols, orders accepted, filled in part and whole, canceled, UNKNOWN; prices move in between."""
    player = Player(orders_cross_zero)
    for turn in turns:
        player.take(turn)


@settings(max_examples=examples())
@given(TURNS, st.booleans())
def test_a_close_is_never_refused(turns: list[tuple[Any, ...]], orders_cross_zero: bool) -> None:
    """Whatever has happened, once nothing else is open each position that the account's books have can be closed, halted or not."""
    player = Player(orders_cross_zero)
    for turn in turns:
        player.take(turn)
    account = player.account
    account.ask(Halt(), "halt")
    for key in list(account.state.orders.live):
        account.take(Report(account.state.now_ns, OrderCanceled(key, "drawn")))
    for symbol, line in list(account.state.portfolio.open_lines()):
        side = Side.SELL if line.quantity > 0 else Side.BUY
        action = Action.SELL if line.quantity > 0 else Action.BUY
        owner = OWNERS[1]  # it has no limits of its own
        records = account.ask(
            PlaceOrder(Signal(owner, symbol, action, side, Quantity(abs(line.quantity)))), f"close {symbol}"
        )
        approved = [record.body for record in records if isinstance(record.body, RiskApproved)]
        assert [body.raises_risk for body in approved] == [False]


def test_the_players_do_something() -> None:
    """What the properties draw leads to accepted orders of both kinds, or they would show nothing."""
    player = Player(orders_cross_zero=True)
    intent = ("intent", OWNERS[1], "ABC", Action.BUY, Side.BUY)
    for turn in ((*intent, 100, None), ("part", 0, 50), ("unknown", 0, 1), (*intent, None, 1.1), (*intent, 400, None)):
        player.take(turn)
    assert player.accepted == 2
    assert player.account.state.orders.regular_count == 2
