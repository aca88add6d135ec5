"""The anchor file: a journal that was cut or rewritten after it was anchored doesn't fit it, and an edited file doesn't fit itself."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.core.messages import PAPER
from holdfast.errors import DataError, JournalCorrupt
from holdfast.journal import Journal
from holdfast.journal.anchor_log import AnchorLine, add, misfits, newest, read, tail
from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.vault.signing import Signer, signer
from tests.databases import run_in
from tests.unit.journal.conftest import ME
from tests.unit.journal.test_export import store_in
from tests.unit.journal.trader import Trader

Sql = Callable[..., None]


@pytest.fixture
def by(tmp_path: Path) -> Signer:
    return signer(store_in(tmp_path), make=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "holdfast.anchors"


class Traded:
    """Two accounts that go on when they are told to, and are anchored when they are told to."""

    def __init__(self, url: str, file: Path) -> None:
        self.url = url
        self.file = file
        self._traders: dict[str, Trader] = {}

    def go_on(self, *accounts: str) -> None:
        journal = Journal.open(self.url)
        for name in accounts:
            trader = Trader(journal.take(name, PAPER, ME))
            with Reader.open(self.url) as reader:
                trader.resume(reader)
            for batch in (trader.deposit(), *trader.day(3)):
                journal.append(batch)
        journal.close()

    def anchor(self, by: Signer | None = None) -> list[AnchorLine]:
        with Reader.open(self.url) as reader:
            return add(self.file, reader, by)

    def misfits(self) -> list[str]:
        with Reader.open(self.url) as reader:
            assert misfits(reader, tail(self.file)) == misfits(reader, list(newest(read(self.file)).values()))
            return misfits(reader, read(self.file).lines)


@pytest.fixture
def traded(url: str, file: Path) -> Traded:
    """Anchored three times, the second account twice."""
    made = Traded(url, file)
    for accounts in (("main", "second"), ("main",), ("main", "second")):
        made.go_on(*accounts)
        made.anchor()
    return made


def rewrite(url: str, account: str, first: int) -> None:
    """Another history from a record on, with every later hash computed anew, as somebody would who has the whole database."""
    rows = run_in(url, f"SELECT * FROM records WHERE account = '{account}' ORDER BY sequence")
    previous = GENESIS
    for row in rows:
        columns: dict[str, Any] = dict(zip(HASHED, row, strict=False))
        if columns["sequence"] == first:
            columns["source"] = "cli:mallory"
        previous = link(previous, tuple(columns.values()))
        run_in(
            url,
            "UPDATE records SET source = ?, hash = ? WHERE account = ? AND sequence = ?",
            columns["source"],
            previous,
            account,
            columns["sequence"],
        )
    run_in(url, "UPDATE accounts SET last_hash = ? WHERE account = ?", previous, account)


def cut(url: str, account: str, last: int) -> None:
    """The account's end is gone, and its row says so."""
    run_in(url, "DELETE FROM records WHERE account = ? AND sequence > ?", account, last)
    ((found,),) = run_in(url, "SELECT hash FROM records WHERE account = ? AND sequence = ?", account, last)
    run_in(url, "UPDATE accounts SET last_sequence = ?, last_hash = ? WHERE account = ?", last, found, account)


def test_what_was_anchored_fits(traded: Traded) -> None:
    """Each account that went on has a line; nobody who didn't has; nothing is added twice."""
    lines = read(traded.file).lines
    assert [line.account for line in lines] == ["main", "second", "main", "main", "second"]
    assert not traded.misfits()
    assert not traded.anchor()
    traded.go_on("second")
    assert [line.account for line in traded.anchor()] == ["second"]
    assert not traded.misfits()


def test_a_cut_end_is_seen(traded: Traded, url: str) -> None:
    """Of the account that lost it, and only there; nothing more is anchored then."""
    last = newest(read(traded.file))["second"].sequence
    cut(url, "second", last - 2)
    [told] = traded.misfits()
    assert f"account 'second': record {last} was anchored at" in told
    assert f"the records end with {last - 2}: its end is lost" in told
    with pytest.raises(JournalCorrupt, match="its end is lost"):
        traded.anchor()


