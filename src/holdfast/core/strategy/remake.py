"""Making a strategy anew while its account trades: with other parameters, or after it was stopped.

It begins as at a start: ``on_start``, then the bars that are kept of its symbols, with its asks dropped; then it goes on. All that it sees follows from
the market's events and the journal's records, so a restart that comes by the same record makes the same strategy.
"""

from collections import deque
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from holdfast.core.arithmetic import setcontext, use_exact
from holdfast.core.codec import encode_params
from holdfast.core.messages import Bar
from holdfast.core.strategy.host import Host, Runner
from holdfast.core.strategy.lanes import Lane
from holdfast.core.strategy.parameters import from_json, to_params
from holdfast.core.types import StrategyId
from holdfast.errors import InvalidValue


def fault_of(host: Host, runner: Runner, params: Any) -> str:
    """Why a strategy can't be made with these parameters; empty when it can."""
    host.calling = runner
    if runner.arithmetic is not None:
        setcontext(runner.arithmetic)
    try:
        type(runner.strategy)(params)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not host.stops_on_interrupt:
            raise
        return f"{type(runner.strategy).__name__} can't be made: {type(error).__name__}: {error}"
    finally:
        host.calling = None
        use_exact()
    return ""


def has_params(runner: Runner, params: str) -> bool:
    """Whether a strategy has the parameters of a JSON object; empty: the configuration's."""
    return encode_params(runner.strategy.params) == (params or encode_params(runner.configured))


def remake(host: Host, strategy: StrategyId, params: str) -> None:
    """Make a strategy anew, with the parameters of a JSON object; empty: the configuration's. One that isn't here is passed over.

    One that can't be made, or raises, is stopped as any that raises.
    """
    runner = host.runners.get(strategy)
    if runner is None:
        return
    try:
        values = to_params(type(runner.strategy), from_json(params)) if params else runner.configured
    except InvalidValue as error:
        runner.running = False
        host.stops.append((runner, "raised", f"its recorded parameters don't fit it any more: {error}"))
        return
    muted, now_ns, event_ns = host.muted, host.now_ns, host.event_ns
    host.muted = True
    try:
        _clear(host, runner)
        if host.make(runner, values):
            host.begin(runner)
            _warm_up(host, runner)
    finally:
        host.muted, host.now_ns, host.event_ns = muted, now_ns, event_ns
    host.schedule.drop(runner, now_ns)
    host.wake_ns = 0


def _clear(host: Host, runner: Runner) -> None:
    """Forget what the former one has set up."""
    for lane in _lanes(host, runner):
        lane.meters.clear()
    host.schedule.drop(runner)
    host.gathered = [other for other in host.gathered if other is not runner]
    runner.indicators, runner.together = {}, {}
    runner.has_more = runner.wants_together
    runner.running = True


def _lanes(host: Host, runner: Runner) -> list[Lane]:
    lanes = host.lanes
    own = [lanes.own[runner.id]] if runner.id in lanes.own else []
    return own + [lane for (owner, _), lane in lanes.others.items() if owner == runner.id]


def _warm_up(host: Host, runner: Runner) -> None:
    """Show it the bars that are kept, each with the histories as they were then."""
    kept: list[tuple[Bar, Lane | None]] = [(bar, None) for bar in _taken(runner.history)]
    for other in _lanes(host, runner):
        kept += [(bar, other) for bar in _taken(other.history)]
    kept.sort(key=lambda item: (item[0].time_ns, item[1] is None, item[0].symbol, item[0].start_ns))
    for time_ns, group in groupby(kept, key=lambda item: item[0].time_ns):
        host.now_ns = time_ns
        together: list[Bar] = []
        for bar, lane in group:
            if lane is not None:
                lane.history[bar.symbol].append(bar)
                host.lanes.feed(lane, bar)
            else:
                runner.history[bar.symbol].append(bar)
                together.append(bar)
        if runner.id in host.lanes.own:
            for bar in together:
                host.lanes.feed(host.lanes.own[runner.id], bar)
        for bar in together:
            host.call(bar, [runner])
        if runner.wants_together and together:
            runner.together, host.gathered = {bar.symbol: bar for bar in together}, [runner, *host.gathered]
            host.call_together()


def _taken(history: dict[str, deque[Bar]]) -> Iterator[Bar]:
    """The bars of histories, which are empty then."""
    for symbol, bars in history.items():
        history[symbol] = deque(maxlen=bars.maxlen)
        yield from bars
