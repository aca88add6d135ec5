"""The configuration: one TOML file, any key of which can also come from the environment.

``HOLDFAST_SECTION__KEY`` overrides ``key`` of ``[section]``; lists are counted from 0, as in
``HOLDFAST_ACCOUNTS__0__CASH=50000``. Relative paths are meant from the folder of the file. Unknown keys are refused with
the nearest right one. A text ``secret:NAME`` stands for what the secret store has by that name.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_origin

import msgspec

from holdfast.adapters import registry
from holdfast.config.checks import FROM_FEED, check, check_watchdog, pair_of
from holdfast.config.faults import in_words, keys_of
from holdfast.config.logs import LogsConfig
from holdfast.config.observer import ObserverConfig
from holdfast.config.secrets import SecretsConfig, check_places, protect_written, secrets_of
from holdfast.config.sections import (
    SECTIONS,
    AccountConfig,
    Config,
    FeedConfig,
    JournalConfig,
    LeaseConfig,
    LiveConfig,
    LocksConfig,
    MetricsConfig,
    ProtectionConfig,
    RuntimeConfig,
    StrategyConfig,
    SupervisorConfig,
    VenueConfig,
    WatchdogConfig,
    WebConfig,
)
from holdfast.core.ranges import Ranged
from holdfast.core.risk.limits import PROFILES, many_symbols
from holdfast.errors import ConfigError
from holdfast.feeds.instruments import read_instruments
from holdfast.vault.references import resolved

__all__ = [
    "DEFAULT_PATH",
    "FROM_FEED",
    "LARGEST_FILE",
    "PREFIX",
    "SQLITE",
    "AccountConfig",
    "Config",
    "FeedConfig",
    "JournalConfig",
    "LeaseConfig",
    "LiveConfig",
    "LocksConfig",
    "LogsConfig",
    "MetricsConfig",
    "ObserverConfig",
    "ProtectionConfig",
    "RuntimeConfig",
    "SecretsConfig",
    "StrategyConfig",
    "SupervisorConfig",
    "VenueConfig",
    "WatchdogConfig",
    "WebConfig",
    "check_watchdog",
    "load_config",
    "pair_of",
    "parse_config",
    "read_config",
]

PREFIX = "HOLDFAST_"
DEFAULT_PATH = Path("holdfast.toml")
SQLITE = "sqlite:///"
LARGEST_FILE = 1 << 20
"""Bytes. A configuration of a thousand strategies has a tenth of it."""


def load_config(
    path: Path, environment: Mapping[str, str] | None = None, *, secrets: Sequence[str] | None = None
) -> Config:
    """Read, override, put in secrets, check.

    ``secrets`` are the sections whose secrets are needed (all): those of others stay references, for who only looks at a journal.

    Raises :class:`~holdfast.errors.ConfigError` with every mistake that can be told at once.
    """
    data, folder = read_config(path, environment), path.resolve().parent
    protect_written(data)
    check_places(data, str(path))
    return parse_config(data, str(path), folder, secrets_of(data, str(path), folder, secrets))


def read_config(path: Path, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What is written in the file and the environment, unchecked. Raises :class:`~holdfast.errors.ConfigError` when it can't be read."""
    try:
        data = tomllib.loads(_text_of(path))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration file {path}; `holdfast demo` needs none, `-c FILE` names one"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the configuration file {path} is not UTF-8 text ({error.reason}); save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        if isinstance(error, tomllib.TOMLDecodeError):
            raise ConfigError(f"{path} is not valid TOML: {error}") from None
        raise ConfigError(f"the configuration file {path} can't be read: {error}") from None
    _override(data, os.environ if environment is None else environment)
    return data


def _text_of(path: Path) -> str:
    """What is in the file, which may be a pipe; one without an end is given up. Raises OSError and UnicodeDecodeError."""
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"{path} is larger than {LARGEST_FILE:,} bytes: that is no configuration file; name another with -c"
        )
    return data.decode("utf-8")


