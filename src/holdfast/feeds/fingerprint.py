"""Telling one market's data from another's without reading all of it."""

import hashlib
from collections.abc import Iterable
from itertools import islice

import msgspec

from holdfast.core.messages import FeedEvent

EVENTS = 1_000
"""How many events a fingerprint covers. Data that is longer may grow without changing it."""


def fingerprint(settings: object, events: Iterable[FeedEvent]) -> str:
    """32 hexadecimal digits of ``settings`` (plain values only) and the first `EVENTS` events."""
    digest = hashlib.blake2b(msgspec.json.encode(settings), digest_size=16)
    encoder = msgspec.json.Encoder()
    for event in islice(events, EVENTS):
        digest.update(encoder.encode(event))
    return digest.hexdigest()
