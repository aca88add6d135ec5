"""The local Kite for the proof with real processes: see `sim.chassis.tortured`.

Its book is that of one day, so a market that has come near the end of its day stands. Nothing of it outlives its process.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from holdfast.sim.chassis.tortured import UNANSWERED, Box, Execution, Fault, Json, Server, TheirOrder, Truth, Witness
from holdfast.sim.kite.session.tokens import Login

LOGIN = Login()
SYMBOLS = ("AVANTI", "BHARAVI", "CHANDRA", "DHARMA", "ESHWAR", "FALGUNI", "GANGA", "HARITA")
"""Many, since the day is short: what a market of two minutes a second has to offer is little."""
PRODUCTS = ("MIS", "CNC") * 4
"""Of each symbol: shorts and orders of the day, or triggers."""
OPEN = "2024-07-10T09:16"
OVER = ("COMPLETE", "CANCELLED", "REJECTED")
SETTLE_S = 4.0
"""After how long the local broker shows every order: longer than any fault here keeps one back."""

SECTIONS = f"""
[feed]
kind = "zerodha"
symbols = {json.dumps(SYMBOLS)}
warm_up_minutes = 0
stale_after_s = 86400
[zerodha]
api_key = "{LOGIN.api_key}"
api_url = "{{url}}"
login_url = "{{url}}"
socket_url = "{{socket}}"
connect_timeout_s = 1.0
read_timeout_s = 1.0
settle_s = {SETTLE_S}
orders_per_second = 90_000
orders_per_minute = 900_000
orders_per_day = 900_000
quotes_per_second = 90_000
candles_per_second = 90_000
requests_per_second = 90_000
[instruments]
"""

_ANYTHING = "/"
SOME: Mapping[str, Sequence[Fault]] = {
    UNANSWERED: [{"name": "accepted_then_502", "times": None, "probability": 0.3}],
    "orders lost on the way": [{"name": "html_502", "times": None, "probability": 0.2}],
    "connections reset before": [{"name": "reset_before", "times": None, "probability": 0.2}],
    "connections reset after": [{"name": "reset_after", "times": None, "probability": 0.2}],
    "triggers without an answer": [
        {"name": "reset_after", "method": "POST", "path": "/gtt/", "times": None, "probability": 0.3}
    ],
    "cancels without an answer": [
        {"name": "reset_after", "method": "DELETE", "path": _ANYTHING, "times": None, "probability": 0.5}
    ],
    "anything reset": [{"name": "reset_after", "path": _ANYTHING, "times": 6, "probability": 0.2}],
    "answers late": [
        {"name": "accepted_then_timeout", "times": 2, "seconds": 1.5},
        {"name": "slow", "times": 3, "seconds": 0.2},
    ],
    "answers cut short": [{"name": "unparsable_200", "times": None, "probability": 0.2}],
    "errors without a type": [{"name": "error_without_type", "times": 3}],
    "429": [{"name": "storm_429", "seconds": 0.3}],
    "placed after no answer": [{"name": "timeout_then_placed", "times": 2, "seconds": 1.5}],
    "placed after a 400": [{"name": "error_400_then_placed", "times": 2, "seconds": 1.5}],
    "stuck on their way": [{"name": "stuck_pending", "times": 2, "seconds": 1.5}],
    "rejected after all": [{"name": "reject_after_200", "times": 3}],
    "filled in parts": [{"name": "partial_fills", "times": None, "probability": 0.6, "fraction": 0.3}],
    "filled while canceled": [{"name": "cancel_races_fill", "times": 3}],
    "an old order book": [{"name": "stale_order_book", "seconds": 1.5}, {"name": "accepted_then_502", "times": 2}],
    "tags missing": [{"name": "tag_missing", "times": 2}],
    "positions missing": [{"name": "position_row_missing", "times": 3}],
    "triggers rejected": [{"name": "gtt_order_rejected", "times": 1}],
    "events lost": [{"name": "stream_drop", "times": None, "probability": 0.3, "stream": "orders"}],
    "events twice": [{"name": "stream_duplicate", "times": None, "probability": 0.6}],
    "events out of order": [{"name": "stream_reorder", "times": None, "probability": 0.4}],
    "streams mute": [{"name": "stream_mute", "seconds": 0.5}],
    "streams refused": [{"name": "stream_refused_403", "times": 1}, {"name": "stream_refused_429", "times": 1}],
    "data lost": [{"name": "stream_drop", "times": None, "probability": 0.3, "stream": "ticks"}],
}
"""docs/sim-kite-faults.md has them."""


class KiteWitness(Witness):
    """See `Witness`. A leg of a trigger is an order under an id made of the trigger's, until and after it has placed one."""

    @cached_property
    def _token(self) -> str:
        """The access token of the day: another would end it."""
        return str(self.server.control("token")["access_token"])

    def environment(self) -> Mapping[str, str]:
        """See `Witness`."""
        return {"ZERODHA_ACCESS_TOKEN": self._token}

    def note(self) -> None:
        """See `Witness`."""
        audit = self.server.control("audit", method="GET")
        asked = (row for row in audit["requests"] if row["method"] == "POST" and row["path"].startswith("/orders/"))
        self.requests.clear()
        self.requests.update(row["tag"] for row in asked)
        self._take(audit["orders"])

    def _take(self, book: Sequence[Json]) -> dict[str, TheirOrder]:
        """Note every order and leg there is, and give them."""
        orders = dict(_orders_of(book, self._get("/gtt/triggers")))
        self.taken.update((key, order.client_order_id) for key, order in orders.items())
        return orders

    def truth(self) -> Truth:
        """See `Witness`."""
        self.note()
        trades = self._get("/trades")
        orders = self._take(self.server.control("audit", method="GET")["orders"])
        books = self.server.control("books", method="GET")
        return Truth(
            cash=Decimal(books["cash"]) - Decimal(books["charges_due"]),
            positions=_positions_of(books),
            orders=orders,
            executions={f"{row['order_id']}:{row['trade_id']}": _execution(row) for row in trades},
            taken=dict(self.taken),
            requests=self.requests.copy(),
        )

    def _get(self, path: str) -> Sequence[Json]:
        headers = {"X-Kite-Version": "3", "Authorization": f"token {LOGIN.api_key}:{self._token}"}
        rows: Sequence[Json] = self.server.ask("GET", path, headers=headers)["data"]
        return rows


