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
        f'import pytest\n\npytestmark = [pytest.mark.process, pytest.mark.proves("I1")]\n\n\n{mark}("K3", "K99")\ndef test_it() -> None:\n    """It."""\n'
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


def test_a_row_that_only_a_campaign_proves_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row needs a test that every run of `make test` does; a campaign's is one more, and the page says that it is one."""
    (tmp_path / "test_long.py").write_text(
        "import pytest\n\n\n"
        '@pytest.mark.campaign\n@pytest.mark.proves("K3", "K4")\ndef test_long() -> None:\n    """It."""\n\n\n'
        '@pytest.mark.proves("K4")\ndef test_short() -> None:\n    """It."""\n'
    )
    (tmp_path / "test_all_long.py").write_text(
        'import pytest\n\npytestmark = [pytest.mark.campaign, pytest.mark.proves("K5")]\n\n\n'
        'def test_long() -> None:\n    """It."""\n'
    )
    monkeypatch.setattr(fault_matrix, "TESTS", tmp_path)
    found = [problem for problem in fault_matrix.problems() if "campaign" in problem]
    assert [problem.split()[0] for problem in found] == ["K3", "K5"]
    assert "`test_long.py`: long (campaign), short" in fault_matrix.page()
