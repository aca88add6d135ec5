"""Where Alpaca's settings come from: the environment, else a ``.env`` file, else the section of the configuration file.

The ``.env`` file is read, never put into the environment of this process or those it starts.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from holdfast.adapters.alpaca.connection.settings import (
    DATA_STREAM_URL,
    DATA_URL,
    LIVE_TRADING_URL,
    PAPER_TRADING_URL,
    AlpacaSettings,
    Mode,
    StockFeed,
)
from holdfast.core.ranges import Count, Ranged, Seconds
from holdfast.errors import ConfigError
from holdfast.observe.redact import protect
from holdfast.observe.secret import Secret

logger = logging.getLogger(__name__)

LIVE_CONSENT = "I want to trade real money"
"""What ``ALPACA_LIVE_CONSENT`` has to say, letter by letter, before a live account is touched."""

KEYS_PAGE = "https://app.alpaca.markets"
PLACEHOLDER = re.compile(
    r"(?i)your[ _-]|[_-]here$|^(change[_-]?me|placeholder|example|x+|\*+|\.+|todo)$|^<.*>$|^\$\{.*\}$"
)
"""What example files have in the place of keys. Real ones (observed) are letters and digits and nothing else."""

KEY_PREFIX = {Mode.PAPER: "PK", Mode.LIVE: "AK"}
"""How Alpaca's keys begin (observed, not promised)."""

_ADDRESSES = {
    "trading_url": (PAPER_TRADING_URL, ("https", "http")),
    "data_url": (DATA_URL, ("https", "http")),
    "data_stream_url": (DATA_STREAM_URL, ("wss", "ws", "https", "http")),
}
"""Each address with what it is by default and the schemes it may have."""

Lookup = Callable[[str], str | None]


LOGIN = re.compile("[a-z][a-z0-9_]*")
"""How logins are named: their variables have the name in capitals."""


class AlpacaLoginSection(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[alpaca.logins.NAME]``: what one more login has of its own. ``mode`` is paper unless it is said here."""

    mode: str | None = None
    api_key: str | None = None
    api_secret: str | None = None
    stock_feed: str | None = None
    symbol_limit: Count | None = None

    def __repr__(self) -> str:
        """Says nothing of what is in it: that may be a key."""
        return "AlpacaLoginSection(...)"


class AlpacaSection(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[alpaca]`` of the configuration file; the environment overrides each key.

    ``api_key`` and ``api_secret`` are those of ``mode``'s account and serve no other. URLs are for a server of one's own.
    ``logins`` are further pairs of keys, each for an account of its own; the rest of the section is theirs too.
    """

    mode: str | None = None
    api_key: str | None = None
    api_secret: str | None = None
    trading_url: str | None = None
    data_url: str | None = None
    data_stream_url: str | None = None
    stock_feed: str | None = None
    connect_timeout_s: Seconds = 5.0
    read_timeout_s: Seconds = 10.0
    answer_timeout_s: Seconds = 30.0
    settle_s: Seconds = 30.0
    requests_per_minute: Count = 200
    data_requests_per_minute: Count = 200
    symbol_limit: Count = 30
    logins: dict[str, AlpacaLoginSection] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        """Says nothing of what is in it: that may be a key."""
        return "AlpacaSection(...)"


def load_alpaca(
    environment: Mapping[str, str], dotenv_path: Path | None, section: AlpacaSection, login: str = ""
) -> AlpacaSettings:
    """The settings of one login. ``dotenv_path`` None, or a file that is not there, is no ``.env`` file.

    The variables of a ``login`` with a name begin with ``ALPACA_NAME_``. Addresses are the same for all.

    Raises :class:`~holdfast.errors.ConfigError`, which says what to set where, and shows no value of a key.
    """
    lookup = _lookup(environment, _read_dotenv(dotenv_path))
    section = _section_of(section, login)
    prefix = f"ALPACA_{login.upper()}_" if login else "ALPACA_"
    mode = _mode(lookup(f"{prefix}MODE"), f"{prefix}MODE")
    section_mode = _mode(section.mode, "alpaca.mode")
    mode = mode or section_mode or Mode.PAPER
    urls = _urls(lookup, section, mode)
    own_keys = section if mode is (section_mode or Mode.PAPER) else AlpacaSection()
    api_key, api_secret = _keys(lookup, own_keys, mode, prefix)
    if mode is Mode.LIVE:
        _check_consent(lookup(f"{prefix}LIVE_CONSENT"), prefix)
    return AlpacaSettings(
        mode=mode,
        api_key=api_key,
        api_secret=api_secret,
        trading_url=urls["trading_url"],
        data_url=urls["data_url"],
        data_stream_url=urls["data_stream_url"],
        stock_feed=_stock_feed(lookup(f"{prefix}STOCK_FEED") or section.stock_feed),
        **_numbers(section),
    )


def _section_of(section: AlpacaSection, login: str) -> AlpacaSection:
    """The section as a login has it: keys, mode and plan are its own, the rest is shared."""
    if not login:
        return section
    if not LOGIN.fullmatch(login):
        raise ConfigError(f"alpaca: a login is named by small letters, digits and _, not {login!r}")
    if section.logins and login not in section.logins:
        logger.info("[alpaca.logins.%s] is not there; its keys are looked for in the environment", login)
    own = section.logins.get(login, AlpacaLoginSection())
    return msgspec.structs.replace(
        section,
        mode=own.mode,
        api_key=own.api_key,
        api_secret=own.api_secret,
        stock_feed=own.stock_feed or section.stock_feed,
        symbol_limit=own.symbol_limit or section.symbol_limit,
    )


def _lookup(environment: Mapping[str, str], dotenv: Mapping[str, str | None]) -> Lookup:
    def lookup(name: str) -> str | None:
        """The value, or None where it is missing or empty, as the lines of an example file are."""
        return (environment.get(name) or "").strip() or (dotenv.get(name) or "").strip() or None

    return lookup


def _read_dotenv(path: Path | None) -> Mapping[str, str | None]:
    if path is None:
        return {}
    try:
        from dotenv import dotenv_values

        return dotenv_values(path, interpolate=False)  # a secret may have a dollar sign in it
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read ({type(error).__name__}); mend it or take it away") from None


def _mode(text: str | None, source: str) -> Mode | None:
    if not text:
        return None
    try:
        return Mode(text.strip().lower())
    except ValueError:
        logger.warning("%s is neither paper nor live: paper is used", source)
        return Mode.PAPER


def _stock_feed(text: str | None) -> StockFeed:
    if text is None:
        return StockFeed.IEX
    try:
        return StockFeed(text.strip().lower())
    except ValueError:
        choices = " or ".join(StockFeed)
        raise ConfigError(f"ALPACA_STOCK_FEED must be {choices} (sip needs a paid plan), not {text!r}") from None


def _keys(lookup: Lookup, section: AlpacaSection, mode: Mode, prefix: str) -> tuple[Secret, Secret]:
    names = (f"{prefix}{mode.upper()}_API_KEY", f"{prefix}{mode.upper()}_API_SECRET")
    values = [lookup(names[0]) or section.api_key, lookup(names[1]) or section.api_secret]
    missing = [name for name, value in zip(names, values, strict=True) if not value]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and a {mode} account needs "
            f"{names[0]} and {names[1]}. Make keys at {KEYS_PAGE} ({mode} account, API Keys), then put them into the "
            "environment or a .env file. Without an account: run `holdfast sim alpaca`, take any two words as paper keys, "
            "and set ALPACA_TRADING_URL, ALPACA_DATA_URL and ALPACA_DATA_STREAM_URL to the addresses it prints"
        )
    key, secret = (_secret(name, str(value)) for name, value in zip(names, values, strict=True))
    protect(key, secret)
    other = Mode.LIVE if mode is Mode.PAPER else Mode.PAPER
    if key.reveal().startswith(KEY_PREFIX[other]):
        logger.warning("%s looks like a key of a %s account; Alpaca refuses it for %s", names[0], other, mode)
    return key, secret


