"""How things stand, as values."""

from decimal import Decimal

from holdfast.config import Config
from holdfast.core.messages import PAPER, AnyBody, Envelope
from holdfast.core.protection.records import (
    OnFailure,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.types import MANUAL, SECOND_NS, Quantity
from holdfast.views.status import alarms, status, status_json

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


def test_a_status_is_of_every_configured_account(config: Config) -> None:
    """What was traded and what wasn't, each with its broker, its strategies and what it is worth."""
    house, idle = status(config).accounts
    assert (house.account, house.broker, house.running, house.ended) == ("house", "paper", False, "the feed ended")
    assert [row.strategy for row in house.strategies] == ["ema"]
    assert idle.valuation is not None
    assert idle.valuation.equity == 100_000
    assert idle.positions == []


def test_a_status_in_json_has_the_worth_among_the_accounts_fields(config: Config) -> None:
    """As programs have read it before there were views."""
    found = status_json(status(config))
    house = found["accounts"][0]
    assert {"equity", "cash", "day_pnl", "valued", "market_time", "open_orders", "last_write_age_s"} <= house.keys()
    assert "valuation" not in house
    assert isinstance(house["equity"], str)
