"""The store: a JSON file of encrypted secrets.

Each is encrypted by AES-256-GCM with a nonce of its own. What is beside it (the store's id, the name, the key's id, the time) is
authenticated with it, so that a record that was renamed, or comes from another store, doesn't open. Names and times can be read by
whoever has the file. An older copy of the whole file, put back, opens: that no file can tell of itself.
"""

import base64
import binascii
import os
import secrets
import time
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from holdfast.errors import ConfigError, InvalidValue
from holdfast.telemetry.redact import SHORTEST as SHORTEST_HIDDEN
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret
from holdfast.vault.files import locked, write_whole
from holdfast.vault.master import (
    NEW_VARIABLE,
    VARIABLE,
    InEnvironment,
    InFile,
    InKeyring,
    Keeper,
    MasterKey,
    make_key,
    usual_file,
)
from holdfast.vault.references import check_secret_name

VERSION = 1
LARGEST_FILE = 8 << 20
LARGEST = 16_384
"""Characters of a secret: a private key of 8,192 bits has half of it."""
MOST = 256
"""Secrets of one store."""
NONCE = 12

KeptIn = Literal["file", "keyring", "environment"]
"""Where the master key is, unless something else is said."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One secret, encrypted: under which master key, since when."""

    key: str
    set: str
    nonce: str
    sealed: str


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    holdfast: Literal["secrets"]
    version: int
    id: str
    keeper: KeptIn
    secrets: dict[str, Record]


class Place(NamedTuple):
    """Where a store is, and where its key may be: ``key_file`` where the configuration names one."""

    path: Path
    key_file: Path | None = None
    environment: Mapping[str, str] = os.environ


class Store:
    """The secrets of one place. Every method reads the file anew: who has it open has it as it was."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.path = place.path

    def exists(self) -> bool:
        """Whether it was made."""
        return self.path.exists()

    def names(self) -> dict[str, Record]:
        """What there is, by name; no key is needed for that. Raises :class:`~holdfast.errors.ConfigError`."""
        return self._read().secrets

    def make(self, keeper: KeptIn = "file") -> str:
        """Begin an empty store with a master key that is kept as ``keeper`` says; gives back where. Raises ConfigError."""
        with locked(self.path):
            if self.exists():
                raise ConfigError(
                    f"there is a secret store at {self.path} already; `holdfast secrets rotate` gives it another key"
                )
            if self._place.environment.get(VARIABLE, "").strip():
                keeper = "environment"
            content = Content("secrets", VERSION, secrets.token_hex(8), keeper, {})
            found = self._keeper(content)
            if isinstance(found, InEnvironment) or (isinstance(found, InFile) and found.path.exists()):
                found.load()
            else:
                found.save([make_key()])
            self._write(content)
            return found.where

    def get(self, name: str) -> Secret:
        """A secret, which the logs hide from now on. Raises :class:`~holdfast.errors.ConfigError`."""
        return self.opened()[name]

    def opened(self) -> "Opened":
        """The store with its keys, to ask it for several. Raises as `get`."""
        content = self._read()
        return Opened(self.path, content, self._keeper(content))

    def set(self, name: str, value: str, *, replaces: bool = True) -> bool:
        """Keep a secret, in place of one of the same name if it ``replaces``; whether there was one. Raises ConfigError and InvalidValue."""
        check_secret_name(name)
        check_value(value)
        with locked(self.path):
            content = self._sound()
            if name in content.secrets and not replaces:
                return True
            if name not in content.secrets and len(content.secrets) >= MOST:
                raise InvalidValue(f"{self.path} has {MOST} secrets, and takes no more")
            key = self._keeper(content).load()[0]
            record = _sealed(content.id, name, value, key, _now())
            self._write(msgspec.structs.replace(content, secrets={**content.secrets, name: record}))
            return name in content.secrets

    def remove(self, name: str) -> None:
        """Remove a secret. Raises :class:`~holdfast.errors.ConfigError`."""
        with locked(self.path):
            content = self._read()
            if name not in content.secrets:
                raise _unknown(name, content, self.path)
            rest = {other: record for other, record in content.secrets.items() if other != name}
            self._write(msgspec.structs.replace(content, secrets=rest))

    def rotate(self) -> tuple[int, str]:
        """Encrypt all anew under a new master key; how many, and where the key is kept. Raises ConfigError.

        First the keeper has both keys, then the file is replaced, then the keeper has the new one alone: whenever it is cut short,
        the keys that are there open the file that is there.
        """
        with locked(self.path):
            content = self._read()
            keeper = self._keeper(content)
            opened = Opened(self.path, content, keeper)
            new = keeper.coming() if isinstance(keeper, InEnvironment) else make_key()
            if new.id in opened.keys:
                raise ConfigError(f"{NEW_VARIABLE} is the key in use; make another")
            renewed = {
                name: _sealed(content.id, name, opened[name].reveal(), new, record.set)
                for name, record in content.secrets.items()
            }
            keeper.save([new, *opened.keys.values()])
            self._write(msgspec.structs.replace(content, secrets=renewed))
            keeper.save([new])
            return len(renewed), keeper.where

    def _keeper(self, content: Content) -> Keeper:
        """Where the keys are: the environment's come first, then the configuration's file, then what the store says."""
        if self._place.environment.get(VARIABLE, "").strip() or (
            content.keeper == "environment" and self._place.key_file is None
        ):
            return InEnvironment(self._place.environment)
        if self._place.key_file is not None:
            return InFile(self._place.key_file)
        return InKeyring(content.id) if content.keeper == "keyring" else InFile(usual_file(content.id))

    def _sound(self) -> Content:
        """The content, all of which opens: so no writer makes a store that two keys are needed for."""
        content = self._read()
        opened = Opened(self.path, content, self._keeper(content))
        for name in content.secrets:
            opened[name]
        return content

    def _read(self) -> Content:
        try:
            with self.path.open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except FileNotFoundError:
            raise ConfigError(f"there is no secret store at {self.path}; make one: `holdfast secrets init`") from None
        except OSError as error:
            raise ConfigError(
                f"the secret store {self.path} can't be read: {(error.strerror or str(error)).lower()}"
            ) from None
        try:
            content = msgspec.json.decode(data, type=Content)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ConfigError(
                f"the secret store {self.path} is cut short or damaged; nothing was changed: restore a copy of it"
            ) from None
        if content.version != VERSION:
            raise ConfigError(
                f"the secret store {self.path} has version {content.version}, and this Holdfast reads {VERSION}; use the newer one"
            )
        return content

    def _write(self, content: Content) -> None:
        text = msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"
        write_whole(self.path, text, f"the secret store {self.path}")


class Opened:
    """A store with its keys."""

    def __init__(self, path: Path, content: Content, keeper: Keeper) -> None:
        """Raises :class:`~holdfast.errors.ConfigError` when the keeper's keys are others."""
        self._path = path
        self._content = content
        self.keys = {key.id: key for key in keeper.load()}
        others = sorted({record.key for record in content.secrets.values()} - self.keys.keys())
        if others:
            raise ConfigError(
                f"the secret store {path} was encrypted with the master key {' and '.join(others)}, and {keeper.where} has "
                f"{' '.join(self.keys)}: give the right one; nothing was changed"
            )

    def __getitem__(self, name: str) -> Secret:
        record = self._content.secrets.get(check_secret_name(name))
        if record is None:
            raise _unknown(name, self._content, self._path)
        secret = Secret(_unsealed(self._content.id, name, record, self.keys[record.key], self._path))
        protect(secret)
        return secret


