"""Where Zerodha's settings come from: the environment, else a ``.env`` file, else the section of the configuration file."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from holdfast.adapters.zerodha.connection.settings import API_URL, LOGIN_URL, SOCKET_URL, KiteSettings, MarketOrders
from holdfast.brokers.environment import Lookup, address_of, check_login, key_of, lookup_in
from holdfast.core.ranges import Count, Ranged, Seconds, Within
from holdfast.errors import ConfigError
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret

KEYS_PAGE = "https://developers.kite.trade"
Port = Annotated[int, Within(1, 65_535)]
Protection = Annotated[Decimal, Within(0, 100, above=True)]
Band = Annotated[Decimal, Within(0, 1_000)]

_ADDRESSES = {
    "api_url": (API_URL, ("https", "http")),
    "login_url": (LOGIN_URL, ("https", "http")),
    "socket_url": (SOCKET_URL, ("wss", "ws")),
}
"""Each address with what it is by default and the schemes it may have."""
_OWN = ("api_key", "api_secret", "user_id", "redirect_port")
_MARKET = ("market_orders", "market_protection_pct", "market_band_bps")
"""How an account's market orders go: the section's, but where a login has its own."""
_SHARED = (
    "connect_timeout_s",
    "read_timeout_s",
    "answer_timeout_s",
    "settle_s",
    "orders_per_second",
    "orders_per_minute",
    "orders_per_day",
    "quotes_per_second",
    "candles_per_second",
    "requests_per_second",
)


class ZerodhaLoginSection(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[zerodha.logins.NAME]``: what one more login has of its own."""

    api_key: str | None = None
    api_secret: str | None = None
    user_id: str | None = None
    redirect_port: Port | None = None
    market_orders: MarketOrders | None = None
    market_protection_pct: Protection | None = None
    market_band_bps: Band | None = None

    def __repr__(self) -> str:
        """Says nothing of what is in it: that may be a key."""
        return "ZerodhaLoginSection(...)"


class ZerodhaSection(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[zerodha]`` of the configuration file; the environment overrides each key.

    ``api_key`` and ``api_secret`` are those of the app at developers.kite.trade, ``user_id`` that of the person whose account it is.
    Addresses are for a server of one's own. ``market_orders`` go ``protected``, within ``market_protection_pct`` of the last price where the broker
    isn't to decide that, or as a ``limit`` ``market_band_bps`` beyond the best price. ``logins`` are further apps, each for an account of its own; the rest of the section is theirs too.
    """

    api_key: str | None = None
    api_secret: str | None = None
    user_id: str | None = None
    redirect_port: Port = 8181
    api_url: str | None = None
    login_url: str | None = None
    socket_url: str | None = None
    connect_timeout_s: Seconds = 5.0
    read_timeout_s: Seconds = 10.0
    answer_timeout_s: Seconds = 30.0
    settle_s: Seconds = 180.0
    orders_per_second: Count = 10
    orders_per_minute: Count = 400
    orders_per_day: Count = 5_000
    quotes_per_second: Count = 1
    candles_per_second: Count = 3
    requests_per_second: Count = 10
    market_orders: MarketOrders = MarketOrders.PROTECTED
    market_protection_pct: Protection | None = None
    market_band_bps: Band = Decimal(50)
    logins: dict[str, ZerodhaLoginSection] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        """Says nothing of what is in it: that may be a key."""
        return "ZerodhaSection(...)"


def load_zerodha(
    environment: Mapping[str, str], dotenv_path: Path | None, section: ZerodhaSection, login: str = ""
) -> KiteSettings:
    """The settings of one login. ``dotenv_path`` None, or a file that is not there, is no ``.env`` file.

    The variables of a ``login`` with a name begin with ``ZERODHA_NAME_``. Addresses are the same for all.

    Raises :class:`~holdfast.errors.ConfigError`, which says what to set where, and shows no value of a key.
    """
    lookup = lookup_in(environment, dotenv_path)
    section = _section_of(section, login)
    prefix = f"ZERODHA_{login.upper()}_" if login else "ZERODHA_"
    return KiteSettings(
        api_key=_needed(f"{prefix}API_KEY", lookup, section.api_key),
        api_secret=_optional(f"{prefix}API_SECRET", lookup, section.api_secret),
        access_token=_optional(f"{prefix}ACCESS_TOKEN", lookup, None),
        user_id=lookup(f"{prefix}USER_ID") or section.user_id,
        redirect_port=section.redirect_port,
        login=login,
        **_addresses(lookup, section),
        **_shared(section),
    )


def _section_of(section: ZerodhaSection, login: str) -> ZerodhaSection:
    """The section as a login has it: its app and user are its own, the rest is shared."""
    if not login:
        return section
    own = section.logins.get(check_login("zerodha", login), ZerodhaLoginSection())
    given = {name: getattr(own, name) for name in _OWN}
    given["redirect_port"] = own.redirect_port or section.redirect_port
    given |= {name: value for name in _MARKET if (value := getattr(own, name)) is not None}
    return msgspec.structs.replace(section, **given)


def _needed(name: str, lookup: Lookup, written: str | None) -> Secret:
    key = _optional(name, lookup, written)
    if key is None:
        raise ConfigError(
            f"{name} is not set. Make an app at {KEYS_PAGE}, then put its key into the environment, a .env file or the secret store "
            '(api_key = "secret:NAME" in [zerodha]). Without an account: run `holdfast sim kite`, and set ZERODHA_API_KEY to kitekey, '
            "ZERODHA_API_SECRET to kitesecret, and ZERODHA_API_URL, ZERODHA_LOGIN_URL and ZERODHA_SOCKET_URL to the addresses it prints"
        )
    return key


def _optional(name: str, lookup: Lookup, written: str | None) -> Secret | None:
    value = lookup(name) or written
    if not value:
        return None
    key = key_of(name, value, KEYS_PAGE)
    protect(key)
    return key


def check_section(section: ZerodhaSection) -> None:
    """What can be told of a section without keys: addresses and names. Raises :class:`~holdfast.errors.ConfigError`."""
    for field, (_, schemes) in _ADDRESSES.items():
        url = getattr(section, field)
        if url is not None:
            _address(f"zerodha.{field}", url, schemes)
    for login in section.logins:
        check_login("zerodha.logins", login)


def _shared(section: ZerodhaSection) -> dict[str, Any]:
    return {name: getattr(section, name) for name in (*_SHARED, *_MARKET)}


def _addresses(lookup: Lookup, section: ZerodhaSection) -> dict[str, Any]:
    addresses = {}
    for field, (default, schemes) in _ADDRESSES.items():
        name = f"ZERODHA_{field.upper()}"
        addresses[field] = _address(name, lookup(name) or getattr(section, field) or default, schemes)
    return addresses


def _address(name: str, text: str, schemes: tuple[str, ...]) -> str:
    """An address without a path: kiteconnect joins its routes to the host, so a path would be dropped and requests go elsewhere."""
    address = address_of(name, text, schemes)
    if urlsplit(address).path:
        raise ConfigError(f"{name} must be a host without a path: {urlsplit(address).path} would be dropped")
    return address
