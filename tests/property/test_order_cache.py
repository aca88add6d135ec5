"""The books' orders are those of the journal: in memory, in the `orders` table, and from the records alone.

What the broker and people do is drawn, late and impossible reports among it, about orders that are live or long over.
"""

import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core import lifecycle
from holdfast.core.codec import decode, encode, external_order_id
from holdfast.core.messages import (
    PAPER,
    Action,
    CancelOrders,
    CancelRefused,
    Envelope,
    FillBusted,
    Flatten,
    Heartbeat,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderRejected,
    OrderReplaced,
    OrderTerms,
    OrderUnknown,
    PlaceOrder,
    Report,
    Resume,
    Signal,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.state import apply
from holdfast.core.turn import Turn
from holdfast.core.types import SECOND_NS, Money, OrderType, Price, Quantity, Side, StrategyId
from holdfast.journal import Journal, Reader
from holdfast.journal.reader import OrderRow
from holdfast.runtime.account import AccountAtWork
from tests.budget import examples
from tests.property.test_risk_interleaved import Silent
from tests.scenario.account import Account, Scripted, bar, minute, new_state

D = Decimal
SYMBOLS = ("ABC", "XYZ")
OWNERS = (StrategyId("s0"), StrategyId("s1"))
LIMITS = RiskLimits(duplicate_window_s=0.0)
WAIT_S = 60.0
PLAIN: dict[str, Any] = {
    "unknown": OrderUnknown,
    "reject": OrderRejected,
    "cancel": OrderCanceled,
    "expire": OrderExpired,
    "fail": OrderFailed,
    "not sent": OrderNotSent,
    "cancel refused": CancelRefused,
}

INTENTS = st.tuples(
    st.just("intent"), st.sampled_from(OWNERS), st.sampled_from(SYMBOLS), st.sampled_from(list(Side)), st.integers(1, 40),
    st.sampled_from(["market", "limit", "pair"]),
)  # fmt: skip
TRADES = st.tuples(
    st.just("fill"), st.integers(0, 9), st.sampled_from([1, 7, None]), st.sampled_from(["99.5", "100", "101.25"]),
    st.sampled_from(["0", "0.35"]),
)  # fmt: skip
ANSWERS = st.tuples(
    st.just("answer"), st.integers(0, 9), st.sampled_from(["accept", "accept", "accept", "replace", *PLAIN])
)
OTHERS = st.one_of(
    st.tuples(st.just("bust"), st.integers(0, 9)),
    st.tuples(st.just("repeat"), st.integers(0, 9)),
    st.tuples(st.just("ask cancel"), st.integers(0, 9)),
    st.tuples(st.just("resend"), st.integers(0, 9)),
    st.tuples(st.just("elsewhere"), st.sampled_from(list(Side)), st.integers(1, 9)),
    st.tuples(st.just("price"), st.sampled_from(SYMBOLS), st.sampled_from([93.5, 100.0, 107.25])),
    st.tuples(st.just("beat"), st.sampled_from([1, 60])),
    st.tuples(st.sampled_from(["resume", "resume", "resume", "flatten"])),
)
LOOKS = st.tuples(st.just("look"))
KINDS = [*[INTENTS] * 2, *[TRADES] * 3, *[ANSWERS] * 4, *[OTHERS] * 2, LOOKS]
HAPPENINGS: st.SearchStrategy[tuple[Any, ...]] = st.sampled_from(KINDS).flatmap(
    lambda kind: kind
)  # `one_of` has no weights
SCRIPTS = st.tuples(st.lists(INTENTS, min_size=2, max_size=4), st.lists(HAPPENINGS, min_size=12, max_size=40)).map(
    lambda parts: [*parts[0], *parts[1]]
)


class Player:
    """Lets drawn things happen at an account. An index picks among all orders there ever were, the live ones first."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.told: list[OrderFilled] = []
        self.looks = 0
        account.run(*[bar(1, 100.0, symbol=symbol) for symbol in SYMBOLS])

    def play(self, script: list[tuple[Any, ...]]) -> None:
        """All of a script, and a look at the end."""
        self.happen(script)
        self.do_look()

    def happen(self, script: list[tuple[Any, ...]]) -> None:
        """One thing after the other."""
        for what, *details in script:
            getattr(self, "do_" + what.replace(" ", "_"))(*details)

    def look(self) -> None:
        """Compare; what with, is the properties' own."""
        raise NotImplementedError

    def do_look(self) -> None:
        self.looks += 1
        self.look()

    def do_intent(self, owner: StrategyId, symbol: str, side: Side, units: int, kind: str) -> None:
        terms: dict[str, Any] = {}
        if kind == "limit":
            terms = {"order_type": OrderType.LIMIT, "limit_price": Price(D(100 - side.sign))}
        elif kind == "pair":
            terms = {"stop_loss": Price(D(100 - 30 * side.sign)), "take_profit": Price(D(100 + 30 * side.sign))}
        action = Action.BUY if side is Side.BUY else Action.SELL
        self._ask(PlaceOrder(Signal(owner, symbol, action, side, Quantity(D(units)), **terms)))

    def do_fill(self, index: int, units: int | None, price: str, fee: str) -> None:
        order = self._pick(index)
        if order is not None:
            terms = order.terms
            quantity = Quantity(D(units) if units else order.remaining or D(1))
            name = f"x{len(self.told)}"
            self.told.append(
                OrderFilled(
                    terms.client_order_id, name, terms.symbol, terms.side, quantity, Price(D(price)), Money(D(fee))
                )
            )
            self._tell(self.told[-1])

    def do_answer(self, index: int, how: str) -> None:
        order = self._pick(index)
        if order is None:
            return
        key = order.terms.client_order_id
        if how == "accept":
            self._tell(OrderAccepted(key, f"b{key}"))
        elif how == "replace":
            self._tell(OrderReplaced(key, Quantity(order.filled_quantity + 3)))
        else:
            self._tell(PLAIN[how](key, "drawn"))

    def do_bust(self, index: int) -> None:
        if self.told:
            fill = self.told[index % len(self.told)]
            self._tell(
                FillBusted(
                    fill.client_order_id, fill.execution_id, fill.symbol, fill.side, fill.quantity, fill.price, fill.fee
                )
            )

    def do_repeat(self, index: int) -> None:
        if self.told:
            self._tell(self.told[index % len(self.told)])

    def do_ask_cancel(self, index: int) -> None:
        order = self._pick(index)
        if order is not None:
            self._ask(CancelOrders(client_order_id=order.terms.client_order_id))

    def do_resend(self, index: int) -> None:
        order = self._pick(index)
        if order is not None and order.state in (OrderState.UNKNOWN, OrderState.RELEASED):
            self.account._work(lifecycle.resend(self.account.state, order))

    def do_elsewhere(self, side: Side, units: int) -> None:
        name = f"app{self.account.state.sequence}"
        terms = OrderTerms(external_order_id(name), EXTERNAL, "ABC", side, Quantity(D(units)))
        self._tell(OrderAdopted(terms, name))

    def do_price(self, symbol: str, close: float) -> None:
        number = (self.account.state.now_ns - minute(0)) // (60 * SECOND_NS) + 1
        self.account.run(bar(number, close, symbol=symbol))

    def do_beat(self, seconds: int) -> None:
        self.account.run(Heartbeat(self.account.state.now_ns + seconds * SECOND_NS))

    def do_flatten(self) -> None:
        self._ask(Flatten())

    def do_resume(self) -> None:
        self._ask(Resume())

    def _pick(self, index: int) -> Order | None:
        book = self.account.state.orders
        orders = [*book.live.values(), *book.finished.values()]
        return orders[index % len(orders)] if orders else None

    def _tell(self, body: Any) -> None:
        self.account.take(Report(self.account.state.now_ns, body))

    def _ask(self, command: Any) -> None:
        self.account.ask(command, f"c{self.account.state.sequence}")


# --- from the records alone -------------------------------------------------------------------------------------------


def parts(book: OrderBook) -> dict[str, Any]:
    """All that a book holds, orders in their order; not which of its symbols have yet to be summed up."""
    return {
        name: list(part.items()) if name in ("live", "finished", "by_notional") else part
        for name, part in vars(book).items()
        if name != "moved"
    }


def check_records(account: Account, records: list[Envelope]) -> None:
    """A state that knows nothing comes to the same orders and positions by these records."""
    state = new_state(LIMITS)
    for record in records:
        apply(state, record)
    assert parts(state.orders) == parts(account.state.orders)
    assert state.order_count == account.state.order_count
    assert state.overdue == account.state.overdue
    assert state.portfolio.ledgers == account.state.portfolio.ledgers
    assert state.portfolio.cash == account.state.portfolio.cash


class Replayed(Player):
    """Compares with what the records give that were made so far, each written and read."""

    def look(self) -> None:
        check_records(self.account, [decode(encode(record)) for record in self.account.records])


@settings(max_examples=examples())
@given(SCRIPTS)
def test_the_records_give_the_orders_that_are_in_memory(script: list[tuple[Any, ...]]) -> None:
    """At each look, every order, live or over, is in the same state with the same fills, and so is all that is summed up of them."""
    Replayed(Account(Scripted({}), Scripted({}), limits=LIMITS, exchange=Silent())).play(script)


# --- from the journal's table -----------------------------------------------------------------------------------------


class AccountWithJournal(Account):
    """An account whose turns go to the journal as a running account's do; several of them at a time in one batch.

    Nothing leaves its gate: what the broker says is drawn.
    """

    def __init__(self, journal: Journal, **given: Any) -> None:
        self.journal = journal
        self.unwritten: list[Turn] = []
        journal.take("main", PAPER, "test")
        super().__init__(Scripted({}), Scripted({}), exchange=Silent(), **given)
        broker: Any = None
        self.account: AccountAtWork[Any] = AccountAtWork(self.state, broker, journal)

    def _carry_out(self, turn: Turn | None) -> None:
        super()._carry_out(turn)
        if turn is not None:
            self.unwritten.append(turn)

    def write(self) -> None:
        """Have all that happened since the last time written, as one batch."""
        self.account.keep(*self.unwritten)
        self.unwritten.clear()


def in_memory(order: Order) -> tuple[object, ...]:
    """What is compared of an order as the engine has it."""
    terms = order.terms
    return (
        terms.strategy, terms.symbol, terms.side, order.quantity,
        terms.limit_price, terms.stop_price, terms.role.value, terms.parent, terms.oco_group,
        order.state.value, order.filled_quantity, order.filled_notional, order.fees, order.broker_order_id, order.reason,
        order.created_ns, order.released_ns, order.cancel_released_ns, order.updated_ns,
    )  # fmt: skip


def in_table(row: OrderRow) -> tuple[object, ...]:
    """The same of a row."""
    return (
        row.strategy, row.symbol, row.side, row.quantity,
        row.limit_price, row.stop_price, row.role, row.parent, row.oco_group,
        row.state, row.filled_quantity, row.filled_notional, row.fees, row.broker_order_id, row.reason,
        row.created_ns, row.released_ns, row.cancel_released_ns, row.updated_ns,
    )  # fmt: skip


class Journaled(Player):
    """Writes in batches of a drawn size, and compares with what another connection reads."""

    def __init__(self, account: AccountWithJournal, url: str, every: int) -> None:
        super().__init__(account)
        self.at_work, self.url, self.every = account, url, every

    def play(self, script: list[tuple[Any, ...]]) -> None:
        """The script in parts, each a batch; batches that nobody waits for are committed as they gather."""
        for start in range(0, len(script), self.every):
            self.happen(script[start : start + self.every])
            self.at_work.write()
        self.do_look()

    def look(self) -> None:
        self.at_work.write()
        self.at_work.journal.wait_durable("main", self.account.state.sequence, WAIT_S)
        with Reader.open(self.url) as reader:
            self._compare(reader)

    def _compare(self, reader: Reader) -> None:
        book = self.account.state.orders
        live = {row.client_order_id: in_table(row) for row in reader.orders("main", live_only=True)}
        assert live == {key: in_memory(order) for key, order in book.live.items()}
        known = {row.client_order_id: in_table(row) for row in reader.orders("main")}
        assert known == {key: in_memory(order) for key, order in [*book.live.items(), *book.finished.items()]}
        filled: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fill in reader.fills("main"):  # a bust is an execution of the other side
            order = book.find(fill.client_order_id)  # type: ignore[arg-type]
            assert order is not None
            filled[fill.client_order_id] += fill.quantity if fill.side is order.terms.side else -fill.quantity
        for key, order in [*book.live.items(), *book.finished.items()]:
            assert order.filled_quantity == filled[key]
        check_records(self.account, list(reader.records("main")))


@settings(max_examples=examples(20, campaign=400))
@given(SCRIPTS, st.integers(1, 40))
def test_the_journal_keeps_the_orders_that_are_in_memory(script: list[tuple[Any, ...]], every: int) -> None:
    """At each look the table has the same orders in the same states with the same fills; so have the records that were read back."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'journal.db'}"
        journal = Journal.open(url)
        try:
            Journaled(AccountWithJournal(journal, limits=LIMITS), url, every).play(script)
        finally:
            journal.close()


def test_the_players_do_something() -> None:
    """What is drawn leads to orders in every state that a report can bring about, or the properties would show little."""
    player = Replayed(Account(Scripted({}), Scripted({}), limits=LIMITS, exchange=Silent()))
    intent = ("intent", OWNERS[0], "ABC", Side.BUY, 10, "pair")
    player.play(
        [
            intent, ("answer", 0, "accept"), ("fill", 0, 7, "100", "0.35"), ("bust", 0), intent, ("answer", 1, "unknown"),
            intent, ("answer", 2, "reject"), ("elsewhere", Side.SELL, 3),
        ]
    )  # fmt: skip
    book = player.account.state.orders
    assert {order.state for order in book.live.values()} >= {OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}
    assert next(iter(book.live.values())).filled_quantity == 0
    assert player.looks == 1
    assert len(book.finished) >= 1
