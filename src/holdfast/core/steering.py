"""What people ask of strategies while they run, and what is recorded of it: a part of `messages.py`.

A strategy that is switched off, or has other parameters than the configuration's, stays so over every restart until a person says otherwise.
"""

from holdfast.core.body import Body
from holdfast.core.types import StrategyId


class StopStrategy(Body, frozen=True, gc=False):
    """Give a strategy no more events: a person asks for it, or an engine that it blocked, with what was seen, as the last that it does."""

    strategy: StrategyId
    detail: str = ""


class StartStrategy(Body, frozen=True, gc=False):
    """Let a strategy run again that was switched off, or stopped for a fault."""

    strategy: StrategyId
    reason: str = ""


class SetParameters(Body, frozen=True, gc=False):
    """Change parameters of a strategy. ``params`` is a JSON object of those that change; empty: go back to the configuration's."""

    strategy: StrategyId
    params: str
    reason: str = ""


class StrategySwitched(Body, frozen=True, gc=False):
    """A person has switched a strategy on or off. One that is switched on is made anew and shown the bars that are kept."""

    strategy: StrategyId
    on: bool
    reason: str = ""


class ParametersSet(Body, frozen=True, gc=False):
    """A strategy has these parameters from here on, all of them as a JSON object; empty: the configuration's.

    It is made anew and shown the bars that are kept.
    """

    strategy: StrategyId
    params: str
    reason: str = ""
