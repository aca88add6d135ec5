"""What a process beside the engine takes of a file that is read again: rules and thresholds, whole or not at all, and what is said of it."""

from typing import Any

import pytest

from holdfast.config import Config
from holdfast.config.rereading import OBSERVER, WEB, Process, Rereader
from holdfast.errors import InvalidValue
from tests.unit.config.test_differences import account, config


def reread(process: Process, new: Config | Exception, old: Config | None = None) -> str:
    """What is said of it. Raises what it raises."""

    def load() -> Config:
        if isinstance(new, Exception):
            raise new
        return new

    rereader = Rereader(process, old or config(), load)
    before = rereader.config
    try:
        told = rereader.read()
    except InvalidValue:
        assert rereader.config is before
        raise
    assert rereader.config is new
    return told


@pytest.mark.parametrize(
    ("process", "changes", "told"),
    [
        (OBSERVER, {"monitor": {"answer_late_s": 4}}, "monitor.answer_late_s 10 -> 4"),
        (WEB, {"monitor": {"signals_late_s": 4}}, "monitor.signals_late_s unset -> 4"),
        (OBSERVER, {"alerts": {"per_minute": 3}}, "alerts.per_minute 10 -> 3"),
        (OBSERVER, {"alerts": {"rules": [{"rule": "disk", "limit": 9}]}}, "alerts.rules.disk.limit unset -> 9"),
        (OBSERVER, {"alerts": {"targets": [{"name": "a", "url": "json://x/t0ken"}]}}, "alerts.targets changed"),
        (OBSERVER, {"accounts": account(risk={"max_gross_pct": "50"}), "web": {"port": 9}}, ""),
        (WEB, {"tracing": {"otlp": "http://127.0.0.1:1"}}, ""),
    ],
)  # fmt: skip
def test_rules_and_thresholds_are_taken(process: Process, changes: dict[str, Any], told: str) -> None:
    """With what was and what is, but for a target's address; what is the engine's, or another's, stops nothing and is theirs to tell."""
    assert reread(process, config(**changes)) == told


@pytest.mark.parametrize(
    ("process", "changes", "why"),
    [
        (OBSERVER, {"monitor": {"window_s": 99, "answer_late_s": 4}}, "monitor.window_s needs a restart of holdfast observe"),
        (OBSERVER, {"monitor": {"listen": "127.0.0.1:1"}}, "monitor.listen needs"),
        (OBSERVER, {"observer": {"every_s": 2}, "alerts": {"per_minute": 3}}, "observer.every_s needs"),
        (WEB, {"web": {"port": 9}}, "web.port needs a restart of holdfast web"),
        (WEB, {"accounts": account(cash="5"), "alerts": {"per_minute": 3}}, "accounts.one.cash needs"),
    ],
)  # fmt: skip
def test_what_needs_a_restart_refuses_the_whole(process: Process, changes: dict[str, Any], why: str) -> None:
    """Nothing else of the file is taken then."""
    with pytest.raises(InvalidValue, match=why):
        reread(process, config(**changes))


def test_a_file_in_which_anything_is_wrong_is_refused() -> None:
    """What was in force stays."""
    with pytest.raises(InvalidValue, match="no such rule"):
        reread(OBSERVER, InvalidValue("no such rule"))
