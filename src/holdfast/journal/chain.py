"""The hash chain: each record's hash covers all its columns and the hash before it.

A hash is the SHA-256 of one MessagePack array: the previous hash as hexadecimal text, then the record's columns in the
order of `HASHED`. MessagePack writes every value with its kind and length, so two different records can't give the same
bytes. Who changes, removes or inserts a record has to change every later one, and `accounts.last_hash` besides.
"""

import hashlib

import msgspec

GENESIS = "0" * 64
"""The hash before an account's first record."""

HASHED = (
    "account",
    "sequence",
    "epoch",
    "cursor",
    "time_ns",
    "type",
    "event_id",
    "correlation_id",
    "causation_id",
    "source",
    "broker",
    "version",
    "body",
)
"""The columns of ``records`` that a hash covers, in this order: all but the hash (a test compares them with the table's)."""

_encode = msgspec.msgpack.Encoder().encode


def link(previous: str, columns: tuple[object, ...]) -> str:
    """The hash of a record: ``columns`` are the values of `HASHED`, ``previous`` is the hash of the record before."""
    return hashlib.sha256(_encode((previous, *columns))).hexdigest()
