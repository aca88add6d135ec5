# mypy: disable-error-code="comparison-overlap", no-warn-unreachable
# (quantities are compared with plain numbers)
"""A broker's list of the day says the rules of its instruments: they are records, and what the configuration says stands before them."""

from decimal import Decimal

from msgspec.structs import replace

from holdfast.core.instruments import INDIA_EQUITY, Instrument, Product
from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import Action, Envelope, RiskRefused
from holdfast.core.permits import BrokerPermits, Permits
from holdfast.core.register import Register
from holdfast.core.state import apply
from holdfast.core.types import Side
from holdfast.feeds.instruments import InstrumentRules
from holdfast.views.plain_words import PLAIN_WORDS
from tests.scenario.account import Account, bar, minute, new_state

DIME = Instrument(ticks=((Decimal(0), Decimal("0.1")),), quantity_increment=Decimal(1), lot=Decimal(1), exchange="NSE")
MIS = InstrumentRules(product=Product.MIS)


def register(**rows: InstrumentRules) -> Register:
    """A register at an account whose broker lists rules, with what the configuration says recorded by a first start."""
    made = Register(INDIA_EQUITY)
    offer(made, **rows)
    made.begin("INR")
    for listed in made.news(()):
        made.list(listed)
    return made


def offer(made: Register, **rows: InstrumentRules) -> None:
    offered = {symbol: row.on(INDIA_EQUITY) for symbol, row in rows.items()}
    made.offer(offered, offered, "configuration", written={symbol: row.written for symbol, row in rows.items()})


def test_the_list_says_ticks_and_lots_and_the_configuration_the_rest() -> None:
    """The product that is written stays, and so does a tick that is; what is the same already is no record."""
    made = register(ABC=MIS, XYZ=InstrumentRules(tick=Decimal("0.5")))
    found = {record.symbol: record for record in made.told({"ABC": DIME, "XYZ": DIME, "NEW": DIME}, "zerodha")}
    assert sorted(found) == ["ABC", "NEW", "XYZ"]
    assert (found["ABC"].instrument.product, found["ABC"].source) == (Product.MIS, "zerodha")
    assert [found[name].instrument.tick(Decimal(100)) for name in ("ABC", "NEW", "XYZ")] == [
        Decimal("0.1"),
        Decimal("0.1"),
        Decimal("0.5"),
    ]
    assert found["ABC"].instrument.eras == ()
    for record in found.values():
        made.list(record)
    assert not list(made.told({"ABC": DIME, "XYZ": DIME, "NEW": DIME}, "zerodha"))


def test_a_new_start_keeps_what_was_listed_and_takes_what_is_written_anew() -> None:
    """No record for a configuration that says what it said; one for what it says now."""
    made = register(ABC=MIS)
    for record in made.told({"ABC": DIME}, "zerodha"):
        made.list(record)
    offer(made, ABC=MIS)
    assert not list(made.news(()))
    offer(made, ABC=InstrumentRules(product=Product.CNC))
    (record,) = made.news(())
    assert (record.instrument.product, record.instrument.tick(Decimal(100))) == (Product.CNC, Decimal("0.1"))


def test_rules_of_the_day_are_records_and_orders_go_by_them() -> None:
    """A replay rounds as the run did; what would revalue what is held is left to a start."""
    account = Account(instrument=INDIA_EQUITY).run(bar(1, 100))
    account.place(Action.BUY, 10)
    account.run(bar(2, 100))
    listed = {"ABC": replace(DIME, largest_order=Decimal(50))}
    records = told(account, Permits(account.state.now_ns, BrokerPermits(), listed, "zerodha"))
    assert [type(record.body) for record in records] == [InstrumentListed]
    assert not told(account, Permits(account.state.now_ns, BrokerPermits(), listed, "zerodha"))
    assert account.state.instrument_of("ABC").stop_price(Decimal("99.97"), Side.SELL) == Decimal("99.9")
    account.place(Action.BUY, 41)
    (refused,) = account.of(RiskRefused)
    assert (refused.rule, refused.figure, refused.limit) == ("largest_order", "51", "50")
    account.place(Action.BUY, 40)
    assert len(account.of(RiskRefused)) == 1
    again = new_state(account.state.limits, instrument=INDIA_EQUITY)
    for record in account.records:
        apply(again, record)
    assert again.register.named == account.state.register.named


def test_a_name_that_has_changed_is_a_record_in_words() -> None:
    """With the new one."""
    account = Account()
    record = told(account, Permits(minute(1), BrokerPermits(untradable=("OLD",), renamed={"OLD": "NEW"})))[-1]
    assert "OLD (now NEW)" in PLAIN_WORDS[BrokerPermits](record.body)


def told(account: Account, permits: Permits) -> list[Envelope]:
    """What is recorded of an answer."""
    turn = account.step(permits)
    account.records += [] if turn is None else turn.records
    return [] if turn is None else turn.records
