"""Who may what: every route of the application, and everybody who may ask, from one table."""

import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from holdfast.config import Config
from holdfast.web.app import create_app
from holdfast.web.auth.permissions import Role
from tests.scenario.web.serving import API, TEST, Served, bearer, signed

NOBODY, READ, TRADE, ADMIN, SIGNAL = "nobody", "read", "trade", "admin", "signal"
BY_HAND = ("read by hand", "admin by hand")
"""Likewise, but by no key."""
OWN, ALL = BY_HAND

TABLE: Mapping[str, str] = {
    "GET /{path:path}": NOBODY,
    "GET /health": NOBODY,
    "GET /ready": NOBODY,
    "GET /health/live": NOBODY,
    "GET /health/ready": NOBODY,
    "GET /static/{build}/{path:path}": NOBODY,
    "GET /api/v1/version": NOBODY,
    "GET /api/v1/me": READ,
    "POST /api/v1/me/password": OWN,
    "POST /api/v1/login": NOBODY,
    "POST /api/v1/logout": READ,
    "POST /api/v1/token": NOBODY,
    "POST /api/v1/token/refresh": NOBODY,
    "POST /api/v1/token/revoke": NOBODY,
    "POST /api/v1/totp": OWN,
    "POST /api/v1/totp/confirm": OWN,
    "POST /api/v1/totp/remove": OWN,
    "GET /api/v1/users": ALL,
    "POST /api/v1/users": ALL,
    "DELETE /api/v1/users/{name}": ALL,
    "POST /api/v1/users/{name}/role": ALL,
    "POST /api/v1/users/{name}/password": ALL,
    "GET /api/v1/access/events": ALL,
    "GET /api/v1/keys": OWN,
    "POST /api/v1/keys": OWN,
    "DELETE /api/v1/keys/{prefix}": OWN,
    "POST /api/v1/hooks/{strategy}": SIGNAL,
    "GET /api/v1/accounts": READ,
    "GET /api/v1/accounts/{account}": READ,
    "GET /api/v1/accounts/{account}/performance": READ,
    "GET /api/v1/orders": READ,
    "GET /api/v1/orders/{client_order_id}": READ,
    "GET /api/v1/orders/{client_order_id}/trail": READ,
    "POST /api/v1/orders/{client_order_id}/resolve": TRADE,
    "DELETE /api/v1/orders/{client_order_id}": TRADE,
    "POST /api/v1/accounts/{account}/orders": TRADE,
    "POST /api/v1/accounts/{account}/halt": TRADE,
    "POST /api/v1/accounts/{account}/preserve": TRADE,
    "POST /api/v1/accounts/{account}/resume": TRADE,
    "POST /api/v1/accounts/{account}/reload": TRADE,
    "POST /api/v1/accounts/{account}/flatten": TRADE,
    "POST /api/v1/accounts/{account}/reconcile": TRADE,
    "POST /api/v1/accounts/{account}/cancel": TRADE,
    "POST /api/v1/accounts/{account}/protect": TRADE,
    "GET /api/v1/commands/{command_id}": READ,
    "GET /api/v1/fills": READ,
    "GET /api/v1/positions": READ,
    "GET /api/v1/audit/records": READ,
    "GET /api/v1/audit/export": ADMIN,
    "GET /api/v1/backtests": READ,
    "GET /api/v1/backtests/{name:path}": READ,
    "GET /api/v1/backtests/{name:path}/report": READ,
    "GET /api/v1/candles/{symbol:path}": READ,
    "GET /api/v1/indicators/{symbol:path}": READ,
    "GET /api/v1/pipeline": READ,
    "GET /api/v1/settings": READ,
    "GET /api/v1/symbols": READ,
    "GET /api/v1/alerts": READ,
    "GET /api/v1/alerts/{number}": READ,
    "POST /api/v1/alerts/{number}/acknowledge": TRADE,
    "GET /api/v1/silences": READ,
    "POST /api/v1/silences": TRADE,
    "GET /api/v1/news": READ,
    "GET /api/v1/attention": READ,
    "GET /api/v1/audit/chain": READ,
    "GET /api/v1/protection": READ,
    "GET /api/v1/reconciliation": READ,
    "GET /api/v1/risk": READ,
    "GET /api/v1/strategies": READ,
    "GET /api/v1/strategies/{account}/{strategy}": READ,
    "GET /api/v1/supervisor": READ,
    "GET /api/v1/unresolved": READ,
    "GET /api/v1/demo": READ,
    "POST /api/v1/demo/crash": TRADE,
    "POST /api/v1/accounts/{account}/close": TRADE,
    "POST /api/v1/accounts/{account}/orders/preview": READ,
    "POST /api/v1/strategies/{account}/{strategy}/stop": TRADE,
    "POST /api/v1/strategies/{account}/{strategy}/start": TRADE,
    "POST /api/v1/strategies/{account}/{strategy}/parameters": TRADE,
    "POST /api/v1/demo/fault": TRADE,
    "GET /api/v1/stream": READ,
}
"""A new route needs a line here, and `Depends(may(...))` that says the same."""

