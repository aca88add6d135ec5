"""Lengths of time as people type them."""

import pytest

from holdfast.control.duration import seconds
from holdfast.errors import InvalidValue


@pytest.mark.parametrize("text", ["٣s", "9" * 400 + "h", "1e3s", "-1s", "nan s", "0s", "5", ""])
def test_a_duration_has_plain_digits_and_an_end(text: str) -> None:
    """One that overflows would never come."""
    with pytest.raises(InvalidValue):
        seconds(text)
