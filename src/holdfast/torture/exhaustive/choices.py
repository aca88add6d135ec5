"""All ways through a program that makes choices: it is run again and again until every combination was made.

::

    for choices in every():
        colour = choices.of("red", "green")
        size = choices.of(1, 2, 3) if colour == "red" else 1

runs four times. What can be chosen may depend on what was chosen before.
"""

from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """One run's choices. ``vector`` says which option was taken each time."""

    def __init__(self, vector: list[int]) -> None:
        self.vector = vector
        self._bounds: list[int] = []

    def of(self, *options: T) -> T:
        """One of the options."""
        place = len(self._bounds)
        if place == len(self.vector):
            self.vector.append(0)
        self._bounds.append(len(options))
        return options[self.vector[place]]

    def following(self) -> list[int] | None:
        """The vector that comes after this one; None after the last: the last choice that has an option left takes that."""
        for place in reversed(range(len(self._bounds))):
            if self.vector[place] + 1 < self._bounds[place]:
                return [*self.vector[:place], self.vector[place] + 1]
        return None


def every() -> Iterator[Choices]:
    """All of them. Each has to be used up before the next is asked for."""
    vector: list[int] | None = []
    while vector is not None:
        choices = Choices(vector)
        yield choices
        vector = choices.following()
