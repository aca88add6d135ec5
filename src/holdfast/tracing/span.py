"""A span, as OpenTelemetry means it, and the ids it carries: a function of ids in the journal, so that twice sent is the same."""

import hashlib
import re

import msgspec

from holdfast.telemetry.redact import HIDDEN, REDACTOR

Value = str | int | float | bool

LONGEST_TEXT = 500
"""Characters of a reason that are kept."""

_NUMBER = re.compile(r"\b(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[A-Z]{1,3}\d[A-Z0-9]{4,}|\d{6,})\b")
"""What looks like the number of somebody's account, or an id that leads to it: brokers put them into their reasons."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """Something that took from ``start_ns`` to ``end_ns``. ``parent_id`` is empty for the root of a trace.

    ``error`` is why it went wrong; empty: it did not.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Value]
    error: str = ""


def trace_id(account: str, correlation_id: str) -> bytes:
    """The trace of a chain of records: 16 bytes. The account is part of it, because a command's id is chosen by whoever files it."""
    return hashlib.blake2b(f"{account}\0{correlation_id}".encode(), digest_size=16, person=b"holdfast-trace").digest()


def span_id(trace: bytes, record_id: str, part: str = "") -> bytes:
    """The span of a record, or of a ``part`` of what it says: 8 bytes."""
    return hashlib.blake2b(f"{record_id}\0{part}".encode(), digest_size=8, key=trace, person=b"holdfast-span").digest()


def is_sampled(trace: bytes, share: float) -> bool:
    """Whether a trace is of the ``share`` (0 to 1) that is sent: all of a trace or nothing, by its id alone."""
    return int.from_bytes(trace[:8], "big") < share * 2**64


def plain_text(text: str) -> str:
    """A reason without secrets and account numbers, and not too long."""
    return _NUMBER.sub(HIDDEN, REDACTOR.text(text))[:LONGEST_TEXT]
