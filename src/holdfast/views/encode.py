"""A view as JSON: exact numbers as plain text, times as ISO 8601 in UTC.

One rule for all views: a field ``created_ns`` is ``created`` in JSON, and a time; None stays null.
"""

from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

import msgspec

from holdfast.core.types import iso_time, plain

Json = dict[str, Any]

AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
"""Types that JSON has itself."""
TIME = "_ns"
"""How the name of a field ends that is a point in time."""


def as_json(view: msgspec.Struct) -> Json:
    """The view's fields under their names in JSON, in their order."""
    return {
        key: _time(getattr(view, name)) if is_time else _plain(getattr(view, name))
        for name, key, is_time in keys_of(type(view))
    }


@cache
def keys_of(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Of each field its name, its key in JSON, and whether it is a time.

    Raises TypeError for a view of whose fields two would have one name in JSON: one of them would be lost.
    """
    keys = tuple((name, name.removesuffix(TIME), name.endswith(TIME)) for name in kind.__struct_fields__)
    if len({key for _, key, _ in keys}) < len(keys):
        raise TypeError(f"{kind.__name__} has a time and another field that would both be called the same in JSON")
    return keys


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else iso_time(time_ns)


def _plain(value: Any) -> Any:
    if type(value) in AS_THEY_ARE:
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, msgspec.Struct):
        return as_json(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
