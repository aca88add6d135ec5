"""The stream of order events at a server that says anything: each line is told, tried again, and none ends the engine."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from holdfast.adapters.alpaca.trading import updates
from holdfast.adapters.alpaca.trading.updates import TradeUpdates
from holdfast.brokers.port import StreamStatus
from tests.unit.adapters.alpaca.connection.wire import settings_of

GRANTED = [{"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}]
LISTENING = [*GRANTED, {"stream": "listening", "data": {"streams": ["trade_updates"]}}]
UPDATE = {"event": "new", "order": {"id": "an-order"}}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting again takes no time."""
    for name in ("FIRST_WAIT_S", "LONGEST_WAIT_S", "UNAUTHORIZED_WAIT_S"):
        monkeypatch.setattr(updates, name, 0.01)


async def talk(*frames: object) -> tuple[list[StreamStatus], list[Any], int]:
    """Let a server answer each action with the next frame, then send the rest and close; what the client told, twice over."""
    told: list[StreamStatus] = []
    taken: list[Any] = []
    twice = asyncio.Event()

    async def act(socket: ServerConnection) -> None:
        for number, frame in enumerate(frames):
            if number < 2:
                await socket.recv()
            await socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def tell(status: StreamStatus) -> None:
        told.append(status)
        if sum(not each.connected for each in told) >= 2:
            twice.set()

    def take(update: dict[str, Any]) -> None:
        taken.append(update["order"]["id"])

    async with serve(act, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        stream = TradeUpdates(settings_of(f"http://127.0.0.1:{port}"), take)
        running = asyncio.create_task(stream.run(tell))
        waiting = asyncio.create_task(twice.wait())
        await asyncio.wait({running, waiting}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert not running.done(), running.exception()
        assert waiting.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return told, taken, stream.unreadable


REFUSALS: list[list[object]] = [
    ["no JSON"],
    [b"\xff\xfe"],
    [7],
    [[1, 2]],
    [{"data": None}],
    [{"data": "unauthorized"}],
    [{"data": {"status": "unauthorized"}}],
    [*GRANTED, {"data": {"streams": None}}],
    [*GRANTED, {"data": {"streams": []}}],
    [*GRANTED, "no JSON"],
    [*GRANTED, {"stream": "listening"}],
]


@pytest.mark.parametrize("frames", REFUSALS, ids=str)
def test_an_opening_that_fails_is_told_and_tried_again(frames: list[object]) -> None:
    """Whatever the server says instead of yes: never called connected, and asked again."""
    told, taken, _ = asyncio.run(talk(*frames))
    assert not any(status.connected for status in told)
    assert all(status.reason for status in told)
    assert taken == []


@pytest.mark.parametrize(
    "frame",
    ["no JSON", b"\x00", 7, {"stream": "trade_updates"}, {"stream": "trade_updates", "data": {"order": "x"}}],
    ids=str,
)
def test_a_frame_that_makes_no_sense_costs_only_itself(frame: object) -> None:
    """It is counted, and the next one is passed on."""
    told, taken, unreadable = asyncio.run(talk(*LISTENING, frame, {"stream": "trade_updates", "data": UPDATE}))
    assert [status.connected for status in told][:2] == [True, False]
    assert taken[:1] == ["an-order"]
    assert unreadable >= 1


def test_binary_and_text_frames_are_the_same() -> None:
    """Alpaca's paper host sends binary frames, its live one text."""
    message = json.dumps({"stream": "trade_updates", "data": UPDATE})
    _, taken, _ = asyncio.run(talk(*LISTENING, message.encode(), message))
    assert taken[:2] == ["an-order", "an-order"]
