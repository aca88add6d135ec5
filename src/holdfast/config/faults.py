"""What msgspec says of a value that it can't take, as people read it: which key it is, and which words there are."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from holdfast.adapters.registry import nearest

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
"""One step into a value: a key, a place in a list, or ``[...]``, which is some key of a table."""
_NO_WORD = re.compile(r"Invalid enum value '(.*)'", re.DOTALL)


def in_words(error: str, data: Any, kind: Any, section: str = "") -> str:
    """msgspec's message about ``data``, which should be a ``kind``: the place first, as people write it."""
    text, _, path = error.partition(" - at `")
    text = text.replace("Object missing required field", "the key is missing:")
    place, hint = _followed(path.strip("`$"), data, kind)
    found, words = _NO_WORD.fullmatch(text), _words(hint)
    if found is not None and words:
        text = f"there is no {found[1]!r}; {nearest(found[1], words)}"
    place = ".".join(part for part in (section, place) if part)
    return f"{place}: {text}" if place else text


def _followed(path: str, data: Any, kind: Any) -> tuple[str, Any]:
    """A path with the keys that it leaves open, and the type of what is there."""
    place = ""
    for step in _STEP.finditer(path):
        key, number = step.groups()
        if key is not None and isinstance(data, Mapping):
            data, kind, place = data.get(key), _of_field(kind, key), f"{place}.{key}"
        elif number != "..." and isinstance(data, Sequence):
            data, kind, place = data[int(number or 0)], _of_item(kind), f"{place}[{number}]"
        elif number == "..." and isinstance(data, Mapping):
            of_keys, of_values = _of_table(kind)
            key = next(
                (name for name, value in data.items() if not _fits(name, of_keys) or not _fits(value, of_values)), None
            )
            if key is None:
                return place.strip("."), None
            data, kind, place = data[key], of_values, f"{place}.{key}"
        else:
            return place.strip("."), None
    return place.strip("."), kind


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _choices(kind: Any) -> tuple[Any, ...]:
    """The types that a value may have."""
    if get_origin(kind) is Annotated:
        return _choices(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return tuple(choice for part in get_args(kind) for choice in _choices(part))
    return (kind,)


@cache
def keys_of(kind: type[msgspec.Struct], *, with_ranges: bool = False) -> Mapping[str, Any]:
    """The keys of a section, each with the type of its value. To find them takes longer than to read a small file: they are kept."""
    hints = get_type_hints(kind, include_extras=with_ranges)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}


def _of_field(kind: Any, key: str) -> Any:
    for struct in _choices(kind):
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct):
            return keys_of(struct, with_ranges=True).get(key)
        if get_origin(struct) is dict:
            return get_args(struct)[1]
    return None


def _of_item(kind: Any) -> Any:
    return next((get_args(choice)[0] for choice in _choices(kind) if get_origin(choice) in (list, tuple, set)), None)


def _of_table(kind: Any) -> tuple[Any, Any]:
    return next(
        ((get_args(choice)[0], get_args(choice)[1]) for choice in _choices(kind) if get_origin(choice) is dict),
        (Any, Any),
    )


def _words(kind: Any) -> list[str]:
    """The words of a type that has a few; none for any other."""
    found: list[str] = []
    for choice in _choices(kind):
        if isinstance(choice, type) and issubclass(choice, Enum):
            found += [str(word.value) for word in choice]
        elif get_origin(choice) is Literal:
            found += [str(word) for word in get_args(choice)]
    return found
