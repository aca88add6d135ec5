"""The master keys that open a store, and where they are kept.

A key is 32 bytes of chance or more, written in base64. Its place may hold several, separated by white space: the first encrypts, the
others only open what an interrupted rotation left behind.
"""

import base64
import binascii
import os
import secrets
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.errors import ConfigError, HoldfastError, Refused
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret
from holdfast.vault.files import write_whole

VARIABLE = "HOLDFAST_MASTER_KEY"
NEW_VARIABLE = "HOLDFAST_NEW_MASTER_KEY"
SHORTEST = 32
"""Bytes: as many as AES-256 takes."""
LARGEST_FILE = 1 << 16
MAKE_ONE = """export {}="$(python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')\""""
SERVICE = "holdfast"
"""What the keyring calls us."""


class MasterKey(NamedTuple):
    """A master key: what encrypts, and the id by which a record says so."""

    id: str
    cipher_key: bytes
    text: Secret


def make_key() -> MasterKey:
    """A new one."""
    return _key(base64.b64encode(secrets.token_bytes(SHORTEST)).decode(), "a new master key")


def keys_of(text: str, where: str) -> list[MasterKey]:
    """The keys that are written in ``text``. Raises :class:`~holdfast.errors.ConfigError`, which shows nothing of them."""
    found = [_key(part, where) for part in text.split()]
    if not found:
        raise ConfigError(f"{where} has no master key in it; make one: {MAKE_ONE.format(VARIABLE)}")
    return found


def _key(text: str, where: str) -> MasterKey:
    protect(Secret(text))
    try:
        data = base64.b64decode(text, altchars=b"-_" if set(text) & set("-_") else None, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"{where} is no base64 text; make a master key: {MAKE_ONE.format(VARIABLE)}") from None
    if len(data) < SHORTEST:
        raise ConfigError(
            f"{where} is a master key of {len(data)} bytes, and {SHORTEST} at least are needed; make one: {MAKE_ONE.format(VARIABLE)}"
        )
    if len(set(data)) < SHORTEST // 4:
        raise ConfigError(f"{where} repeats a few bytes and can be guessed; make one: {MAKE_ONE.format(VARIABLE)}")
    return MasterKey(
        _derived(data, b"holdfast key id 1", 8).hex(), _derived(data, b"holdfast secrets 1", 32), Secret(text)
    )


def _derived(data: bytes, purpose: bytes, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, None, purpose).derive(data)


class Keeper(ABC):
    """Where master keys are kept. ``where`` is what errors call it."""

    where: str

    @abstractmethod
    def load(self) -> list[MasterKey]:
        """The keys, the one that encrypts first. Raises ConfigError, and Refused for a place that others can read."""

    @abstractmethod
    def save(self, keys: Sequence[MasterKey]) -> None:
        """Keep these in place of those that are there, at once or not at all. Raises as `load`."""


class InFile(Keeper):
    """A file that its owner alone can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = f"the key file {path}"

    def load(self) -> list[MasterKey]:
        """As `Keeper.load`."""
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if stat.S_IMODE(mode) & 0o077:
                    raise Refused(
                        f"{self.where} can be read by other users (mode {stat.S_IMODE(mode):04o}); take that away: chmod 600 {self.path}"
                    )
                data = file.read(LARGEST_FILE)
        except FileNotFoundError:
            raise ConfigError(
                f"{self.where} is not there; put it back, or give its key as {VARIABLE}: without it the secrets can't be opened"
            ) from None
        except OSError as error:
            raise ConfigError(f"{self.where} can't be read: {(error.strerror or str(error)).lower()}") from None
        return keys_of(data.decode("ascii", "replace"), self.where)

    def save(self, keys: Sequence[MasterKey]) -> None:
        """As `Keeper.save`."""
        text = "".join(f"{key.text.reveal()}\n" for key in keys)
        write_whole(self.path, text.encode(), self.where)


class InKeyring(Keeper):
    """The system's keyring, under the store's own id. Servers without a session have none."""

    def __init__(self, store: str) -> None:
        self._store = store
        self.where = f"the keyring's entry {SERVICE}/{store}"

    def load(self) -> list[MasterKey]:
        """As `Keeper.load`."""
        text = self._ask("read", lambda keyring: keyring.get_password(SERVICE, self._store))
        if not text:
            raise ConfigError(
                f"{self.where} is not there; give the key as {VARIABLE}, or in a file as key_file of [secrets]"
            )
        return keys_of(text, self.where)

    def save(self, keys: Sequence[MasterKey]) -> None:
        """As `Keeper.save`."""
        text = " ".join(key.text.reveal() for key in keys)
        self._ask("written", lambda keyring: keyring.set_password(SERVICE, self._store, text))

    def _ask(self, doing: str, ask: Any) -> Any:
        other = f"give the key as {VARIABLE}, or in a file as key_file of [secrets]"
        try:
            import keyring
        except ImportError:
            raise ConfigError(f"the keyring needs pip install 'holdfast[keyring]'; or {other}") from None
        try:
            return ask(keyring)
        except HoldfastError:
            raise
        except Exception as error:  # noqa: BLE001  each system's keyring raises errors of its own
            raise ConfigError(f"{self.where} can't be {doing} ({type(error).__name__}); {other}") from None


class InEnvironment(Keeper):
    """The variable `VARIABLE`. A new key comes by `NEW_VARIABLE`, and who has set them puts it in place of the old."""

    where = VARIABLE

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def load(self) -> list[MasterKey]:
        """As `Keeper.load`."""
        text = self._environment.get(VARIABLE, "")
        if not text.strip():
            raise ConfigError(f"{VARIABLE} is not set, and the secrets were encrypted with the key that was in it")
        return keys_of(text, VARIABLE)

    def save(self, keys: Sequence[MasterKey]) -> None:
        """Nothing can be kept there."""

    def coming(self) -> MasterKey:
        """The key that is to be the new one. Raises :class:`~holdfast.errors.ConfigError`."""
        text = self._environment.get(NEW_VARIABLE, "")
        if not text.strip():
            raise ConfigError(
                f"the master key comes from {VARIABLE}: set {NEW_VARIABLE} to the new one, "
                f"and rotate again: {MAKE_ONE.format(NEW_VARIABLE)}"
            )
        return keys_of(text, NEW_VARIABLE)[0]


def usual_file(store: str) -> Path:
    """Where the key of a store is kept unless something else is said: outside its folder, so that a copy of one isn't one of both."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(os.path.expanduser(folder)) / "holdfast" / "keys" / f"{store}.key"  # noqa: PTH111  that raises without a home
