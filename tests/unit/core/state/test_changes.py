"""Which records change an account's state: every one of them, or on purpose none of it."""

from typing import get_args

import pytest

from holdfast.core.messages import AnyBody, Bar
from holdfast.core.state import CHANGES, UNCHANGED, joined
from holdfast.core.state.account import Change
from holdfast.errors import Fatal


def test_every_type_of_record_is_provided_for() -> None:
    """A type of record that nobody has thought of is in neither; one that is no record any more is in neither too."""
    bodies = set(get_args(AnyBody))
    assert bodies - CHANGES.keys() - UNCHANGED == set()
    assert (CHANGES.keys() | UNCHANGED) - bodies == set()


def test_no_record_both_changes_something_and_nothing() -> None:
    """The two are told apart."""
    assert not CHANGES.keys() & UNCHANGED


def test_a_record_with_two_changes_is_a_fault() -> None:
    """The tables of two subjects may not change the state by the same record: nobody could say which comes first."""
    table: dict[type, Change] = {Bar: lambda _state, _envelope, _body: None}
    assert joined(table, {}) == table
    with pytest.raises(Fatal, match="two tables change the state by Bar"):
        joined(table, dict(table))
