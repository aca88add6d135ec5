"""What a key was answered with, without asking what would be done now."""

from pathlib import Path

import pytest

from holdfast.web.asked import Asked
from holdfast.web.errors import Conflict


def test_an_answer_is_found_for_its_own_request_alone(tmp_path: Path) -> None:
    """Until it is answered there is nothing; another person's or another request's key is none of it."""
    asked = Asked(f"sqlite:///{tmp_path / 'web.db'}")
    entry = asked.once("ada", "key", "close AVOR", 1)
    assert asked.answer_to("ada", "key", "close AVOR") is None
    asked.answered(entry, 202, '{"status":"filed"}')
    found = asked.answer_to("ada", "key", "close AVOR")
    assert found is not None
    assert (found.status, found.answer, found.command_id) == (202, '{"status":"filed"}', entry.command_id)
    assert asked.answer_to("bob", "key", "close AVOR") is None
    assert asked.answer_to("ada", "key", "close BRYX") is None
    with pytest.raises(Conflict):
        asked.once("ada", "key", "close BRYX", 2)
