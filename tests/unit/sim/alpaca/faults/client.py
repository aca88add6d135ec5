"""A plain HTTP client for the tests of the faults: no SDK, no retries, every call bounded."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import requests

PATIENCE_S = 20.0
_numbers = count(1)


class Client:
    """One account at a running server, by its own keys, and the server's steering wheel."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = f"PKFAULTS{next(_numbers)}"
        self._headers = {"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": "a-made-up-secret"}

    def ask(self, method: str, path: str, body: Any = None, timeout_s: float = PATIENCE_S) -> requests.Response:
        """One request with the keys, on a connection of its own."""
        return requests.request(method, self.url + path, json=body, headers=self._headers, timeout=timeout_s)

    def order(self, client_order_id: str, timeout_s: float = PATIENCE_S, **terms: Any) -> requests.Response:
        """A buy order far below the market, unless told otherwise."""
        body = {
            "symbol": "AVOR",
            "qty": "1",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "limit_price": "1",
        }
        return self.ask("POST", "/v2/orders", body | {"client_order_id": client_order_id} | terms, timeout_s)

    def has(self, client_order_id: str) -> bool:
        """Whether the server knows the order."""
        path = f"/v2/orders:by_client_order_id?client_order_id={client_order_id}"
        return self.ask("GET", path).status_code == 200

    def put_on(self, *faults: dict[str, Any]) -> dict[str, Any]:
        """Faults on; the server's answer."""
        response = self.ask("POST", "/_sim/faults", list(faults))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def fired(self) -> dict[str, int]:
        """How often each has fired since the server's start."""
        fired: dict[str, int] = self.ask("GET", "/_sim/faults").json()["fired"]
        return fired

    def audit(self) -> Sequence[dict[str, Any]]:
        """The order requests of this account."""
        rows: Sequence[dict[str, Any]] = self.ask("GET", f"/_sim/audit?key={self.key}").json()["requests"]
        return rows
