"""Orders made from requests: the order itself, its exits, and what replaces it."""

from decimal import Decimal

from holdfast.core.types import OrderType
from holdfast.sim.alpaca.market.assets import Asset
from holdfast.sim.alpaca.trading.admission import Admitted
from holdfast.sim.alpaca.trading.changes import new_id
from holdfast.sim.alpaca.trading.hours import Hours, session_of
from holdfast.sim.alpaca.trading.order import Order, OrderClass, Role, Status
from holdfast.sim.alpaca.trading.orders import APART_NS, Orders
from holdfast.sim.alpaca.trading.request import ExitTerms, OrderRequest, ReplaceRequest


def make_order(
    request: OrderRequest, asset: Asset, admitted: Admitted, hours: Hours, orders: Orders, now_ns: int
) -> Order:
    """The order that a request asks for. Alpaca: shares are answered ``accepted``, coins ``pending_new`` (observed)."""
    created_ns = orders.next_created_ns(now_ns)
    is_oco = request.order_class is OrderClass.OCO
    profit = request.take_profit
    order = Order(
        id=new_id(),
        client_order_id=request.client_order_id or new_id(),
        sequence=orders.next_sequence,
        asset_id=str(asset.id),
        symbol=asset.symbol,
        asset_class=asset.asset_class,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force,
        created_ns=created_ns,
        updated_ns=created_ns,
        expires_ns=0,
        position_intent=admitted.position_intent,
        qty=request.qty,
        notional=request.notional,
        limit_price=profit.limit_price if is_oco and profit is not None else request.limit_price,
        stop_price=None if is_oco else request.stop_price,
        trail_price=request.trail_price,
        trail_percent=request.trail_percent,
        extended_hours=request.extended_hours,
        order_class=request.order_class,
        role=_role(request.order_class),
        status=Status.PENDING_NEW if asset.is_crypto else Status.ACCEPTED,
        reserve_price=admitted.reserve_price,
    )
    order.expires_ns = hours.expiry_ns(session_of(order), order.time_in_force, now_ns)
    return order


def _role(order_class: OrderClass) -> Role:
    if order_class is OrderClass.SIMPLE:
        return Role.ALONE
    return Role.TAKE_PROFIT if order_class is OrderClass.OCO else Role.ENTRY


def make_legs(request: OrderRequest, parent: Order) -> list[Order]:
    """The exits that belong to a new order, linked to it. All of them are ``held`` at first."""
    legs: list[Order] = []
    if request.order_class is OrderClass.SIMPLE:
        return legs
    if request.take_profit is not None and request.order_class is not OrderClass.OCO:
        legs.append(_leg(parent, Role.TAKE_PROFIT, request.take_profit, 1))
    if request.stop_loss is not None:
        legs.append(_leg(parent, Role.STOP_LOSS, request.stop_loss, 1 + len(legs)))
    parent.leg_ids = [leg.id for leg in legs]
    return legs


def _leg(parent: Order, role: Role, terms: ExitTerms, place: int) -> Order:
    """``place`` counts the legs from 1."""
    is_entry = parent.role is Role.ENTRY
    side = parent.side.opposite if is_entry else parent.side
    order_type = OrderType.LIMIT
    if role is Role.STOP_LOSS:
        order_type = OrderType.STOP if terms.limit_price is None else OrderType.STOP_LIMIT
    return Order(
        id=new_id(),
        client_order_id=new_id(),
        sequence=parent.sequence + place,
        asset_id=parent.asset_id,
        symbol=parent.symbol,
        asset_class=parent.asset_class,
        side=side,
        type=order_type,
        time_in_force=parent.time_in_force,
        created_ns=parent.created_ns + place * APART_NS,
        updated_ns=parent.created_ns + place * APART_NS,
        expires_ns=parent.expires_ns,
        position_intent=f"{side.value}_to_close",
        qty=parent.qty,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price if role is Role.STOP_LOSS else None,
        order_class=parent.order_class,
        role=role,
        parent_id=parent.id,
        status=Status.HELD,
    )


def changed_request(old: Order, change: ReplaceRequest) -> OrderRequest:
    """The old order with a change, as a request for a new one, to be judged as such.

    Alpaca: a quantity that is not given is the old order's whole quantity, though part of it may have filled (observed).
    """
    trails = old.trail_price is not None
    return OrderRequest(
        symbol=old.symbol,
        side=old.side,
        type=old.type,
        time_in_force=change.time_in_force or old.time_in_force,
        qty=change.qty or old.qty,
        notional=old.notional,
        limit_price=_either(change.limit_price, old.limit_price),
        stop_price=None if old.type is OrderType.TRAILING_STOP else _either(change.stop_price, old.stop_price),
        trail_price=_either(change.trail, old.trail_price) if trails else None,
        trail_percent=None if trails else _either(change.trail, old.trail_percent),
        extended_hours=old.extended_hours,
        client_order_id=change.client_order_id,
    )


def changes_anything(old: Order, change: ReplaceRequest) -> bool:
    """Whether a change asks for terms that the order doesn't have; a new client order id alone is none of them."""
    trail = old.trail_percent if old.trail_price is None else old.trail_price
    pairs = (
        (change.qty, old.qty),
        (change.time_in_force, old.time_in_force),
        (change.limit_price, old.limit_price),
        (change.stop_price, old.stop_price),
        (change.trail, trail),
    )
    return any(wanted is not None and wanted != has for wanted, has in pairs)


def _either(new: Decimal | None, old: Decimal | None) -> Decimal | None:
    return old if new is None else new


def replacement(
    old: Order, request: OrderRequest, admitted: Admitted, hours: Hours, orders: Orders, now_ns: int
) -> Order:
    """The order that takes an old one's place, with a new id."""
    created_ns = orders.next_created_ns(now_ns)
    session = session_of(old)
    is_held = old.status is Status.HELD
    return Order(
        id=new_id(),
        client_order_id=request.client_order_id or new_id(),
        sequence=orders.next_sequence,
        asset_id=old.asset_id,
        symbol=old.symbol,
        asset_class=old.asset_class,
        side=old.side,
        type=old.type,
        time_in_force=request.time_in_force,
        created_ns=created_ns,
        updated_ns=created_ns,
        expires_ns=hours.expiry_ns(session, request.time_in_force, now_ns),
        position_intent=old.position_intent,
        qty=request.qty,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        trail_price=request.trail_price,
        trail_percent=request.trail_percent,
        extended_hours=old.extended_hours,
        order_class=old.order_class,
        role=old.role,
        parent_id=old.parent_id,
        status=Status.HELD if is_held else Status.PENDING_NEW,
        replaces=old.id,
        reserve_price=admitted.reserve_price,
    )
