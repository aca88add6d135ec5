"""The account's state, its trading day, its starts and stops."""

from holdfast.core.codec import Ids
from holdfast.core.messages import (
    PAPER,
    Envelope,
    Flatten,
    Flattened,
)
from holdfast.core.milestones import (
    AccountBound,
    AccountStateChanged,
    EngineStarted,
    EngineStopped,
    Impaired,
    RecoveryCompleted,
    Restored,
    StrategyStopped,
    TradingDayStarted,
)
from holdfast.core.permits import BrokerPermits
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import Cause
from holdfast.core.state.account import Change, EngineState
from holdfast.core.steering import ParametersSet, StrategySwitched
from holdfast.core.strategy.remake import has_params, remake
from holdfast.core.types import (
    NO_MONEY,
)


def _account(state: EngineState, envelope: Envelope, body: AccountStateChanged) -> None:
    state.account_state = body.new
    state.preserved_ns = envelope.time_ns if body.new is AccountState.PRESERVATION else 0


def _permitted(state: EngineState, _envelope: Envelope, body: BrokerPermits) -> None:
    state.permits = body


def _bound(state: EngineState, _envelope: Envelope, body: AccountBound) -> None:
    state.broker_account_id = body.broker_account_id
    state.held_executions = body.executions


def _impaired(state: EngineState, envelope: Envelope, body: Impaired) -> None:
    state.impairments[body.cause] = body.reason
    state.impaired_ns[body.cause] = envelope.time_ns


def _restored(state: EngineState, envelope: Envelope, body: Restored) -> None:
    state.impairments.pop(body.cause, None)
    state.impaired_ns.pop(body.cause, None)
    if body.cause == Cause.MARKET_DATA:
        state.listening_ns = envelope.time_ns
    if body.cause == Cause.DRAWDOWN:
        state.counters.peak_equity = NO_MONEY  # the next valuation is the first of a new peak


def _trading_day(state: EngineState, _envelope: Envelope, body: TradingDayStarted) -> None:
    state.trading_day = body.trading_day
    state.day_start_equity = body.day_start_equity
    state.counters.begin_day(body.strategy_pnl, body.day_trades_from)
    state.activities.begin_day()


def _strategy_stopped(state: EngineState, _envelope: Envelope, body: StrategyStopped) -> None:
    state.stopped.add(body.strategy)


def _switched(state: EngineState, _envelope: Envelope, body: StrategySwitched) -> None:
    runner = state.host.runners.get(body.strategy)
    if body.on:
        state.stopped.discard(body.strategy)
        state.off.discard(body.strategy)
        remake(state.host, body.strategy, state.parameters.get(body.strategy, ""))
    else:
        state.off.add(body.strategy)
        if runner is not None:
            runner.running = False


def _parameters_set(state: EngineState, _envelope: Envelope, body: ParametersSet) -> None:
    if body.params:
        state.parameters[body.strategy] = body.params
    else:
        state.parameters.pop(body.strategy, None)
    if body.strategy not in state.off and body.strategy not in state.stopped:
        remake(state.host, body.strategy, body.params)


def take_parameters(state: EngineState) -> None:
    """Make those strategies anew, of a state that was not built up record by record, that have other parameters than the configuration's."""
    for strategy, params in state.parameters.items():
        remake(state.host, strategy, params)


def _engine_stopped(state: EngineState, _envelope: Envelope, _body: EngineStopped) -> None:
    """A stop in order gives every strategy a new chance, with the parameters that were set while it stood; a crash does not."""
    chance = sorted(state.stopped - state.off)
    state.stopped.clear()
    for strategy in chance if not state.host.ending else ():  # the process that ends makes none
        runner = state.host.runners.get(strategy)
        wanted = state.parameters.get(strategy, "")
        if runner is not None and not has_params(runner, wanted):
            remake(state.host, strategy, wanted)


def _flatten(state: EngineState, _envelope: Envelope, _body: Flatten) -> None:
    state.flattening = True
    state.flatten_tries = {}


def _flattened(state: EngineState, _envelope: Envelope, _body: Flattened) -> None:
    state.flattening = False


def _started(state: EngineState, _envelope: Envelope, body: EngineStarted) -> None:
    state.epoch = body.epoch
    state.ids = Ids(state.account, body.epoch)
    if body.lists_instruments:
        state.register.begin(body.currency)
    state.preserved_ns = 0  # PRESERVATION goes on, and acts when it is known what is missing now
    is_replayed = state.broker == PAPER and not state.broker_account_id  # bound on a live feed only, on paper too
    if not is_replayed:  # a market that went on without us: what was asked for in another one is not asked for now
        state.waiting.clear()


def _recovered(state: EngineState, envelope: Envelope, _body: RecoveryCompleted) -> None:
    state.listening_ns = envelope.time_ns
    state.impaired_ns = dict.fromkeys(state.impairments, envelope.time_ns)
    if state.account_state is AccountState.PRESERVATION:
        state.preserved_ns = envelope.time_ns


CHANGES: dict[type, Change] = {
    AccountBound: _bound,
    BrokerPermits: _permitted,
    Impaired: _impaired,
    Restored: _restored,
    AccountStateChanged: _account,
    TradingDayStarted: _trading_day,
    StrategyStopped: _strategy_stopped,
    StrategySwitched: _switched,
    ParametersSet: _parameters_set,
    EngineStopped: _engine_stopped,
    Flatten: _flatten,
    Flattened: _flattened,
    EngineStarted: _started,
    RecoveryCompleted: _recovered,
}
"""What each record changes here."""
