"""Alpaca's published OpenAPI descriptions, and the check that an answer is as they say.

They come with Alpaca's own `alpaca-mcp-server` (MIT), pinned in ``requirements-specs.lock`` and unpacked beside the environment by
``make setup``; nothing of that package is run.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

SPECS = Path(sys.prefix) / "specs" / "alpaca_mcp_server" / "specs"
_PARTS = re.compile(r"(\{[^}]*\})")
_COIN = "[^/]+(?:/[^/]+)?"
METHODS = {"get", "post", "put", "patch", "delete"}


class Deviation(NamedTuple):
    """One thing in an answer that isn't as described: where it was asked for, where it is in the answer, and what is wrong."""

    path: str
    place: str
    fault: str


KNOWN: Mapping[Deviation, str] = {
    Deviation(
        "/v2/positions", "*.body", 'required ["notional", "type", "time_in_force"]'
    ): "of a position that would not close the body is the refusal; recorded by alpaca-py's own tests (test_close_all_positions)",
    Deviation(
        "/v2/account/activities/{activity_type}",
        "*",
        'oneOf [{"$ref": "urn:trading-api#/components/schemas/TradingActivities"}, {"$ref',
    ): "no schema of the two requires anything, so each row is both and never one of them: the description contradicts itself",
}
"""What deviates, and why. A list that may only get shorter: what is not seen any more fails as well as what is new."""


class _Described(NamedTuple):
    """One operation's answer: its path as described, and what validates it."""

    path: str
    pattern: re.Pattern[str]
    validator: Draft202012Validator


@cache
def _described() -> Mapping[tuple[str, int], list[_Described]]:
    """Every described answer, by method and status; the exact path before one with parameters."""
    found: dict[tuple[str, int], list[_Described]] = {}
    for name in ("trading-api", "market-data-api"):
        document = json.loads((SPECS / f"{name}.json").read_text(encoding="utf-8"))
        registry = Registry().with_resource(f"urn:{name}", DRAFT202012.create_resource(document))
        for path, item in document["paths"].items():
            for method in item.keys() & METHODS:
                for status, answer in item[method]["responses"].items():
                    schema = _schema(document, answer, f"urn:{name}")
                    if schema is None:
                        continue
                    validator = Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())
                    key = (method.upper(), int(status) if status.isdigit() else 0)
                    found.setdefault(key, []).append(_Described(path, _pattern(path), validator))
    for several in found.values():
        several.sort(key=lambda one: one.path.count("{"))
    return found


def _pattern(path: str) -> re.Pattern[str]:
    """What an address of this path looks like; a coin's symbol may have its slash."""
    parts = (
        re.escape(part) if part[:1] != "{" else _COIN if "symbol" in part else "[^/]+" for part in _PARTS.split(path)
    )
    return re.compile("".join(parts))


def _schema(document: Any, answer: Any, base: str) -> Any:
    """The schema of an answer's JSON, its references made absolute; None when only words are said of it."""
    while "$ref" in answer:
        answer = _at(document, answer["$ref"])
    if "application/json" not in answer.get("content", {}):
        return None
    return _absolute(answer["content"]["application/json"]["schema"], base)


def _at(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def _absolute(schema: Any, base: str) -> Any:
    if isinstance(schema, list):
        return [_absolute(one, base) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: f"{base}{value}" if name == "$ref" and isinstance(value, str) else _absolute(value, base)
        for name, value in schema.items()
    }


def deviations(method: str, path: str, status: int, body: bytes) -> set[Deviation]:
    """What in an answer is not as described; nothing when Alpaca says no more of it than its status."""
    for described in _described().get((method, status), ()):
        if described.pattern.fullmatch(path):
            errors = described.validator.iter_errors(json.loads(body))
            return {Deviation(described.path, _place(error), _fault(error)) for error in errors}
    return set()


def is_described(method: str, path: str) -> bool:
    """Whether Alpaca describes the JSON of a success."""
    found = (
        one for (verb, status), several in _described().items() if verb == method and status < 300 for one in several
    )
    return any(one.pattern.fullmatch(path) for one in found)


def _place(error: ValidationError) -> str:
    """Where in the answer, with a star for each list and each symbol."""
    return ".".join("*" if isinstance(part, int) or not part.islower() else part for part in error.absolute_path)


def _fault(error: ValidationError) -> str:
    """The rule that is broken, without the value."""
    return f"{error.validator} {json.dumps(error.validator_value)}"[:80]


def questions() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every path that Alpaca describes for GET, and what addresses of it look like."""
    for name in ("trading-api", "market-data-api"):
        document = json.loads((SPECS / f"{name}.json").read_text(encoding="utf-8"))
        yield from ((path, _pattern(path)) for path, item in document["paths"].items() if "get" in item)
