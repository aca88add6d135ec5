"""Anchoring on a schedule: what is due is added beside the watching, and what doesn't fit is told."""

import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdfast.config import Config
from holdfast.core.types import SECOND_NS
from holdfast.errors import ConfigError
from holdfast.journal import Journal
from holdfast.journal.anchor_log import read
from holdfast.journal.lists import ListReader
from holdfast.observer.anchors import AnchorWatcher, anchor_watchers
from holdfast.observer.watcher import Moment
from holdfast.vault.signing import signer
from holdfast.vault.store import Place, Store
from tests.databases import run_in
from tests.unit.journal.trader import Trader

PATIENCE_S = 120.0
START = 1_000 * SECOND_NS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "anchors"


@pytest.fixture
def anchored(config: Config, file: Path) -> Config:
    """A configuration that asks for an anchor a minute."""
    audit = msgspec.structs.replace(config.audit, anchor_file=str(file), anchor_every_s=60.0)
    return msgspec.structs.replace(config, audit=audit)


@pytest.fixture
def reader(config: Config, journal: Journal, trader: Trader) -> Iterator[ListReader]:
    """A journal with records."""
    for batch in (trader.deposit(), *trader.day(3)):
        journal.append(batch)
    journal.wait_durable("main", batch.envelopes[-1].sequence, 60)
    with ListReader.open(config.journal.url) as opened:
        yield opened


def pass_time(watcher: AnchorWatcher, reader: ListReader | None, seconds: int) -> None:
    watcher.on_time(Moment(START + seconds * SECOND_NS, reader, "", {}))
    assert watcher.wait(PATIENCE_S)


def test_what_is_due_is_anchored_and_nothing_before(
    anchored: Config, reader: ListReader, file: Path, journal: Journal, trader: Trader
) -> None:
    """At once, and then every so often; nothing while the journal can't be read."""
    [watcher] = anchor_watchers(anchored)
    pass_time(watcher, None, 0)
    assert not file.exists()
    pass_time(watcher, reader, 1)
    assert [line.account for line in read(file).lines] == ["main"]
    batches = trader.day(1)
    for batch in batches:
        journal.append(batch)
    journal.wait_durable("main", batches[-1].envelopes[-1].sequence, 60)
    pass_time(watcher, reader, 60)
    assert len(read(file).lines) == 1
    pass_time(watcher, reader, 61)
    assert [line.sequence for line in read(file).lines][1] == batches[-1].envelopes[-1].sequence


def test_a_history_that_doesnt_fit_is_told_and_not_anchored(
    anchored: Config, reader: ListReader, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each time, with what is wrong; the observer goes on."""
    [watcher] = anchor_watchers(anchored)
    pass_time(watcher, reader, 0)
    before = file.read_bytes()
    run_in(anchored.journal.url, "UPDATE records SET hash = 'x' WHERE sequence = (SELECT max(sequence) FROM records)")
    with caplog.at_level(logging.ERROR):
        pass_time(watcher, reader, 60)
    assert "is not the one that was anchored" in caplog.text
    assert file.read_bytes() == before
    [finding] = watcher.findings(0)
    assert (finding.rule, "is not the one that was anchored" in finding.text) == ("anchor", True)


def test_one_that_is_overdue_is_told_until_it_is_there(anchored: Config, reader: ListReader, file: Path) -> None:
    """Somebody keeps the file locked: after twice the time that is an alert, and then it is over."""
    [watcher] = anchor_watchers(anchored)
    pass_time(watcher, reader, 0)
    with file.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        watcher.on_time(Moment(START + 60 * SECOND_NS, reader, "", {}))
        assert list(watcher.findings(START + 180 * SECOND_NS)) == []
        [finding] = watcher.findings(START + 181 * SECOND_NS)
        assert "overdue" in finding.text
    assert watcher.wait(PATIENCE_S)
    assert list(watcher.findings(START + 181 * SECOND_NS)) == []


def test_it_is_asked_for_and_signs_with_the_key_that_is_named(
    config: Config, anchored: Config, reader: ListReader, file: Path, tmp_path: Path
) -> None:
    """Without a file or a time there is none; with another key than the store's it doesn't begin."""
    assert not anchor_watchers(config)
    store = Store(Place(tmp_path / "s", tmp_path / "k", {}))
    store.make()
    by = signer(store, make=True)
    secrets = msgspec.structs.replace(config.secrets, file=str(tmp_path / "s"), key_file=str(tmp_path / "k"))
    named = msgspec.structs.replace(
        anchored, secrets=secrets, audit=msgspec.structs.replace(anchored.audit, key=by.public)
    )
    [watcher] = anchor_watchers(named)
    pass_time(watcher, reader, 0)
    assert [line.key for line in read(file, by.public).lines] == [by.public]
    other = msgspec.structs.replace(named, audit=msgspec.structs.replace(named.audit, key="ed25519:another"))
    with pytest.raises(ConfigError, match="give the right one"):
        anchor_watchers(other)
