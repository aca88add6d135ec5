"""Protection as people ask for it and are shown it."""

from decimal import Decimal

import pytest

from holdfast.cli.act import Ticket
from holdfast.cli.status import _protection
from holdfast.core.exits import Exits
from holdfast.core.messages import PAPER, AnyBody, Envelope
from holdfast.core.protection.records import (
    OnFailure,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.types import MANUAL, MINUTE_NS, SECOND_NS, Price, Quantity, Side, TimeInForce
from holdfast.errors import InvalidValue

HELD = [{"symbol": "ABC", "quantity": "100"}]
LATE = ProtectionLate(MANUAL, "ABC", Quantity(Decimal(100)), Quantity(Decimal(40)), 12 * SECOND_NS)


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


def shown(*bodies: AnyBody) -> list[str]:
    """The alarms in the status after these records."""
    records = [
        Envelope(f"r{number}", number, "one", PAPER, "test", "", "", number, 1, 0, body)
        for number, body in enumerate(bodies, 1)
    ]
    return [row["alarm"] for row in _protection(records, HELD)]


def test_the_status_shows_the_last_alarm_of_a_position() -> None:
    """How much is protected and for how long it has not been, why it can't be, and that it would not close."""
    failed = ProtectionFailed(MANUAL, "ABC", OnFailure.ALERT, "refused five times")
    left = PositionLeft(MANUAL, "ABC", Quantity(Decimal(100)), "3 orders did not close it")
    assert shown(LATE) == ["40 of 100 protected for 12 s"]
    assert shown(LATE, failed) == ["refused five times"]
    assert shown(LATE, failed, left) == ["3 orders did not close it"]


def test_an_alarm_ends_with_the_protection_or_the_position() -> None:
    """What is covered again, or held no longer, is no alarm."""
    complete = ProtectionComplete(MANUAL, "ABC", Quantity(Decimal(100)), 15 * SECOND_NS)
    assert shown(LATE, complete) == []
    other = ProtectionLate(MANUAL, "XYZ", Quantity(Decimal(1)), Quantity(Decimal(0)), SECOND_NS)
    assert shown(other) == []