def test_a_history_that_was_rewritten_is_seen_though_it_proves_itself(path: Path, traded: Traded, url: str) -> None:
    """By everybody who has the file; it is told after which record."""
    first, second, _ = [line.sequence for line in read(traded.file).lines if line.account == "main"]
    rewrite(url, "main", first + 1)
    assert not [text for text in verify(url).problems if "hash" in text and "anchor" not in text and "fit" in text]
    [told] = traded.misfits()
    assert f"account 'main': record {second} is not the one that was anchored" in told
    assert f"rewritten, after record {first}" in told
    with pytest.raises(JournalCorrupt, match="rewritten"):
        traded.anchor()


def test_an_account_that_is_gone_is_told(path: Path, traded: Traded, url: str) -> None:
    """As when it was renamed: a new file is begun then."""
    for table in ("records", "orders", "fills", "positions", "accounts"):
        run_in(url, f"DELETE FROM {table} WHERE account = 'second'")
    assert traded.misfits()[0].startswith("account 'second' was anchored at")


def test_what_came_since_is_proven_before_it_is_anchored(path: Path, traded: Traded, url: str) -> None:
    """A record that was changed after the last anchor is no new truth."""
    traded.go_on("main")
    last = newest(read(traded.file))["main"].sequence
    run_in(url, f"UPDATE records SET source = 'cli:mallory' WHERE account = 'main' AND sequence = {last + 1}")
    before = traded.file.read_bytes()
    with pytest.raises(JournalCorrupt, match=f"record {last + 1} doesn't fit"):
        traded.anchor()
    assert traded.file.read_bytes() == before


def test_an_edited_file_doesnt_fit_itself(path: Path, traded: Traded) -> None:
    """A line that is changed, taken out, cut or doubled is told at that line or the next; nothing is added to such a file."""
    sound = traded.file.read_bytes().splitlines(keepends=True)
    for place, text in enumerate(sound):
        before, after = sound[:place], sound[place + 1 :]
        edits = [[*before, text[:40]], [*before, b"\xff\xfe\n", *after], [*before, text, text, *after]]
        if after:
            edits += [[*before, text.replace(b'"sequence":', b'"sequence":1'), *after], [*before, *after]]
        for edit in edits:
            traded.file.write_bytes(b"".join(edit))
            problem = read(traded.file).problem
            assert f"line {place + 1}:" in problem or f"line {place + 2}:" in problem
            with pytest.raises(DataError, match="the anchor file"):
                traded.anchor()
    traded.file.write_bytes(b"".join(sound[:-1]))
    assert not read(traded.file).problem, "what is cut off its end is shown by a copy elsewhere alone"


def test_a_signed_file_made_anew_by_somebody_else_is_no_substitute(
    path: Path, url: str, file: Path, by: Signer, tmp_path: Path
) -> None:
    """Every line fits the one before and the rewritten journal; the key is another, or none."""
    traded = Traded(url, file)
    traded.go_on("main")
    traded.anchor(by)
    traded.go_on("main")
    with pytest.raises(DataError, match="add --sign"):
        traded.anchor()
    traded.anchor(by)
    assert not read(file, by.public).problem
    (tmp_path / "other").mkdir()
    other = signer(store_in(tmp_path / "other"), make=True)
    lines, previous = [], GENESIS
    for line in read(file).lines:
        forged = msgspec.structs.replace(line, hash="0" * 64, previous=previous, key=other.public)
        forged = msgspec.structs.replace(forged, signature=other.sign(forged.signed))
        text = msgspec.json.encode(forged) + b"\n"
        lines.append(text)
        previous = hashlib.sha256(text).hexdigest()
    file.write_bytes(b"".join(lines))
    assert not read(file).problem, "it fits itself"
    assert f"line 1: it is not signed by {by.public}" in read(file, by.public).problem
    with pytest.raises(DataError, match="not signed by"):
        traded.anchor(by)


def test_a_place_that_takes_no_file_is_told(path: Path, url: str, tmp_path: Path) -> None:
    """In one line with the path."""
    traded = Traded(url, tmp_path)
    traded.go_on("main")
    with pytest.raises(DataError, match=r"the anchor file .* can't be written: is a directory"):
        traded.anchor()
