"""The pages about the faults of brokers in a box."""

from pathlib import Path

import pytest

from tools import fault_table, pages


@pytest.mark.parametrize("broker", fault_table.BROKERS, ids=lambda broker: broker.folder)
def test_the_page_is_up_to_date(broker: fault_table.Broker) -> None:
    """It is exactly what the catalogue makes."""
    assert fault_table.path_of(broker).read_text(encoding="utf-8") == fault_table.page(broker)


def test_a_page_that_is_behind_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check fails on a missing or an old page, and the remedy it names works."""
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    assert fault_table.main([]) == 1
    assert fault_table.main(["--write"]) == 0
    assert fault_table.main([]) == 0
    kite = fault_table.path_of(fault_table.BROKERS[1])
    kite.write_text(kite.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
    assert fault_table.main([]) == 1
    assert fault_table.main(["--right"]) == 2
