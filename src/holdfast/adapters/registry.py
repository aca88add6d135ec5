"""Adapters by name: those that ship, and those that installed packages offer as entry points of the group ``holdfast.adapters``.

An adapter is imported when it is asked for: a program that trades on paper alone loads no other broker.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from holdfast.brokers.adapter import Adapter
from holdfast.errors import Refused

GROUP = "holdfast.adapters"
"""An entry point's name is the broker's; its value, such as ``package.module:ADAPTER``, is an instance of `Adapter`."""
SHIPPED = {
    name: EntryPoint(name, f"holdfast.adapters.{name}.adapter:ADAPTER", GROUP)
    for name in ("paper", "alpaca", "zerodha")
}


def names() -> Sequence[str]:
    """The name of every adapter there is."""
    return (*SHIPPED, *sorted({point.name for point in entry_points(group=GROUP)} - SHIPPED.keys()))


def is_known(name: str) -> bool:
    """Whether there is an adapter of this name."""
    return name in SHIPPED or bool(entry_points(group=GROUP, name=name))


def nearest(name: str, there: Sequence[str]) -> str:
    """A hint for a person who wrote ``name``: the nearest of the words there are, or all of them."""
    near = get_close_matches(name, there, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}"


@cache
def load(name: str) -> Adapter[Any]:
    """The adapter of a broker. Raises :class:`~holdfast.errors.Refused` when there is none, or it can't be imported."""
    point = SHIPPED.get(name) or _offered(name)
    try:
        found = getattr(import_module(point.module), point.attr)
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise Refused(
            f"the adapter of broker {name} ({point.value}) can't be loaded: {type(error).__name__}: {text}"
        ) from error
    if not isinstance(found, Adapter) or found.name != name:
        raise Refused(
            f"{point.value} is no adapter of broker {name}: it must be a holdfast.brokers.adapter.Adapter of that name"
        )
    return found


def _offered(name: str) -> EntryPoint:
    points = tuple(entry_points(group=GROUP, name=name))
    if not points:
        raise Refused(
            f"there is no adapter for broker {name!r}, so nothing can be traded there; {nearest(name, names())}"
        )
    if len({point.value for point in points}) > 1:
        both = " and ".join(sorted(point.value for point in points))
        raise Refused(f"{both} both are adapters of broker {name}; uninstall one of the packages")
    return points[0]
