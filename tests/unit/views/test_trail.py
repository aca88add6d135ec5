"""The story of one order."""

from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER, OrderAdopted, OrderFilled, OrderPrepared, OrderTerms, Signal
from holdfast.core.types import ClientOrderId, Quantity, Side
from holdfast.errors import InvalidValue
from holdfast.journal import Journal
from holdfast.journal.lease import Lease
from holdfast.journal.reader import Reader
from holdfast.views.trail import is_about, record_json, tail, trail
from tests.unit.journal.trader import STRATEGY, Trader


def test_a_trail_goes_from_the_signal_to_the_fill(reader: Reader) -> None:
    """Records of one cause, in order, and those of the order are told from the rest."""
    (order, *_) = reader.orders("house", limit=1)
    chain = trail(reader, order.client_order_id)
    kinds = [type(record.body) for record in chain]
    assert kinds.index(Signal) < kinds.index(OrderPrepared) < kinds.index(OrderFilled)
    assert len({record.correlation_id for record in chain}) == 1
    ours = [record for record in chain if is_about(record, order.client_order_id)]
    assert {OrderPrepared, OrderFilled} <= {type(record.body) for record in ours}


def test_an_order_from_elsewhere_has_a_trail_too(tmp_path: Path) -> None:
    """It was never prepared here: its story begins where it was taken into the books."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = Journal.open(url)
    trader = Trader(journal.take("main", PAPER, "engine", Lease()))
    terms = OrderTerms(ClientOrderId("elsewhere-1"), STRATEGY, "IBM", Side.BUY, Quantity(Decimal(3)))
    journal.append(trader.batch([OrderAdopted(terms, "b-1")]))
    journal.close()
    with Reader.open(url) as reader:
        assert [type(record.body) for record in trail(reader, "elsewhere-1")] == [OrderAdopted]


def test_an_order_that_is_not_there_is_named(reader: Reader) -> None:
    """With what lists those that are."""
    with pytest.raises(InvalidValue, match="no order 'nothing'; `holdfast orders` lists"):
        trail(reader, "nothing")


def test_the_tail_ends_with_the_newest(reader: Reader) -> None:
    """Of each account so many; each record's JSON names its broker."""
    found = tail(reader, ["house"], 5)
    last = reader.last_record("house")
    assert found[-1] == last
    assert [record.sequence for record in found] == sorted(record.sequence for record in found)
    assert record_json(found[0])["broker"] == "paper"
