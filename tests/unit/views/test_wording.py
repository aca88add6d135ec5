"""Records as sentences: one table for all who tell of them."""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from holdfast.core.findings import SupervisorCycle
from holdfast.core.instruments import Instrument, instrument_for
from holdfast.core.messages import (
    PAPER,
    AnyBody,
    CancelOrders,
    Envelope,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTerms,
    PositionAdopted,
)
from holdfast.core.milestones import EngineStopped, Impaired, Restored, StrategyStopped
from holdfast.core.permits import BrokerPermits
from holdfast.core.protection.records import ProtectionComplete
from holdfast.core.session.causes import NOT_YET
from holdfast.core.types import ClientOrderId, Money, OrderType, Price, Quantity, Side, StrategyId
from holdfast.views.wording import NOTHING, Known, Tone, is_news, sentence, terms_text

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


@pytest.mark.parametrize("kind", get_args(AnyBody), ids=lambda kind: kind.__name__)
def test_every_record_has_words(kind: type) -> None:
    """However little is in it: one line with no name of a field and no value of Python's in it."""
    for made in samples(kind):
        text = str(sentence(enveloped(made)))
        assert text.strip()
        assert not re.search(r"\b[a-z]+_[a-z]+\b|=|\bNone\b|\(\)|\[\]|<|Decimal|\n", text.replace("o_1", "")), text
        assert not re.search(r"\b(\w+) \1\b", text), text


def samples(kind: Any) -> Iterator[Any]:
    """A record of a kind with the least in it, and one with everything."""
    hints = get_type_hints(kind)
    for full in (False, True):
        given = {}
        for field in msgspec.structs.fields(kind):
            if full or field.required:
                given[field.name] = value_of(hints[field.name], field.name, full=full)
        yield kind(**given)


def value_of(hint: Any, name: str, *, full: bool) -> Any:
    """Some value of a type; of more than one the first that isn't None."""
    hint = getattr(hint, "__supertype__", hint)
    if get_origin(hint) is Annotated:
        return value_of(get_args(hint)[0], name, full=full)
    if get_origin(hint) in (UnionType, Union):
        return value_of(next(part for part in get_args(hint) if part is not NoneType), name, full=full)
    if get_origin(hint) is tuple:
        parts = [part for part in get_args(hint) if part is not Ellipsis]
        return tuple(value_of(part, name, full=full) for part in parts)
    if get_origin(hint) is dict:
        return {}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1 if full else 0]
    if hint is Instrument:
        return instrument_for("XNYS")
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return list(samples(hint))[full]
    simple: dict[Any, Any] = {
        str: f"the {name.split('_', maxsplit=1)[0]}",
        bool: full,
        int: 7,
        float: 1.5,
        Decimal: Decimal("12.5"),
    }
    return simple[hint]


def test_what_others_have_said_is_told_in_one_line() -> None:
    """An exception's text may have lines, and what would clear a screen."""
    body = StrategyStopped(StrategyId("s"), "raised", "ValueError: one\n  two\r\nthree\x1b[2J\u2028four")
    text = str(sentence(enveloped(body)))
    assert text.isprintable()
    assert "one two three [2J four" in text


def test_what_is_said_of_an_order_says_nothing_twice() -> None:
    """Its kind and its price are one thing."""
    known: dict[OrderType, dict[str, Any]] = {
        OrderType.MARKET: {},
        OrderType.LIMIT: {"limit_price": Price(Decimal(95))},
        OrderType.STOP: {"stop_price": Price(Decimal(90))},
        OrderType.STOP_LIMIT: {"stop_price": Price(Decimal(90)), "limit_price": Price(Decimal(89))},
        OrderType.TRAILING_STOP: {"trail_percent": Decimal(1)},
    }
    texts = []
    for kind, prices in known.items():
        terms = OrderTerms(ClientOrderId("o-1"), StrategyId("s"), "ABC", Side.BUY, Quantity(Decimal(5)), kind, **prices)
        texts.append(terms_text(terms).removeprefix("o-1: buy 5 ABC ").removesuffix(" day, entry of s"))
    assert texts == ["market", "limit 95.00", "stop 90.00", "stop 90.00 limit 89.00", "trailing stop 1%"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (EngineStopped("asked to"), "the engine stopped: asked to"),
        (OrderCanceled(ClientOrderId("o-1")), "o-1 is canceled"),
        (OrderCanceled(ClientOrderId("o-1"), "by hand"), "o-1 is canceled: by hand"),
        (
            ProtectionComplete(StrategyId("s"), "ABC", Quantity(Decimal(5)), 2 * 10**9),
            "5 ABC of s protected after 2.0s",
        ),
        (SupervisorCycle(claimed=1, submitted=1, errors=2), "1 pending order followed up, 1 sent again, 2 errors"),
        (BrokerPermits(), "the broker permits: everything"),
        (CancelOrders(symbol="ABC"), "cancel of every order in ABC is wanted"),
    ],
)
def test_what_a_rare_record_says(body: AnyBody, text: str) -> None:
    """In words, as the rest."""
    assert told(body) == text


@pytest.mark.parametrize(("body", "news"), [(FILL, True), (OrderAccepted(ClientOrderId("o-1"), "b-1"), False)])
def test_news_is_what_people_are_told_unasked(body: AnyBody, news: bool) -> None:
    """Fills are; that a broker has taken an order is for who looks."""
    assert is_news(body) is news
