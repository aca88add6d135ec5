"""Every row of the fault matrix has a test, and the page says which."""

from pathlib import Path

import pytest

from tools import fault_matrix


def test_every_row_is_proven() -> None:
    """No row and no invariant is without a test, and no test names one that there is not."""
    assert fault_matrix.problems() == []


def test_the_page_is_up_to_date() -> None:
    """docs/fault-matrix.md is exactly what rows and marks make."""
    assert fault_matrix.PAGE.read_text(encoding="utf-8") == fault_matrix.page()


def test_a_row_that_lost_its_test_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A matrix whose tests prove one row, and one that there is not: all others are named, and so is that one."""
    folder = tmp_path / "crash"
    folder.mkdir()
    mark = "@pytest.mark.proves"
    (folder / "test_some.py").write_text(
        f'import pytest\n\npytestmark = [pytest.mark.slow, pytest.mark.proves("I1")]\n\n\n{mark}("K3", "K99")\ndef test_it() -> None:\n    """It."""\n'
    )
    monkeypatch.setattr(fault_matrix, "TESTS", tmp_path)
    monkeypatch.setattr(fault_matrix, "PAGE", tmp_path / "page.md")
    found = fault_matrix.problems()
    assert "nothing proves K3" not in found
    assert "nothing proves I1" not in found
    assert "nothing proves K4" in found
    assert "K99 is no row: crash/test_some.py::test_it" in found
    assert fault_matrix.main(["--write"]) == 0
    assert "`crash/test_some.py`: it" in fault_matrix.PAGE.read_text(encoding="utf-8")
    assert fault_matrix.main([]) == 1
    assert "nothing proves K4" in capsys.readouterr().err
