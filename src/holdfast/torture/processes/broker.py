"""The broker: ``holdfast sim alpaca`` as a process, steered through its ``/_sim/``, and what it says of the account in the end."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import requests

from holdfast.adapters.alpaca.connection.symbols import canonical_symbol
from holdfast.core.types import plain
from holdfast.errors import Fatal
from holdfast.torture.processes.programs import PATIENCE_S, Program, kill

KEY, SECRET = "PKTORTURE", "made-up-for-torture"
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
SYMBOLS = ("AVOR", "BRYX")
OPEN = "2024-07-10T13:30:00Z"
PAGE = 100
TAKEN = (200, 201)
POLL_S = 0.005

Json = dict[str, Any]
Start = Callable[[Sequence[str], Path], Program]


class Execution(msgspec.Struct, frozen=True):
    """One of the broker's, or of the journal's: whose order, and how many at what price; sales are negative."""

    order_id: str
    symbol: str
    quantity: Decimal
    price: Decimal


class TheirOrder(msgspec.Struct, frozen=True):
    """An order as the broker has it."""

    client_order_id: str
    status: str
    filled_quantity: Decimal

    @property
    def is_live(self) -> bool:
        """Whether it may trade still."""
        return self.status not in ("filled", "canceled", "expired", "rejected", "replaced", "done_for_day")


class Truth(msgspec.Struct, frozen=True):
    """The broker's own books. ``taken`` are all orders it ever took: their ids, and the client order id of each.

    ``requests`` counts how often it was asked to place an order of each client order id.
    """

    cash: Decimal
    positions: dict[str, Decimal]
    orders: dict[str, TheirOrder]
    executions: dict[str, Execution]
    taken: dict[str, str]
    requests: Counter[str]


class Broker:
    """A server on a port of its own, with its state in ``folder``, so that it can be killed as well."""

    def __init__(self, start: Start, folder: Path, seed: int, speed: float) -> None:
        self._start = start
        self._folder = folder
        self._output = folder / "broker.txt"
        self._arguments = ["sim", "alpaca", "--json", "--no-fees", "--symbols", ",".join(SYMBOLS), "--seed", str(seed)]
        self._arguments += [
            "--speed",
            str(speed),
            "--requests",
            "0",
            "--state",
            str(folder / "broker.db"),
        ]
        self._session = requests.Session()
        self._session.headers.update(HEADERS)
        self._fired: Counter[str] = Counter()
        self._taken: dict[str, str] = {}
        self._requests: Counter[str] = Counter()
        self._seen = self._lists = 0
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._program = self._serve("--start", OPEN)
        self.pause()

    def _serve(self, *options: str) -> Program:
        program = self._start([*self._arguments, "--port", str(self.port), *options], self._output)
        ends_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_s and program.ended() is None:
            try:
                self._session.get(f"{self.url}/_sim/status", timeout=PATIENCE_S)
            except requests.ConnectionError:
                time.sleep(POLL_S)
            else:
                return program
        raise Fatal(f"the local broker did not start: {tail(self._output)}")

    # --- steering -----------------------------------------------------------------------------------------------------

    def control(self, what: str, body: Any = None, method: str = "POST") -> Json:
        """Ask its ``/_sim/``. Raises Fatal for a refusal."""
        answer = self._patiently(
            lambda: self._session.request(method, f"{self.url}/_sim/{what}", json=body, timeout=PATIENCE_S)
        )
        if answer.status_code != requests.codes.ok:
            raise Fatal(f"the local broker refuses {body}: {answer.text}")
        found: Json = answer.json()
        return found

    def _patiently(self, ask: Callable[[], requests.Response]) -> requests.Response:
        """Ask again while a restart resets connections."""
        ends_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return ask()
            except requests.ConnectionError:
                if time.monotonic() > ends_s or self._program.ended() is not None:
                    raise Fatal(f"the local broker is gone: {tail(self._output)}") from None
                time.sleep(POLL_S)

    def pause(self) -> None:
        """Let the market stand."""
        self.control("clock", {"action": "pause"})

    def resume(self) -> None:
        """Let the market go on."""
        self.control("clock", {"action": "resume"})

    def arm(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Put faults on; those that happen at once have happened when this returns."""
        if faults:
            self.control("faults", list(faults))

    def disarm(self) -> None:
        """Take all faults off, and wait until the server is not "away" any more."""
        self.control("faults", method="DELETE")
        while self.control("status", method="GET")["away"]:
            time.sleep(POLL_S)

    def kill(self) -> None:
        """SIGKILL the server, and start it again on its state: market time goes on where it was, and stands."""
        self.pause()
        self._save()
        self._note()
        self._fired += Counter(self._counts())
        self._seen = 0
        kill(self._program)
        self._session.close()
        self._program = self._serve()
        self.pause()

    def _save(self) -> None:
        """Have it write its state, whose time is where it goes on: no broker's clock goes back."""
        self._lists += 1
        body = {"name": f"saved {self._lists}", "symbols": []}
        self._session.post(f"{self.url}/v2/watchlists", json=body, timeout=PATIENCE_S).raise_for_status()

    def close(self) -> None:
        """End the server."""
        self._session.close()
        kill(self._program)

    # --- what it knows ------------------------------------------------------------------------------------------------

    @property
    def fired(self) -> Counter[str]:
        """How often each fault has fired, over its restarts."""
        return self._fired + Counter(self._counts())

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.control("faults", method="GET")["fired"]
        return counts

    def _note(self) -> None:
        """Keep from the audit which orders were asked for and which were taken."""
        audit = self.control(f"audit?key={KEY}", method="GET")
        for request in audit["requests"]:
            if request["number"] > self._seen and request["method"] == "POST" and request["path"] == "/v2/orders":
                self._seen = request["number"]
                self._requests[request["client_order_id"]] += 1
                if request["status"] in TAKEN:
                    self._take(request["answer"])
        for order in audit["orders"]:
            self._take(order)

    def _take(self, order: Json) -> None:
        for each in [order, *(order["legs"] or ())]:
            self._taken[each["id"]] = each["client_order_id"]

    def asked_for(self) -> Counter[str]:
        """How often each client order id was asked for, ever. Fast: only the audit is read."""
        try:
            self._note()
        except Fatal:
            return self._requests  # nobody has opened the account yet
        return self._requests

    def truth(self) -> Truth:
        """Its books now."""
        self._note()
        return Truth(
            cash=Decimal(str(self._get("/account")["cash"])),
            positions={canonical_symbol(row["symbol"]): _signed(row) for row in self._get("/positions")},
            orders={row["id"]: _order(row) for row in self.control(f"audit?key={KEY}", method="GET")["orders"]},
            executions=self._executions(),
            taken=dict(self._taken),
            requests=Counter(self._requests),
        )

    def _executions(self) -> dict[str, Execution]:
        found: dict[str, Execution] = {}
        query: Json = {"direction": "asc", "page_size": PAGE}
        while rows := self._get("/account/activities/FILL", query):
            for row in rows:
                name = f"{row['order_id']}:{plain(Decimal(row['cum_qty']))}"
                sign = 1 if row["side"].startswith("buy") else -1
                found[name] = Execution(
                    row["order_id"], canonical_symbol(row["symbol"]), sign * Decimal(row["qty"]), Decimal(row["price"])
                )
            query["page_token"] = rows[-1]["id"]
        return found

    def _get(self, path: str, query: Json | None = None) -> Any:
        answer = self._session.get(f"{self.url}/v2{path}", params=query, timeout=PATIENCE_S)
        answer.raise_for_status()
        return json.loads(answer.content, parse_float=Decimal)


def _order(row: Json) -> TheirOrder:
    return TheirOrder(row["client_order_id"], row["status"], Decimal(row["filled_qty"]))


def _signed(row: Json) -> Decimal:
    quantity = abs(Decimal(str(row["qty"])))
    return -quantity if row["side"] == "short" else quantity


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(output: Path) -> str:
    """The last line of what a program has said."""
    try:
        lines = output.read_text(errors="replace").splitlines()
    except OSError:
        return "it has said nothing"
    return lines[-1] if lines else "it has said nothing"