def _orders_of(book: Sequence[Json], triggers: Sequence[Json]) -> Iterator[tuple[str, TheirOrder]]:
    """Every order, and every leg of a trigger in place of what it has placed. Who has no tag is told by its id."""
    placed = {row["order_id"]: row for row in book}
    for trigger in triggers:
        for place, leg in enumerate(trigger["orders"]):
            name = f"gtt:{trigger['id']}:{place}"
            result = (leg["result"] or {}).get("order_result", {})
            row = placed.pop(result.get("order_id"), None)
            if row is not None:
                yield name, _order(name, row)
            else:
                status = "OPEN" if trigger["status"] == "active" else "REJECTED" if result else "CANCELLED"
                yield name, TheirOrder(name, status, Decimal(0), status not in OVER)
    for key, row in placed.items():
        yield key, _order(row["tag"] or key, row)


def _order(client_order_id: str, row: Json) -> TheirOrder:
    return TheirOrder(client_order_id, row["status"], Decimal(row["filled_quantity"]), row["status"] not in OVER)


def _execution(row: Json) -> Execution:
    sign = 1 if row["transaction_type"] == "BUY" else -1
    return Execution(row["order_id"], row["tradingsymbol"], sign * Decimal(row["quantity"]), row["average_price"])


def _positions_of(books: Json) -> dict[str, Decimal]:
    """What is held of each symbol, whatever the product."""
    found = {_name(symbol): Decimal(quantity) for symbol, quantity in books["holdings"].items()}
    for key, quantity in books["positions"].items():
        symbol = _name(key.rpartition(" ")[0])
        found[symbol] = found.get(symbol, Decimal(0)) + quantity
    return {symbol: quantity for symbol, quantity in found.items() if quantity}


def _name(symbol: str) -> str:
    return symbol.removeprefix("NSE:")


class KiteBox(Box):
    """See `Box`."""

    modules = ("holdfast.cli.sim_kite",)
    symbols = SYMBOLS
    speed = 120.0
    lives = 20
    until = "2024-07-10T08:30"  # 14:00 in India
    restart = "restart"
    faults = SOME

    def serve(self, folder: Path, seed: int, speed: float) -> Sequence[str]:  # noqa: ARG002 - it keeps nothing
        """See `Box`."""
        symbols = ",".join(f"NSE:{name}" for name in SYMBOLS)
        return (
            "sim",
            "kite",
            "--json",
            "--no-limits",
            "--symbols",
            symbols,
            "--seed",
            str(seed),
            "--speed",
            str(speed),
        )

    def begin(self) -> Sequence[str]:
        """See `Box`."""
        return ("--start", OPEN)

    def sections(self, url: str) -> str:
        """See `Box`."""
        rules = zip(SYMBOLS, PRODUCTS, strict=True)
        lines = (f'{name} = {{ tick = "0.05", lot = 1, product = "{product}" }}\n' for name, product in rules)
        return SECTIONS.format(url=url, socket=url.replace("http", "ws", 1)) + "".join(lines)

    def account(self) -> str:
        """See `Box`."""
        return 'calendar = "XBOM"'

    def witness(self, server: Server) -> Witness:
        """See `Box`."""
        return KiteWitness(server)


BOX = KiteBox()
