"""A process that must not outlive the one that started it: it holds the end of a pipe that the kernel closes with its starter."""

import os
import threading
from collections.abc import Callable


class Leash:
    """A pipe from a child to its parent; the child gets the descriptor ``child``, and hears of the parent's end by it."""

    def __init__(self) -> None:
        self.child, self._parent = os.pipe()

    def handed_over(self) -> None:
        """The child has its end."""
        os.close(self.child)

    def close(self) -> None:
        """Let the child go."""
        os.close(self._parent)


def follow(descriptor: int, end: Callable[[], None]) -> None:
    """In the child: call ``end``, in a thread of its own, once the parent is gone."""

    def wait() -> None:
        while os.read(descriptor, 1):
            pass
        end()

    threading.Thread(target=wait, name="leash", daemon=True).start()
