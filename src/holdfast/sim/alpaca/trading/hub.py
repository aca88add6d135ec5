"""Who listens to an account's trade updates."""

from collections.abc import Callable

from holdfast.sim.alpaca.trading.wire import Json, encode

Listener = Callable[[str, bytes], None]
"""Gets the name of an event and its frame."""


class Hub:
    """Hands each update to everyone who listens. What nobody hears is gone: Alpaca keeps no replay of this stream."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.is_taken = False

    @property
    def is_heard(self) -> bool:
        """Whether anyone listens."""
        return bool(self._listeners)

    def add(self, listener: Listener) -> None:
        """From now on ``listener`` is called with every frame."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """No more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def publish(self, data: Json) -> None:
        """One trade update to all."""
        frame = encode({"stream": "trade_updates", "data": data})
        for listener in tuple(self._listeners):
            listener(data["event"], frame)
