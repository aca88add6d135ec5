"""The last call of an account's strategies, when their engine stops in an orderly way."""

import structlog

from holdfast.core.state import EngineState

log = structlog.get_logger(__name__)


def end_strategies(state: EngineState) -> None:
    """Call ``on_end`` of each. One that raises is told of and not recorded: at the next start it trades again."""
    state.host.end()
    for runner, reason, detail in state.host.stops:
        log.error(
            "on_end of a strategy failed", account=state.account, strategy=runner.id, reason=reason, detail=detail
        )
    state.host.stops = []
