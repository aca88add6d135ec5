"""Views in the API's description: a frozen struct as a JSON schema, as `views.encode.as_json` writes it."""

import types
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from functools import cache
from inspect import cleandoc
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import msgspec

from holdfast.views.encode import TIME

Schema = dict[str, Any]

PLACE = "#/components/schemas/"
TEXT: Schema = {"type": "string"}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": TEXT, "message": TEXT},
        }
    },
}
_SAID = {
    400: "It makes no sense.",
    401: "Nobody has logged in.",
    403: "Who asks may not.",
    404: "There is no such thing.",
    409: "It is at odds with what is there.",
    422: "A value can't be used.",
    429: "It was asked too often.",
    503: "The journal can't be read.",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/json": {"schema": {"$ref": f"{PLACE}Error"}}}}
    for status, words in _SAID.items()
}
"""What any route may answer with besides."""
PLAIN: dict[Any, Schema] = {
    str: TEXT,
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "string", "description": "An exact number.", "examples": ["101.25"]},
    Any: {},
    object: {},
    types.NoneType: {"type": "null"},
}
WHEN: Schema = {"type": "string", "description": "ISO 8601, in UTC."}


def one(kind: type[msgspec.Struct]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers with a view."""
    return answered(reference(kind), "The answer.")


def listed(kind: type[msgspec.Struct]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers with a list of views."""
    return answered(list_schema(reference(kind)), "A page of the list.")


def answered(schema: Schema, words: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers with this."""
    return {status: {"description": words, "content": {"application/json": {"schema": schema}}}}


def list_schema(item: Schema) -> Schema:
    """A list as the API gives it."""
    return {
        "type": "object",
        "required": ["items", "next", "as_of", "age_s"],
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {"type": ["string", "null"], "description": "The next page's `after`; null after the last."},
            "as_of": {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "description": "The last record of each account.",
            },
            "age_s": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "Seconds since something was last written.",
            },
        },
    }


KNOWN: dict[str, type[msgspec.Struct]] = {}
"""The views that routes answer with, by name."""


def reference(kind: type[msgspec.Struct]) -> Schema:
    """A view by its name; `components` has the rest."""
    KNOWN[kind.__name__] = kind
    return {"$ref": PLACE + kind.__name__}


def components() -> dict[str, Schema]:
    """Every view that routes answer with, and those inside them."""
    done: dict[str, Schema] = {"Error": ERROR}
    while left := [kind for name, kind in KNOWN.items() if name not in done]:
        done |= {kind.__name__: struct_schema(kind) for kind in left}
    return dict(sorted(done.items()))


@cache
def struct_schema(kind: type[msgspec.Struct]) -> Schema:
    """A view's fields under their names in JSON."""
    properties = dict(_properties(kind))
    words = cleandoc(kind.__doc__ or "")
    return {"type": "object", "description": words, "required": list(properties), "properties": properties}


def _properties(kind: type[msgspec.Struct]) -> Iterator[tuple[str, Schema]]:
    hints = get_type_hints(kind)
    for name in kind.__struct_fields__:
        if not name.endswith(TIME):
            yield name, schema_of(hints[name])
            continue
        is_maybe = types.NoneType in get_args(hints[name])
        yield name.removesuffix(TIME), {**WHEN, "type": ["string", "null"]} if is_maybe else WHEN


def schema_of(hint: Any) -> Schema:
    """A field's type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return schema_of(inner[0])
    if isinstance(hint, NewType):
        return schema_of(hint.__supertype__)
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(part) for part in inner]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (list, tuple, set, frozenset):
        return {"type": "array", "items": schema_of(inner[0]) if inner else {}}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(inner[1])}
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return reference(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", "enum": [item.value for item in hint]}
    return PLAIN.get(hint, {})
