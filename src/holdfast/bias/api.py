"""``from holdfast import lookahead``: whether a strategy decides by what it could know."""

from collections.abc import Callable
from decimal import getcontext, setcontext
from inspect import Parameter, signature
from typing import Any

from holdfast.backtesting.api import backtest, prepare
from holdfast.bias.check import CUTS, Checked, check
from holdfast.bias.poison import Frames
from holdfast.bias.verdict import Report


def lookahead(
    strategy: Any,
    data: Any,
    *,
    cuts: int = CUTS,
    warm_up: int | None = None,
    progress: Callable[[int, int], object] = lambda _done, _of: None,
    **arguments: Any,
) -> Report:
    """Run a strategy over futures that did not happen and over shortened histories, and say whether its decisions change (docs/lookahead.md).

    ``strategy``, ``data`` and ``arguments`` are those of :func:`holdfast.backtest`. At ``cuts`` times at which it decided, and some others, everything
    after is changed, upwards and downwards; a frame of pandas is changed in place meanwhile, so that a strategy that reads it by itself reads the other future.
    ``warm_up`` is how many bars of history it is to be given; left out, ten times as many as it waits by itself.

    Returns a :class:`~holdfast.bias.verdict.Report`; ``report.passed`` is whether nothing was found. Raises as :func:`holdfast.backtest` does.
    """
    known = signature(backtest).parameters
    said: dict[str, Any] = {key: value.default for key, value in known.items() if value.kind is Parameter.KEYWORD_ONLY}
    more = {key: value for key, value in arguments.items() if key not in said}
    own = getcontext()
    try:
        made = prepare({**said, **arguments, "strategy": strategy, "data": data, "parameters": more}, "lookahead")
        feed = made.source.open(made.config)
        frame = made.source.frame
        times = [] if frame is None else frame["ts"].cast("int64").to_pylist()
        frames = Frames(data, times) if times else None
        return check(Checked(made.config, feed, made.classes, frames, cuts, warm_up), progress)
    finally:
        setcontext(own)
