"""Who trades without an observer learns that nobody is told of anything."""

import time
from pathlib import Path

import msgspec
import pytest

from holdfast.alerting import book
from holdfast.alerting.shown import LOOKED
from holdfast.alerting.tables import kept_at
from holdfast.cli.alerts import show
from holdfast.cli.unwatched import SILENT_S, unwatched
from holdfast.config import Config
from holdfast.config.observer import ObserverConfig
from holdfast.core.types import SECOND_NS


def looked(config: Config, seconds_ago: float) -> None:
    """An observer has looked."""
    keeping = kept_at(config.observer.url)
    with keeping.begin() as kept:
        book.mark(kept, LOOKED, str(time.time_ns() - int(seconds_ago * SECOND_NS)))
    keeping.close()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return msgspec.structs.replace(Config(), observer=ObserverConfig(url=f"sqlite:///{tmp_path / 'observer.db'}"))


def test_it_is_told_until_somebody_looks_and_again_when_that_ends(config: Config, tmp_path: Path) -> None:
    """With what to do; and to ask makes no database."""
    assert "no observer has looked so far" in unwatched(config)
    assert "holdfast run --observe" in unwatched(config)
    assert not list(tmp_path.iterdir())
    looked(config, SILENT_S * 2)
    assert "no observer has looked since" in unwatched(config)
    looked(config, 0)
    assert unwatched(config) == ""


def test_where_nobody_looks_it_isn_t_said_that_nothing_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty list means little then."""
    (tmp_path / "holdfast.toml").write_text('[feed]\nkind = "synthetic"\n[[accounts]]\nname = "house"\n')
    show(tmp_path / "holdfast.toml", everything=False, limit=10, as_json=False)
    said = capsys.readouterr().err
    assert "no observer has looked so far" in said
    assert "no alert is open" in said
    assert "nothing is wrong" not in said
