"""Where Alpaca's settings come from: the environment, else a ``.env`` file, else the section of the configuration file."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
from holdfast.brokers.environment import Lookup, address_of, check_login, key_of, lookup_in
from holdfast.core.ranges import Count, Ranged, Seconds
from holdfast.errors import ConfigError
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret

logger = logging.getLogger(__name__)

LIVE_CONSENT = "I want to trade real money"
"""What ``ALPACA_LIVE_CONSENT`` has to say, letter by letter, before a live account is touched."""

KEYS_PAGE = "https://app.alpaca.markets"
KEY_PREFIX = {Mode.PAPER: "PK", Mode.LIVE: "AK"}
"""How Alpaca's keys begin (observed, not promised)."""

_ADDRESSES = {
    "trading_url": (PAPER_TRADING_URL, ("https", "http")),
    "data_url": (DATA_URL, ("https", "http")),
    "data_stream_url": (DATA_STREAM_URL, ("wss", "ws", "https", "http")),
}
"""Each address with what it is by default and the schemes it may have."""


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
    lookup = lookup_in(environment, dotenv_path)
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
    check_login("alpaca", login)
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
    key, secret = (key_of(name, str(value), KEYS_PAGE) for name, value in zip(names, values, strict=True))
    protect(key, secret)
    other = Mode.LIVE if mode is Mode.PAPER else Mode.PAPER
    if key.reveal().startswith(KEY_PREFIX[other]):
        logger.warning("%s looks like a key of a %s account; Alpaca refuses it for %s", names[0], other, mode)
    return key, secret


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
            address_of(f"alpaca.{field}", url, schemes)
    _stock_feed(section.stock_feed)
    for login, own in section.logins.items():
        check_login("alpaca.logins", login)
        _stock_feed(own.stock_feed)


def _urls(lookup: Lookup, section: AlpacaSection, mode: Mode) -> dict[str, str]:
    urls = {}
    for field, (default, schemes) in _ADDRESSES.items():
        name = f"ALPACA_{field.upper()}"
        standard = LIVE_TRADING_URL if mode is Mode.LIVE and field == "trading_url" else default
        urls[field] = address_of(name, lookup(name) or getattr(section, field) or standard, schemes)
    other = PAPER_TRADING_URL if mode is Mode.LIVE else LIVE_TRADING_URL
    if urlsplit(urls["trading_url"]).hostname == urlsplit(other).hostname:
        raise ConfigError(f"the mode is {mode} and ALPACA_TRADING_URL is {urls['trading_url']}: make them agree")
    return urls


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
