"""Who is asking: keys, the rate limit, and the headers that every answer of the trading side has."""

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from holdfast.sim.alpaca.errors import ApiError, unauthorized, wrong_keys
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.world import WORLD

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AccountHandler = Callable[[web.Request, TradingAccount], Awaitable[web.StreamResponse]]


def keys_of(request: web.Request) -> tuple[str, str] | None:
    """Key and secret of a request, from Alpaca's own headers or basic authentication; None when it has none.

    Bytes above 127 come as lone surrogates, which no text can hold: they are no keys.
    """
    headers = request.headers
    key, secret = headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")
    if key and secret:
        return (key, secret) if key.isascii() and secret.isascii() else None
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, separator, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (key, secret) if separator else None


def account_of(request: web.Request) -> TradingAccount:
    """The account of a request. Raises `ApiError`: 401 without keys, 403 for keys that open no account here."""
    keys = keys_of(request)
    if keys is None:
        raise unauthorized()
    trading = request.app[WORLD].accounts.of_key(*keys)
    if trading is None:
        raise wrong_keys()
    return trading


def guarded(handle: AccountHandler) -> Handler:
    """A handler behind the door: it gets the account, and its refusals become answers; all with the usual headers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        trading: TradingAccount | None = None
        try:
            trading = account_of(request)
            trading.limit.spend()
            response = await handle(request, trading)
        except ApiError as error:
            response = error.response()
        response.headers["X-Request-ID"] = uuid.uuid4().hex
        if trading is not None:
            response.headers.update(trading.limit.headers())
        return response

    return answer
