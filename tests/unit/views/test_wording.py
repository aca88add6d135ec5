"""Records as sentences: one table for all who tell of them."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.core.messages import (
    PAPER,
    AnyBody,
    Envelope,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    PositionAdopted,
)
from holdfast.core.milestones import EngineStopped, Impaired, Restored
from holdfast.core.session.causes import NOT_YET
from holdfast.core.types import ClientOrderId, Money, Price, Quantity, Side
from holdfast.views.wording import NOTHING, Known, Tone, is_news, sentence

FILL = OrderFilled(
    ClientOrderId("o-1"), "x-9", "ABC", Side.BUY, Quantity(Decimal(10)), Price(Decimal("1.5")), Money(Decimal("0.25"))
)


def told(body: AnyBody, known: Known = NOTHING) -> str:
    """What is said of a record, with single blanks."""
    return " ".join(str(sentence(enveloped(body), known)).split())


def enveloped(body: Any) -> Envelope:
    return Envelope("r1", 1, "one", PAPER, "test", "", "", 1, 1, 0, body)


def test_a_fill_says_whose_it_is() -> None:
    """The strategy where that is known, the order and the execution where it isn't."""
    assert told(FILL) == "BUY 10 ABC @ 1.50 o-1 (x-9) fee 0.25"
    assert told(FILL, Known(strategy="trend")) == "BUY 10 ABC @ 1.50 trend fee 0.25"


def test_a_position_taken_over_says_what_the_account_has_then() -> None:
    """For who knows it."""
    body = PositionAdopted("ABC", Quantity(Decimal(3)), Price(Decimal(7)))
    assert told(body) == "adopted 3 ABC @ 7.00, there before the engine was"
    assert told(body, Known(quantity=Decimal(8))).endswith("; the account has 8 now")


def test_a_tone_says_what_a_part_means() -> None:
    """And no colour: that is up to who shows it."""
    lead, text = sentence(enveloped(OrderRejected(ClientOrderId("o-1"), "too late")))
    assert (lead.text, lead.tone) == ("rejected ", Tone.BAD)
    assert (text.text, text.tone) == ("o-1 by the broker: too late", Tone.PLAIN)


def test_what_was_never_there_is_awaited_and_not_missed() -> None:
    """A start waits for its market; the same cause, lost later, is missing and there again."""
    assert told(Impaired("market data", NOT_YET)) == "waits for market data"
    assert told(Restored("market data", "connected"), Known(was_awaited=True)) == "has market data: connected"
    assert told(Impaired("market data", "closed")) == "missing market data: closed"
    assert told(Restored("market data", "connected")) == "there again market data: connected"


def test_a_rare_record_is_told_by_its_fields() -> None:
    """No record is left without words."""
    assert told(EngineStopped("asked to")) == "reason=asked to"


@pytest.mark.parametrize(("body", "news"), [(FILL, True), (OrderAccepted(ClientOrderId("o-1"), "b-1"), False)])
def test_news_is_what_people_are_told_unasked(body: AnyBody, news: bool) -> None:
    """Fills are; that a broker has taken an order is for who looks."""
    assert is_news(body) is news
