"""Signed requests, by the Standard Webhooks scheme (https://www.standardwebhooks.com).

``webhook-signature`` has one or more signatures, separated by blanks: ``v1,`` and the base64 of HMAC-SHA256 over id, time stamp and body,
joined by dots. Whoever only listens can't make one, and can't use one again: the time is bounded and the id is kept as long.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.core.types import SECOND_NS

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
KEY = "webhook-key"
"""The prefix of the signing key; the query may have it as ``key`` for senders that take no headers."""
TOLERANCE_S = 300
"""How far the sender's clock may be off, in seconds."""
MOST_SIGNATURES = 8
_ID = re.compile(r"[\x21-\x7e]{1,128}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class BadSignature(Exception):
    """A signed request that is not taken; the text says why and shows no secret."""


class Claim(NamedTuple):
    """What a signed request says of itself."""

    id: str
    timestamp_s: int
    signatures: tuple[str, ...]


def sign(secret: bytes, request_id: str, timestamp_s: int, body: bytes) -> str:
    """A signature."""
    content = f"{request_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()


def read(headers: Mapping[str, str]) -> Claim:
    """What the headers say. Raises `BadSignature`."""
    request_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not _ID.fullmatch(request_id):
        raise BadSignature(f"a signed request has {ID}: 1 to 128 printable characters, another one each time")
    if not _SECONDS.fullmatch(timestamp):
        raise BadSignature(f"a signed request has {TIMESTAMP}: seconds since 1970")
    return Claim(request_id, int(timestamp), tuple(headers.get(SIGNATURE, "").split()[:MOST_SIGNATURES]))


def check(claim: Claim, secret: bytes, body: bytes, now_ns: int) -> int:
    """Until when the id must be kept, in nanoseconds. Raises `BadSignature`."""
    off_s = now_ns // SECOND_NS - claim.timestamp_s
    if abs(off_s) > TOLERANCE_S:
        raise BadSignature(f"{TIMESTAMP} is {abs(off_s)} seconds off; at most {TOLERANCE_S} are taken: set the clock")
    expected = sign(secret, claim.id, claim.timestamp_s, body).encode()
    matches = [hmac.compare_digest(given.encode("utf-8", "replace"), expected) for given in claim.signatures]
    if not any(matches):
        raise BadSignature(f"{SIGNATURE} does not match: sign id.timestamp.body with the key, over the bytes as sent")
    return (claim.timestamp_s + TOLERANCE_S + 1) * SECOND_NS


def command_bytes(method: str, target: str, body: bytes) -> bytes:
    """What is signed in the body's place outside the hooks: a request signed for one route must not serve for another."""
    return f"{method} {target}\n".encode() + body
