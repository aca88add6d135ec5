"""When settings were changed while an engine ran, for people who look."""

from types import SimpleNamespace
from typing import Any

from holdfast.core.messages import PAPER, Envelope
from holdfast.core.settings import SettingChange, SettingsChanged
from holdfast.views.encode import as_json
from holdfast.views.settings import last_changes


def test_the_last_change_is_told_with_who_asked() -> None:
    """Of accounts whose settings were never changed nothing is."""
    body = SettingsChanged("{}", "{}", (SettingChange("live.check_every_s", "10", "5"),), "quicker")
    record = Envelope("r1", 1_000_000_000, "one", PAPER, "cli:alice", "c1", "c1", 7, 1, 0, body)
    reader: Any = SimpleNamespace(last_record=lambda account, _kind: record if account == "one" else None)
    (found,) = last_changes(reader, ["one", "two"])
    assert as_json(found) == {
        "account": "one",
        "time": "1970-01-01T00:00:01Z",
        "source": "cli:alice",
        "reason": "quicker",
        "changes": ["live.check_every_s 10 -> 5"],
    }
