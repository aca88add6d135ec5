"""The faults there are: what the client sees, what is true at the server, and what each can be told.

``docs/sim-kite-faults.md`` is made from this module by ``python -m tools.fault_table --write`` (a test compares the two).
"""

from collections.abc import Mapping
from enum import StrEnum

from holdfast.sim.chassis.faults.catalogue import Entry, Parameter, Place
from holdfast.sim.chassis.faults.spec import Catalogue


class FaultName(StrEnum):
    """One way to go wrong. `CATALOGUE` says of each what happens."""

    STORM_429 = "storm_429"
    HTML_502 = "html_502"
    RESET_BEFORE = "reset_before"
    ACCEPTED_THEN_TIMEOUT = "accepted_then_timeout"
    ACCEPTED_THEN_502 = "accepted_then_502"
    RESET_AFTER = "reset_after"
    ERROR_WITHOUT_TYPE = "error_without_type"
    UNPARSABLE_200 = "unparsable_200"
    SLOW = "slow"
    TIMEOUT_THEN_PLACED = "timeout_then_placed"
    ERROR_400_THEN_PLACED = "error_400_then_placed"
    STUCK_PENDING = "stuck_pending"
    REJECT_AFTER_200 = "reject_after_200"
    PARTIAL_AUTOSLICE = "partial_autoslice"
    PARTIAL_FILLS = "partial_fills"
    CANCEL_RACES_FILL = "cancel_races_fill"
    TAG_MISSING = "tag_missing"
    STALE_ORDER_BOOK = "stale_order_book"
    POSITION_ROW_MISSING = "position_row_missing"
    GTT_ORDER_REJECTED = "gtt_order_rejected"
    STREAM_DROP = "stream_drop"
    STREAM_DUPLICATE = "stream_duplicate"
    STREAM_REORDER = "stream_reorder"
    STREAM_MUTE = "stream_mute"
    STREAM_HEARTBEATS_ONLY = "stream_heartbeats_only"
    STREAM_CLOSE_1001 = "stream_close_1001"
    STREAM_REFUSED_403 = "stream_refused_403"
    STREAM_REFUSED_429 = "stream_refused_429"
    TOKEN_DEAD = "token_dead"  # noqa: S105  a fault's name
    EXTERNAL_ORDER = "external_order"
    RESTART = "restart"


NARROWING: Mapping[Place, Mapping[str, Parameter]] = {
    Place.HTTP: {
        "method": Parameter("only requests of this method; POST when neither method nor path is given", "text"),
        "path": Parameter(
            "only paths that begin like this regular expression; /orders/ when neither method nor path is given",
            "pattern",
        ),
    },
    Place.TRADING: {
        "symbol": Parameter("only orders in this tradingsymbol", "text"),
        "tag": Parameter("only the order with this tag", "text"),
    },
    Place.STREAM: {
        "stream": Parameter("which frames", ("orders", "ticks", "both"), "both"),
        "event": Parameter("only order updates of this status (COMPLETE, UPDATE, ...)", "text"),
    },
    Place.NOW: {},
}
"""What a fault of each place can be narrowed to."""


def _seconds(meaning: str, default: float | None) -> Mapping[str, Parameter]:
    return {"seconds": Parameter(f"{meaning} (of the wall clock)", "number", default)}


