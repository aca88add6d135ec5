"""Messages to bytes and back, and the ids they carry. The one place that knows the wire form (JSON by msgspec)."""

import hashlib

import msgspec

from holdfast.core.messages import VERSION, AnyBody, Envelope
from holdfast.core.types import ClientOrderId
from holdfast.errors import JournalCorrupt

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Envelope)
_body_decoder = msgspec.json.Decoder(AnyBody)


def encode_body(body: AnyBody) -> bytes:
    """A body as JSON: the same bytes for the same body, always."""
    return _encoder.encode(body)


def encode_params(params: object) -> str:
    """A strategy's parameters as JSON text."""
    return _encoder.encode(params).decode()


def decode_body(data: bytes) -> AnyBody:
    """The body that `encode_body` wrote. Raises :class:`~holdfast.errors.JournalCorrupt`."""
    try:
        return _body_decoder.decode(data)  # type: ignore[no-any-return]
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(
            f"a message can't be read ({error}); it was written by a newer version, or damaged"
        ) from None


def encode(envelope: Envelope) -> bytes:
    """An envelope with its body as JSON."""
    return _encoder.encode(envelope)


def decode(data: bytes) -> Envelope:
    """The envelope that `encode` wrote.

    Raises :class:`~holdfast.errors.JournalCorrupt` when it can't be read, lacks a field, or is of a newer version.
    """
    try:
        envelope = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(f"a message can't be read ({error})") from None
    if envelope.version > VERSION:
        raise JournalCorrupt(
            f"message {envelope.id} has version {envelope.version}; this Holdfast reads up to {VERSION}"
        )
    return envelope


EXTERNAL_PREFIX = "x"
"""What the ids of orders begin with that are not ours: ours begin with an ``h``."""


def external_order_id(broker_order_id: str) -> ClientOrderId:
    """The id here of an order that is not ours: the same for the same order, 21 characters, and never one of ours."""
    return ClientOrderId(EXTERNAL_PREFIX + hashlib.blake2b(broker_order_id.encode(), digest_size=10).hexdigest())


def is_external(client_order_id: str) -> bool:
    """Whether `external_order_id` made it."""
    return client_order_id.startswith(EXTERNAL_PREFIX)


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(0, width, 2):
        number, pair = divmod(number, 1296)
        digits = _PAIRS[pair] + digits
    return digits[-width:]


class Ids:
    """Makes the ids of one account in one epoch. Every id is a function of its inputs: no clock, no randomness."""

    __slots__ = ("_middle", "_order_prefix", "_time_ns", "_time_part", "prefix")

    def __init__(self, account: str, epoch: int) -> None:
        account_bits = int.from_bytes(hashlib.blake2b(account.encode(), digest_size=4).digest(), "big") >> 1
        who = (account_bits & 0xFFFFF) << 18 | (epoch & 0x3FFFF)  # 38 bits: 20 of the account, 18 of the epoch
        low = 0x8000000 | who & 0x3FFFFFF  # the RFC's variant in the two top bits of 28
        self._middle = f"-7{who >> 26:03x}-{low >> 12:04x}-{low & 0xFFF:03x}"
        self._time_ns = -1
        self._time_part = ""
        self.prefix = "h" + _base36(account_bits, 6)
        """What the ids of all orders of this account begin with, in every epoch."""
        self._order_prefix = self.prefix + _base36(epoch, 4)

    def message(self, sequence: int, time_ns: int) -> str:
        """A UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, then account and epoch, then 36 bits of ``sequence``."""
        if time_ns != self._time_ns:
            milliseconds = f"{time_ns // 1_000_000:012x}"
            self._time_ns = time_ns
            self._time_part = f"{milliseconds[:8]}-{milliseconds[8:]}{self._middle}"
        return f"{self._time_part}{sequence:09x}"

    def order(self, counter: int) -> ClientOrderId:
        """The idempotency key of the account's ``counter``-th order: 18 characters of ``[0-9a-z]``, unique for ever.

        An ``h``, six characters of the account, four of the epoch, seven of the counter (which never starts again). The
        narrowest field of a broker that must hold it takes 20 alphanumerics.
        """
        return ClientOrderId(self._order_prefix + _base36(counter, 7))

    def is_of_this_epoch(self, client_order_id: str) -> bool:
        """Whether `order` made it under this epoch."""
        return client_order_id.startswith(self._order_prefix)

    @staticmethod
    def counter_of(client_order_id: str) -> int:
        """The counter in an id that `order` made."""
        return int(client_order_id[-7:], 36)
