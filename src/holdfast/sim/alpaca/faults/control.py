"""The local Alpaca's part of the steering wheel: how its accounts stand, its faults that happen at once, what it books by itself."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from aiohttp import web

from holdfast.errors import InvalidValue
from holdfast.sim.alpaca.faults.catalogue import FAULTS, FaultName
from holdfast.sim.alpaca.trading.activities import FILL, TYPES
from holdfast.sim.alpaca.trading.bookings import booking_row, read_booking
from holdfast.sim.alpaca.trading.changes import new_id
from holdfast.sim.alpaca.trading.executions import activity_id
from holdfast.sim.alpaca.trading.wire import order_json
from holdfast.sim.chassis.control import Control, Json
from holdfast.sim.chassis.faults.spec import FaultSpec

if TYPE_CHECKING:
    from holdfast.sim.alpaca.trading.trading_account import TradingAccount
    from holdfast.sim.alpaca.world import World


def routes(world: "World") -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""
    return AlpacaControl(world).routes()


class AlpacaControl(Control):
    """What the local Alpaca can be asked."""

    def __init__(self, world: "World") -> None:
        super().__init__(FAULTS, world.faults, world.clock)
        self._world = world

    def routes(self) -> list[web.AbstractRouteDef]:
        """Those of every broker, and bookings."""
        return [*super().routes(), web.post("/_sim/activities", self.endpoint(self._book))]

    def status(self) -> Json:
        """How the market stands, and each account in short."""
        accounts = [
            {"key": trading.account.key, "orders": len(trading.orders.all()), "open_orders": len(trading.orders.open())}
            for trading in self._world.accounts.all()
        ]
        return {**self._world.status(), "accounts": accounts}

    def orders(self, key: str | None) -> list[Json]:
        """Every order there is."""
        accounts: Sequence[TradingAccount] = self._world.accounts.all() if key is None else [self._trading(key)]
        return [order_json(order) for trading in accounts for order in trading.orders.all()]

    def happen(self, spec: FaultSpec, request: web.Request) -> Json:
        """A fill is taken back or mended, or the server is "restarted"."""
        if spec.name in (FaultName.BUST, FaultName.CORRECTION):
            self._change_fill(spec)
            return {}
        result: Json = {"connections_reset": self.faults.connections.restart(float(spec.params["seconds"]), request)}
        if spec.name is FaultName.RESTART_LOSING_ORDERS:
            result["orders_lost"] = sum(trading.forget_open_orders() for trading in self._world.accounts.all())
        return result

    def _change_fill(self, spec: FaultSpec) -> None:
        client_order_id = spec.params["client_order_id"]
        trading = self._trading(spec.params["key"])
        if spec.name is FaultName.BUST:
            is_done = trading.bust_last_fill(client_order_id)
        else:
            is_done = trading.correct_last_fill(client_order_id, Decimal(spec.params["price"]))
        if not is_done:
            raise InvalidValue(f"{spec.name}: there is no fill yet")

    def _trading(self, key: str | None) -> "TradingAccount":
        if key is not None:
            trading = self._world.accounts.find(key)
            if trading is None:
                raise InvalidValue(f"no account has the key {key!r}")
            return trading
        accounts = self._world.accounts.all()
        if len(accounts) != 1:
            raise InvalidValue(f"there are {len(accounts)} accounts: say which one with key")
        return accounts[0]

    async def _book(self, request: web.Request) -> Json:
        """The broker books something by itself: an activity in its own words, which moves the account as it says.

        ``key`` says whose account, ``id`` which activity is corrected or canceled.
        """
        body = await self.body(request)
        if not isinstance(body, dict):
            raise InvalidValue("the body must be an activity")
        trading = self._trading(body.get("key"))
        if str(body.get("activity_type")) not in TYPES - {FILL}:
            raise InvalidValue(f"activity_type must be one of {', '.join(sorted(TYPES - {FILL}))}")
        booking = read_booking(body, activity_id(trading.now_ns, new_id()), trading.now_ns)
        trading.settle()
        trading.books.take(booking)
        trading.changes.account()
        trading.settle()
        return booking_row(booking)
