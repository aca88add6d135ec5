"""What a fault is: where it bites, what the client sees and what is true, and what it can be told. Each broker has a catalogue of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class StreamFault(StrEnum):
    """What goes wrong on the way of a frame, at any broker; the names are the same in each catalogue."""

    DROP = "stream_drop"
    DUPLICATE = "stream_duplicate"
    REORDER = "stream_reorder"
    MUTE = "stream_mute"


class Place(StrEnum):
    """Where a fault bites, which decides what it can be narrowed to."""

    HTTP = "http"  # around a request
    TRADING = "trading"  # in the life of an order
    STREAM = "stream"  # on a websocket
    NOW = "now"  # at once, when it is posted


@dataclass(frozen=True)
class Parameter:
    """One thing that a fault can be told. ``kind`` is one of ``KINDS`` (`spec.py`), or the words it may be."""

    meaning: str
    kind: str | tuple[str, ...]
    default: object = None


@dataclass(frozen=True)
class Entry:
    """What one fault does. ``lasting``: once it fires it goes on for ``seconds`` of the wall clock."""

    place: Place
    seen: str
    true: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    lasting: bool = False


COUNTING: Mapping[str, Parameter] = {
    "times": Parameter(
        "how often it fires before it is used up; null: no limit (default 1, with a probability null)", "count"
    ),
    "probability": Parameter("how likely each chance fires, 0 to 1; drawn from a generator of its own", "share"),
    "after": Parameter("how many chances go by first", "count", 0),
    "seed": Parameter("where the generator of the probability starts", "count", 0),
}
"""What every fault can be told that waits for its chance."""
