"""The page about the life of an order is what the table says."""

from pathlib import Path

import pytest

from tools import order_table


def test_the_page_is_up_to_date() -> None:
    """docs/orders.md is exactly what the table makes."""
    assert order_table.PAGE.read_text(encoding="utf-8") == order_table.page()


def test_a_page_that_is_behind_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check fails on a missing or an old page, names the remedy, and the remedy works."""
    monkeypatch.setattr(order_table, "PAGE", tmp_path / "orders.md")
    assert order_table.main([]) == 1
    assert order_table.main(["--write"]) == 0
    assert order_table.main([]) == 0
    order_table.PAGE.write_text(order_table.page().replace("overfill", "over fill"), encoding="utf-8")
    assert order_table.main([]) == 1
    assert order_table.main(["--right"]) == 2
