"""The market: symbols, candles, and what strategies measure."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from holdfast.core.types import SECOND_NS
from holdfast.views.board import market
from holdfast.views.candles import DEFAULT, MOST, CandleRequest, Candles
from holdfast.views.indicators import Indicators
from holdfast.web.answers import Account, rows_answer, view_answer
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here, Web
from holdfast.web.errors import NotFound
from holdfast.web.schemas import listed, one

router = APIRouter(tags=["market"], dependencies=[Depends(may(READ))])

LAST_S = 9_000_000_000
"""Seconds since 1970 that fit into 64 bits as nanoseconds."""


class SymbolView(msgspec.Struct, frozen=True):
    """A symbol of an account's market."""

    symbol: str
    """Its name."""
    account: str
    """Whose market it is in."""
    strategies: list[str]
    """Those of the configuration that trade it."""
    price: str | None
    """The last that is known, in its currency."""
    time_ns: int | None
    """When that was heard of, in nanoseconds since 1970."""


@router.get("/symbols", responses=listed(SymbolView))
def list_symbols(web: Here) -> Response:
    """The symbols of every account: those that strategies trade, and those with a price."""
    with web.reading.open() as reader:
        known = {row.account for row in reader.accounts()}
        rows: list[SymbolView] = []
        for account in web.config.accounts:
            prices = market(reader, account.name).prices if account.name in known else {}
            traders: dict[str, list[str]] = {symbol: [] for symbol in prices}
            for strategy in web.config.strategies_on(account.name):
                for symbol in strategy.symbols:
                    traders.setdefault(symbol, []).append(strategy.id)
            for symbol in sorted(traders):
                last = prices.get(symbol)
                price = None if last is None else f"{last.price:f}"
                rows.append(SymbolView(symbol, account.name, traders[symbol], price, last.time_ns if last else None))
        return rows_answer(reader, rows)


@router.get("/candles/{symbol:path}", responses=one(Candles))
def get_candles(
    symbol: str,
    web: Here,
    account: Account = None,
    timeframe: Annotated[str, Query(max_length=16, description="Such as `1Min`, `15Min`, `1Hour`, `1Day`.")] = "1Min",
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT,
    before: Annotated[int | None, Query(ge=0, le=LAST_S, description="Seconds since 1970.")] = None,
) -> Response:
    """Bars for a chart, the oldest first; the last may be of a time that isn't over."""
    name = account_of(web, account, symbol)
    before_ns = None if before is None else before * SECOND_NS
    with web.reading.open() as reader:
        return view_answer(web.charts.candles(reader, CandleRequest(name, symbol, timeframe, limit, before_ns)))


@router.get("/indicators/{symbol:path}", responses=one(Indicators))
def get_indicators(symbol: str, web: Here, account: Account = None) -> Response:
    """What the strategies of an account measure of a symbol."""
    name = account_of(web, account, symbol)
    with web.reading.open() as reader:
        return view_answer(web.measures.indicators(reader, web.config, name, symbol))


def account_of(web: Web, name: str | None, symbol: str) -> str:
    """The account that is meant: the one named, or the first whose strategies trade the symbol, or the first."""
    if name is not None:
        return web.account(name).name
    names = [account.name for account in web.config.accounts]
    if not names:
        raise NotFound("the configuration has no account")
    trading = [one for one in names if any(symbol in row.symbols for row in web.config.strategies_on(one))]
    return (trading or names)[0]
