"""Orders, and the story of each."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from holdfast.core.messages import Envelope
from holdfast.core.orders.order import OrderState
from holdfast.errors import InvalidValue
from holdfast.journal.lists import ListReader, OrderFilter
from holdfast.journal.lists import place_of as end_of_page
from holdfast.journal.reader import OrderRow
from holdfast.views.encode import Json
from holdfast.views.orders import OrderView, order_row
from holdfast.views.trail import record_json, trail
from holdfast.views.wording import sentence
from holdfast.web.answers import (
    MOST,
    USUAL,
    Account,
    After,
    Limit,
    cut,
    items_answer,
    place_of,
    rows_answer,
    view_answer,
)
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.downloads import Want, paged
from holdfast.web.errors import NotFound
from holdfast.web.reading import WebReader
from holdfast.web.schemas import TEXT, WHEN, answered, list_schema, listed, one

router = APIRouter(tags=["orders"], dependencies=[Depends(may(READ))])

TRAIL = list_schema(
    {
        "type": "object",
        "required": ["sequence", "account", "time", "type", "body", "text", "after_ms"],
        "properties": {
            "sequence": {"type": "integer"},
            "account": TEXT,
            "time": WHEN,
            "type": TEXT,
            "body": {"type": "object"},
            "text": TEXT,
            "after_ms": {"type": "number", "description": "Milliseconds of market time since the record before."},
        },
    }
)
Text = Annotated[str | None, Query(max_length=64)]


@router.get("/orders", responses=listed(OrderView))
def list_orders(
    web: Here,
    want: Want,
    account: Account = None,
    state: Annotated[OrderState | None, Query(description="In this state only.")] = None,
    symbol: Text = None,
    strategy: Text = None,
    is_open: Annotated[bool, Query(alias="open", description="Only those that may still trade.")] = False,
    limit: Limit = USUAL,
    after: After = None,
) -> Response:
    """Orders, the newest first."""
    which = OrderFilter(account, state.value if state else None, symbol, strategy, is_open)
    if want.is_file:
        return want.file(web, "orders", OrderView, lambda reader: map(order_row, every_order(reader, which)))
    place = place_of(after)
    with web.reading.at_once() as reader:
        found, following = cut(reader.orders_page(which, limit + 1, place), limit, end_of_page)
        return rows_answer(reader, [order_row(row) for row in found], following)


@router.get("/orders/{client_order_id}", responses=one(OrderView))
def get_order(client_order_id: str, web: Here) -> Response:
    """One order."""
    with web.reading.open() as reader:
        return view_answer(order_row(order_or_404(reader, client_order_id)))


@router.get("/orders/{client_order_id}/trail", responses=answered(TRAIL, "The records, in order."))
def get_trail(client_order_id: str, web: Here) -> Response:
    """The story of an order: every record that goes back to its cause, with the milliseconds since the one before."""
    with web.reading.open() as reader:
        order_or_404(reader, client_order_id)
        records = trail(reader, client_order_id)
        return items_answer(reader, [_told(record, before) for before, record in pairwise([records[0], *records])])


def every_order(reader: WebReader, which: OrderFilter) -> Iterator[OrderRow]:
    """All of them, the newest first, a page at a time."""
    return paged(lambda last: reader.orders_page(which, MOST, None if last is None else end_of_page(last)))


def _told(record: Envelope, before: Envelope) -> Json:
    later_ms = round((record.time_ns - before.time_ns) / 1_000_000, 3)
    text = " ".join(str(sentence(record)).split())
    return record_json(record) | {"text": text, "after_ms": later_ms}


def order_or_404(reader: ListReader, client_order_id: str) -> OrderRow:
    """One order. Raises :class:`~holdfast.web.errors.NotFound`."""
    try:
        return reader.order(client_order_id)
    except InvalidValue as error:
        raise NotFound(str(error)) from None
