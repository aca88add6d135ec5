"""The catalogue of the faults, and the page about them."""

from pathlib import Path

import pytest

from holdfast.sim.alpaca.faults.catalogue import CATALOGUE, FaultName
from holdfast.sim.alpaca.faults.http import AFTER, BEFORE
from tools import fault_table


def test_every_fault_is_explained() -> None:
    """Each name has an entry, which says what is seen and what is true."""
    assert set(CATALOGUE) == set(FaultName)
    assert all(entry.seen and entry.true for entry in CATALOGUE.values())


def test_faults_around_requests_are_asked_in_the_order_of_the_page() -> None:
    """The page says that the first in its table wins."""
    names = list(FaultName)
    assert [*BEFORE, *AFTER] == names[: len(BEFORE) + len(AFTER)]


def test_the_page_is_up_to_date() -> None:
    """docs/sim-alpaca-faults.md is exactly what the catalogue makes."""
    assert fault_table.PAGE.read_text(encoding="utf-8") == fault_table.page()


def test_a_page_that_is_behind_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check fails on a missing or an old page, and the remedy it names works."""
    monkeypatch.setattr(fault_table, "PAGE", tmp_path / "faults.md")
    assert fault_table.main([]) == 1
    assert fault_table.main(["--write"]) == 0
    assert fault_table.main([]) == 0
    fault_table.PAGE.write_text(fault_table.page() + "more\n", encoding="utf-8")
    assert fault_table.main([]) == 1
    assert fault_table.main(["--right"]) == 2
