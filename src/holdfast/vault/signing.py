"""Ed25519 signatures: who exports an audit signs it with a key of the secret store; who checks it needs the public key alone."""

import base64
import binascii
import re
import secrets
from typing import NamedTuple

from holdfast.errors import ConfigError, InvalidValue
from holdfast.vault.store import Store

SECRET = "audit.signing-key"  # noqa: S105 - the name of the secret, not the secret
"""By what name the store has the signing key."""
START = "ed25519:"
_PUBLIC = re.compile(rf"{START}([A-Za-z0-9+/]{{43}}=)")
SIZE = 32


class Signer(NamedTuple):
    """A signing key. ``public`` is the other half as text, for those who check."""

    public: str
    seed: bytes

    def sign(self, data: bytes) -> str:
        """The signature as base64 text."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return base64.b64encode(Ed25519PrivateKey.from_private_bytes(self.seed).sign(data)).decode()

    def __repr__(self) -> str:
        return f"Signer({self.public})"


def signer(store: Store, *, make: bool = False) -> Signer:
    """The signing key of a store; made there if it has none and ``make`` says so. Raises :class:`~holdfast.errors.ConfigError`."""
    if SECRET not in store.names():
        if not make:
            raise ConfigError(f"there is no signing key in {store.path}; make one: `holdfast audit key`")
        store.set(SECRET, base64.b64encode(secrets.token_bytes(SIZE)).decode())
    text = store.get(SECRET).reveal()
    try:
        seed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        seed = b""
    if len(seed) != SIZE:
        raise ConfigError(
            f"the secret {SECRET!r} is no signing key; `holdfast secrets rm {SECRET}`, then `holdfast audit key`"
        )
    return Signer(_public_of(seed), seed)


def check_public(text: str) -> str:
    """A public key as it is written. Raises :class:`~holdfast.errors.InvalidValue`."""
    if not _PUBLIC.fullmatch(text.strip()):
        raise InvalidValue(
            f"{text.strip()[:60]!r} is no public key: `holdfast audit key` prints one, which begins with {START}"
        )
    return text.strip()


def is_signed(public: str, data: bytes, signature: object) -> bool:
    """Whether ``signature`` is one of ``data`` by the holder of ``public``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    found = _PUBLIC.fullmatch(public)
    if found is None or not isinstance(signature, str):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(found[1])).verify(
            base64.b64decode(signature, validate=True), data
        )
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _public_of(seed: bytes) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return START + base64.b64encode(public).decode()