def _secret(name: str, value: str) -> Secret:
    value = value.strip()
    if PLACEHOLDER.search(value):
        raise ConfigError(f"{name} still has the placeholder of an example file; put the key from {KEYS_PAGE} there")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{name} has characters in it that no key has; copy it again from {KEYS_PAGE}")
    return Secret(value)


def _check_consent(consent: str | None, prefix: str) -> None:
    if consent != LIVE_CONSENT:
        raise ConfigError(
            "the mode is live, which trades real money, and there is no consent to it. "
            f"Set {prefix}LIVE_CONSENT (in the environment or .env) to exactly '{LIVE_CONSENT}', or {prefix}MODE to paper"
        )


def check_section(section: AlpacaSection) -> None:
    """What can be told of a section without keys: addresses and the tape. Raises :class:`~holdfast.errors.ConfigError`."""
    for field, (_, schemes) in _ADDRESSES.items():
        url = getattr(section, field)
        if url is not None:
            _url(f"alpaca.{field}", url, schemes)
    _stock_feed(section.stock_feed)
    for login, own in section.logins.items():
        if not LOGIN.fullmatch(login):
            raise ConfigError(f"alpaca.logins: a login is named by small letters, digits and _, not {login!r}")
        _stock_feed(own.stock_feed)


def _urls(lookup: Lookup, section: AlpacaSection, mode: Mode) -> dict[str, str]:
    urls = {}
    for field, (default, schemes) in _ADDRESSES.items():
        name = f"ALPACA_{field.upper()}"
        standard = LIVE_TRADING_URL if mode is Mode.LIVE and field == "trading_url" else default
        urls[field] = _url(name, lookup(name) or getattr(section, field) or standard, schemes)
    other = PAPER_TRADING_URL if mode is Mode.LIVE else LIVE_TRADING_URL
    if urlsplit(urls["trading_url"]).hostname == urlsplit(other).hostname:
        raise ConfigError(f"the mode is {mode} and ALPACA_TRADING_URL is {urls['trading_url']}: make them agree")
    return urls


def _url(name: str, text: str, schemes: tuple[str, ...]) -> str:
    """A base URL with no slash at its end. What is wrong is told without the URL: there may be a password in it."""
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{name} is not a URL") from None
    if parts.scheme not in schemes or not host or not text.isascii() or not text.strip().isprintable():
        raise ConfigError(f"{name} must be a URL that begins with {schemes[0]}:// and names a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigError(f"{name} must be a plain address, without user, password, query or fragment")
    if parts.scheme in ("http", "ws") and not _is_loopback(host):
        raise ConfigError(f"{name}: {parts.scheme}:// to {host} would send the keys in the clear; use {schemes[0]}://")
    return _without_slash(name, parts)


def _without_slash(name: str, parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if re.search(r"/v\d\w*$", path):
        raise ConfigError(f"{name} must not end with the version ({path}): it is added to each request")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _numbers(section: AlpacaSection) -> dict[str, Any]:
    names = (
        "connect_timeout_s",
        "read_timeout_s",
        "answer_timeout_s",
        "settle_s",
        "requests_per_minute",
        "data_requests_per_minute",
        "symbol_limit",
    )
    return {name: getattr(section, name) for name in names}
