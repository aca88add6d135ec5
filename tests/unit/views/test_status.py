"""How things stand, as values."""

from decimal import Decimal

from holdfast.core.messages import PAPER, AnyBody, Envelope
from holdfast.core.protection.records import (
    OnFailure,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.types import MANUAL, SECOND_NS, Quantity
from holdfast.views.status import alarms

LATE = ProtectionLate(MANUAL, "ABC", Quantity(Decimal(100)), Quantity(Decimal(40)), 12 * SECOND_NS)


def shown(*bodies: AnyBody) -> list[str]:
    """The alarms in the status after these records."""
    records = [
        Envelope(f"r{number}", number, "one", PAPER, "test", "", "", number, 1, 0, body)
        for number, body in enumerate(bodies, 1)
    ]
    return [row.alarm for row in alarms(records, {"ABC"})]


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
