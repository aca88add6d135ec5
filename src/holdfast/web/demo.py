"""What the page of a demo can do besides: kill the engine, and break the broker of the second account."""

import os

import msgspec
import requests

from holdfast.errors import Refused
from holdfast.web.errors import NotFound

ANSWER_S = 5.0
"""How long the broker's controls may take."""


class Fault(msgspec.Struct, frozen=True):
    """One way in which the broker can go wrong."""

    name: str
    """Its name."""
    seen: str
    """What a client sees of it."""
    true: str
    """What is true at the broker meanwhile."""


class Demo:
    """The demo that this process belongs to.

    ``asks`` is a descriptor that hears a byte for each crash that is wanted, ``broker`` the address of the broker's controls; None where
    the demo has none.
    """

    def __init__(self, asks: int, broker: str | None = None) -> None:
        self._asks = asks
        self._broker = broker
        self.crashes = 0

    @property
    def has_broker(self) -> bool:
        """Whether there is a broker to be broken."""
        return self._broker is not None

    def crash(self) -> None:
        """Have the engine killed."""
        os.write(self._asks, b"k")
        self.crashes += 1

    def faults(self) -> list[Fault]:
        """What the broker can do wrong. Raises :class:`~holdfast.errors.Refused` when it doesn't answer."""
        return [] if self._broker is None else msgspec.json.decode(self._ask("GET", "/catalogue"), type=list[Fault])

    def do_wrong(self, name: str) -> Fault:
        """Have the broker do something wrong, once. Raises NotFound for another word, Refused when the broker won't."""
        known = {fault.name: fault for fault in self.faults()}
        if name not in known:
            raise NotFound(f"the demo's broker has no fault {name!r}; GET /api/v1/demo lists those it has")
        self._ask("POST", "/faults", msgspec.json.encode({"name": name}))
        return known[name]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        try:
            answer = requests.request(method, f"{self._broker}{path}", data=body, timeout=ANSWER_S)
        except requests.RequestException as error:
            raise Refused(f"the demo's broker does not answer ({type(error).__name__}); start the demo again") from None
        if not answer.ok:
            raise Refused(f"the demo's broker would not: {answer.text[:300]}")
        return answer.content
