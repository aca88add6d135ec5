"""Brokers in a box, by the names of their adapters."""

from importlib import import_module

from holdfast.adapters.registry import load, names
from holdfast.errors import Refused
from holdfast.sim.chassis.tortured import Box


def boxed() -> list[str]:
    """The brokers that there is a box of."""
    return [name for name in names() if load(name).box]


def box_of(broker: str) -> Box:
    """The box of a broker. Raises Refused when there is none."""
    module = load(broker).box
    if not module:
        raise Refused(f"there is no {broker} on this machine to kill engines on; there are {', '.join(boxed())}")
    found: Box = import_module(module).BOX
    return found
