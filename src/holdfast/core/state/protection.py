"""Guards, what they lack, and what is being closed."""

from msgspec.structs import replace

from holdfast.core.messages import (
    Envelope,
)
from holdfast.core.protection.cover import Closing, Cover, mind
from holdfast.core.protection.legs import Guard
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionClosing,
    PositionKept,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
    StopAsked,
    StopMoved,
    StopPassed,
)
from holdfast.core.state.account import Change, EngineState, Key
from holdfast.core.types import (
    ClientOrderId,
)


def unguard(state: EngineState, key: Key) -> None:
    """A position is flat or has turned round: what guarded it, or was closing it, is over."""
    state.closing.pop(key, None)
    guard = state.guards.pop(key, None)
    if guard is not None:
        del state.covers[key]
        state.note_guards()


def _stop_asked(state: EngineState, envelope: Envelope, body: StopAsked) -> None:
    key = (body.strategy, body.symbol)
    known = state.guards.get(key) or Guard(ClientOrderId(""), None, None, opened_ns=envelope.time_ns)
    state.guards[key] = replace(known, stop_loss=body.stop_loss)
    state.covers[key] = Cover(since_ns=state.covers[key].since_ns if key in state.covers else 0)
    state.note_guards()
    mind(state, body.symbol, envelope.time_ns)


def _stop_moved(state: EngineState, envelope: Envelope, body: StopMoved) -> None:
    key = (body.strategy, body.symbol)
    state.guards[key] = replace(state.guards[key], stop_loss=body.stop_loss)
    state.covers[key].moved_ns = envelope.time_ns
    mind(state, body.symbol, envelope.time_ns)


def _stop_passed(state: EngineState, envelope: Envelope, body: StopPassed) -> None:
    state.covers[body.strategy, body.symbol].passed_ns = 0 if body.limit is None else envelope.time_ns


def _protected(state: EngineState, _envelope: Envelope, body: ProtectionComplete) -> None:
    cover = state.covers[body.strategy, body.symbol]
    cover.since_ns, cover.is_late = 0, False


def _protection_late(state: EngineState, _envelope: Envelope, body: ProtectionLate) -> None:
    state.covers[body.strategy, body.symbol].is_late = True


def _protection_failed(state: EngineState, _envelope: Envelope, body: ProtectionFailed) -> None:
    state.covers[body.strategy, body.symbol].has_failed = True


def _position_closing(state: EngineState, _envelope: Envelope, body: PositionClosing) -> None:
    state.closing[body.strategy, body.symbol] = Closing(body.reason, causes=body.causes)


def _position_kept(state: EngineState, envelope: Envelope, body: PositionKept) -> None:
    del state.closing[body.strategy, body.symbol]
    mind(state, body.symbol, envelope.time_ns)


def _blocked(state: EngineState, _envelope: Envelope, body: ExitBlocked) -> None:
    state.blocked[body.strategy, body.symbol] = body.order


def _position_left(state: EngineState, envelope: Envelope, body: PositionLeft) -> None:
    state.closing[body.strategy, body.symbol].is_left = True
    mind(state, body.symbol, envelope.time_ns)


CHANGES: dict[type, Change] = {
    StopAsked: _stop_asked,
    StopMoved: _stop_moved,
    StopPassed: _stop_passed,
    ProtectionComplete: _protected,
    ProtectionLate: _protection_late,
    ProtectionFailed: _protection_failed,
    PositionClosing: _position_closing,
    PositionKept: _position_kept,
    PositionLeft: _position_left,
    ExitBlocked: _blocked,
}
"""What each record changes here."""
