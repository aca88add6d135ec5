"""The local Alpaca for the proof with real processes: see `sim.chassis.tortured`."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from holdfast.core.types import plain
from holdfast.sim.chassis.tortured import UNANSWERED, Box, Execution, Fault, Json, Server, TheirOrder, Truth, Witness

KEY, SECRET = "PKTORTURE", "made-up-for-torture"
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
SYMBOLS = ("AVOR", "BRYX")
OPEN = "2024-07-10T13:30:00Z"
PAGE = 100
TAKEN = (200, 201)
OVER = ("filled", "canceled", "expired", "rejected", "replaced", "done_for_day")
SETTLE_S = 0.24
"""After how long the local broker shows every order; the fault `invisible_order` hides them for half of it."""

SECTIONS = f"""
[feed]
kind = "alpaca"
symbols = {json.dumps(SYMBOLS)}
warm_up_minutes = 5
stale_after_s = 86400
[alpaca]
api_key = "{KEY}"
api_secret = "{SECRET}"
trading_url = "{{url}}"
data_url = "{{url}}"
data_stream_url = "{{socket}}"
requests_per_minute = 900_000
data_requests_per_minute = 900_000
connect_timeout_s = 1.0
read_timeout_s = 1.0
settle_s = {SETTLE_S}
"""

SOME: Mapping[str, Sequence[Fault]] = {
    UNANSWERED: [{"name": "accepted_then_504", "times": None, "probability": 0.3}],
    "orders lost on the way": [{"name": "not_accepted_then_504", "times": None, "probability": 0.2}],
    "connections reset before": [{"name": "reset_before", "times": None, "probability": 0.2}],
    "connections reset after": [{"name": "reset_after", "times": None, "probability": 0.2}],
    "cancels without an answer": [
        {"name": "reset_after", "method": "DELETE", "path": "/v2/orders/", "times": None, "probability": 0.5}
    ],
    "anything reset": [{"name": "reset_after", "path": "/v2/", "times": 6, "probability": 0.2}],
    "answers late": [
        {"name": "accepted_then_timeout", "times": 2, "seconds": 1.5},
        {"name": "slow", "times": 3, "seconds": 0.2},
    ],
    "answers cut short": [{"name": "unparsable_200", "times": None, "probability": 0.2}],
    "429": [{"name": "storm_429", "seconds": 0.3}],
    "401": [{"name": "unauthorized", "times": 2}],
    "maintenance": [{"name": "maintenance_page", "path": "/v2/", "seconds": 0.3}],
    "orders seen late": [
        {"name": "invisible_order", "times": 5, "seconds": 0.12},
        {"name": "accepted_then_504", "times": 3},
    ],
    "ids refused": [{"name": "duplicate_id_answer", "times": 3}],
    "rejected after all": [{"name": "reject_after_accept", "times": 3}],
    "filled before the answer": [{"name": "fill_before_ack", "times": None, "probability": 0.5}],
    "filled in parts": [{"name": "partial_fills", "times": None, "probability": 0.6, "fraction": 0.3}],
    "filled while canceled": [{"name": "cancel_races_fill", "times": 3}],
    "stop-losses missing": [{"name": "leg_missing", "times": 2}, {"name": "leg_dead", "times": 2}],
    "events lost": [{"name": "stream_drop", "times": None, "probability": 0.3, "stream": "trade_updates"}],
    "events twice": [{"name": "stream_duplicate", "times": None, "probability": 0.6}],
    "events out of order": [{"name": "stream_reorder", "times": None, "probability": 0.4}],
    "events mute": [{"name": "stream_mute", "seconds": 0.5, "stream": "trade_updates"}],
    "streams refused": [{"name": "stream_refused_429", "times": 1}, {"name": "stream_refused_406", "times": 1}],
    "data lost": [{"name": "stream_drop", "times": None, "probability": 0.3, "stream": "data"}],
}
"""docs/sim-alpaca-faults.md has them."""


class AlpacaWitness(Witness):
    """See `Witness`. The account is opened by the first who comes with its key."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._seen = self._lists = 0

    def save(self) -> None:
        """See `Witness`."""
        self._lists += 1
        body = {"name": f"saved {self._lists}", "symbols": []}
        self.server.ask("POST", "/v2/watchlists", headers=HEADERS, json=body)

    def forget(self) -> None:
        """See `Witness`."""
        self._seen = 0

    def note(self) -> None:
        """See `Witness`."""
        audit = self._audit()
        for request in audit["requests"]:
            if request["number"] > self._seen and request["method"] == "POST" and request["path"] == "/v2/orders":
                self._seen = request["number"]
                self.requests[request["client_order_id"]] += 1
                if request["status"] in TAKEN:
                    self._take(request["answer"])
        for order in audit["orders"]:
            self._take(order)

    def _audit(self) -> Json:
        return self.server.control(f"audit?key={KEY}", method="GET")

    def _take(self, order: Json) -> None:
        for each in [order, *(order["legs"] or ())]:
            self.taken[each["id"]] = each["client_order_id"]

    def truth(self) -> Truth:
        """See `Witness`."""
        self.note()
        return Truth(
            cash=Decimal(str(self._get("/account")["cash"])),
            positions={row["symbol"]: _signed(row) for row in self._get("/positions")},
            orders={row["id"]: _order(row) for row in self._audit()["orders"]},
            executions=self._executions(),
            taken=dict(self.taken),
            requests=self.requests.copy(),
        )

    def _executions(self) -> dict[str, Execution]:
        found: dict[str, Execution] = {}
        query: Json = {"direction": "asc", "page_size": PAGE}
        while rows := self._get("/account/activities/FILL", query):
            for row in rows:
                name = f"{row['order_id']}:{plain(Decimal(row['cum_qty']))}"
                sign = 1 if row["side"].startswith("buy") else -1
                quantity = sign * Decimal(row["qty"])
                found[name] = Execution(row["order_id"], row["symbol"], quantity, Decimal(row["price"]))
            query["page_token"] = rows[-1]["id"]
        return found

    def _get(self, path: str, query: Json | None = None) -> Any:
        return self.server.ask("GET", f"/v2{path}", headers=HEADERS, params=query)


def _order(row: Json) -> TheirOrder:
    return TheirOrder(row["client_order_id"], row["status"], Decimal(row["filled_qty"]), row["status"] not in OVER)


def _signed(row: Json) -> Decimal:
    quantity = abs(Decimal(str(row["qty"])))
    return -quantity if row["side"] == "short" else quantity


class AlpacaBox(Box):
    """See `Box`."""

    modules = ("holdfast.cli.sim",)
    symbols = SYMBOLS
    speed = 600.0
    lives = 25
    restart = "restart_keeping_orders"
    restart_losing = "restart_losing_orders"
    keeps_state = True
    faults = SOME

    def serve(self, folder: Path, seed: int, speed: float) -> Sequence[str]:
        """See `Box`."""
        market = ("--symbols", ",".join(SYMBOLS), "--seed", str(seed), "--speed", str(speed))
        return (
            "sim",
            "alpaca",
            "--json",
            "--no-fees",
            *market,
            "--requests",
            "0",
            "--state",
            str(folder / "broker.db"),
        )

    def begin(self) -> Sequence[str]:
        """See `Box`."""
        return ("--start", OPEN)

    def sections(self, url: str) -> str:
        """See `Box`."""
        return SECTIONS.format(url=url, socket=url.replace("http", "ws", 1))

    def witness(self, server: Server) -> Witness:
        """See `Box`."""
        return AlpacaWitness(server)


BOX = AlpacaBox()
