"""The network between an engine and its broker: requests and answers that get lost, come late or twice, and a stream of events.

What befalls each message is decided by a `NetworkFates` as it is sent. What has left arrives even if its sender is dead by then.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import msgspec

from holdfast.adapters.alpaca.connection.rest import Call
from holdfast.brokers.port import AccessDenied, Unavailable
from holdfast.core.messages import SubmitOrder
from holdfast.torture.world.exchange import Exchange, Frame, Refusal, Taken
from holdfast.torture.world.loop import WORLD, Process, VirtualLoop

TIMEOUT_S = 3.0
"""How long an engine waits for an answer."""
OK, UNAUTHORIZED, TOO_MANY, NO_ANSWER = 200, 401, 429, 0

T = TypeVar("T")


class Fate(StrEnum):
    """What becomes of a request."""

    ANSWERED = "answered"
    REFUSED = "refused"  # the broker's own no
    REQUEST_LOST = "request lost"  # not taken, and no answer
    ANSWER_LOST = "answer lost"  # taken, and no answer
    GARBLED = "garbled"  # taken, and an answer that can't be read
    THROTTLED = "throttled"  # not taken, and said so
    DENIED = "denied"  # keys not taken
    DOUBLED = "doubled"  # something in between sends it twice
    LATE = "late"  # it arrives long after its sender gave up


class Passage(msgspec.Struct, frozen=True):
    """One request's way: what becomes of it, and how long it takes there and back."""

    fate: Fate
    there_s: float = 0.01
    back_s: float = 0.01


class NetworkFates(Protocol):
    """What befalls messages."""

    def order(self) -> Passage:
        """An order."""

    def cancel(self) -> Passage:
        """A cancel."""

    def question(self) -> Passage:
        """A question."""

    def frames(self, frame: Frame) -> list[tuple[Frame, float, bool]]:
        """What arrives of an event: each with how long it takes and whether it keeps its place in the order."""


class Unanswered(Exception):
    """Nothing is known of what became of a request."""


class Throttled(Exception):
    """Not taken: too many."""


class Connection:
    """One stream of events into one process. ``over`` ends with the reason when it is cut."""

    def __init__(self, process: Process, loop: VirtualLoop, on_frame: Callable[[Frame], None]) -> None:
        self.process = process
        self.over: asyncio.Future[str] = loop.create_future()
        self._loop = loop
        self._on_frame = on_frame
        self._last_s = 0.0

    def send(self, frame: Frame, wait_s: float, *, in_order: bool) -> None:
        """Let an event arrive after a while, behind those that were sent before it."""
        at_s = self._loop.time() + wait_s
        if in_order:
            at_s = self._last_s = max(at_s, self._last_s)
        self.process.later(at_s - self._loop.time(), self._arrive, frame)

    def _arrive(self, frame: Frame) -> None:
        if not self.over.done():
            self._on_frame(frame)

    def cut(self, reason: str) -> None:
        """End it; what is under way is lost."""
        self.process.later(0, self._end, reason)

    def corrupt(self, fault: BaseException) -> None:
        """What arrives now breaks whoever reads it."""
        self.process.later(0, self._break, fault)

    def _break(self, fault: BaseException) -> None:
        if not self.over.done():
            self.over.set_exception(fault)
            self.over.exception()  # nobody may be reading any more

    def _end(self, reason: str) -> None:
        if not self.over.done():
            self.over.set_result(reason)


class Network:
    """Between one broker and the engines. The ``on_`` hooks are shown each order as it leaves, comes in, and is taken or not."""

    def __init__(self, loop: VirtualLoop, exchange: Exchange, fates: NetworkFates) -> None:
        self.loop = loop
        self.exchange = exchange
        self.fates = fates
        self.connections: list[Connection] = []
        self.is_down = False
        """Whether the broker can't be reached at all."""
        self.on_leave: Callable[[Process, SubmitOrder], None] = lambda _process, _effect: None
        self.on_order: Callable[[str], None] = lambda _key: None
        self.on_taken: Callable[[str], None] = lambda _key: None
        self.on_not_taken: Callable[[str], None] = lambda _key: None
        self.on_absent: Callable[[str], None] = lambda _key: None
        exchange.emit = self._emit

    def _emit(self, frame: Frame) -> None:
        self.connections = [each for each in self.connections if not each.process.is_dead]
        for connection in self.connections:
            for told, wait_s, in_order in self.fates.frames(frame):
                connection.send(told, wait_s, in_order=in_order)

    def cut(self, reason: str) -> None:
        """End every stream."""
        connections, self.connections = self.connections, []
        for connection in connections:
            connection.cut(reason)

    def arrive(self, orders: Sequence[SubmitOrder]) -> Taken | Refusal:
        """An order reaches the broker, or two that were sent as one."""
        keys = [effect.terms.client_order_id for effect in orders]
        for key in keys:
            self.on_order(key)
        answer = self.exchange.submit(*(effect.terms for effect in orders))
        if isinstance(answer, Taken):
            for key in keys:
                self.on_taken(key)
        return answer


