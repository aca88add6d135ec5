"""The login page, and the session that comes of it.

The page asks nothing but the name of the user: this server has no passwords to guard. Its redirect goes to the address that the app names in
``redirect_url``, or to the page itself, where the request token can be read and pasted.
"""

import html
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from holdfast.sim.kite.errors import KiteError, success, wrong_input
from holdfast.sim.kite.session.door import guarded, open_to_all
from holdfast.sim.kite.session.tokens import unknown_key
from holdfast.sim.kite.times import stamp
from holdfast.sim.kite.trading.account import KiteAccount
from holdfast.sim.kite.trading.order import OrderType, Product
from holdfast.sim.kite.world import WORLD, World

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Kite in a box</title></head>
<body style="font: 16px sans-serif; max-width: 30em; margin: 3em auto">
<h1>Kite in a box</h1>
<p>The app <b>{app}</b> asks to trade for <b>{user}</b>.</p>
<form method="post" action="{action}"><button>Log in as {user}</button></form>
</body></html>
"""
DONE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Kite in a box</title></head>
<body style="font: 16px sans-serif; max-width: 30em; margin: 3em auto">
<h1>Logged in</h1><p>The request token, good for two minutes and once:</p><pre id="request_token">{token}</pre>
</body></html>
"""
LOCAL = ("127.0.0.1", "localhost", "::1")
"""Where the page may send a browser: this machine alone."""


def routes(_: World) -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""
    return [
        web.get("/connect/login", open_to_all(_page)),
        web.post("/connect/login", open_to_all(_log_in)),
        web.post("/session/token", open_to_all(_make)),
        web.delete("/session/token", open_to_all(_end)),
        web.post("/session/refresh_token", open_to_all(_refresh)),
        web.get("/user/profile", guarded(_profile)),
    ]


def _asked(request: web.Request) -> KiteAccount:
    account = request.app[WORLD].accounts.find(request.query.get("api_key", ""))
    if account is None:
        raise unknown_key()
    return account


async def _page(request: web.Request) -> web.StreamResponse:
    account = _asked(request)
    action = html.escape(f"{request.path}?{urlencode(dict(request.query))}")
    user = html.escape(account.login.user_id)
    text = PAGE.format(app=html.escape(account.login.api_key), user=user, action=action)
    return web.Response(text=text, content_type="text/html")


async def _log_in(request: web.Request) -> web.StreamResponse:
    """Back to the app with a request token; without an address for it the page shows it."""
    account = _asked(request)
    token = account.tokens.ask(request.app[WORLD].clock.now_ns)
    target = request.query.get("redirect_url")
    if target is None:
        return web.Response(text=DONE.format(token=token), content_type="text/html")
    parts = urlsplit(target)
    if parts.scheme != "http" or parts.hostname not in LOCAL:
        raise wrong_input("redirect_url must be an http address of this machine.")
    joint = "&" if parts.query else "?"
    answer = {"action": "login", "type": "login", "status": "success", "request_token": token}
    more = parse_qsl(request.query.get("redirect_params", ""))  # what the app wants back (Kite Connect, "Login flow")
    location = f"{target}{joint}{urlencode([*answer.items(), *more])}"
    return web.Response(status=302, headers={"Location": location})


async def _make(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    world = request.app[WORLD]
    account = world.accounts.find(str(form.get("api_key", "")))
    if account is None:
        raise unknown_key()
    account.tokens.make(str(form.get("request_token", "")), str(form.get("checksum", "")), world.clock.now_ns)
    return success(_session(account))


async def _end(request: web.Request) -> web.StreamResponse:
    account = _asked(request)
    token = request.query.get("access_token", "")
    account.tokens.check(token, request.app[WORLD].clock.now_ns)
    account.tokens.kill()
    return success(True)


async def _refresh(_: web.Request) -> web.StreamResponse:
    """Not for retail users."""
    raise KiteError(403, "TokenException", "Invalid `refresh_token`.")


def _person(account: KiteAccount) -> dict[str, object]:
    login = account.login
    return {
        "user_type": "individual",
        "email": f"{login.user_id.lower()}@example.com",
        "user_name": "Kite in a box",
        "user_shortname": "Kite",
        "broker": "ZERODHA",
        "exchanges": ["NSE", "BSE"],
        "products": [product.value for product in Product],
        "order_types": [kind.value for kind in OrderType],
        "avatar_url": None,
        "user_id": login.user_id,
        "meta": {"demat_consent": "consent"},
    }


def _session(account: KiteAccount) -> dict[str, object]:
    login, tokens = account.login, account.tokens
    return _person(account) | {
        "api_key": login.api_key,
        "access_token": tokens.access_token,
        "public_token": "",
        "enctoken": "",
        "refresh_token": "",
        "silo": "",
        "login_time": stamp(tokens.login_ns),
    }


async def _profile(_: web.Request, account: KiteAccount) -> web.StreamResponse:
    return success(_person(account))
