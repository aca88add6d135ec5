"""What is secret in the users' database and has to be read again, sealed by a key of the secret store, where there is one.

A password or a key that is sent only has to be recognised: of it a hash is kept. The secret of a second factor and that of a signing key are needed
themselves. Their place in their own tables then says `SEALED`, which is the secret of nobody: an older Holdfast lets nobody in by it.
"""

import base64
import binascii
import logging
import secrets
import threading

import msgspec
import sqlalchemy as sa

from holdfast.config import Config
from holdfast.config.secrets import store_of
from holdfast.errors import ConfigError, HoldfastError
from holdfast.vault.store import NONCE
from holdfast.vault.store import Store as Vault
from holdfast.web.auth import schema

SECRET = "web.sealing-key"  # noqa: S105 - the name of the secret, not the secret
"""By what name the secret store has the key; `holdfast secrets rotate` encrypts it anew, so what it sealed opens as before."""
SIZE = 32
SEALED = "sealed"
TOTP, SIGNING = "totp", "signing"
"""What is sealed: of a user, by name; of a key, by prefix."""

_TABLE = schema.sealed

logger = logging.getLogger(__name__)


class SealError(ConfigError):
    """A secret was sealed, and what opens it isn't there; nobody is let in by it."""


class Sealing:
    """Seals and opens by a key that is in the secret store at a ``vault``, made there when it is first needed; without one secrets are kept as they are."""

    def __init__(self, vault: Vault | None = None) -> None:
        self._vault = vault
        self._lock = threading.Lock()
        self._key: bytes | None = None

    def keep(self, connection: sa.Connection, of: tuple[str, str], owner: str, secret: str) -> str:
        """Keep the secret of something (`TOTP` or `SIGNING`, and its id); gives what goes to its own place. Raises `SealError`."""
        key = self._cipher_key()
        if key is None:
            return secret
        self.forget(connection, of)
        row = {"kind": of[0], "id": of[1], "name": owner, "sealed": _seal(key, of, secret)}
        connection.execute(sa.insert(_TABLE).values(row))
        return SEALED

    def read(self, connection: sa.Connection, of: tuple[str, str], kept: str) -> str:
        """The secret of something, in whose own place is ``kept``. Raises `SealError`."""
        if kept != SEALED:
            return kept
        row = connection.execute(sa.select(_TABLE.c.sealed).where(_is(of))).scalar()
        key = self._cipher_key()
        if row is None or key is None:
            why = "the users' database has lost it" if row is None else "there is no secret store"
            raise SealError(
                f"the secret of {of[0]} {of[1]} is sealed and can't be opened: {why}; restore that (docs/web-access.md)"
            )
        return _open(key, of, row)

    def forget(self, connection: sa.Connection, of: tuple[str, str]) -> None:
        """It is gone."""
        connection.execute(sa.delete(_TABLE).where(_is(of)))

    def seal_all(self, connection: sa.Connection) -> None:
        """Seal what was kept as it is, before there was a secret store. Where that can't be done it stays as it is, and the log says so."""
        if self._vault is None or not self._vault.exists():
            return
        users, keys = schema.users, schema.keys
        plain = [
            (users, users.c.name, users.c.totp_secret, (TOTP, row.name), row.name, row.totp_secret)
            for row in connection.execute(sa.select(users).where(users.c.totp_secret.not_in(["", SEALED])))
        ] + [
            (keys, keys.c.prefix, keys.c.secret, (SIGNING, row.prefix), row.name, row.secret)
            for row in connection.execute(sa.select(keys).where(keys.c.kind == SIGNING, keys.c.secret != SEALED))
        ]
        try:
            for table, key, column, of, owner, secret in plain:
                kept = self.keep(connection, of, owner, secret)
                connection.execute(sa.update(table).where(key == of[1]).values({column: kept}))
        except HoldfastError as error:
            logger.warning("secrets of the users' database stay as they are, unencrypted: %s", error)

    def _cipher_key(self) -> bytes | None:
        """The key; None without a secret store. Raises `SealError` when there is one that doesn't open."""
        with self._lock:
            if self._key is None and self._vault is not None and self._vault.exists():
                try:
                    self._key = _key_of(self._vault)
                except HoldfastError as error:
                    raise SealError(f"secrets of the web process can't be sealed or opened: {error}") from error
            return self._key


def sealing_of(config: Config) -> Sealing:
    """By the secret store of a configuration."""
    return Sealing(store_of(config.secrets))


def _key_of(vault: Vault) -> bytes:
    if SECRET not in vault.names():
        vault.set(SECRET, base64.b64encode(secrets.token_bytes(SIZE)).decode(), replaces=False)
    try:
        key = base64.b64decode(vault.get(SECRET).reveal(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != SIZE:
        raise ConfigError(
            f"the secret {SECRET!r} of {vault.path} is no key that was made by Holdfast; restore a copy of the store"
        )
    return key


def _is(of: tuple[str, str]) -> "sa.ColumnElement[bool]":
    return sa.and_(_TABLE.c.kind == of[0], _TABLE.c.id == of[1])


def _beside(of: tuple[str, str]) -> bytes:
    """What is authenticated with a secret: it opens for nobody else."""
    return msgspec.msgpack.encode(("holdfast web secret", 1, *of))


def _seal(key: bytes, of: tuple[str, str], secret: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(NONCE)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, secret.encode(), _beside(of))).decode()


def _open(key: bytes, of: tuple[str, str], sealed: str) -> str:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        data = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(data[:NONCE], data[NONCE:], _beside(of)).decode()
    except (binascii.Error, InvalidTag, ValueError):
        raise SealError(
            f"the secret of {of[0]} {of[1]} doesn't open: it was damaged, moved or sealed by another secret store; "
            "restore that, or remove it and make it anew (docs/web-access.md)"
        ) from None
