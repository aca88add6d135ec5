"""Orders, trades, positions, holdings, money and triggers over HTTP."""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from holdfast.core.types import Side, from_float
from holdfast.sim.chassis.faults.http import cut
from holdfast.sim.chassis.faults.registry import Fault
from holdfast.sim.kite.errors import KiteError, success, wrong_input
from holdfast.sim.kite.faults.catalogue import FaultName
from holdfast.sim.kite.market.instruments import Instrument
from holdfast.sim.kite.session.door import guarded
from holdfast.sim.kite.session.limits import Kind
from holdfast.sim.kite.trading.account import KiteAccount
from holdfast.sim.kite.trading.books import holding_row, position_row
from holdfast.sim.kite.trading.charges import charges_of, charges_row
from holdfast.sim.kite.trading.margin import DAY_PART, margins_row
from holdfast.sim.kite.trading.order import Order, Product, Terms, Variety, replaced, slices
from holdfast.sim.kite.trading.request import LEGS, Form, read_terms
from holdfast.sim.kite.trading.wire import trade_row
from holdfast.sim.kite.world import WORLD, World

Row = dict[str, Any]
MOST_SLICES = 10
TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."


def routes(_: World) -> list[web.AbstractRouteDef]:
    """All of them, for the server to add."""
    return [
        web.get("/orders", guarded(_orders)),
        web.get("/orders/{order_id}", guarded(_history)),
        web.get("/orders/{order_id}/trades", guarded(_order_trades)),
        web.post("/orders/{variety}", guarded(_place, Kind.ORDER)),
        web.put("/orders/{variety}/{order_id}", guarded(_modify, Kind.ORDER)),
        web.delete("/orders/{variety}/{order_id}", guarded(_cancel, Kind.ORDER)),
        web.get("/trades", guarded(_trades)),
        web.get("/portfolio/positions", guarded(_positions)),
        web.put("/portfolio/positions", guarded(_convert)),
        web.get("/portfolio/holdings", guarded(_holdings)),
        web.get("/portfolio/holdings/auctions", guarded(_nothing)),
        web.get("/user/margins", guarded(_margins)),
        web.get("/user/margins/{segment}", guarded(_margins)),
        web.post("/margins/orders", guarded(_order_margins)),
        web.post("/margins/basket", guarded(_basket)),
        web.post("/charges/orders", guarded(_charges)),
        web.get("/gtt/triggers", guarded(_gtts)),
        web.post("/gtt/triggers", guarded(_place_gtt, Kind.ORDER)),
        web.get("/gtt/triggers/{id}", guarded(_gtt)),
        web.put("/gtt/triggers/{id}", guarded(_modify_gtt, Kind.ORDER)),
        web.delete("/gtt/triggers/{id}", guarded(_delete_gtt, Kind.ORDER)),
    ]


async def _form(request: web.Request) -> Form:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _later(account: KiteAccount) -> None:
    """What was received is done once the answer has left, without waiting for the market."""
    asyncio.get_running_loop().call_soon(account.settle)


# --- orders ----------------------------------------------------------------------------------------------------------


