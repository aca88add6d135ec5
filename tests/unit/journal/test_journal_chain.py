"""The hash chain covers everything, and can't be fooled by moving text about."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.reader import RecordRow
from holdfast.journal.tables import records

COLUMNS: tuple[Any, ...] = ("main", 1, 1, 0, 1_700, "Halt", "id", "corr", "cause", "cli:a", "paper", 1, "{}")


def test_covers_every_column() -> None:
    """Every column of a record but the hash itself goes into the hash, in the table's order."""
    assert (*HASHED, "hash") == tuple(records.columns.keys()) == RecordRow._fields
    assert len(COLUMNS) == len(HASHED)


@pytest.mark.parametrize("position", range(len(COLUMNS)))
def test_changes_with_each_column(position: int) -> None:
    """A change of any one column, or of the hash before, changes the hash."""
    changed = list(COLUMNS)
    changed[position] = changed[position] + 1 if isinstance(changed[position], int) else changed[position] + "x"
    assert link(GENESIS, tuple(changed)) != link(GENESIS, COLUMNS)
    assert link("1" * 64, COLUMNS) != link(GENESIS, COLUMNS)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_framing_is_unambiguous(one: str, two: str, three: str, four: str) -> None:
    """Two records have one hash only if each of their columns is the same, however the text is cut."""
    assert (link(GENESIS, (one, two)) == link(GENESIS, (three, four))) is ((one, two) == (three, four))


def test_stays_what_it_was() -> None:
    """The hash of a given record never changes from one version to the next: old journals must stay provable."""
    assert link(GENESIS, COLUMNS) == "0719d13b49f44a650c55f631b874ec13e1a6fd6520a47e7ebb819ea3379062e5"
