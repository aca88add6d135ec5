"""The section ``[secrets]``, and what the configuration names as ``secret:NAME`` (docs/secrets.md)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from holdfast.core.ranges import Ranged
from holdfast.errors import ConfigError, HoldfastError
from holdfast.telemetry.redact import REDACTOR, SECRET_NAME, Redactor
from holdfast.telemetry.secret import Secret
from holdfast.vault.references import is_reference, references

if TYPE_CHECKING:
    from holdfast.vault.store import Place, Store

STORE = "holdfast.secrets"
"""The store's name, beside the configuration."""
RECORDED = ("accounts", "feed", "feeds", "instruments", "rates", "secrets", "strategies", "venue")
"""Sections that are kept in the journal or shown by name, or are needed before the store can be opened: no secret belongs there."""

SECRET_PLACES = (("tracing", "headers"), ("alerts", "targets", "url"), ("posts", "apprise"), ("posts", "x", "bearer"))
"""Where a text is a secret besides those whose key says so (`api_key`, `dsn`): a place, or all below it; numbers in lists are left out."""
ADDRESSES = ("http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos")
"""Schemes of addresses whose host is one; apprise's others have a key in its place."""
SHORTEST_KEY = 10
"""What is shorter in an address that is secret is a word, such as a path's."""


class SecretsConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where secrets are kept: ``file`` is the store, ``key_file`` the file of its master key, if that is in one of your choice."""

    file: str = STORE
    key_file: str | None = None


class KeptSessions:
    """Brokers' sessions in the secret store (`holdfast.brokers.sessions.Sessions`)."""

    def __init__(self, config: SecretsConfig) -> None:
        self._config = config

    def get(self, name: str) -> str | None:
        """The text of a name; None without one, or without a store. Raises :class:`~holdfast.errors.ConfigError`."""
        store = self.store
        return store.get(name).reveal() if store.exists() and name in store.names() else None

    def keep(self, name: str, text: str) -> None:
        """Keep a text. Raises :class:`~holdfast.errors.ConfigError`."""
        self.store.set(name, text)

    @property
    def store(self) -> "Store":
        """The store itself."""
        return store_of(self._config)


def store_of(config: SecretsConfig) -> "Store":
    """The store of a configuration that was read; it need not be there."""
    from holdfast.vault.store import Place, Store

    key_file = config.key_file
    return Store(Place(Path(config.file), None if key_file is None else Path(key_file)))


def check_places(data: Mapping[str, Any], name: str) -> None:
    """Raise ConfigError for a secret where none may be."""
    for place, secret in references(data):
        if (section := _section(place)) in RECORDED:
            raise ConfigError(
                f"{name}: {place} names the secret {secret[:80]!r}: what is in {section} is recorded and shown, and no secret belongs there"
            )


def protect_written(data: Mapping[str, Any], redactor: Redactor = REDACTOR) -> None:
    """Keep out of every log what a configuration, as it is read from its file, has of secrets in plain text."""
    redactor.protect(*(Secret(text) for text in _written(data, ())))


def _written(value: Any, place: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _written(inner, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _written(inner, place)
    elif isinstance(value, str) and not is_reference(value):
        is_secret = any(place[: len(secret)] == secret for secret in SECRET_PLACES) or SECRET_NAME.match(place[-1])
        if is_secret:
            yield value
        if "://" in value:
            yield from _keys_in(value, is_secret=bool(is_secret))


def _keys_in(url: str, *, is_secret: bool) -> Iterator[str]:
    """The password in an address; of one that is itself a secret whatever may be a key."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    if is_secret:
        words = [parts.username or "", *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
        host = [] if parts.scheme in ADDRESSES else [parts.netloc.rpartition("@")[2]]
        yield from (unquote(word) for word in (*words, *host) if len(word) >= SHORTEST_KEY)


def place_of(data: Mapping[str, Any], folder: Path) -> "Place":
    """Where the store of a configuration is, as it is read from its file. Raises :class:`~holdfast.errors.ConfigError`."""
    from holdfast.vault.store import Place

    section = data.get("secrets")
    given = section if isinstance(section, Mapping) else {}
    file, key_file = given.get("file", STORE), given.get("key_file")
    if not isinstance(file, str) or not isinstance(key_file, str | None):
        raise ConfigError("secrets.file and secrets.key_file are paths: write them as texts")
    return Place(folder / Path(file).expanduser(), None if key_file is None else folder / Path(key_file).expanduser())


def secrets_of(
    data: Mapping[str, Any], name: str, folder: Path, sections: Sequence[str] | None = None
) -> Mapping[str, str]:
    """By name the secrets that a configuration names, as it is read from its file; ``sections``: those that these name.

    Raises :class:`~holdfast.errors.ConfigError` with every place that can't be had. Without any nothing is loaded or opened.
    """
    named = [(place, secret) for place, secret in references(data) if sections is None or _section(place) in sections]
    if not named:
        return {}
    from holdfast.vault.store import Store

    try:
        store = Store(place_of(data, folder)).opened()
    except HoldfastError as error:
        raise type(error)(f"{name}: {named[0][0]} names a secret: {error}") from None
    values, faults = dict[str, str](), []
    for place, secret in named:
        try:
            values[secret] = store[secret].reveal()
        except ConfigError as error:
            faults.append(f"{place}: {error}")
    if faults:
        raise ConfigError(f"{name}: {'; '.join(faults)}")
    return values


def _section(place: str) -> str:
    return place.partition(".")[0].partition("[")[0]
