"""Whether a class is a strategy that the engine can call: its callbacks, their arguments, its parameters."""

import inspect
from collections.abc import Iterator
from difflib import get_close_matches

from holdfast.core.strategy.api import Parameters, Strategy

CALLBACKS = tuple(name for name in vars(Strategy) if name.startswith("on_"))
"""What the engine calls."""
NEAR = 0.75
"""So much alike is a name to a callback's that it is taken for a mistake; other names are the author's own."""


def fault_of_shape(strategy: type[Strategy]) -> str:
    """What is wrong with a strategy's class, in one sentence; empty for nothing."""
    return next(_faults(strategy), "")


def _faults(strategy: type[Strategy]) -> Iterator[str]:
    yield from _misspelt(strategy)
    own = [name for name in CALLBACKS if getattr(strategy, name) is not getattr(Strategy, name)]
    for name in own:
        yield from _miscalled(strategy, name)
    if not own:
        yield f"{strategy.__name__} defines no callback, so it would never do anything; give it on_bar, or one of {', '.join(CALLBACKS)}"
    yield from _without_parameters(strategy)
    if type(strategy.history_bars) is not int or strategy.history_bars < 1:
        yield f"{strategy.__name__}.history_bars must be a whole number above zero, not {strategy.history_bars!r}"
    try:
        inspect.signature(strategy).bind(None)
    except TypeError:
        yield f"{strategy.__name__}.__init__ has to take params alone: def __init__(self, params)"


def _misspelt(strategy: type[Strategy]) -> Iterator[str]:
    """Methods that look like a callback and are never called."""
    plain = {_plain(name): name for name in CALLBACKS}
    for owner in strategy.__mro__[: strategy.__mro__.index(Strategy)]:
        for name, value in vars(owner).items():
            if not callable(value) or name in CALLBACKS or not name.lower().startswith("on"):
                continue
            near = get_close_matches(_plain(name), plain, n=1, cutoff=NEAR)
            if near:
                yield (
                    f"{owner.__name__}.{name} is never called; did you mean {plain[near[0]]}? "
                    f"A method of your own may be called _{name}"
                )


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _miscalled(strategy: type[Strategy], name: str) -> Iterator[str]:
    """A callback that can't be called as the engine calls it."""
    method = getattr(strategy, name)
    called_with = list(inspect.signature(getattr(Strategy, name)).parameters)
    form = f"def {name}({', '.join(called_with)})"
    if inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
        yield f"{strategy.__name__}.{name} would never run: write {form}, without async and yield"
        return
    try:
        inspect.signature(method).bind(*called_with)
    except TypeError:
        yield f"{strategy.__name__}.{name} can't be called with {', '.join(called_with[1:])}: write {form}"
    except ValueError:
        return  # it is not written in Python: nothing is known of its arguments


def _without_parameters(strategy: type[Strategy]) -> Iterator[str]:
    params = strategy.Params
    if not (isinstance(params, type) and issubclass(params, Parameters)):
        yield f"{strategy.__name__}.Params has to be a class of Parameters: class Params(Parameters, frozen=True)"
    for owner in strategy.__mro__[: strategy.__mro__.index(Strategy)]:
        for name, value in vars(owner).items():
            if (
                name != "Params"
                and isinstance(value, type)
                and issubclass(value, Parameters)
                and "Params" not in vars(owner)
            ):
                yield f"{owner.__name__}.{name} is never read: the class of a strategy's parameters is called Params"