MAY: Mapping[str, frozenset[str]] = {
    "nobody": frozenset({NOBODY}),
    "viewer's session": frozenset({NOBODY, READ, OWN}),
    "viewer's token": frozenset({NOBODY, READ, OWN}),
    "trader's session": frozenset({NOBODY, READ, OWN, TRADE}),
    "admin's session": frozenset({NOBODY, READ, OWN, TRADE, ADMIN, ALL}),
    "admin's token": frozenset({NOBODY, READ, OWN, TRADE, ADMIN, ALL}),
    "admin's key to read": frozenset({NOBODY, READ}),
    "admin's key to trade": frozenset({NOBODY, TRADE}),
    "trader's key to signal": frozenset({NOBODY, SIGNAL}),
    "trader's signature": frozenset({NOBODY, SIGNAL}),
    "key to trade of somebody who is a viewer now": frozenset({NOBODY}),
}
EXCUSED = ("GET /api/v1/stream",)
"""It has no end, so it is only asked by those who may not."""
DOCUMENTS = {"/api/v1/openapi.json"}


def routes(config: Config) -> Iterator[tuple[str, APIRoute]]:
    """Every route with a name as the table has it."""
    for context in iter_route_contexts(create_app(config).routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield f"{method} {context.path}", route
        else:
            assert context.path in DOCUMENTS, f"{context.path} is served and no API route"


def permissions_of(dependant: Dependant) -> set[str]:
    """What a route's dependencies ask for."""
    permission = getattr(dependant.call, "permission", None)
    own = set() if permission is None else {str(permission)}
    return own.union(*(permissions_of(inner) for inner in dependant.dependencies))


def test_every_route_is_in_the_table(config: Config) -> None:
    """A route that nobody has thought about fails here, and so does a line of the table without a route."""
    found = {name for name, _ in routes(config)}
    missing, gone = sorted(found - set(TABLE)), sorted(set(TABLE) - found)
    assert not missing, f"say in TABLE who may: {missing}"
    assert not gone, f"take off TABLE: {gone}"


def test_every_route_asks_for_what_the_table_says(config: Config) -> None:
    """The dependency that guards a route is that of the table; a route for nobody has none."""
    for name, route in routes(config):
        wanted = TABLE[name].removesuffix(" by hand")
        strongest = permissions_of(route.dependant) - ({READ} if wanted in (TRADE, ADMIN) else set())
        assert strongest == (set() if wanted == NOBODY else {wanted}), name


Headers = Callable[[str, str], Mapping[str, str]]


def everybody(served: Served) -> dict[str, Headers]:
    """Everybody of `MAY`, with what their request brings."""
    served.add_user("fallen", "trader")
    _, fallen = served.key("fallen", "trade")
    _, reading = served.key("admin", "read")
    _, trading = served.key("admin", "trade")
    _, signalling = served.key("trader", "signal")
    prefix, secret = served.key("trader", "signal", signing=True)
    served.access.users.set_role("fallen", Role.VIEWER, TEST)
    fixed: dict[str, Mapping[str, str]] = {
        "nobody": {},
        "viewer's session": served.log_in("viewer"),
        "viewer's token": bearer(served.token("viewer")["access_token"]),
        "trader's session": served.log_in("trader"),
        "admin's session": served.log_in("admin"),
        "admin's token": bearer(served.token("admin")["access_token"]),
        "admin's key to read": bearer(reading),
        "admin's key to trade": bearer(trading),
        "trader's key to signal": bearer(signalling),
        "key to trade of somebody who is a viewer now": bearer(fallen),
    }
    return {name: (lambda _m, _p, found=found: found) for name, found in fixed.items()} | {
        "trader's signature": lambda method, path: signed(served.clock, prefix, secret, method, path, b"{}")
    }


def test_everybody_at_every_route(served: Served) -> None:
    """Who may gets past the door, whatever else is wrong with an empty request; who may not gets 401 or 403 and nothing else."""
    people = everybody(served)
    assert set(people) == set(MAY)
    wrong = []
    for line, wanted in TABLE.items():
        method, _, path = line.partition(" ")
        path = re.sub(r"{[^}]*}", "nothing", path)
        for name, headers in people.items():
            if line in EXCUSED and wanted in MAY[name]:
                continue
            if line == "POST /api/v1/logout" and "session" in name:
                continue  # it would end what the other lines need
            got = served.ask(method, path, {} if method != "GET" else None, headers(method, path))
            refused = got.status in (401, 403)
            if refused == (wanted in MAY[name]) or got.status >= 500:
                wrong.append(f"{line} by {name}: {got.status} {got.body[:120]!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "GET"])
def test_no_other_method_writes(served: Served, method: str) -> None:
    """A route takes the methods that it names: none of the others reaches it."""
    assert served.ask(method, f"{API}/login", headers=served.log_in("viewer")).status in (404, 405)