class Wire:
    """One process's end of the network. ``observe`` is told how each request ended."""

    def __init__(self, network: Network, process: Process) -> None:
        self.observe: Callable[[Call], None] = lambda _: None
        self.under_way: Counter[str] = Counter()
        """Requests without an answer yet, by method."""
        self._network = network
        self._process = process
        self._loop = network.loop

    async def submit(self, orders: Sequence[SubmitOrder]) -> Taken | Refusal:
        """Send an order, or two as one. Raises Unanswered, Throttled, AccessDenied."""
        network = self._network
        self._process.check()
        for effect in orders:
            network.on_leave(self._process, effect)
        refusal: Taken | Refusal = Refusal("not today")
        try:
            answer: Taken | Refusal = await self._pass(
                "POST", network.fates.order(), lambda: network.arrive(orders), refusal
            )
        except (Throttled, AccessDenied):
            self._not_taken(orders)
            raise
        if isinstance(answer, Refusal):
            self._not_taken(orders)
        return answer

    def _not_taken(self, orders: Sequence[SubmitOrder]) -> None:
        for effect in orders:
            self._network.on_not_taken(effect.terms.client_order_id)

    async def cancel(self, order_id: str) -> Refusal | None:
        """Ask for a cancel. Raises as `submit` does."""
        network = self._network
        refusal = Refusal("it can't be canceled now")
        return await self._pass("DELETE", network.fates.cancel(), lambda: network.exchange.cancel(order_id), refusal)

    async def ask(self, answer: Callable[[], T]) -> T:
        """Ask something; the answer is what is true when the question arrives. Raises Unavailable, AccessDenied."""
        try:
            return await self._pass("GET", self._network.fates.question(), answer)
        except (Unanswered, Throttled) as error:
            raise Unavailable(str(error)) from error

    async def _pass(self, method: str, passage: Passage, at_broker: Callable[[], T], refusal: T | None = None) -> T:
        self._process.check()
        waiting = self._loop.create_future()
        fate = Fate.REQUEST_LOST if self._network.is_down else passage.fate
        round_s = passage.there_s + passage.back_s
        if fate is Fate.REQUEST_LOST:
            self._process.later(TIMEOUT_S, _fail, waiting, Unanswered("no answer"))
        elif fate is Fate.THROTTLED:
            self._process.later(round_s, _fail, waiting, Throttled("too many requests"))
        elif fate is Fate.DENIED:
            self._process.later(round_s, _fail, waiting, AccessDenied("the keys are not taken"))
        elif fate is Fate.REFUSED:
            self._process.later(round_s, _give, waiting, refusal)
        else:
            self._send(passage, at_broker, waiting)
        self.under_way[method] += 1
        try:
            answer: T = await waiting
        except (Unanswered, Throttled, AccessDenied) as error:
            self.observe(Call(method, "/world", _STATUS[type(error)], 0.0, None))
            raise
        finally:
            self.under_way[method] -= 1
        self.observe(Call(method, "/world", OK, 0.0, None))
        return answer

    def _send(self, passage: Passage, at_broker: Callable[[], Any], waiting: "asyncio.Future[Any]") -> None:
        """It arrives; its answer may."""
        process, fate = self._process, passage.fate

        def arrive() -> None:
            answer = at_broker()
            if fate is Fate.DOUBLED:
                at_broker()
            if fate in (Fate.ANSWERED, Fate.DOUBLED):
                process.later(passage.back_s, _give, waiting, answer)
            elif fate is Fate.GARBLED:
                process.later(passage.back_s, _fail, waiting, Unanswered("an answer that can't be read"))

        self._loop.call_later(passage.there_s, arrive, context=WORLD)
        if fate is not Fate.GARBLED:
            process.later(TIMEOUT_S, _fail, waiting, Unanswered("no answer"))

    def absent(self, key: str) -> None:
        """The broker's answer was that it has no such order."""
        self._network.on_absent(key)

    async def listen(self, on_frame: Callable[[Frame], None]) -> Connection:
        """Open the stream of events. Raises Unavailable, AccessDenied."""
        connection = Connection(self._process, self._loop, on_frame)
        await self.ask(lambda: self._network.connections.append(connection))
        return connection


def _give(waiting: "asyncio.Future[Any]", answer: Any) -> None:
    if not waiting.done():
        waiting.set_result(answer)


def _fail(waiting: "asyncio.Future[Any]", error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)


_STATUS = {Unanswered: NO_ANSWER, Throttled: TOO_MANY, AccessDenied: UNAUTHORIZED}
