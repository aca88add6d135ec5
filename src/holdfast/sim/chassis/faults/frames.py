"""Faults on the way of a frame from the server to one websocket."""

from typing import Generic, TypeVar

from holdfast.sim.chassis.faults.catalogue import StreamFault
from holdfast.sim.chassis.faults.registry import Faults

Frame = TypeVar("Frame")


class FrameFilter(Generic[Frame]):
    """Makes one connection's frames go missing, come twice or in the wrong order.

    Only frames with payload belong through it: answers to authentication, listening and subscribing, and pongs, are sent
    as they are. One filter a connection, made when it opens::

        for frame in self.filter.pass_on(frame, event="fill"):
            await websocket.send_bytes(frame)
    """

    def __init__(self, faults: Faults, stream: str) -> None:
        self._faults = faults
        self._stream = stream
        self._waiting: Frame | None = None

    def pass_on(self, frame: Frame, event: str | None = None) -> list[Frame]:
        """What is to be sent now, in order; ``event`` is the name of the trade update, which faults can be narrowed to."""
        if self._takes(StreamFault.MUTE, event) or self._takes(StreamFault.DROP, event):
            return []
        frames = [frame, frame] if self._takes(StreamFault.DUPLICATE, event) else [frame]
        if self._waiting is not None:
            frames.append(self._waiting)
            self._waiting = None
        elif self._takes(StreamFault.REORDER, event):
            self._waiting = frames.pop()
        return frames

    def _takes(self, name: StreamFault, event: str | None) -> bool:
        return self._faults.take(name, stream=self._stream, event=event) is not None
