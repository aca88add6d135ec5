"""Whether a class is a strategy that the engine can call: its callbacks, their arguments, its parameters."""

import inspect
import re
from collections.abc import Iterator
from difflib import get_close_matches

from holdfast.core.strategy.api import Parameters, Strategy
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.errors import InvalidValue

CALLBACKS = tuple(name for name in vars(Strategy) if name.startswith("on_"))
"""What the engine calls."""
ELSEWHERE = {
    "on_tick": "on_trade",
    "on_price": "on_trade",
    "on_data": "on_bars",
    "on_candle": "on_bar",
    "on_kline": "on_bar",
    "on_minute": "on_bar",
    "on_book": "on_quote",
    "on_order_book": "on_quote",
    "on_execution": "on_fill",
    "on_position": "on_fill",
    "on_init": "on_start",
    "on_begin": "on_start",
    "on_warmup": "on_start",
    "on_split": "on_corporate_action",
    "on_dividend": "on_corporate_action",
    "on_open": "on_session",
    "on_close": "on_session",
    "on_market_open": "on_session",
    "on_market_close": "on_session",
    "on_schedule": "on_timer",
    "on_event": "on_bar",
}
"""What other engines call such callbacks, and what they are called here."""
FAR, NEAR = 0.6, 0.75
"""So much alike is a name that begins with ``on_`` to the callback that is meant, and any other that begins with ``on`` to be taken for one."""


def fault_of_shape(strategy: type[Strategy]) -> str:
    """What is wrong with a strategy's class, in one sentence; empty for nothing."""
    return next(_faults(strategy), "")


def _faults(strategy: type[Strategy]) -> Iterator[str]:
    yield from _misspelt(strategy)
    yield from _hidden(strategy)
    own = [name for name in CALLBACKS if getattr(strategy, name) is not getattr(Strategy, name)]
    for name in own:
        yield from _miscalled(strategy, name)
    if not own:
        yield f"{strategy.__name__} defines no callback, so it would never do anything; give it on_bar, or one of {', '.join(CALLBACKS)}"
    yield from _without_parameters(strategy)
    if type(strategy.history_bars) is not int or strategy.history_bars < 1:
        yield f"{strategy.__name__}.history_bars must be a whole number above zero, not {strategy.history_bars!r}"
    yield from _unknown_timeframes(strategy)
    try:
        inspect.signature(strategy).bind(None)
    except TypeError:
        yield f"{strategy.__name__}.__init__ has to take params alone: def __init__(self, params)"


def _unknown_timeframes(strategy: type[Strategy]) -> Iterator[str]:
    """What stands for other timeframes and is none."""
    wanted: object = strategy.timeframes
    if not isinstance(wanted, tuple | list):
        yield f'{strategy.__name__}.timeframes must be several texts, ("1Day",), not {wanted!r}'
        return
    for text in wanted:
        try:
            parse_timeframe(text)
        except (InvalidValue, TypeError):
            yield f"{strategy.__name__}.timeframes: {text!r} is no timeframe; write 5Min, 1Hour, 1Day, 1Week or 1Month"


def _misspelt(strategy: type[Strategy]) -> Iterator[str]:
    """Methods that look like a callback and are never called."""
    for owner in _owners(strategy):
        for name, value in vars(owner).items():
            if name in CALLBACKS or not (callable(value) or isinstance(value, classmethod)):
                continue
            is_like_one = name.lower().startswith("on_") or re.match("on[A-Z]", name)
            near = _nearest(name, sure=not is_like_one) if name.lower().startswith("on") else ""
            if near or is_like_one:
                hint = f"did you mean {near}?" if near else f"there are {', '.join(CALLBACKS)}."
                yield f"{owner.__name__}.{name} is never called; {hint} A method of your own may be called _{name}"


def _nearest(name: str, *, sure: bool) -> str:
    """The callback that a name most likely means; empty for none. ``sure``: only where it can hardly be anything else."""
    plain = {_plain(known): known for known in CALLBACKS}
    if not sure:
        plain |= {_plain(other): mine for other, mine in ELSEWHERE.items()}
    near = get_close_matches(_plain(name), plain, n=1, cutoff=NEAR if sure else FAR)
    return plain[near[0]] if near else ""


def _owners(strategy: type[Strategy]) -> Iterator[type]:
    """The author's classes in a strategy: all that it is made of but ours."""
    return (owner for owner in strategy.__mro__ if owner not in Strategy.__mro__)


def _hidden(strategy: type[Strategy]) -> Iterator[str]:
    """Callbacks of a class that stands behind Strategy, whose own are called in their place."""
    for owner in strategy.__mro__[strategy.__mro__.index(Strategy) :]:
        for name in CALLBACKS if owner not in Strategy.__mro__ else ():
            if name in vars(owner):
                yield (
                    f"{owner.__name__}.{name} is never called: Strategy stands before it. Write class {strategy.__name__}({owner.__name__}, "
                    "Strategy)"
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
    for owner in _owners(strategy):
        for name, value in vars(owner).items():
            if (
                name != "Params"
                and isinstance(value, type)
                and issubclass(value, Parameters)
                and "Params" not in vars(owner)
            ):
                yield f"{owner.__name__}.{name} is never read: the class of a strategy's parameters is called Params"
