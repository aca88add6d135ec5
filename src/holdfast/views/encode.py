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

TIME = "_ns"
"""How the name of a field ends that is a point in time."""


def as_json(view: msgspec.Struct) -> Json:
    """The view's fields under their names in JSON, in their order."""
    return {
        key: _time(getattr(view, name)) if is_time else _plain(getattr(view, name))
        for name, key, is_time in _keys(type(view))
    }


@cache
def _keys(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Of each field its name, its key in JSON, and whether it is a time."""
    names = kind.__struct_fields__
    return tuple((name, name.removesuffix(TIME), name.endswith(TIME)) for name in names)


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else iso_time(time_ns)


def _plain(value: Any) -> Any:
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
