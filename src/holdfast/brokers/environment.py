"""What a login's settings are made of: values from the environment, else a ``.env`` file; keys; addresses.

The ``.env`` file is read, never put into the environment of this process or those it starts. No error shows a value of a key.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from holdfast.errors import ConfigError
from holdfast.telemetry.secret import Secret

PLACEHOLDER = re.compile(
    r"(?i)your[ _-]|[_-]here$|^(change[_-]?me|placeholder|example|x+|\*+|\.+|todo)$|^<.*>$|^\$\{.*\}$"
)
"""What example files have in the place of keys. Real ones (observed) are letters and digits and nothing else."""

LOGIN = re.compile("[a-z][a-z0-9_]*")
"""How logins are named: their variables have the name in capitals."""

Lookup = Callable[[str], str | None]
"""Gives the value of a variable; None where it is missing or empty, as the lines of an example file are."""


def lookup_in(environment: Mapping[str, str], dotenv_path: Path | None) -> Lookup:
    """Looks in the environment, then in a ``.env`` file (None, or one that is not there: no file). Raises ConfigError."""
    dotenv = _read_dotenv(dotenv_path)

    def lookup(name: str) -> str | None:
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


def check_login(section: str, login: str) -> str:
    """The name of a login, if it can be one. ``section`` is what errors call its place. Raises ConfigError."""
    if not LOGIN.fullmatch(login):
        raise ConfigError(f"{section}: a login is named by small letters, digits and _, not {login!r}")
    return login


def key_of(name: str, value: str, page: str) -> Secret:
    """A key that a person has copied from ``page``. Raises ConfigError for what is none."""
    value = value.strip()
    if PLACEHOLDER.search(value):
        raise ConfigError(f"{name} still has the placeholder of an example file; put the key from {page} there")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigError(f"{name} has characters in it that no key has; copy it again from {page}")
    return Secret(value)


def address_of(name: str, text: str, schemes: tuple[str, ...]) -> str:
    """A base URL with no slash at its end. What is wrong is told without the URL: there may be a password in it. Raises ConfigError."""
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{name} is not a URL") from None
    if parts.scheme not in schemes or not host or not text.isascii() or not text.strip().isprintable():
        raise ConfigError(f"{name} must be a URL that begins with {schemes[0]}:// and names a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigError(f"{name} must be a plain address, without user, password, query or fragment")
    if parts.scheme in ("http", "ws") and not is_loopback(host):
        raise ConfigError(f"{name}: {parts.scheme}:// to {host} would send the keys in the clear; use {schemes[0]}://")
    return _without_slash(name, parts)


def _without_slash(name: str, parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if re.search(r"/v\d\w*$", path):
        raise ConfigError(f"{name} must not end with the version ({path}): it is added to each request")
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
