"""What the API answers with: views as JSON, and lists a page at a time."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query, Response

from holdfast.journal.lists import ListReader, Place
from holdfast.views.encode import Json, as_json
from holdfast.web.errors import ApiError
from holdfast.web.reading import age_s

T = TypeVar("T")

NO_CURSOR = "`after` is no cursor of this list; take `next` from the page before, as it is"

USUAL, MOST = 500, 5000
"""How many rows a page has where nothing is said, and at most."""

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many rows at most.")]
After = Annotated[str | None, Query(max_length=400, description="The `next` of the page before.")]
Account = Annotated[str | None, Query(max_length=64, description="Of this account only.")]


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any JSON value."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def view_answer(view: msgspec.Struct, status: int = 200) -> Response:
    """A view as `as_json` makes it."""
    return json_answer(as_json(view), status)


def rows_answer(reader: ListReader, rows: Sequence[msgspec.Struct], following: str | None = None) -> Response:
    """A list of views."""
    return items_answer(reader, [as_json(row) for row in rows], following)


def items_answer(reader: ListReader, items: list[Any], following: str | None = None) -> Response:
    """A list, with what it rests on. ``following`` is the cursor of the next page."""
    return json_answer({"items": items, "next": following, **rests_on(reader)})


def rests_on(reader: ListReader) -> Json:
    """The last record of each account, and the seconds since something was last written."""
    rows = reader.accounts()
    return {
        "as_of": {row.account: row.last_sequence for row in rows},
        "age_s": {row.account: age_s(reader, row) for row in rows},
    }


def cut(rows: list[T], most: int, place: Callable[[T], Place]) -> tuple[list[T], str | None]:
    """The rows of a page, one more than ``most`` of which were asked for, and the cursor of the next page."""
    if len(rows) <= most:
        return rows, None
    return rows[:most], cursor(place(rows[most - 1]))


def cursor(place: Place) -> str:
    """A place as programs get it."""
    return pack(f"{place[0]} {place[1]}")


def place_of(text: str | None) -> Place | None:
    """The place that a cursor means. Raises :class:`~holdfast.web.errors.ApiError` for any other text."""
    if text is None:
        return None
    number, _, name = unpack(text).partition(" ")
    try:
        return whole(number), name
    except ValueError:
        raise ApiError(NO_CURSOR) from None


def pack(text: str) -> str:
    """A cursor that nobody takes for something to be read."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(text: str) -> str:
    """What was packed. Raises :class:`~holdfast.web.errors.ApiError` for any other text."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        raise ApiError(NO_CURSOR) from None


def whole(text: str) -> int:
    """A number that fits into a database's. Raises ValueError."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number
