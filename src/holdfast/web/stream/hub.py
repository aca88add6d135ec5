"""Those who listen: each has a bounded queue, every event is encoded once for all. Everything here is done in the event loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from holdfast.web.errors import TooMany
from holdfast.web.stream.places import Places, to_id

QUEUED = 64
"""How many events may wait for a listener: some ten seconds of the busiest market. One that is further behind asks again for what is there."""
MOST = 200
"""How many may listen at once."""


def encode(event: str, data: Any, places: Places | None = None) -> bytes:
    """An event as it is sent; ``places`` become its id."""
    lines = [b"" if places is None else b"id: " + to_id(places).encode() + b"\n"]
    lines += [b"event: ", event.encode(), b"\ndata: ", msgspec.json.encode(data), b"\n\n"]
    return b"".join(lines)


def reload(why: str, places: Places) -> bytes:
    """Tells a listener to ask again for what is there now."""
    return encode("reload", {"why": why}, places)


class Listener:
    """One who listens. ``places`` is how far everybody had heard when it came; None while nobody knows how far the journal goes."""

    def __init__(self, places: Places | None) -> None:
        self.places = places
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(QUEUED)
        self.over = asyncio.Event()
        self.is_slow = False
        self.is_answered = False
        """Whether it was told anything yet."""

    def put(self, message: bytes) -> None:
        """Have it sent; a listener that can't keep up gets no more."""
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.is_slow = True
            self.over.set()


class Hub:
    """Hands every event to all who listen. ``places`` is how far they have heard; None before the journal was first read."""

    def __init__(self) -> None:
        self.places: Places | None = None
        self.begun = asyncio.Event()
        """Set once ``places`` is known."""
        self.listeners: set[Listener] = set()
        self.dropped = 0
        """How many were too slow so far."""
        self.when_joined: Callable[[], object] = lambda: None
        """Called when somebody comes; it must not block."""
        self._is_over = False

    def join(self) -> Listener:
        """A new listener, who gets every event from now on. Raises :class:`~holdfast.web.errors.TooMany`."""
        if len(self.listeners) >= MOST:
            raise TooMany(f"{MOST} listen already; close a page, or ask for the lists now and then instead")
        listener = Listener(self.places)
        if self._is_over:
            listener.over.set()
        self.listeners.add(listener)
        self.when_joined()
        return listener

    def publish(self, message: bytes, places: Places | None = None) -> None:
        """Hand out an event after which everybody has heard up to ``places``."""
        if places is not None:
            self.places = places
        for listener in [*self.listeners]:
            listener.put(message)
            if listener.is_slow:
                self.listeners.discard(listener)
                self.dropped += 1

    def move(self, places: Places) -> None:
        """The journal goes on to ``places``, and nothing was made of it since nobody listened; who came meanwhile has to ask."""
        for listener in self.listeners:
            if listener.places is None and not listener.is_answered:
                listener.places = places
            else:
                listener.put(reload("it came at the moment of a change", places))
        self.places = places
        self.begun.set()

    def close(self) -> None:
        """End every stream: the process is about to end."""
        self._is_over = True
        for listener in self.listeners:
            listener.over.set()

    async def messages(self, listener: Listener, first: bytes) -> AsyncGenerator[bytes, None]:
        """What the listener is sent, until it is too slow, or goes, or the process ends."""
        over = asyncio.ensure_future(listener.over.wait())
        coming: asyncio.Future[bytes] | None = None
        try:
            yield first
            while not listener.over.is_set():
                coming = asyncio.ensure_future(listener.waiting.get())
                await asyncio.wait((coming, over), return_when=asyncio.FIRST_COMPLETED)
                if listener.over.is_set():
                    break  # also when something came at the same time: they may not be let hear it any more
                yield coming.result()
            if listener.is_slow:
                yield reload("this listener could not keep up", self.places or {})
        finally:
            for task in (over, coming):
                if task is not None:
                    task.cancel()
            self.listeners.discard(listener)
