"""Numbers as people type them, and files as commands write them."""

import os
from pathlib import Path

import pytest
import typer

from holdfast.cli.options import finite
from holdfast.cli.target import target_of, written
from holdfast.core.types import to_decimal
from holdfast.errors import DataError, InvalidValue


@pytest.mark.parametrize("text", ["/", ".", "..", "", "missing/out.json", "/dev/null", "a\0b"])
def test_what_can_become_no_file_is_refused_before_the_work(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, a folder that isn't there, a device."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValue):
        target_of(text)


def write_half(path: Path) -> None:
    with written(path) as file:
        file.write("half")
        raise OSError(28, "no space")


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """And not at all when the writing fails."""
    path = target_of(str(tmp_path / "out.json"))
    assert path is not None
    with pytest.raises(DataError):
        write_half(path)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden ones count
    with written(path) as file:
        file.write("{}")
    assert path.read_text() == "{}"
    assert target_of("-") is target_of(None) is None


@pytest.mark.parametrize(
    "text", ["١٠", "1_0", " 5", "5 ", "", "0x10", "1e", "--1", "１０", "1,000", "NaN", "inf", "1e9999999999"]
)
def test_a_number_is_written_with_plain_digits(text: str) -> None:
    """What Python would take besides is more likely a mistake than a size."""
    with pytest.raises(InvalidValue):
        to_decimal(text, "quantity")


@pytest.mark.parametrize(
    ("text", "value"), [("10", 10), ("0.5", 0.5), (".5", 0.5), ("5.", 5), ("1e-2", 0.01), ("+3", 3), ("-2", -2)]
)
def test_a_number_as_people_write_it_is_taken(text: str, value: float) -> None:
    """Signs, fractions and exponents."""
    assert float(to_decimal(text, "quantity")) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_timeout_is_a_number_of_seconds(value: float) -> None:
    """None that never comes."""
    with pytest.raises(typer.BadParameter):
        finite(value)
