"""The local Kite's part of the steering wheel: how its accounts stand, its faults that happen at once, its exact books."""

from aiohttp import web

from holdfast.errors import InvalidValue
from holdfast.sim.chassis.control import Control, Json
from holdfast.sim.chassis.faults.spec import FaultSpec
from holdfast.sim.kite.faults.catalogue import FAULTS, FaultName
from holdfast.sim.kite.trading.account import KiteAccount
from holdfast.sim.kite.trading.books import charges_by_order
from holdfast.sim.kite.trading.order import Product
from holdfast.sim.kite.world import World


def routes(world: World) -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""
    return KiteControl(world).routes()


class KiteControl(Control):
    """What the local Kite can be asked."""

    def __init__(self, world: World) -> None:
        super().__init__(FAULTS, world.faults, world.clock)
        self._world = world

    def routes(self) -> list[web.AbstractRouteDef]:
        """Those of every broker; the exact books; a token without a login, for tests."""
        more = [
            web.get("/_sim/books", self.endpoint(self._books)),
            web.post("/_sim/token", self.endpoint(self._token)),
        ]
        return [*super().routes(), *more]

    def status(self) -> Json:
        """How the market stands, and each account in short."""
        accounts = [
            {
                "key": account.login.api_key,
                "orders": len(account.orders),
                "open_orders": sum(not order.is_over for order in account.orders.values()),
            }
            for account in self._world.accounts.all()
        ]
        return {**self._world.status(), "accounts": accounts}

    def orders(self, key: str | None) -> list[Json]:
        """Every order of the day."""
        accounts = self._world.accounts.all() if key is None else [self._account(key)]
        return [row for account in accounts for row in account.rows()]

    def happen(self, spec: FaultSpec, request: web.Request) -> Json:
        """A session dies, somebody trades by hand, or the server is "restarted"."""
        if spec.name is FaultName.TOKEN_DEAD:
            for account in self._world.accounts.all():
                account.tokens.kill()
            return {}
        if spec.name is FaultName.EXTERNAL_ORDER:
            return self._trade_by_hand(spec)
        return {"connections_reset": self.faults.connections.restart(float(spec.params["seconds"]), request)}

    def _trade_by_hand(self, spec: FaultSpec) -> Json:
        instruments = [one for one in self._world.instruments.all() if not one.is_index]
        name = spec.params["symbol"]
        found = next((one for one in instruments if name in (None, one.tradingsymbol)), None)
        if found is None:
            raise InvalidValue(f"{spec.name}: there is no instrument {name!r}")
        quantity = int(spec.params["quantity"])
        signed = quantity if spec.params["side"] == "BUY" else -quantity
        account = self._account(None)
        order = account.trade_by_hand(found.symbol, Product(spec.params["product"]), signed)
        return {"order_id": order.order_id}

    def _account(self, key: str | None) -> KiteAccount:
        if key is not None:
            account = self._world.accounts.find(key)
            if account is None:
                raise InvalidValue(f"no account has the key {key!r}")
            return account
        accounts = self._world.accounts.all()
        if len(accounts) != 1:
            raise InvalidValue(f"there are {len(accounts)} accounts: say which one with key")
        return accounts[0]

    async def _books(self, request: web.Request) -> Json:
        """Cash and positions to the paisa, and what the trades of the day cost."""
        account = self._account(request.query.get("key"))
        account.settle()
        books = account.books
        charges = charges_by_order(account.trades)
        return {
            "cash": str(books.cash),
            "opening_balance": str(books.opening_balance),
            "charges_paid": str(books.charges_paid),
            "charges_due": str(sum(charges.values())),
            "positions": {
                f"{symbol} {product}": position.quantity for (symbol, product), position in books.positions.items()
            },
            "holdings": {symbol: holding.quantity for symbol, holding in books.holdings.items()},
            "trades": len(account.trades),
        }

    async def _token(self, request: web.Request) -> Json:
        """An access token as if a user had logged in."""
        account = self._account(request.query.get("key"))
        return {"access_token": account.tokens.put(f"tok{account.now_ns}", account.now_ns)}
