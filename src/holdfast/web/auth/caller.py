"""Where a request comes from: address, host and scheme, through the proxies that are trusted."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from holdfast.errors import ConfigError

KEY = "holdfast.caller"
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via")
"""Headers that only a proxy writes."""
LONGEST_CHAIN = 20

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Caller(NamedTuple):
    """Where a request comes from."""

    address: str
    host: str
    """The ``Host`` header's name, in small letters and without port; empty for one that is none."""
    netloc: str
    """The ``Host`` header as it is, in small letters."""
    is_tls: bool
    """Whether the browser speaks TLS, as far as we or a trusted proxy know."""
    is_near: bool
    """Whether the request comes from this machine, by no proxy, and means this machine."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The proxies of a configuration. Raises :class:`~holdfast.errors.ConfigError`."""
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise ConfigError(f"proxies of [web.access] has addresses or networks, such as 10.0.0.0/8: {error}") from None


def caller_of(scope: Scope, proxies: Sequence[Network]) -> Caller:
    """Where a request comes from. Headers that say so are believed from ``proxies`` alone."""
    headers = Headers(scope=scope)
    peer = (scope.get("client") or ("", 0))[0]
    is_by_proxy = _is_in(peer, proxies)
    address = _origin(peer, headers.getlist("x-forwarded-for"), proxies) if is_by_proxy else peer
    hosts = headers.getlist("host")
    netloc = hosts[0].strip().lower() if len(hosts) == 1 else ""
    scheme = headers.get("x-forwarded-proto", "").strip().lower() if is_by_proxy else ""
    host = _name(netloc)
    is_forwarded = any(name in headers for name in FORWARDED)
    is_near = is_loopback(peer) and is_loopback_name(host) and not is_forwarded
    return Caller(address, host, netloc, (scheme or scope["scheme"]) == "https", is_near)


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed is not None and parsed.is_loopback


def is_loopback_name(host: str) -> bool:
    """Whether a name in an address can only mean this machine."""
    return host == "localhost" or is_loopback(host)


def _origin(peer: str, lists: Sequence[str], proxies: Sequence[Network]) -> str:
    """The last address before the trusted proxies: what stands further left, anybody may have written."""
    chain = [part.strip() for text in lists for part in text.split(",")][-LONGEST_CHAIN:]
    address = peer
    while chain and _is_in(address, proxies):
        before = _parsed(chain.pop())
        if before is None:
            break
        address = str(before)
    return address


def _name(netloc: str) -> str:
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port
        is_plain = not (parts.username or parts.path or parts.query or parts.fragment) and "@" not in netloc
        return (parts.hostname or "") if is_plain else ""
    except ValueError:
        return ""


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_in(address: str, proxies: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in proxies)
