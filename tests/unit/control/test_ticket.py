"""An order as people type it."""

from decimal import Decimal

import pytest

from holdfast.control.ticket import Ticket
from holdfast.core.exits import Exits
from holdfast.core.types import MINUTE_NS, Price, Side, TimeInForce
from holdfast.errors import InvalidValue


def ticket(**exits: str) -> Ticket:
    return Ticket(Side.BUY, "ABC", "10", None, None, TimeInForce.DAY, None, None, **exits)


def test_exits_are_read_from_what_is_typed() -> None:
    """A distance or a share, a price, a length of time; nothing typed asks for nothing."""
    assert ticket(trail_stop="1.50", hold="30m").signal().exits == Exits(Price(Decimal("1.50")), hold_ns=30 * MINUTE_NS)
    asked = ticket(trail_stop="2%", break_even="105").signal().exits
    assert asked == Exits(trail_percent=Decimal(2), break_even_at=Price(Decimal(105)))
    assert ticket().signal().exits is None


@pytest.mark.parametrize("exits", [{"trail_stop": "100%"}, {"hold": "0s"}, {"break_even": "-1"}, {"trail_stop": "far"}])
def test_exits_that_can_not_be_are_refused(exits: dict[str, str]) -> None:
    """Before anything is filed."""
    with pytest.raises(InvalidValue):
        ticket(**exits).signal()
