"""An adapter that another package brings, installed as pip would leave it."""

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters import registry
from holdfast.config import Config, parse_config
from holdfast.errors import ConfigError, Refused
from holdfast.journal.reader import Reader
from tests.scenario.alpaca.engine import Running
from tests.scenario.third_party.package import install


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What was loaded for one test is not there for the next."""
    registry.load.cache_clear()
    yield
    registry.load.cache_clear()
    sys.modules.pop("acme_broker", None)


def configured(folder: Path, **sections: Any) -> Config:
    data: dict[str, Any] = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {"kind": "acme", "symbols": ["TNT"]},
        "acme": {"token": "from the letter"},
        "live": {"check_every_s": 0.5, "reconcile_every_s": 0.5},
        "accounts": [{"name": "there", "broker": "acme", "calendar": "24/7"}],
        "strategies": [
            {"id": "once", "class": "tests.scenario.third_party.once:Once", "account": "there", "symbols": ["TNT"]}
        ],
    }
    return parse_config(data | sections, "test", folder)


def test_it_trades_through_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its section is read, its feed and account are built, an order goes there and back, and the journal has its name."""
    monkeypatch.syspath_prepend(install(tmp_path / "site"))
    running = Running(configured(tmp_path))
    try:
        running.start()
        running.wait_for(lambda: running.state.portfolio.quantity("TNT") == 1, "the fill")
    finally:
        running.stop()
    with Reader.open(running.config.journal.url) as reader:
        (row,) = reader.accounts()
        assert row.broker == "acme"
    assert running.state.broker_account_id == "ACME-7"
    assert running.state.portfolio.cash == Decimal(9_950)


def test_a_second_start_finds_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another engine over the same journal reads the records of a broker with a name of its own."""
    monkeypatch.syspath_prepend(install(tmp_path / "site"))
    for _ in range(2):
        running = Running(configured(tmp_path, strategies=[]))
        try:
            running.begin()
        finally:
            running.stop()
    assert running.state.epoch == 2


def test_its_section_is_checked_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that it doesn't have is refused with the one that it has; a value of another type with its place."""
    monkeypatch.syspath_prepend(install(tmp_path / "site"))
    with pytest.raises(ConfigError, match=r"unknown key acme.tokem; did you mean token\?"):
        configured(tmp_path, acme={"tokem": "x"})
    with pytest.raises(ConfigError, match=r"acme.token: Expected `str \| null`, got `int`"):
        configured(tmp_path, acme={"token": 7})


def test_what_is_not_installed_is_refused_with_the_nearest_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in the name of an installed one, and a section of one that is not there; nothing is made."""
    monkeypatch.syspath_prepend(install(tmp_path / "site"))
    with pytest.raises(Refused, match=r"account there is at acne.*did you mean acme\?") as refused:
        configured(tmp_path, accounts=[{"name": "there", "broker": "acne"}])
    assert refused.value.exit_status == 3
    with pytest.raises(ConfigError, match=r"unknown key acmee; did you mean acme\?"):
        configured(tmp_path, acmee={})
    assert not (tmp_path / "journal.db").exists()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("", "AttributeError"),
        ("ADAPTER = object()", "is no adapter of broker acme"),
        ("from holdfast.adapters.paper.adapter import ADAPTER", "is no adapter of broker acme"),
        ("raise SystemError('two\\nlines')", "SystemError: two"),
    ],
)
def test_one_that_is_broken_is_refused_in_a_line(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its module does when it is imported, and whatever it offers in an adapter's place."""
    monkeypatch.syspath_prepend(install(tmp_path / "site", source=source))
    with pytest.raises(Refused, match=said) as refused:
        configured(tmp_path)
    assert "\n" not in str(refused.value)


def test_two_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can know which one is meant."""
    site = install(tmp_path / "site")
    other = site / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[holdfast.adapters]\nacme = other:ADAPTER\n")
    monkeypatch.syspath_prepend(site)
    with pytest.raises(Refused, match="acme_broker:ADAPTER and other:ADAPTER both are adapters of broker acme"):
        configured(tmp_path)


def test_one_with_the_name_of_ours_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package can put itself in the place of an adapter that ships."""
    monkeypatch.syspath_prepend(install(tmp_path / "site", name="paper"))
    assert registry.load("paper").__module__ == "holdfast.adapters.paper.adapter"
    assert list(registry.names()).count("paper") == 1
