"""Bytes and ids: every message comes back as it went, and no id comes twice."""

import itertools
import json
import re
import typing
import uuid
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import codec, messages
from holdfast.core.body import Body
from holdfast.core.codec import Ids
from holdfast.core.messages import PAPER, AnyBody, BrokerName, Envelope, Halt, OrderReleased
from holdfast.core.types import ClientOrderId
from holdfast.errors import JournalCorrupt


def body_types() -> list[type[Body]]:
    """Every kind of body there is, found by walking the classes."""
    found = list(Body.__subclasses__())
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__.startswith("holdfast.core.")]


def members(union: Any) -> Iterator[type]:
    """The classes of a union, however deep it is nested."""
    for member in get_args(union):
        yield from members(member) if get_args(member) else (member,)


def example(kind: Any) -> Any:
    """A value of a field's type that is not its default."""
    if isinstance(kind, NewType):
        return example(kind.__supertype__)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return example(next(choice for choice in get_args(kind) if choice is not NoneType))
    if origin is tuple:
        return tuple(example(part) for part in get_args(kind) if part is not Ellipsis)
    if origin is dict:
        return {example(part): example(value) for part, value in [get_args(kind)]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return build(kind)
    return {str: 'tex"t é\n', int: 1 << 53, float: 0.1, bool: True, Decimal: Decimal("-0.10")}[kind]


def build(kind: type[msgspec.Struct]) -> Any:
    """A message with a value in every field, but for those that have the same kind in them."""
    hints = typing.get_type_hints(kind)
    fields = [field for field in msgspec.structs.fields(kind) if kind not in parts(hints[field.name])]
    return kind(**{field.name: example(hints[field.name]) for field in fields})


def parts(hint: Any) -> Iterator[Any]:
    """Everything that a type is made of."""
    yield hint
    for part in get_args(hint):
        yield from parts(part)


def enveloped(body: Any, **changes: Any) -> Envelope:
    """A body on its way."""
    fields: dict[str, Any] = {
        "id": "i", "time_ns": 1, "account": "main", "broker": PAPER, "source": "test", "correlation_id": "c",
        "causation_id": "d", "sequence": 2, "epoch": 3, "cursor": 4,
    }  # fmt: skip
    return Envelope(**(fields | changes), body=body)


@pytest.mark.parametrize("kind", body_types(), ids=lambda kind: kind.__name__)
def test_every_message_comes_back_as_it_went(kind: type[Body]) -> None:
    """Every body there is, with every field filled and with defaults alone, survives the codec in an envelope."""
    full = build(kind)
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    least = kind(**{name: getattr(full, name) for name in required})
    body: Any
    for body in (full, least):
        envelope = enveloped(body)
        data = codec.encode(envelope)
        back = codec.decode(data)
        assert back == envelope
        assert type(back.body) is kind
        assert back.type == kind.__name__ == json.loads(data)["body"]["type"]
        assert codec.encode(back) == data
        assert codec.decode_body(codec.encode_body(body)) == body


def test_no_kind_of_message_is_left_out() -> None:
    """What an envelope may carry is exactly what is defined as a body."""
    assert set(members(AnyBody)) == set(body_types())
    assert len(body_types()) > 40


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(Envelope) if field.name != "version"])
def test_an_envelope_without_a_field_can_not_be(field: str) -> None:
    """No field but the version has a default: an envelope without one can be neither made nor read."""
    whole = msgspec.to_builtins(enveloped(Halt()))
    del whole[field]
    with pytest.raises(TypeError, match=field):
        Envelope(**whole)
    with pytest.raises(JournalCorrupt, match=field):
        codec.decode(msgspec.json.encode(whole))


@pytest.mark.parametrize("broker", ["", "Paper", "a broker", "x" * 17, None])
def test_a_broker_has_a_name(broker: object) -> None:
    """A message names a broker as adapters are named."""
    whole = msgspec.to_builtins(enveloped(Halt())) | {"broker": broker}
    with pytest.raises(JournalCorrupt, match="broker"):
        codec.decode(msgspec.json.encode(whole))


