"""Strategies."""

from collections.abc import Iterator

from fastapi import APIRouter, Depends, Response

from holdfast.views.strategies import StrategyView, strategies
from holdfast.web.answers import Account, rows_answer, view_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here, Web
from holdfast.web.downloads import Want
from holdfast.web.errors import NotFound
from holdfast.web.reading import WebReader
from holdfast.web.schemas import listed, one

router = APIRouter(tags=["strategies"], dependencies=[Depends(may(READ))])


@router.get("/strategies", responses=listed(StrategyView))
def list_strategies(web: Here, want: Want, account: Account = None) -> Response:
    """Every strategy of the configuration, on each of its accounts."""
    if want.is_file:
        return want.file(web, "strategies", StrategyView, lambda reader: _strategies(web, reader, account))
    with web.reading.at_once() as reader:
        return rows_answer(reader, [*_strategies(web, reader, account)])


@router.get("/strategies/{account}/{strategy}", responses=one(StrategyView))
def get_strategy(account: str, strategy: str, web: Here) -> Response:
    """One strategy on one account."""
    with web.reading.at_once() as reader:
        for view in _strategies(web, reader, web.account(account).name):
            if view.status.strategy == strategy:
                return view_answer(view)
    raise NotFound(f"account {account} has no strategy {strategy!r}")


def _strategies(web: Web, reader: WebReader, account: str | None) -> Iterator[StrategyView]:
    for row in web.config.accounts:
        if account in (None, row.name):
            yield from strategies(reader, web.config, row)
