"""Executions."""

import heapq
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Query, Response

from holdfast.journal.lists import FillFilter, ListReader
from holdfast.journal.reader import FillRow
from holdfast.views.orders import FillView, fill_row
from holdfast.web.answers import MOST, NO_CURSOR, USUAL, Account, After, Limit, pack, rows_answer, unpack, whole
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.downloads import Want, paged
from holdfast.web.errors import ApiError
from holdfast.web.schemas import listed

router = APIRouter(tags=["fills"], dependencies=[Depends(may(READ))])

Text = Annotated[str | None, Query(max_length=64)]


@router.get("/fills", responses=listed(FillView))
def list_fills(
    web: Here,
    want: Want,
    account: Account = None,
    symbol: Text = None,
    strategy: Text = None,
    order: Annotated[str | None, Query(max_length=128, description="Of the order of this client_order_id.")] = None,
    limit: Limit = USUAL,
    after: After = None,
) -> Response:
    """Executions, the newest first."""
    which = FillFilter(symbol, strategy, order)
    if want.is_file:
        return want.file(web, "fills", FillView, lambda reader: map(fill_row, every_fill(reader, account, which)))
    places = _places(after)
    with web.reading.at_once() as reader:
        accounts = [row.account for row in reader.accounts()] if account is None else [account]
        found, following = newest(reader, accounts, which, places, limit)
        return rows_answer(reader, [fill_row(row) for row in found], following)


def every_fill(reader: ListReader, account: str | None, which: FillFilter) -> Iterator[FillRow]:
    """All of them, account by account, the newest first."""
    for name in [row.account for row in reader.accounts()] if account is None else [account]:
        yield from paged(partial(_page_after, reader, name, which))


def _page_after(reader: ListReader, account: str, which: FillFilter, last: FillRow | None) -> list[FillRow]:
    return reader.fills_before(account, which, sys.maxsize if last is None else last.sequence, MOST)


def newest(
    reader: ListReader, accounts: Sequence[str], which: FillFilter, places: dict[str, int], most: int
) -> tuple[list[FillRow], str | None]:
    """The next executions of some accounts, the newest first, and the cursor of the page after them.

    Each account's are by record, since a broker's times may come late; ``places`` says before which record each goes on.
    """
    pages = [reader.fills_before(name, which, places.get(name, sys.maxsize), most + 1) for name in accounts]
    merged = list(islice(heapq.merge(*pages, key=lambda row: -row.time_ns), most + 1))
    if len(merged) <= most:
        return merged, None
    shown = merged[:most]
    ends = places | {row.account: row.sequence for row in shown}
    return shown, pack(",".join(f"{quote(name)}:{sequence}" for name, sequence in sorted(ends.items())))


def _places(after: str | None) -> dict[str, int]:
    if after is None:
        return {}
    pairs = [part.rpartition(":") for part in unpack(after).split(",")]
    try:
        return {unquote(name): whole(number) for name, _, number in pairs}
    except ValueError:
        raise ApiError(NO_CURSOR) from None
