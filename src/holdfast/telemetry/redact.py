"""Takes secrets out of whatever is about to be written down: known ones, and what looks like one."""

import json
import re
import threading
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

HIDDEN = "***"
DEEPEST = 8
"""How far into nested values is looked; what is deeper is left out."""

SHORTEST = 6
"""Characters a known secret must have to be looked for in texts; a shorter one would blot out ordinary words."""

SECRET_NAME = re.compile(
    r"(?i)^(apca-api-.*|.*(api|secret|access|private|signing|master)[-_ ]?key(-?id)?|.*secret.*|key_?id|.*pass(word|wd|phrase).*|pwd"
    r"|.*token|.*signature|checksum|.*totp|otp|(proxy-)?authorization|cookie|set-cookie|dsn)$"
)
"""Names whose values are never shown, whatever they are."""

_NAME = (
    r"(?:apca-api-[a-z-]+|(?:[a-z0-9]+[_-])*(?:api|secret|access|private|client|consumer|signing|master)[_-]?(?:key|secret)"
    r"|(?:[a-z0-9]+[_-])*(?:secret|password|passwd|passphrase|pwd|(?:access|refresh|request|auth|id|enc|session|bearer|bot)[_-]?token|signature"
    r"|checksum|totp)|key_id)"
)
_QUOTED = re.compile(rf"""(?i)(\b{_NAME}\b\\?["']?\s*[:=]\s*b?\\?(["']))(?:[^"'\\]|\\(?!\2)[^"'])*""")
"""A name, and its value in quotes as JSON and Python write them: the value may have blanks in it."""
_NAMED = re.compile(rf"""(?i)(\b{_NAME}\b['"]?\s*[:=]\s*(?:b?['"])?)(?!\*\*\*)[^\s'",;&}}\])]+""")
_QUERY = re.compile(r"(?i)([?&](?:[a-z0-9]+[_-])*(?:token|key|apikey|auth|sig|code|pin|otp)=)[^&#\s'\"]+")
"""In the query of a URL, names are short."""
_AUTHORIZATION = re.compile(
    r"""(?i)(\bauthorization\b['"]?\s*[:=]\s*(?:b?['"])?)(?:(?:basic|bearer|digest|token)\s+)?[^\s'",;}]+"""
)
_COOKIE = re.compile(r"""(?i)(\b(?:set-)?cookie\b['"]?\s*[:=]\s*(?:b?['"])?)[^\n'"}]+""")
_SCHEME = re.compile(r"(?i)\b(basic|bearer)\s+[a-z0-9+/_.=-]{12,}")
_OURS = re.compile(r"\b(hf_[a-z0-9]{8}_|whsec_|eyJ)[A-Za-z0-9+/_.=-]{20,}")  # keys and tokens of the web process
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s@'\"]+@")
_HOOK = re.compile(
    r"(?i)(hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot)[^\s'\"?#]+"
)
"""Addresses that are secrets themselves."""

_SECRET_WORDS = (
    "key", "secret", "passw", "passphrase", "pwd", "token", "signature", "checksum", "totp", "apca-api-",
)  # fmt: skip
_AFTER_NAME = rf"\1{HIDDEN}"
_RULES: tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...] = (
    (_QUOTED, _AFTER_NAME, _SECRET_WORDS),
    (_AUTHORIZATION, _AFTER_NAME, ("authorization",)),
    (_COOKIE, _AFTER_NAME, ("cookie",)),
    (_NAMED, _AFTER_NAME, _SECRET_WORDS),
    (_QUERY, _AFTER_NAME, ("=",)),
    (_HOOK, _AFTER_NAME, ("hooks.slack.com/", "discord", "api.telegram.org/bot")),
    (_SCHEME, rf"\1 {HIDDEN}", ("basic", "bearer")),
    (_OURS, _AFTER_NAME, ("hf_", "whsec_", "eyj")),
    (_USERINFO, rf"\1{HIDDEN}@", ("://",)),
)
"""What is looked for in turn, what comes in its place, and words (small letters) of which one is in every text that has it.

To look for a word costs a hundredth of what the pattern does, and next to no text has one.
"""
_SIGNS = re.compile(r"[:=/\s]|hf_|whsec_|eyj")
"""What is in every text, in small letters, that any of them finds something in."""
MOST_NAMES = 1_000
"""Names of values that are remembered; programs have some dozens, and beyond that they are judged each time."""


class Revealing(Protocol):
    """Something that holds a secret and gives it to those who ask."""

    def reveal(self) -> str:
        """The secret itself."""


def forms(secret: str) -> set[str]:
    """A secret as it may stand in a text: as it is, in a URL, in JSON, and as Python prints it."""
    plain = {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    return (
        plain if secret.isalnum() else plain | {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    )


class Redactor:
    """Knows secrets, and gives values back without them. May be used by all threads."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()
        self._names: dict[str, str] = {}
        """Names of values as they are shown; those that are in here don't say that their value is secret."""
        self._lock = threading.Lock()

    def protect(self, *secrets: Revealing) -> None:
        """From now on these never show, wherever they stand in a text."""
        texts = {form for secret in secrets if len(text := secret.reveal()) >= SHORTEST for form in forms(text)}
        with self._lock:
            self._known = tuple(sorted({*self._known, *texts}, key=len, reverse=True))
            self._names = {}

    def text(self, text: str) -> str:
        """``text`` with every known secret, and whatever looks like a key or an authorization, replaced by stars."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        small = (
            text.lower() if text.isascii() else None
        )  # there are letters elsewhere that a pattern takes for one of ours
        if small is not None and _SIGNS.search(small) is None:
            return text
        for pattern, instead, words in _RULES:
            if small is None or any(word in small for word in words):
                text = pattern.sub(instead, text)
        return text

    def value(self, value: object, depth: int = 0) -> Any:
        """``value`` likewise, however nested. What is no plain value becomes its printed form."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= DEEPEST:
            return HIDDEN
        if isinstance(value, Mapping):
            return dict(self._named(str(name), inner, depth) for name, inner in value.items())
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(inner, depth + 1) for inner in value]
        if isinstance(value, bytes | bytearray):
            return self.text(bytes(value).decode("utf-8", "replace"))
        if isinstance(value, BaseException):
            return self.text(f"{type(value).__name__}: {value}")
        return self.text(repr(value))

    def _named(self, name: str, value: object, depth: int) -> tuple[str, Any]:
        names = self._names  # `protect` begins another
        shown = names.get(name)
        if shown is None:
            shown = self.text(name)
            if SECRET_NAME.match(name):
                return shown, HIDDEN
            if len(names) < MOST_NAMES:
                names[name] = shown
        return shown, self.value(value, depth + 1)


REDACTOR = Redactor()
"""The process's own: whoever reads a secret protects it here, and all logs go through it."""


def protect(*secrets: Revealing) -> None:
    """Keep these out of every log of this process."""
    REDACTOR.protect(*secrets)
