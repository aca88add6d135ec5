"""What the proof with real processes has to know of a broker in a box: how it is served, what goes wrong there, and its own books.

Each box says so in its module ``tortured``, as ``BOX``; the broker's adapter names that module.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec

UNANSWERED = "answers lost"
"""The faults, among those of every box, after which nobody knows what became of an order."""

Json = dict[str, Any]
Fault = dict[str, Any]


class Execution(msgspec.Struct, frozen=True):
    """One of the broker's, or of the journal's: whose order, and how many at what price; sales are negative."""

    order_id: str
    symbol: str
    quantity: Decimal
    price: Decimal


class TheirOrder(msgspec.Struct, frozen=True):
    """An order as the broker has it. ``is_live``: it may trade still."""

    client_order_id: str
    status: str
    filled_quantity: Decimal
    is_live: bool


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


class Server(Protocol):
    """The box as it is served now. Both raise Fatal when it is gone, or refuses."""

    def control(self, what: str, body: Any = None, method: str = "POST") -> Json:
        """Ask its ``/_sim/``."""

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """Ask what a client may ask; ``arguments`` are those of `requests`. Numbers come exactly."""


class Witness:
    """What one served box says of its only account. ``taken`` and ``requests`` are those of `Truth`, as of the last `note`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.taken: dict[str, str] = {}
        self.requests: Counter[str] = Counter()

    def environment(self) -> Mapping[str, str]:
        """What an engine needs to be let in, beside its configuration."""
        return {}

    def save(self) -> None:
        """Have the server write its state, before it is killed: no broker's clock goes back."""

    def note(self) -> None:
        """Keep from the audit which orders were asked for and which were taken."""
        raise NotImplementedError

    def forget(self) -> None:
        """Another server goes on: its audit is empty."""

    def truth(self) -> Truth:
        """Its books now."""
        raise NotImplementedError


class Box(ABC):
    """One broker in a box.

    ``modules`` are what its server imports. ``speed``: seconds of market in a second. ``lives``: how many engines have their turn on one
    server. ``until``: from this time on, as ``/_sim/status`` writes it, the market stands. ``restart`` and ``restart_losing`` are the faults
    that restart it, keeping its orders and losing them; empty where there is none. ``keeps_state``: it outlives its process. ``faults``
    are those that one life may have, by what they come to.
    """

    modules: ClassVar[Sequence[str]]
    symbols: ClassVar[Sequence[str]]
    speed: ClassVar[float]
    lives: ClassVar[int]
    until: ClassVar[str] = ""
    restart: ClassVar[str]
    restart_losing: ClassVar[str] = ""
    keeps_state: ClassVar[bool] = False
    faults: ClassVar[Mapping[str, Sequence[Fault]]]

    @abstractmethod
    def serve(self, folder: Path, seed: int, speed: float) -> Sequence[str]:
        """What is typed after ``holdfast`` to serve it, but for its port."""

    @abstractmethod
    def begin(self) -> Sequence[str]:
        """What is typed too when it is served for the first time."""

    @abstractmethod
    def sections(self, url: str) -> str:
        """Of a configuration file: the feed, the broker's own section and whatever else its accounts need."""

    def account(self) -> str:
        """More lines of ``[[accounts]]``."""
        return ""

    @abstractmethod
    def witness(self, server: Server) -> Witness:
        """Where a served one is asked."""