async def _place(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    world, form = request.app[WORLD], await _form(request)
    terms, instrument = _read(world, form, request.match_info["variety"])
    about = {"symbol": terms.tradingsymbol, "tag": terms.tag}
    if fault := world.faults.take(FaultName.TIMEOUT_THEN_PLACED, **about):
        _place_after(account, terms, instrument, fault)
        await asyncio.sleep(fault.seconds)
        return cut(request)
    if fault := world.faults.take(FaultName.ERROR_400_THEN_PLACED, **about):
        _place_after(account, terms, instrument, fault)
        raise wrong_input(TIMED_OUT)
    if form.get("autoslice") == "true":
        return success(_autoslice(world, account, terms, instrument))
    if terms.variety is Variety.ICEBERG:
        return success({"order_id": _iceberg(account, form, terms, instrument).order_id})
    order = account.place(terms, instrument)
    _later(account)
    return success({"order_id": order.order_id})


def _read(world: World, form: Form, variety: str) -> tuple[Terms, Instrument]:
    """What is to be placed. With autoslice the freeze quantity bounds each slice and not the whole."""
    if form.get("autoslice") != "true":
        return read_terms(form, variety, world.instruments)
    instrument = world.instruments.of_key(f"{form.get('exchange')}:{form.get('tradingsymbol')}")
    most = 1 if instrument is None else instrument.freeze_quantity
    quantity = form.get("quantity") or ""
    if not (quantity.isascii() and quantity.isdecimal()) or int(quantity) <= most:
        return read_terms(form, variety, world.instruments)
    terms, found = read_terms({**form, "quantity": str(most)}, variety, world.instruments)
    return replaced(terms, int(quantity)), found


def _place_after(account: KiteAccount, terms: Terms, instrument: Instrument, fault: Fault) -> None:
    """The order comes to the book only then."""

    def place() -> None:
        account.place(terms, instrument)
        account.settle()

    asyncio.get_running_loop().call_later(fault.seconds, place)


def _autoslice(world: World, account: KiteAccount, terms: Terms, instrument: Instrument) -> Row:
    """An order in slices of the freeze quantity; one that fails is an error among the others, and the answer 200 all the same."""
    parts = slices(terms.quantity, instrument.freeze_quantity)
    if len(parts) > MOST_SLICES:
        raise wrong_input(f"An order can be sliced into {MOST_SLICES} at most.")
    parent = account.place(replaced(terms, parts[0]), instrument)
    children: list[Row] = []
    for part in parts[1:]:
        if world.faults.take(FaultName.PARTIAL_AUTOSLICE, symbol=terms.tradingsymbol, tag=terms.tag):
            error = {"code": 500, "error_type": "OrderException", "message": "Order could not be placed.", "data": None}
            children.append({"error": error})
            continue
        child = account.place(replaced(terms, part), instrument, parent_id=parent.order_id)
        child.tags = ["autoslice", f"autoslice:{parent.order_id}"]
        children.append({"order_id": child.order_id})
    _later(account)
    return {"order_id": parent.order_id, "children": children}


def _iceberg(account: KiteAccount, form: Form, terms: Terms, instrument: Instrument) -> Order:
    """An order in legs, each an order of its own. Here all stand at once; at Zerodha one follows another."""
    legs, part = form.get("iceberg_legs") or "", form.get("iceberg_quantity") or ""
    if not (legs.isdecimal() and part.isdecimal()) or int(legs) not in LEGS or int(part) < 1:
        raise wrong_input(f"An iceberg has {LEGS[0]} to {LEGS[-1]} legs, each of one unit or more.")
    if int(part) * int(legs) < terms.quantity or int(part) * (int(legs) - 1) >= terms.quantity:
        raise wrong_input("`iceberg_quantity` times `iceberg_legs` must give the quantity.")
    parts = slices(terms.quantity, int(part))
    orders = [account.place(replaced(terms, one), instrument) for one in parts]
    for leg, order in enumerate(orders, 1):
        order.meta = {
            "iceberg": {
                "leg": leg,
                "legs": len(parts),
                "leg_quantity": int(part),
                "total_quantity": terms.quantity,
                "remaining_quantity": terms.quantity - sum(parts[:leg]),
            }
        }
    _later(account)
    return orders[0]


async def _modify(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    order = account.modify(request.match_info["order_id"], await _form(request))
    _later(account)
    return success({"order_id": order.order_id})


async def _cancel(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    order = account.cancel(request.match_info["order_id"])
    _later(account)
    return success({"order_id": order.order_id})


async def _orders(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    account.settle()
    return success(request.app[WORLD].accounts.book_of(account))


async def _history(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    account.settle()
    return success(_order(account, request.match_info["order_id"]).history)


async def _order_trades(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    account.settle()
    order = _order(account, request.match_info["order_id"])
    return success([trade_row(trade) for trade in account.trades if trade.order_id == order.order_id])


async def _trades(_: web.Request, account: KiteAccount) -> web.StreamResponse:
    account.settle()
    return success([trade_row(trade) for trade in account.trades])


def _order(account: KiteAccount, order_id: str) -> Order:
    order = account.orders.get(order_id)
    if order is None:
        raise KiteError(404, "GeneralException", "Couldn't find that `order_id`.")
    return order


# --- what is held ----------------------------------------------------------------------------------------------------


async def _positions(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    world = request.app[WORLD]
    account.settle()
    rows = []
    for position in account.books.positions.values():
        instrument = world.instruments.of_symbol(position.symbol)
        if world.faults.take(FaultName.POSITION_ROW_MISSING, symbol=instrument.tradingsymbol, tag=None):
            continue
        last = world.market.price(position.symbol) or 0.0
        rows.append(position_row(position, instrument, last, world.market.previous_close(position.symbol) or last))
    return success({"net": rows, "day": rows})


async def _convert(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    """A position becomes one of another product."""
    world, form = request.app[WORLD], await _form(request)
    instrument = world.instruments.of_key(f"{form.get('exchange')}:{form.get('tradingsymbol')}")
    try:
        old, new = Product(form.get("old_product", "")), Product(form.get("new_product", ""))
        quantity = int(form.get("quantity", ""))
    except ValueError:
        raise wrong_input("Invalid conversion.") from None
    held = 0 if instrument is None else account.books.quantity(instrument.symbol, old)
    if instrument is None or not 0 < quantity <= abs(held):
        raise wrong_input("The position to convert does not exist.")
    account.books.convert(instrument.symbol, old, new, quantity if held > 0 else -quantity)
    return success(True)


async def _holdings(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    world = request.app[WORLD]
    rows = []
    for holding in account.books.holdings.values():
        last = world.market.price(holding.symbol) or 0.0
        sold = max(-account.books.quantity(holding.symbol, Product.CNC), 0)
        close = world.market.previous_close(holding.symbol) or last
        rows.append(holding_row(holding, sold, world.instruments.of_symbol(holding.symbol), last, close))
    return success(rows)


async def _nothing(_: web.Request, __: KiteAccount) -> web.StreamResponse:
    return success([])


# --- money -----------------------------------------------------------------------------------------------------------


async def _margins(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    account.settle()
    equity = margins_row(account.margin)
    commodity = {name: dict.fromkeys(part, 0) if isinstance(part, dict) else 0 for name, part in equity.items()}
    both = {"equity": equity, "commodity": commodity | {"enabled": False}}
    segment = request.match_info.get("segment")
    if segment is None:
        return success(both)
    if segment not in both:
        raise wrong_input("Invalid segment.")
    return success(both[segment])


async def _order_margins(request: web.Request, _: KiteAccount) -> web.StreamResponse:
    return success([_margin_of(item, request.app[WORLD]) for item in await _items(request)])


async def _basket(request: web.Request, _: KiteAccount) -> web.StreamResponse:
    orders = [_margin_of(item, request.app[WORLD]) for item in await _items(request)]
    total = sum(order["total"] for order in orders)
    whole = _margin_row("equity", "", "", total, None)
    return success({"initial": whole, "final": whole, "orders": orders})


async def _charges(request: web.Request, _: KiteAccount) -> web.StreamResponse:
    """A contract note, as if these orders had traded so."""
    found = []
    for item in await _items(request):
        charges = charges_of(item["exchange"], item["product"], item["side"], item["quantity"] * item["price"])
        shown = {name: item["raw"].get(name) for name in ("transaction_type", "tradingsymbol", "exchange", "variety")}
        more = {name: item["raw"].get(name) for name in ("product", "order_type", "quantity")}
        found.append(shown | more | {"price": float(item["price"]), "charges": charges_row(charges)})
    return success(found)


async def _items(request: web.Request) -> list[Row]:
    try:
        body: object = json.loads(await request.read())
        if not isinstance(body, list):
            raise TypeError
        return [_item(raw, request.app[WORLD]) for raw in body]
    except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError):
        raise wrong_input("Invalid orders.") from None


def _item(raw: Mapping[str, Any], world: World) -> Row:
    instrument = world.instruments.of_key(f"{raw['exchange']}:{raw['tradingsymbol']}")
    if instrument is None:
        raise wrong_input("The instrument does not exist.")
    price = Decimal(str(raw.get("average_price") or raw.get("price") or 0))
    last = from_float(world.market.price(instrument.symbol) or 0.0)
    return {
        "raw": raw,
        "exchange": str(raw["exchange"]),
        "product": Product(raw["product"]),
        "side": Side(str(raw["transaction_type"]).lower()),
        "quantity": int(raw["quantity"]),
        "price": price or last,
    }


def _margin_of(item: Row, _: World) -> Row:
    value = item["quantity"] * item["price"]
    needed = value * DAY_PART if item["product"] is Product.MIS else value
    charges = charges_of(item["exchange"], item["product"], item["side"], value)
    return _margin_row("equity", item["raw"]["tradingsymbol"], item["exchange"], float(needed), charges_row(charges))


def _margin_row(kind: str, name: str, exchange: str, total: float, charges: Row | None) -> Row:
    zeros = dict.fromkeys(("span", "exposure", "option_premium", "additional", "bo", "cash"), 0)
    return {
        "type": kind,
        "tradingsymbol": name,
        "exchange": exchange,
        **zeros,
        "var": total,
        "pnl": {"realised": 0, "unrealised": 0},
        "leverage": 1,
        "charges": charges,
        "total": total,
    }


# --- triggers --------------------------------------------------------------------------------------------------------


async def _gtts(_: web.Request, account: KiteAccount) -> web.StreamResponse:
    return success(account.triggers.all())


async def _gtt(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    return success(account.triggers.row(account.triggers.get(request.match_info["id"])))


async def _place_gtt(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    return success({"trigger_id": account.triggers.place(await _form(request)).id})


async def _modify_gtt(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    return success({"trigger_id": account.triggers.modify(request.match_info["id"], await _form(request)).id})


async def _delete_gtt(request: web.Request, account: KiteAccount) -> web.StreamResponse:
    return success({"trigger_id": account.triggers.delete(request.match_info["id"]).id})
