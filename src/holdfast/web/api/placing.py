"""Orders by hand: placed, canceled, and what only a person can know of one."""

from typing import Literal

from fastapi import APIRouter, Depends, Response

from holdfast.control.lives import ORDER_LIVES_NS
from holdfast.control.preview import Preview, preview
from holdfast.control.ticket import Ticket
from holdfast.core.findings import Resolution, Resolve
from holdfast.core.messages import CancelOrders, Command, PlaceOrder
from holdfast.core.types import ClientOrderId, Side, TimeInForce
from holdfast.errors import InvalidValue
from holdfast.web.answers import view_answer
from holdfast.web.api.actions import Body, Name, Number, Reason
from holdfast.web.api.orders import order_or_404
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.schemas import one
from holdfast.web.writes import ANSWER, Ask

router = APIRouter(tags=["orders"])


class OrderBody(Body):
    """An order: ``quantity`` in units of the symbol, or ``notional`` in its currency; prices and distances are strings."""

    side: Literal["buy", "sell"]
    symbol: Name
    quantity: Number | None = None
    notional: Number | None = None
    limit: Number | None = None
    stop: Number | None = None
    tif: TimeInForce = TimeInForce.DAY
    stop_loss: Number | None = None
    take_profit: Number | None = None
    trail_stop: Number | None = None
    break_even: Number | None = None
    hold: Number | None = None

    def ticket(self) -> Ticket:
        """As it would be typed. Raises :class:`~holdfast.errors.InvalidValue`."""
        if (self.quantity is None) is (self.notional is None):
            raise InvalidValue("say either quantity, in units of the symbol, or notional, in its currency")
        if self.quantity is not None and self.quantity.startswith("$"):
            raise InvalidValue("quantity is in units of the symbol; an amount of money is notional")
        return Ticket(
            Side(self.side),
            self.symbol,
            self.quantity if self.quantity is not None else f"${self.notional}",
            self.limit,
            self.stop,
            self.tif,
            self.stop_loss,
            self.take_profit,
            self.trail_stop,
            self.break_even,
            self.hold,
        )


class Word(Body):
    """A person's word on an unresolved order."""

    outcome: Resolution
    reason: Reason


@router.post("/accounts/{account}/orders", status_code=202, responses=ANSWER)
def place_order(account: str, body: OrderBody, ask: Ask) -> Response:
    """An order by hand. It passes the same risk limits as a strategy's."""

    def command() -> Command:
        return PlaceOrder(body.ticket().signal())

    return ask.file(ask.web.account(account), command, lives_ns=ORDER_LIVES_NS)


@router.post("/accounts/{account}/orders/preview", responses=one(Preview), dependencies=[Depends(may(READ))])
def preview_order(account: str, body: OrderBody, web: Here) -> Response:
    """What the engine would say of an order now. Nothing is filed, so it needs no key."""
    name, ticket = web.account(account).name, body.ticket()
    with web.reading.open() as reader:
        return view_answer(preview(web.following.scratch(reader, name).state, ticket))


@router.delete("/orders/{client_order_id}", status_code=202, responses=ANSWER)
def cancel_order(client_order_id: str, ask: Ask) -> Response:
    """Cancel one order."""
    with ask.web.reading.open() as reader:
        account = order_or_404(reader, client_order_id).account
    return ask.file(ask.web.account(account), lambda: CancelOrders(ClientOrderId(client_order_id)))


@router.post("/orders/{client_order_id}/resolve", status_code=202, responses=ANSWER)
def resolve_order(client_order_id: str, body: Word, ask: Ask) -> Response:
    """Say what became of an unresolved order that the broker can't explain."""
    with ask.web.reading.open() as reader:
        account = order_or_404(reader, client_order_id).account

    def command() -> Command:
        if not body.reason:
            raise InvalidValue("say a reason: it stands in the journal")
        return Resolve(ClientOrderId(client_order_id), body.outcome, body.reason)

    return ask.file(ask.web.account(account), command)
