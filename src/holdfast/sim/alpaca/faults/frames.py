"""Faults on the way of a frame from the server to one websocket."""

from typing import Generic, Literal, TypeVar

from holdfast.sim.alpaca.faults.registry import FaultName, Faults

Frame = TypeVar("Frame")

StreamName = Literal["trade_updates", "data"]


class FrameFilter(Generic[Frame]):
    """Makes one connection's frames go missing, come twice or in the wrong order.

    Only frames with payload belong through it: answers to authentication, listening and subscribing, and pongs, are sent
    as they are. One filter a connection, made when it opens::

        for frame in self.filter.pass_on(frame, event="fill"):
            await websocket.send_bytes(frame)
    """

    def __init__(self, faults: Faults, stream: StreamName) -> None:
        self._faults = faults
        self._stream = stream
        self._waiting: Frame | None = None

    def pass_on(self, frame: Frame, event: str | None = None) -> list[Frame]:
        """What is to be sent now, in order; ``event`` is the name of the trade update, which faults can be narrowed to."""
        if self._takes(FaultName.STREAM_MUTE, event) or self._takes(FaultName.STREAM_DROP, event):
            return []
        frames = [frame, frame] if self._takes(FaultName.STREAM_DUPLICATE, event) else [frame]
        if self._waiting is not None:
            frames.append(self._waiting)
            self._waiting = None
        elif self._takes(FaultName.STREAM_REORDER, event):
            self._waiting = frames.pop()
        return frames

    def refused(self) -> bool:
        """Whether this connection to a data stream is to be refused with error 406 as it authenticates."""
        return self._faults.take(FaultName.STREAM_REFUSED_406, stream=self._stream) is not None

    def _takes(self, name: FaultName, event: str | None) -> bool:
        return self._faults.take(name, stream=self._stream, event=event) is not None
