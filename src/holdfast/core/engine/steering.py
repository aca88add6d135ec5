"""What people ask of strategies: switch them off and on, give them other parameters."""

from holdfast.core import drafts
from holdfast.core.codec import encode_params
from holdfast.core.engine.operations import attend, cancel, drop_waiting
from holdfast.core.messages import CommandDone, Envelope
from holdfast.core.milestones import StrategyStarted
from holdfast.core.state import EngineState
from holdfast.core.steering import ParametersSet, SetParameters, StartStrategy, StopStrategy, StrategySwitched
from holdfast.core.strategy.host import Runner
from holdfast.core.strategy.parameters import changed
from holdfast.core.strategy.remake import fault_of
from holdfast.core.turn import Turn
from holdfast.core.types import StrategyId
from holdfast.errors import InvalidValue

OVERSEER = "overseer"
"""Who asks for a strategy's end because it blocks the engine (`runtime/overseer.py`)."""


def stop_strategy(state: EngineState, turn: Turn, command: StopStrategy, record: Envelope) -> CommandDone:
    """Give a strategy no more events: the overseer's word holds until the engine is stopped in order, a person's until it is started again."""
    runner = state.host.runners.get(command.strategy)
    if record.source == OVERSEER:
        if runner is None or command.strategy in state.stopped:
            return CommandDone(accepted=False, text=f"no strategy {command.strategy} runs")
        runner.running = False
        state.host.stops.append((runner, "overran", command.detail))
        attend(state, turn, None)
        return CommandDone(accepted=True, text=f"strategy {command.strategy} was stopped")
    if runner is None:
        return _unknown(state, command.strategy)
    if command.strategy in state.off:
        return CommandDone(accepted=False, text=f"strategy {command.strategy} is switched off")
    turn.record(StrategySwitched(command.strategy, False, command.detail), record.id, record.source)
    for order in drafts.live_regular(state, command.strategy):
        cancel(turn, order, f"strategy {command.strategy} was switched off")
    for key in [key for key in state.waiting if key[0] == command.strategy]:
        drop_waiting(state, turn, key, "its strategy was switched off")
    text = f"strategy {command.strategy} is switched off; its open entries are canceled, its positions and their exits stay"
    return CommandDone(accepted=True, text=text)


def start_strategy(state: EngineState, turn: Turn, command: StartStrategy, record: Envelope) -> CommandDone:
    """Let a strategy run again, made anew."""
    runner = state.host.runners.get(command.strategy)
    if runner is None:
        return _unknown(state, command.strategy)
    if runner.running and command.strategy not in state.off:
        return CommandDone(accepted=False, text=f"strategy {command.strategy} runs")
    switched = turn.record(StrategySwitched(command.strategy, True, command.reason), record.id, record.source)
    return _begun(state, turn, runner, switched, f"strategy {command.strategy} runs again")


def set_parameters(state: EngineState, turn: Turn, command: SetParameters, record: Envelope) -> CommandDone:
    """Give a strategy other parameters: all that are asked for, or none."""
    runner, name = state.host.runners.get(command.strategy), command.strategy
    if runner is None:
        return _unknown(state, name)
    if not command.params:
        if name not in state.parameters:
            return CommandDone(accepted=False, text=f"strategy {name} has the configuration's parameters")
        params, values = "", runner.configured
    else:
        try:
            values = changed(runner.strategy, command.params)
        except InvalidValue as error:
            return CommandDone(accepted=False, text=f"nothing was changed: {error}")
        params = encode_params(values)
    fault = fault_of(state.host, runner, values)
    if fault:
        return CommandDone(accepted=False, text=f"nothing was changed: {fault}")
    done = turn.record(ParametersSet(name, params, command.reason), record.id, record.source)
    if name in state.off or name in state.stopped:
        return CommandDone(accepted=True, text=f"strategy {name} has {encode_params(values)} once it is started again")
    return _begun(state, turn, runner, done, f"strategy {name} was made anew with {encode_params(values)}")


def _begun(state: EngineState, turn: Turn, runner: Runner, cause: Envelope, text: str) -> CommandDone:
    """Say what runs now; what went wrong as it was made anew stops it as at any time."""
    stops = [detail for stopped, _, detail in state.host.stops if stopped is runner]
    if runner.running:
        params = encode_params(runner.strategy.params)
        started = StrategyStarted(runner.id, type(runner.strategy).__name__, runner.symbols, params)
        turn.record(started, cause.id)
    attend(state, turn, None)
    if stops:
        return CommandDone(accepted=True, text=f"{text}, and was stopped at once: {stops[0]}")
    return CommandDone(accepted=True, text=text)


def _unknown(state: EngineState, strategy: StrategyId) -> CommandDone:
    names = ", ".join(sorted(state.host.runners)) or "none"
    return CommandDone(accepted=False, text=f"account {state.account} has no strategy {strategy!r}; it has {names}")
