"""The faults there are: what the client sees, what is true at the server, and what each can be told.

``docs/sim-alpaca-faults.md`` is made from this module by ``python -m tools.fault_table`` (a test compares the two).
"""

from collections.abc import Mapping
from enum import StrEnum

from holdfast.sim.chassis.faults.catalogue import Entry, Parameter, Place
from holdfast.sim.chassis.faults.spec import Catalogue


class FaultName(StrEnum):
    """One way to go wrong. `CATALOGUE` says of each what happens."""

    MAINTENANCE_PAGE = "maintenance_page"
    STORM_429 = "storm_429"
    UNAUTHORIZED = "unauthorized"
    NOT_ACCEPTED_THEN_504 = "not_accepted_then_504"
    RESET_BEFORE = "reset_before"
    ACCEPTED_THEN_TIMEOUT = "accepted_then_timeout"
    ACCEPTED_THEN_504 = "accepted_then_504"
    RESET_AFTER = "reset_after"
    UNPARSABLE_200 = "unparsable_200"
    SLOW = "slow"
    INVISIBLE_ORDER = "invisible_order"
    DUPLICATE_ID_ANSWER = "duplicate_id_answer"
    REJECT_AFTER_ACCEPT = "reject_after_accept"
    FILL_BEFORE_ACK = "fill_before_ack"
    PARTIAL_FILLS = "partial_fills"
    CANCEL_RACES_FILL = "cancel_races_fill"
    LEG_DEAD = "leg_dead"
    LEG_MISSING = "leg_missing"
    ACCOUNT_ID_CHANGED = "account_id_changed"
    BUST = "bust"
    CORRECTION = "correction"
    STREAM_DROP = "stream_drop"
    STREAM_DUPLICATE = "stream_duplicate"
    STREAM_REORDER = "stream_reorder"
    STREAM_MUTE = "stream_mute"
    STREAM_REFUSED_406 = "stream_refused_406"
    STREAM_REFUSED_429 = "stream_refused_429"
    RESTART_KEEPING_ORDERS = "restart_keeping_orders"
    RESTART_LOSING_ORDERS = "restart_losing_orders"


NARROWING: Mapping[Place, Mapping[str, Parameter]] = {
    Place.HTTP: {
        "method": Parameter("only requests of this method; POST when neither method nor path is given", "text"),
        "path": Parameter(
            "only paths that begin like this regular expression; exactly /v2/orders when neither method nor path is given",
            "pattern",
        ),
    },
    Place.TRADING: {
        "symbol": Parameter("only orders in this symbol", "text"),
        "client_order_id": Parameter(
            "only the order with this client order id; for a fault of a leg, the id of the order it belongs to", "text"
        ),
    },
    Place.STREAM: {
        "stream": Parameter("which websockets", ("trade_updates", "data", "both"), "both"),
        "event": Parameter("only frames of this trade_updates event (fill, canceled, ...)", "text"),
    },
    Place.NOW: {},
}
"""What a fault of each place can be narrowed to."""


def _seconds(meaning: str, default: float | None) -> Mapping[str, Parameter]:
    return {"seconds": Parameter(f"{meaning} (of the wall clock)", "number", default)}


