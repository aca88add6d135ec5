"""What an account goes by is changed: by the configuration file that was read again, or by a start that finds another one."""

from holdfast.core.engine.clock import turn_at
from holdfast.core.messages import CommandDone
from holdfast.core.settings import Reread, SettingsChanged, changes_between, written
from holdfast.core.state import EngineState
from holdfast.core.state.settings import settings_of
from holdfast.core.turn import Turn

AT_START = "the configuration file of this start"
"""The reason of a change that no command asked for."""


def on_reread(state: EngineState, found: Reread) -> Turn | None:
    """Take what the file says, whole, and answer who asked. None for another account's command that changes nothing here."""
    before = settings_of(state)
    if found.command is None and (found.fault or (found.settings == before and not found.changes)):
        return None
    turn = turn_at(state, found.time_ns)
    turn.correlation_id = found.id
    cause = found.id
    if found.command is not None:
        cause = turn.record(found.command, found.id, found.source).id
    if not found.fault and (found.changes or found.settings != before):
        turn.record(
            SettingsChanged(written(before), written(found.settings), found.changes, found.reason), cause, found.source
        )
        turn.touch_account(cause)
    if found.command is not None:
        turn.record(CommandDone(not found.fault, found.fault or found.text), cause)
    return turn


def settle(state: EngineState, turn: Turn) -> None:
    """At a start: where the records lead to other settings than the configuration file's, the file's are taken, and that is recorded."""
    wanted, before = state.configured, settings_of(state)
    if wanted is not None and wanted != before:
        turn.record(SettingsChanged(written(before), written(wanted), changes_between(before, wanted), AT_START))
