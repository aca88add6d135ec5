"""What happened that people should hear of, from the journal."""

import heapq
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from holdfast.views.news import NewsView, news
from holdfast.web.answers import USUAL, Account, Limit, rows_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here, Web
from holdfast.web.downloads import Want, paged
from holdfast.web.reading import WebReader
from holdfast.web.schemas import listed

router = APIRouter(tags=["news"], dependencies=[Depends(may(READ))])


@router.get("/news", responses=listed(NewsView))
def list_news(
    web: Here,
    want: Want,
    account: Account = None,
    limit: Limit = USUAL,
    before: Annotated[
        int | None, Query(ge=0, lt=2**63, description="Records before this one, of each account.")
    ] = None,
) -> Response:
    """What happened to orders, protection, limits and connections, the newest first."""
    if want.is_file:
        return want.file(web, "news", NewsView, lambda reader: _every(web, reader, account))
    with web.reading.at_once() as reader:
        pages = [news(reader, name, limit=limit, before=before) for name in web.recorded(reader, account)]
        return rows_answer(reader, [*islice(heapq.merge(*pages, key=lambda view: -view.time_ns), limit)])


def _every(web: Web, reader: WebReader, account: str | None) -> Iterator[NewsView]:
    for name in web.recorded(reader, account):
        yield from paged(partial(_page_after, reader, name))


def _page_after(reader: WebReader, account: str, last: NewsView | None) -> list[NewsView]:
    return news(reader, account, limit=USUAL, before=None if last is None else last.sequence)