_WHICH_FILL = {
    "client_order_id": Parameter("the order whose last fill is meant; without it the account's last fill", "text"),
    "key": Parameter("the account, by its key id; needed when there are several", "text"),
}
CATALOGUE: Mapping[FaultName, Entry] = {
    FaultName.ACCEPTED_THEN_TIMEOUT: Entry(
        Place.HTTP,
        "no answer: the connection stays open and silent, then it is reset",
        "the request was carried out in full",
        _seconds("how long the connection is held", 60.0),
    ),
    FaultName.ACCEPTED_THEN_504: Entry(
        Place.HTTP, "504 with a gateway's HTML page", "the request was carried out in full"
    ),
    FaultName.NOT_ACCEPTED_THEN_504: Entry(
        Place.HTTP, "504 with a gateway's HTML page", "the request was never looked at"
    ),
    FaultName.RESET_BEFORE: Entry(Place.HTTP, "the connection is reset", "the request was never looked at"),
    FaultName.RESET_AFTER: Entry(Place.HTTP, "the connection is reset", "the request was carried out in full"),
    FaultName.SLOW: Entry(
        Place.HTTP,
        "the right answer, late",
        "the request was carried out at once, the answer waited",
        _seconds("how late the answer is", 2.0),
    ),
    FaultName.UNPARSABLE_200: Entry(
        Place.HTTP, "200, and a body that breaks off in the middle of its JSON", "the request was carried out in full"
    ),
    FaultName.STORM_429: Entry(
        Place.HTTP,
        "429; in turn with and without X-RateLimit headers, and with and without a code in the body",
        "the request was never looked at",
        _seconds("how long the storm lasts", 5.0),
        lasting=True,
    ),
    FaultName.UNAUTHORIZED: Entry(
        Place.HTTP, "401 with a message and no code", "the request was never looked at; the keys are as good as before"
    ),
    FaultName.MAINTENANCE_PAGE: Entry(
        Place.HTTP,
        "503 with an HTML page",
        "the request was never looked at",
        _seconds("how long it lasts", 5.0),
        lasting=True,
    ),
    FaultName.INVISIBLE_ORDER: Entry(
        Place.TRADING,
        "the order is accepted, and for a while no read finds it (404, not in lists)",
        "the order works as usual, and its fills and events come",
        _seconds("how long it can't be found", 2.0),
    ),
    FaultName.DUPLICATE_ID_ANSWER: Entry(
        Place.TRADING,
        "422 client_order_id must be unique, for an id never used before",
        "the order was accepted and works: as when the first of two equal requests was carried out and its answer lost",
    ),
    FaultName.REJECT_AFTER_ACCEPT: Entry(
        Place.TRADING, "200 with an accepted order, then the event rejected", "the order is rejected and never traded"
    ),
    FaultName.FILL_BEFORE_ACK: Entry(
        Place.TRADING,
        "the events new and fill arrive before the answer to the POST does",
        "the order was filled at once",
    ),
    FaultName.PARTIAL_FILLS: Entry(
        Place.TRADING,
        "where an order would fill whole only a part of it does; the rest meets the next event of the symbol",
        "each part is an execution of its own",
        {"fraction": Parameter("how much of what is left fills now, 0 to 1", "share", 0.5)},
    ),
    FaultName.CANCEL_RACES_FILL: Entry(
        Place.TRADING,
        "the cancel is answered 204, and what comes then is not canceled but fill",
        "the order filled while the cancel was on its way",
    ),
    FaultName.LEG_DEAD: Entry(
        Place.TRADING,
        "the stop-loss of a bracket, OTO or OCO looks as always (held; that of an OTO new), and never fires",
        "nothing stops the loss of the position; the leg still ends with its twin",
    ),
    FaultName.LEG_MISSING: Entry(
        Place.TRADING,
        "a bracket, OTO or OCO is accepted without its stop-loss: neither the answer nor a read shows one",
        "the leg was never made, and what is left works: the entry, and the take-profit if there is one",
    ),
    FaultName.ACCOUNT_ID_CHANGED: Entry(
        Place.TRADING,
        "GET /v2/account answers with another id",
        "nothing else has changed: it looks as if the keys were those of another account now",
    ),
    FaultName.BUST: Entry(
        Place.NOW,
        "the event trade_bust; position, cash and the order's filled quantity go back",
        "the execution never was",
        _WHICH_FILL,
    ),
    FaultName.CORRECTION: Entry(
        Place.NOW,
        "the event trade_correct with another price; cash and average price change",
        "the execution was at the corrected price",
        {"price": Parameter("what the price should have been; has to be given", "price"), **_WHICH_FILL},
    ),
    FaultName.STREAM_DROP: Entry(Place.STREAM, "a frame never comes", "it was sent; there is no replay"),
    FaultName.STREAM_DUPLICATE: Entry(Place.STREAM, "a frame comes twice", "it happened once"),
    FaultName.STREAM_REORDER: Entry(
        Place.STREAM, "a frame comes after the one that follows it (or never, if none does)", "it happened before it"
    ),
    FaultName.STREAM_MUTE: Entry(
        Place.STREAM,
        "the connection stands, pings are answered, no frame comes",
        "what was to be sent in that time is lost",
        _seconds("how long it is silent", 30.0),
        lasting=True,
    ),
    FaultName.STREAM_REFUSED_406: Entry(
        Place.STREAM,
        "at authentication: error 406 connection limit exceeded, then the connection closes",
        "nobody else is connected",
        _seconds("for how long; without it for one connection each time", None),
        lasting=True,
    ),
    FaultName.STREAM_REFUSED_429: Entry(
        Place.STREAM,
        "HTTP 429 instead of the upgrade to a websocket",
        "nobody else is connected",
        _seconds("for how long; without it for one connection each time", None),
        lasting=True,
    ),
    FaultName.RESTART_KEEPING_ORDERS: Entry(
        Place.NOW,
        "every connection is reset, and so are new ones for a while",
        "all orders are as they were when it is back",
        _seconds("how long it is away", 2.0),
    ),
    FaultName.RESTART_LOSING_ORDERS: Entry(
        Place.NOW,
        "every connection is reset, and so are new ones for a while; then open orders are not found",
        "orders that were open are gone without a trace; positions, fills and cash stay",
        _seconds("how long it is away", 2.0),
    ),
}


FAULTS = Catalogue(CATALOGUE, NARROWING, {"method": "POST", "path": "/v2/orders$"})
"""The faults as they are written and read."""
