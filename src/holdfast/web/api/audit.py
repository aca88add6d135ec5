"""The records themselves."""

import heapq
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, Any
from urllib.parse import quote, unquote

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from holdfast.journal.lists import ListReader
from holdfast.journal.reader import RecordRow, to_envelope
from holdfast.views.chain import ChainView
from holdfast.views.wording import sentence
from holdfast.web.answers import NO_CURSOR, USUAL, Account, After, Limit, pack, rows_answer, unpack, whole
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.downloads import Want
from holdfast.web.errors import ApiError
from holdfast.web.schemas import listed

router = APIRouter(tags=["audit"], dependencies=[Depends(may(READ))])

LOOKED_THROUGH = 20_000
"""So many records are looked through for a text in one answer; `next` goes on from there."""
OLDER = "before "
"""How a cursor begins that goes back in time."""


class RecordView(msgspec.Struct, frozen=True):
    """A record of the journal."""

    account: str
    """Whose it is."""
    sequence: int
    """Its number."""
    time_ns: int
    """When it happened, in nanoseconds since 1970."""
    type: str
    """What kind of thing happened."""
    text: str
    """The same as a sentence."""
    id: str
    """Its own id."""
    source: str
    """Who said so: the engine, risk, a broker, a person."""
    broker: str
    """Where the account trades."""
    epoch: int
    """The how-manieth start of the engine it was written in."""
    cursor: int
    """How far the engine had read in the market's events."""
    correlation_id: str
    """The id of what it all goes back to."""
    causation_id: str
    """The id of what led to it."""
    body: Any
    """What happened, with all its fields."""


@router.get("/audit/records", responses=listed(RecordView))
def list_records(
    web: Here,
    want: Want,
    account: Account = None,
    kind: Annotated[str | None, Query(alias="type", max_length=64, description="Of this type only.")] = None,
    text: Annotated[str | None, Query(max_length=128, description="With this text in the body or an id.")] = None,
    limit: Limit = USUAL,
    after: After = None,
) -> Response:
    """Records, the newest first; with a number as `after`, an account's records from the next on, in order.

    For a text a bounded number of records is looked through: an answer may be short, or empty, and have a `next` still.
    """
    matches = _matcher(text)
    if want.is_file:
        return want.file(web, "records", RecordView, lambda reader: _every(reader, account, Search(kind, matches, 0)))
    with web.reading.at_once() as reader:
        names = [row.account for row in reader.accounts()] if account is None else [account]
        if after is not None and after.isdecimal():
            found, following = _later(reader, names, Search(kind, matches, limit), whole(after))
        else:
            found, following = _earlier(reader, names, Search(kind, matches, limit), _places(after))
        return rows_answer(reader, [record_view(row) for row in found], following)


@router.get("/audit/chain", responses=listed(ChainView))
def list_chains(web: Here, account: Account = None) -> Response:
    """By account how far the records prove themselves; each question goes on for a moment from where the last ended."""
    with web.reading.open() as reader:
        return rows_answer(reader, [web.chain.look(reader, name) for name in web.recorded(reader, account)])


class Search(msgspec.Struct, frozen=True):
    """Which records, and how many."""

    kind: str | None
    matches: Callable[[RecordRow], bool] | None
    most: int

    def has(self, row: RecordRow) -> bool:
        """Whether the record is one of them."""
        return self.kind in (None, row.type) and (self.matches is None or self.matches(row))


def record_view(row: RecordRow) -> RecordView:
    """A record as people see it. Raises JournalCorrupt when it can't be read."""
    record = to_envelope(row)
    return RecordView(
        record.account,
        record.sequence,
        record.time_ns,
        record.type,
        " ".join(str(sentence(record)).split()),
        record.id,
        record.source,
        record.broker,
        record.epoch,
        record.cursor,
        record.correlation_id,
        record.causation_id,
        msgspec.to_builtins(record.body),
    )


def _matcher(text: str | None) -> Callable[[RecordRow], bool] | None:
    if not text:
        return None
    wanted = text.casefold()
    return lambda row: any(
        wanted in part.casefold() for part in (row.body, row.event_id, row.correlation_id, row.causation_id, row.source)
    )


def _later(reader: ListReader, names: list[str], search: Search, after: int) -> tuple[list[RecordRow], str | None]:
    """The records of the account after one, in order."""
    if len(names) != 1:
        raise ApiError("a number as `after` needs an account")
    found: list[RecordRow] = []
    looked = 0
    while len(found) < search.most and looked < LOOKED_THROUGH:
        page = reader.page(names[0], after)
        for row in page:
            after = row.sequence
            looked += 1
            if search.has(row):
                found.append(row)
                if len(found) == search.most:
                    break
        if not page:
            return found, None
    return found, str(after)


def _earlier(
    reader: ListReader, names: list[str], search: Search, places: dict[str, int]
) -> tuple[list[RecordRow], str | None]:
    """The records of the accounts before some, the newest first."""
    pages, ends = [], dict[str, int]()
    for name in names:
        rows, end = _before(reader, name, search, places.get(name, sys.maxsize))
        pages.append(rows)
        ends[name] = end
    merged = list(islice(heapq.merge(*pages, key=lambda row: -row.time_ns), search.most))
    shown = {row.account: row.sequence for row in merged}
    for name, rows in zip(names, pages, strict=True):
        if rows and rows[-1].sequence < shown.get(name, sys.maxsize):  # not all of what was found is shown
            ends[name] = shown.get(name, places.get(name, sys.maxsize))
    if all(end <= 1 for end in ends.values()):
        return merged, None
    return merged, pack(OLDER + ",".join(f"{quote(name)}:{end}" for name, end in sorted(ends.items())))


def _before(reader: ListReader, name: str, search: Search, before: int) -> tuple[list[RecordRow], int]:
    """An account's records before one that are asked for, and before which to go on."""
    kind = None if search.kind is None else (search.kind,)
    found: list[RecordRow] = []
    looked = 0
    while looked < LOOKED_THROUGH:
        page = reader.records_before(name, before, kind, max(search.most, 1_000) if search.matches else search.most)
        for row in page:
            before = row.sequence
            looked += 1
            if search.has(row):
                found.append(row)
                if len(found) == search.most:
                    return found, before
        if not page:
            return found, 0
    return found, before


def _every(reader: ListReader, account: str | None, search: Search) -> Iterator[RecordView]:
    """All of them, account by account, in order."""
    for name in [row.account for row in reader.accounts()] if account is None else [account]:
        after = 0
        while page := reader.page(name, after):
            yield from (record_view(row) for row in page if search.has(row))
            after = page[-1].sequence


def _places(after: str | None) -> dict[str, int]:
    if after is None:
        return {}
    text = unpack(after)
    pairs = [part.rpartition(":") for part in text.removeprefix(OLDER).split(",")]
    try:
        if not text.startswith(OLDER):
            raise ValueError(text)
        return {unquote(name): whole(number) for name, _, number in pairs}
    except ValueError:
        raise ApiError(NO_CURSOR) from None
