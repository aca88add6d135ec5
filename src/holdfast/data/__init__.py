"""Market data that people have, as Holdfast's own columns: files of any layout, frames of Python libraries, a catalogue."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.data.frames import from_frame

__all__ = ["from_frame"]


def __getattr__(name: str) -> Any:
    """What is asked for is loaded then: Arrow takes a while."""
    if name == "from_frame":
        from holdfast.data.frames import from_frame

        return from_frame
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