def parse_config(
    data: dict[str, Any], name: str, folder: Path, secrets: Mapping[str, str] = MappingProxyType({})
) -> Config:
    """The configuration that ``data`` means; ``name`` is what errors call it, ``folder`` where relative paths begin.

    Texts that name one of ``secrets`` have its value.
    """
    _expand_profiles(data, name)
    path = data.get("instruments")
    if isinstance(path, str):
        data = {**data, "instruments": {}}
    if "feed" in data and "feeds" in data:
        raise ConfigError(
            f"{name}: [feed] is the short form of one [[feeds]]; write all of them as [[feeds]], each with a name"
        )
    own = {key: value for key, value in data.items() if key in SECTIONS or not registry.is_known(key)}
    others = {key: registry.load(key).section for key in data if key not in own}
    unknown = list(_unknown_keys(own, Config, ""))
    for broker, kind in others.items():
        unknown += _unknown_keys(data[broker], kind, f"{broker}.")
    if unknown:
        raise ConfigError(f"{name}: {'; '.join(unknown)}")
    try:
        config = msgspec.convert(own, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {in_words(str(error), own, Config)}") from None
    if isinstance(path, str):
        config = msgspec.structs.replace(config, instruments=read_instruments(folder / Path(path).expanduser()))
    config = msgspec.structs.replace(
        config, adapters={key: _section(data, key, kind, name) for key, kind in others.items()}
    )
    if secrets:
        config = resolved(config, secrets)
    check(config, name)
    return _with_paths(config, folder)


def _section(data: dict[str, Any], broker: str, kind: type[Ranged], name: str) -> Ranged:
    """What an adapter reads."""
    try:
        return msgspec.convert(data[broker], kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {in_words(str(error), data[broker], kind, broker)}") from None


def _expand_profiles(data: dict[str, Any], name: str) -> None:
    """Put the limits of each account's risk profile where the account has none of its own."""
    accounts = data.get("accounts")
    for account in accounts if isinstance(accounts, list) else ():
        risk = account.get("risk", {}) if isinstance(account, dict) else None
        if not isinstance(risk, dict):
            continue
        profile = risk.pop("profile", "default")
        if not isinstance(profile, str) or profile not in PROFILES:
            raise ConfigError(f"{name}: there is no risk profile {profile!r}; there are {', '.join(PROFILES)}")
        room = many_symbols(_symbols_of(data, account.get("name"))) if profile == "default" else {}
        account["risk"] = {**PROFILES[profile], **room, **risk}


def _symbols_of(data: dict[str, Any], account: object) -> int:
    """How many symbols the strategies of an account have, as far as the file makes sense."""
    strategies = data.get("strategies")
    own = [one for one in strategies if isinstance(one, dict)] if isinstance(strategies, list) else []
    lists = [one.get("symbols") for one in own if account in (one.get("account"), *_names(one.get("accounts")))]
    return len({str(symbol) for symbols in lists if isinstance(symbols, list) for symbol in symbols})


def _names(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _unknown_keys(data: object, kind: Any, place: str) -> Iterator[str]:
    """Every key that a section doesn't have, with the nearest that it does have."""
    if not isinstance(data, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    known = keys_of(kind)
    if kind is Config:
        known = {key: known[key] for key in SECTIONS}
    for key, value in data.items():
        if key not in known:
            there = [*known, *registry.names()] if kind is Config else list(known)
            near = get_close_matches(key, there, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'no keys'}"
            yield f"unknown key {place}{key}; {hint}"
            continue
        inner = known[key]
        if isinstance(value, dict) and get_origin(inner) is dict:
            for name, item in value.items():
                yield from _unknown_keys(item, get_args(inner)[1], f"{place}{key}.{name}.")
        elif isinstance(value, list) and get_args(inner):
            for index, item in enumerate(value):
                yield from _unknown_keys(item, get_args(inner)[0], f"{place}{key}[{index}].")
        else:
            yield from _unknown_keys(value, inner, f"{place}{key}.")


def _override(data: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable in sorted(environment):
        path = variable.removeprefix(PREFIX).lower().split("__")
        if variable.startswith(PREFIX) and len(path) > 1 and (path[0] in SECTIONS or registry.is_known(path[0])):
            _set(data, path, environment[variable], variable)


def _set(data: Any, path: list[str], value: str, variable: str) -> None:
    try:
        value.encode()
        for key in path[:-1]:
            data = data[int(key)] if isinstance(data, list) else data.setdefault(key, {})
        if isinstance(data, list):
            data[int(path[-1])] = value
        else:
            data[path[-1]] = value
    except UnicodeEncodeError:
        raise ConfigError(f"the environment variable {variable} is not UTF-8 text; write it anew") from None
    except (IndexError, ValueError, AttributeError, TypeError):
        raise ConfigError(f"the environment variable {variable} names nothing in the configuration file") from None


def _with_paths(config: Config, folder: Path) -> Config:
    """Relative paths made absolute, from the file's folder."""
    observer = msgspec.structs.replace(config.observer, url=_url_in(config.observer.url, folder))
    config = msgspec.structs.replace(config, observer=observer)
    journal = JournalConfig(url=_url_in(config.journal.url, folder))
    web = msgspec.structs.replace(
        config.web, url=_url_in(config.web.url, folder), results=str(folder / Path(config.web.results).expanduser())
    )
    feed, *feeds = (_with_feed_paths(source, folder) for source in (config.feed, *config.feeds))
    file = config.logs.file
    logs = msgspec.structs.replace(config.logs, file=None if not file else str(folder / Path(file).expanduser()))
    audit = msgspec.structs.replace(config.audit, anchor_file=_path_in(config.audit.anchor_file, folder))
    secrets = msgspec.structs.replace(
        config.secrets,
        file=str(folder / Path(config.secrets.file).expanduser()),
        key_file=_path_in(config.secrets.key_file, folder),
    )
    return msgspec.structs.replace(
        config, journal=journal, web=web, feed=feed, feeds=feeds, logs=logs, audit=audit, secrets=secrets
    )


def _path_in(path: str | None, folder: Path) -> str | None:
    return None if path is None else str(folder / Path(path).expanduser())


def _url_in(url: str, folder: Path) -> str:
    """A database's URL; that of a file with its path made absolute."""
    return SQLITE + str(folder / url.removeprefix(SQLITE)) if url.startswith(SQLITE) else url


def _with_feed_paths(feed: FeedConfig, folder: Path) -> FeedConfig:
    path, actions = (
        None if text is None else str(folder / Path(text).expanduser()) for text in (feed.path, feed.actions)
    )
    paths = None if feed.paths is None else [str(folder / Path(text).expanduser()) for text in feed.paths]
    return msgspec.structs.replace(feed, path=path, paths=paths, actions=actions)