def test_a_broker_is_any_that_has_an_adapter() -> None:
    """The name of an adapter that comes from elsewhere goes into a message and comes back."""
    there = enveloped(Halt(), broker=BrokerName("their-broker_2"))
    assert codec.decode(codec.encode(there)) == there


def test_a_newer_message_is_refused() -> None:
    """A reader doesn't guess at what was written by a newer version."""
    with pytest.raises(JournalCorrupt, match=r"message i has version 2; this Holdfast reads up to 1"):
        codec.decode(codec.encode(enveloped(Halt(), version=messages.VERSION + 1)))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"type":"Nothing"}', b'{"type":"Halt","reason":1}', b"\xff"])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    """Damage is reported as damage, never as a message."""
    with pytest.raises(JournalCorrupt, match="can't be read"):
        codec.decode_body(data)
    with pytest.raises(JournalCorrupt, match="can't be read"):
        codec.decode(data)


def test_messages_can_not_be_changed() -> None:
    """What has been said stays said."""
    with pytest.raises(AttributeError):
        enveloped(Halt()).sequence = 7  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Halt().reason = "no"  # type: ignore[misc]


@given(
    st.text(min_size=1),
    st.integers(0, (1 << 18) - 1),
    st.integers(1, (1 << 36) - 1),
    st.integers(0, (1 << 48) * 10**6 - 1),
)
def test_message_ids_are_version_7_uuids(account: str, epoch: int, sequence: int, time_ns: int) -> None:
    """RFC 9562: version 7, its variant, 48 bits of milliseconds in front; in the canonical form."""
    text = Ids(account, epoch).message(sequence, time_ns)
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == time_ns // 1_000_000
    assert Ids(account, epoch).message(sequence, time_ns) == text


def test_message_ids_sort_by_time() -> None:
    """Within an account's epoch ids ascend with time and sequence."""
    ids = Ids("main", 1)
    made = [ids.message(sequence, sequence * 400_000) for sequence in range(1, 2000)]
    assert made == sorted(made)


@pytest.mark.proves("B3", "I2")
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "main", "main "]), st.integers(0, 1 << 17), st.integers(1, 1 << 30)),
                min_size=2, unique=True))  # fmt: skip
def test_no_two_ids_are_the_same(whos: list[tuple[str, int, int]]) -> None:
    """Account, epoch and counter each make another id, even at the same moment."""
    assert len({Ids(account, epoch).message(number, 5) for account, epoch, number in whos}) == len(whos)
    assert len({Ids(account, epoch).order(number) for account, epoch, number in whos}) == len(whos)


@pytest.mark.parametrize("account", ["main", "a", "b", "c"])
def test_each_part_of_an_id_has_its_own_bits(account: str) -> None:
    """Epoch and sequence fill the bits that are theirs, 18 and 36, whatever the account's are."""
    largest_epoch, largest_sequence = (1 << 18) - 1, (1 << 36) - 1
    none = uuid.UUID(Ids(account, 0).message(0, 0)).int
    assert (uuid.UUID(Ids(account, largest_epoch).message(0, 0)).int ^ none).bit_count() == 18
    assert (uuid.UUID(Ids(account, 0).message(largest_sequence, 0)).int ^ none).bit_count() == 36


def test_order_ids_fit_the_narrowest_broker() -> None:
    """At most 20 letters and digits, the same for the same order, up to the last epoch and counter there can be."""
    for account, epoch, counter in itertools.product(["", "main", "é" * 50], [0, 1, 36**4 - 1], [1, 36**7 - 1]):
        made = Ids(account, epoch).order(counter)
        assert re.fullmatch(r"[0-9a-z]{1,20}", made)
        assert made == Ids(account, epoch).order(counter)


def test_defaults_are_not_written() -> None:
    """What has its default value takes no room on the disk."""
    assert codec.encode_body(OrderReleased(ClientOrderId("h1"))) == b'{"type":"OrderReleased","client_order_id":"h1"}'