def check_value(value: str) -> None:
    """Refuse what is no secret, or could not be kept out of logs. Raises :class:`~holdfast.errors.InvalidValue`."""
    if len(value) < SHORTEST_HIDDEN:
        raise InvalidValue(
            f"a secret has {SHORTEST_HIDDEN} characters at least: a shorter one can't be told from ordinary words in a log"
        )
    if len(value) > LARGEST:
        raise InvalidValue(f"a secret has {LARGEST:,} characters at most, not {len(value):,}")
    if not value.isprintable() or value != value.strip():
        raise InvalidValue(
            "a secret is one line of printable characters, without blanks around it; keep a longer one as base64 (`base64 -w0`)"
        )


def _unknown(name: str, content: Content, path: Path) -> ConfigError:
    near = get_close_matches(name, content.secrets, n=1)
    there = ", ".join(sorted(content.secrets)[:10]) or "none"
    hint = f"did you mean {near[0]}?" if near else f"there are {there}" if content.secrets else "there is none"
    return ConfigError(f"there is no secret {name[:80]!r} in {path}; {hint}")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _beside(store: str, name: str, key: str, set_at: str) -> bytes:
    """What is authenticated with a secret."""
    return msgspec.msgpack.encode(("holdfast secret", VERSION, store, name, key, set_at))


def _sealed(store: str, name: str, value: str, key: MasterKey, set_at: str) -> Record:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(NONCE)
    sealed = AESGCM(key.cipher_key).encrypt(nonce, value.encode(), _beside(store, name, key.id, set_at))
    return Record(key.id, set_at, base64.b64encode(nonce).decode(), base64.b64encode(sealed).decode())


def _unsealed(store: str, name: str, record: Record, key: MasterKey, path: Path) -> str:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        nonce, sealed = base64.b64decode(record.nonce, validate=True), base64.b64decode(record.sealed, validate=True)
        text = AESGCM(key.cipher_key).decrypt(nonce, sealed, _beside(store, name, key.id, record.set))
        return text.decode()
    except (binascii.Error, InvalidTag, ValueError):
        raise ConfigError(
            f"the secret {name!r} in {path} doesn't open: its record was damaged, renamed or brought from elsewhere; "
            "nothing was touched: restore a copy of the file, or set the secret again"
        ) from None
