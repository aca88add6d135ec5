"""The steering wheel under ``/_sim/``: status, faults, the market's clock, the audit. For tests and people, not for bots.

There is no authorization: the server listens on the loopback interface. What can't be used is answered with 400 and a
``message`` that says why.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from holdfast.errors import InvalidValue
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.faults.catalogue import Place
from holdfast.sim.chassis.faults.registry import Faults
from holdfast.sim.chassis.faults.spec import Catalogue, FaultSpec

Json = dict[str, Any]
Work = Callable[[web.Request], Awaitable[Json]]


class Control(ABC):
    """What every broker in a box can be asked. A broker says how its market stands, and does the faults that happen at once."""

    def __init__(self, catalogue: Catalogue, faults: Faults, clock: MarketClock) -> None:
        self.catalogue = catalogue
        self.faults = faults
        self.clock = clock

    @abstractmethod
    def status(self) -> Json:
        """How the market stands, and each account in short."""

    @abstractmethod
    def happen(self, spec: FaultSpec, request: web.Request) -> Json:
        """Do a fault that happens at once; what came of it. Raises :class:`~holdfast.errors.InvalidValue`."""

    @abstractmethod
    def orders(self, key: str | None) -> list[Json]:
        """Every order there is, of one account or all. Raises :class:`~holdfast.errors.InvalidValue` for an unknown account."""

    def routes(self) -> list[web.AbstractRouteDef]:
        """All of them, for the server to add."""
        return [
            web.get("/_sim/status", self.endpoint(self._status)),
            web.get("/_sim/catalogue", self._list_catalogue),
            web.get("/_sim/faults", self.endpoint(self._list_faults)),
            web.post("/_sim/faults", self.endpoint(self._add_faults)),
            web.delete("/_sim/faults", self.endpoint(self._remove_faults)),
            web.post("/_sim/clock", self.endpoint(self._move_clock)),
            web.get("/_sim/audit", self.endpoint(self._audit)),
        ]

    @staticmethod
    def endpoint(work: Work) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A handler that answers what ``work`` gives, and 400 for what can't be used."""

        async def handle(request: web.Request) -> web.Response:
            try:
                return web.json_response(await work(request))
            except InvalidValue as wrong:
                return web.json_response({"message": str(wrong)}, status=400)

        return handle

    @staticmethod
    async def body(request: web.Request) -> Any:
        """The JSON that was sent. Raises :class:`~holdfast.errors.InvalidValue`."""
        try:
            return json.loads(await request.read())
        except (ValueError, RecursionError) as wrong:  # the second for arrays in arrays in arrays
            raise InvalidValue(f"the body must be JSON: {wrong}") from None

    async def _status(self, _: web.Request) -> Json:
        return {**self.status(), "away": self.faults.connections.away}

    # --- faults ------------------------------------------------------------------------------------------------------

    async def _list_catalogue(self, _: web.Request) -> web.Response:
        """What there is to put on: of each fault what its client sees, and what is true."""
        return web.json_response(
            [{"name": name, "seen": entry.seen, "true": entry.true} for name, entry in self.catalogue.entries.items()]
        )

    async def _list_faults(self, _: web.Request) -> Json:
        return self.faults.as_json()

    async def _add_faults(self, request: web.Request) -> Json:
        """Does those that happen at once, in order; then arms the others. None of it if a fault is written wrongly."""
        specs = self.catalogue.parse_all(await self.body(request))
        done = [self._do(spec, request) for spec in specs if spec.entry.place is Place.NOW]
        waiting = [spec for spec in specs if spec.entry.place is not Place.NOW]
        return {"armed": [self.faults.arm(spec).number for spec in waiting], "done": done}

    def _do(self, spec: FaultSpec, request: web.Request) -> Json:
        result = self.happen(spec, request)
        self.faults.count(spec.name)
        return {"name": spec.name.value, **result}

    async def _remove_faults(self, request: web.Request) -> Json:
        """All; or those of ``?name=``; or the one of ``?id=``."""
        name, number = request.query.get("name"), request.query.get("id")
        known = None if name is None else self.catalogue.named(name)
        if number is not None and not number.isdecimal():
            raise InvalidValue(f"id must be the number of a fault, not {number!r}")
        return {"removed": self.faults.disarm(known, None if number is None else int(number))}

    # --- the clock and the audit -------------------------------------------------------------------------------------

    async def _move_clock(self, request: web.Request) -> Json:
        """``{"action": "pause" | "resume" | "finish" | "step", "events": n}``; a step is one event without ``events``."""
        body = await self.body(request)
        asked = body if isinstance(body, dict) else {}
        action, events = asked.get("action"), asked.get("events", 1)
        if not isinstance(events, int) or isinstance(events, bool) or events < 1:
            raise InvalidValue(f"events must be a whole number above zero, not {events!r}")
        moves = {"pause": self.clock.pause, "resume": self.clock.resume, "finish": self.clock.finish}
        if action == "step":
            self.clock.step(events)
        elif action in moves:
            moves[action]()
        else:
            raise InvalidValue(f"action must be one of pause, resume, step, finish, not {action!r}")
        return self.status()

    async def _audit(self, request: web.Request) -> Json:
        """Of one account (``?key=``) or all: every order request as it was received and answered, and every order there is."""
        key = request.query.get("key")
        orders = self.orders(key)
        audit = self.faults.audit
        return {
            "requests": [entry.as_json() for entry in audit.of(key)],
            "forgotten": audit.forgotten,
            "orders": orders,
        }
