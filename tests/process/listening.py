"""One who listens to the stream of a web process."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple

PATIENCE_S = 120.0


class Event(NamedTuple):
    """An event of the stream."""

    id: str
    name: str
    data: Any


class Listener:
    """Hears events until it is closed. Of the records that changes tell of, it keeps count."""

    def __init__(self, connection: HTTPConnection, heard: "Heard") -> None:
        self._lines = connection.getresponse()
        assert self._lines.status == 200, self._lines.read()
        self._heard = heard

    def __iter__(self) -> Iterator[Event]:
        ends_s = time.monotonic() + PATIENCE_S
        fields: dict[str, str] = {}
        while line := self._lines.readline().decode():
            assert time.monotonic() < ends_s, "what was waited for did not come"
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value
                continue
            event = Event(fields.pop("id", ""), fields.pop("event"), json.loads(fields.pop("data")))
            self._heard.take(event)
            yield event


class Heard:
    """What was heard over any number of connections."""

    def __init__(self) -> None:
        self.last_id = ""
        self.records = 0
        self.fills: list[str] = []
        self.reloads: list[str] = []

    def take(self, event: Event) -> None:
        """Keep it."""
        self.last_id = event.id or self.last_id
        if event.name == "change":
            self.records += len(event.data["records"]) + event.data["omitted"]
            self.fills += [fill["execution_id"] for fill in event.data["fills"]]
        elif event.name == "reload":
            self.reloads.append(event.data["why"])


@contextmanager
def listening(port: int, heard: Heard) -> Iterator[Listener]:
    """Listen, from where `heard` ends."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        headers = {"Last-Event-ID": heard.last_id} if heard.last_id else {}
        connection.request("GET", "/api/v1/stream", headers=headers)
        yield Listener(connection, heard)
    finally:
        connection.close()
