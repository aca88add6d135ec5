"""The steering wheel under ``/_sim/``: status, faults, the market's clock, the audit. For tests and people, not for bots.

There is no authorization: the server listens on the loopback interface. What can't be used is answered with 400 and a
``message`` that says why.
"""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aiohttp import web

from holdfast.errors import InvalidValue
from holdfast.sim.alpaca.faults.catalogue import CATALOGUE, FaultName, Place
from holdfast.sim.alpaca.faults.spec import FaultSpec, parse_faults
from holdfast.sim.alpaca.trading.activities import FILL, TYPES
from holdfast.sim.alpaca.trading.bookings import booking_row, read_booking
from holdfast.sim.alpaca.trading.changes import new_id
from holdfast.sim.alpaca.trading.executions import activity_id
from holdfast.sim.alpaca.trading.wire import order_json

if TYPE_CHECKING:
    from holdfast.sim.alpaca.trading.trading_account import TradingAccount
    from holdfast.sim.alpaca.world import World

Json = dict[str, Any]
Work = Callable[["World", web.Request], Awaitable[Json]]


def routes(world: "World") -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""
    return [
        web.get("/_sim/status", _endpoint(world, _status)),
        web.get("/_sim/faults", _endpoint(world, _list_faults)),
        web.post("/_sim/faults", _endpoint(world, _add_faults)),
        web.delete("/_sim/faults", _endpoint(world, _remove_faults)),
        web.post("/_sim/clock", _endpoint(world, _move_clock)),
        web.get("/_sim/audit", _endpoint(world, _audit)),
        web.post("/_sim/activities", _endpoint(world, _book)),
    ]


def _endpoint(world: "World", work: Work) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(await work(world, request))
        except InvalidValue as wrong:
            return web.json_response({"message": str(wrong)}, status=400)

    return handle


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError) as wrong:  # the second for arrays in arrays in arrays
        raise InvalidValue(f"the body must be JSON: {wrong}") from None


async def _status(world: "World", _: web.Request) -> Json:
    """How the market stands, and each account in short."""
    accounts = [
        {"key": desk.account.key, "orders": len(desk.orders.all()), "open_orders": len(desk.orders.open())}
        for desk in world.desks.all()
    ]
    return {**world.status(), "accounts": accounts, "away": world.faults.connections.away}


# --- faults ----------------------------------------------------------------------------------------------------------


async def _list_faults(world: "World", _: web.Request) -> Json:
    return world.faults.as_json()


async def _add_faults(world: "World", request: web.Request) -> Json:
    """Does those that happen at once, in order; then arms the others. None of it if a fault is written wrongly."""
    specs = parse_faults(await _body(request))
    done = [_do(world, spec, request) for spec in specs if CATALOGUE[spec.name].place is Place.NOW]
    waiting = [spec for spec in specs if CATALOGUE[spec.name].place is not Place.NOW]
    return {"armed": [world.faults.arm(spec).number for spec in waiting], "done": done}


async def _remove_faults(world: "World", request: web.Request) -> Json:
    """All; or those of ``?name=``; or the one of ``?id=``."""
    name, number = request.query.get("name"), request.query.get("id")
    if name is not None and name not in set(FaultName):
        raise InvalidValue(f"there is no fault {name!r}; there are: {', '.join(FaultName)}")
    if number is not None and not number.isdecimal():
        raise InvalidValue(f"id must be the number of a fault, not {number!r}")
    return {
        "removed": world.faults.disarm(
            None if name is None else FaultName(name), None if number is None else int(number)
        )
    }


def _do(world: "World", spec: FaultSpec, request: web.Request) -> Json:
    """A fault that happens at once; what came of it."""
    if spec.name in (FaultName.BUST, FaultName.CORRECTION):
        _change_fill(world, spec)
        result: Json = {}
    else:
        result = _restart(world, spec, request)
    world.faults.count(spec.name)
    return {"name": spec.name.value, **result}


def _restart(world: "World", spec: FaultSpec, request: web.Request) -> Json:
    seconds = float(spec.params["seconds"])
    result = {"connections_reset": world.faults.connections.restart(seconds, request)}
    if spec.name is FaultName.RESTART_LOSING_ORDERS:
        result["orders_lost"] = sum(desk.forget_open_orders() for desk in world.desks.all())
    return result


def _change_fill(world: "World", spec: FaultSpec) -> None:
    client_order_id = spec.params["client_order_id"]
    desk = _desk(world, spec.params["key"])
    if spec.name is FaultName.BUST:
        is_done = desk.bust_last_fill(client_order_id)
    else:
        is_done = desk.correct_last_fill(client_order_id, Decimal(spec.params["price"]))
    if not is_done:
        raise InvalidValue(f"{spec.name}: there is no fill yet")


def _desk(world: "World", key: str | None) -> "TradingAccount":
    if key is not None:
        desk = world.desks.find(key)
        if desk is None:
            raise InvalidValue(f"no account has the key {key!r}")
        return desk
    desks = world.desks.all()
    if len(desks) != 1:
        raise InvalidValue(f"there are {len(desks)} accounts: say which one with key")
    return desks[0]


# --- the clock and the audit -----------------------------------------------------------------------------------------


async def _move_clock(world: "World", request: web.Request) -> Json:
    """``{"action": "pause" | "resume" | "finish" | "step", "events": n}``; a step is one event without ``events``."""
    body = await _body(request)
    asked = body if isinstance(body, dict) else {}
    action, events = asked.get("action"), asked.get("events", 1)
    if not isinstance(events, int) or isinstance(events, bool) or events < 1:
        raise InvalidValue(f"events must be a whole number above zero, not {events!r}")
    moves = {"pause": world.clock.pause, "resume": world.clock.resume, "finish": world.clock.finish}
    if action == "step":
        world.clock.step(events)
    elif action in moves:
        moves[action]()
    else:
        raise InvalidValue(f"action must be one of pause, resume, step, finish, not {action!r}")
    return world.status()


async def _book(world: "World", request: web.Request) -> Json:
    """The broker books something by itself: an activity in its own words, which moves the account as it says.

    ``key`` says whose account, ``id`` which activity is corrected or canceled.
    """
    body = await _body(request)
    if not isinstance(body, dict):
        raise InvalidValue("the body must be an activity")
    desk = _desk(world, body.get("key"))
    if str(body.get("activity_type")) not in TYPES - {FILL}:
        raise InvalidValue(f"activity_type must be one of {', '.join(sorted(TYPES - {FILL}))}")
    booking = read_booking(body, activity_id(desk.now_ns, new_id()), desk.now_ns)
    desk.settle()
    desk.books.take(booking)
    desk.changes.account()
    desk.settle()
    return booking_row(booking)


async def _audit(world: "World", request: web.Request) -> Json:
    """Of one account (``?key=``) or all: every order request as it was received and answered, and every order there is."""
    key = request.query.get("key")
    desks = world.desks.all() if key is None else [_desk(world, key)]
    return {
        "requests": [entry.as_json() for entry in world.faults.audit.of(key)],
        "forgotten": world.faults.audit.forgotten,
        "orders": [order_json(order) for desk in desks for order in desk.orders.all()],
    }
