"""How a configuration names a secret: ``secret:NAME`` as the whole text, ``{secret:NAME}`` inside a longer one.

In a text that is a URL the value is percent-encoded, so that a password may have any characters.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from holdfast.errors import ConfigError

MARK = "secret:"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_INSIDE = re.compile(r"\{secret:([^{}]*)\}")


class SecretText(str):
    """The text that a reference means: used like any text. Printed as it is written, and it can't be encoded.

    msgspec refuses what is no plain text, so a value gets into no record and no answer by mistake; another process gets the
    reference alone.
    """

    __slots__ = ("written",)
    written: str

    def __new__(cls, value: str, written: str) -> "SecretText":
        """``written`` is what stands in the configuration."""
        made = super().__new__(cls, value)
        made.written = written
        return made

    def __repr__(self) -> str:
        return repr(self.written)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (self.written,)


def names_in(text: str) -> list[str]:
    """The secrets that a text names. What looks like a reference and is none is among them: its lookup says so."""
    return [text.removeprefix(MARK)] if text.startswith(MARK) else _INSIDE.findall(text)


def is_reference(text: str) -> bool:
    """Whether a text names a secret."""
    return bool(names_in(text))


def is_whole_reference(text: str) -> bool:
    """Whether a text is the name of a secret and nothing else."""
    return text.startswith(MARK) and NAME.fullmatch(text.removeprefix(MARK)) is not None


def references(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every place of a configuration, as it is read from its file, that names a secret, with the secret's name."""
    if isinstance(value, str):
        yield from ((place, name) for name in names_in(value))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from references(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, Sequence):
        for number, inner in enumerate(value):
            yield from references(inner, f"{place}[{number}]")


def resolved(value: Any, secrets: Mapping[str, str]) -> Any:
    """``value`` with a `SecretText` for each text that names one of ``secrets``; what has none in it is given back as it is."""
    if isinstance(value, str):
        return _text(value, secrets)
    if isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        changed = {name: new for name in names if (new := resolved(old := getattr(value, name), secrets)) is not old}
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, dict):
        table = {key: resolved(inner, secrets) for key, inner in value.items()}
        return table if any(table[key] is not value[key] for key in table) else value
    if isinstance(value, list | tuple):
        items = [resolved(inner, secrets) for inner in value]
        is_same = all(new is old for new, old in zip(items, value, strict=True))
        return value if is_same else type(value)(items)
    return value


def _text(text: str, secrets: Mapping[str, str]) -> str:
    named = names_in(text)
    if not named or not all(name in secrets for name in named):
        return text
    if text.startswith(MARK):
        return SecretText(secrets[named[0]], text)
    is_url = "://" in text
    whole = _INSIDE.sub(lambda found: quote(secrets[found[1]], safe="") if is_url else secrets[found[1]], text)
    return SecretText(whole, text)


def check_secret_name(name: str) -> str:
    """The name, if it can be one. Raises :class:`~holdfast.errors.ConfigError`."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:80]!r} can't be a secret's name: that has 1 to 64 letters, digits, '.', '_' or '-', and begins with "
            "a letter or digit"
        )
    return name