_LATE = "the order is placed after the fault's seconds, and works"
CATALOGUE: Mapping[FaultName, Entry] = {
    FaultName.STORM_429: Entry(
        Place.HTTP,
        "429 Too many requests, as NetworkException",
        "the request was never looked at",
        _seconds("how long the storm lasts", 10.0),
        lasting=True,
    ),
    FaultName.HTML_502: Entry(Place.HTTP, "502 with a gateway's HTML page", "the request was never looked at"),
    FaultName.RESET_BEFORE: Entry(Place.HTTP, "the connection is reset", "the request was never looked at"),
    FaultName.ACCEPTED_THEN_TIMEOUT: Entry(
        Place.HTTP,
        "no answer: the connection stays open and silent, then it is reset",
        "the request was carried out in full",
        _seconds("how long the connection is held", 60.0),
    ),
    FaultName.ACCEPTED_THEN_502: Entry(
        Place.HTTP, "502 with a gateway's HTML page", "the request was carried out in full"
    ),
    FaultName.RESET_AFTER: Entry(Place.HTTP, "the connection is reset", "the request was carried out in full"),
    FaultName.ERROR_WITHOUT_TYPE: Entry(
        Place.HTTP,
        "500 with JSON that has no error_type: the SDK raises TypeError",
        "the request was carried out in full",
    ),
    FaultName.UNPARSABLE_200: Entry(
        Place.HTTP, "200, and a body that breaks off in the middle of its JSON", "the request was carried out in full"
    ),
    FaultName.SLOW: Entry(
        Place.HTTP,
        "the right answer, late",
        "the request was carried out at once, the answer waited",
        _seconds("how late the answer is", 2.0),
    ),
    FaultName.TIMEOUT_THEN_PLACED: Entry(
        Place.TRADING,
        "no answer; the order is in no list at first",
        _LATE,
        _seconds("how long until it is placed", 8.0),
    ),
    FaultName.ERROR_400_THEN_PLACED: Entry(
        Place.TRADING,
        "400: Order request timed out. Please check the order book and confirm before placing again.",
        _LATE,
        _seconds("how long until it is placed", 8.0),
    ),
    FaultName.STUCK_PENDING: Entry(
        Place.TRADING,
        "the order stands in PUT ORDER REQ RECEIVED for a long time",
        "it goes to the exchange only then",
        _seconds("how long", 90.0),
    ),
    FaultName.REJECT_AFTER_200: Entry(
        Place.TRADING, "200 and an order id, then REJECTED in the book", "the order never traded"
    ),
    FaultName.PARTIAL_AUTOSLICE: Entry(
        Place.TRADING, "200, and in it one slice that is an error", "the other slices work; that one was never placed"
    ),
    FaultName.PARTIAL_FILLS: Entry(
        Place.TRADING,
        "where an order would fill whole only a part of it does; the rest meets the next event of the symbol",
        "each part is an execution of its own",
        {"fraction": Parameter("how much of what is left fills now, 0 to 1", "share", 0.5)},
    ),
    FaultName.CANCEL_RACES_FILL: Entry(
        Place.TRADING,
        "the cancel is answered with the order's id, and what comes then is COMPLETE",
        "the order filled while the cancel was on its way",
    ),
    FaultName.TAG_MISSING: Entry(
        Place.TRADING, "the order is in the book without the tag it was sent with", "it is the order that was sent"
    ),
    FaultName.STALE_ORDER_BOOK: Entry(
        Place.TRADING,
        "for a while every read of the order book answers what it was when the fault fired",
        "orders go on",
        _seconds("for how long", 5.0),
        lasting=True,
    ),
    FaultName.POSITION_ROW_MISSING: Entry(
        Place.TRADING, "the positions lack the row of a symbol", "the position is held", lasting=False
    ),
    FaultName.GTT_ORDER_REJECTED: Entry(
        Place.TRADING,
        "the trigger is triggered, and the order it placed is rejected",
        "nothing works in the market: what it was to protect is naked",
    ),
    FaultName.STREAM_DROP: Entry(Place.STREAM, "a frame never comes", "it was sent; there is no replay"),
    FaultName.STREAM_DUPLICATE: Entry(Place.STREAM, "a frame comes twice", "it happened once"),
    FaultName.STREAM_REORDER: Entry(
        Place.STREAM, "a frame comes after the one that follows it (or never, if none does)", "it happened before it"
    ),
    FaultName.STREAM_MUTE: Entry(
        Place.STREAM,
        "the connection stands and nothing comes, not even a heartbeat",
        "what was to be sent in that time is lost",
        _seconds("how long it is silent", 30.0),
        lasting=True,
    ),
    FaultName.STREAM_HEARTBEATS_ONLY: Entry(
        Place.STREAM,
        "heartbeats come and nothing else",
        "what was to be sent in that time is lost",
        _seconds("for how long", 30.0),
        lasting=True,
    ),
    FaultName.STREAM_CLOSE_1001: Entry(
        Place.STREAM, "the server closes the websocket with 1001", "nothing was wrong with it"
    ),
    FaultName.STREAM_REFUSED_403: Entry(
        Place.STREAM,
        "HTTP 403 instead of the upgrade to a websocket",
        "the token is as good as before for requests",
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
    FaultName.TOKEN_DEAD: Entry(
        Place.NOW, "403 TokenException from now on, until the next login", "the session was ended from elsewhere"
    ),
    FaultName.EXTERNAL_ORDER: Entry(
        Place.NOW,
        "an order that this client never sent, from the broker's own page, and what it trades",
        "the account holds what it says; with another product the symbol has two rows",
        {
            "symbol": Parameter("its tradingsymbol; without one the first of the market's", "text"),
            "side": Parameter("which way", ("BUY", "SELL"), "BUY"),
            "quantity": Parameter("how many units", "count", 1),
            "product": Parameter("as what", ("CNC", "MIS", "NRML"), "MIS"),
        },
    ),
    FaultName.RESTART: Entry(
        Place.NOW,
        "every connection is reset, and so are new ones for a while",
        "all orders are as they were when it is back",
        _seconds("how long it is away", 2.0),
    ),
}


FAULTS = Catalogue(CATALOGUE, NARROWING, {"method": "POST", "path": "/orders/"})
"""The faults as they are written and read."""
