"""An export that proves itself without a journal: what was changed in it is known by the record's number."""

import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.messages import PAPER
from holdfast.errors import ConfigError, DataError, InvalidValue, JournalCorrupt
from holdfast.journal import Journal
from holdfast.journal.chain import GENESIS, link
from holdfast.journal.database import open_database
from holdfast.journal.export import SEALED, check, write
from holdfast.journal.reader import Reader
from holdfast.vault.signing import SECRET, Signer, check_public, signer
from holdfast.vault.store import Place, Store
from tests.budget import by_tier
from tests.unit.journal.conftest import ME
from tests.unit.journal.trader import Trader

Lines = list[bytes]
ACCOUNTS = ("main", "second")


def store_in(folder: Path) -> Store:
    store = Store(Place(folder / "holdfast.secrets", folder / "master.key", {}))
    store.make()
    return store


@pytest.fixture
def by(tmp_path: Path) -> Signer:
    """A signing key out of a store."""
    return signer(store_in(tmp_path), make=True)


@pytest.fixture
def traded(url: str) -> Iterator[Reader]:
    """A journal of two accounts with some hundred records each."""
    journal = Journal.open(url)
    for name in ACCOUNTS:
        trader = Trader(journal.take(name, PAPER, ME))
        for batch in (trader.deposit(), *trader.day(60)):
            journal.append(batch)
    journal.close()
    with Reader.open(url) as reader:
        yield reader


def exported(reader: Reader, by: Signer | None) -> Lines:
    out = io.BytesIO()
    write(reader, ACCOUNTS, out, by, lambda _done, _total: None)
    return out.getvalue().splitlines(keepends=True)


@pytest.mark.parametrize("is_signed", [True, False])
def test_what_was_exported_is_proven(traded: Reader, by: Signer, is_signed: bool) -> None:
    """On every database, every record of every account, with a key and without."""
    found = check(exported(traded, by if is_signed else None), by.public if is_signed else "")
    assert found.ok
    assert found.records == {row.account: row.last_sequence for row in traded.accounts()}
    assert found.records["main"] > 2 * SEALED
    assert found.key == (by.public if is_signed else "")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lines, Signer]:
    """An export that is signed, made once."""
    folder = tmp_path_factory.mktemp("sample")
    by = signer(store_in(folder), make=True)
    url = f"sqlite:///{folder / 'holdfast.db'}"
    open_database(url).create()
    journal = Journal.open(url)
    for name in ACCOUNTS:
        trader = Trader(journal.take(name, PAPER, ME))
        for batch in (trader.deposit(), *trader.day(60)):
            journal.append(batch)
    journal.close()
    with Reader.open(url) as reader:
        return exported(reader, by), by


def rows_of(lines: Lines) -> list[Any]:
    return [json.loads(line) for line in lines]


def place_of(rows: list[Any], sequence: int, account: str = "main") -> int:
    return next(place for place, row in enumerate(rows) if isinstance(row, list) and row[:2] == [account, sequence])


def as_lines(rows: list[Any]) -> Lines:
    return [json.dumps(row).encode() + b"\n" for row in rows]


def edited(rows: list[Any]) -> None:
    rows[place_of(rows, 150)][9] = "cli:mallory"


def removed(rows: list[Any]) -> None:
    del rows[place_of(rows, 150)]


def inserted(rows: list[Any]) -> None:
    place = place_of(rows, 150)
    rows.insert(place, list(rows[place]))


def rehashed(rows: list[Any], *, with_seals: bool = True) -> None:
    """Record 150 is another, and everything after it is computed anew: only the signatures can tell."""
    edited(rows)
    previous, hashes = GENESIS, {}
    for row in rows:
        if isinstance(row, list):
            previous = link(GENESIS if row[1] == 1 else previous, tuple(row))
            hashes[row[0], row[1]] = previous
        elif "seal" in row and with_seals:
            row["hashes"] = [hashes[row["seal"], row["from"] + place] for place in range(len(row["hashes"]))]
        elif "end" in row:
            for name, end in row["end"].items():
                end["hash"] = hashes[name, end["records"]]


def rehashed_without_seals(rows: list[Any]) -> None:
    rehashed(rows, with_seals=False)


def tail_cut(rows: list[Any]) -> None:
    del rows[-3:]


def sealed_tail_cut(rows: list[Any]) -> None:
    """The last seal of the last account and its records are gone, and the end is made to fit."""
    seals = [place for place, row in enumerate(rows) if isinstance(row, dict) and "seal" in row]
    del rows[seals[-2] + 1 : -1]
    rows[-1]["end"]["second"] = {"records": rows[seals[-2]]["from"] + SEALED - 1, "hash": rows[seals[-2]]["hashes"][-1]}


def account_taken_out(rows: list[Any]) -> None:
    rows[:] = [
        row
        for row in rows
        if not (isinstance(row, list) and row[0] == "second")
        and not (isinstance(row, dict) and row.get("seal") == "second")
    ]
    rows[0]["accounts"].remove("second")
    del rows[-1]["end"]["second"]


def dated_back(rows: list[Any]) -> None:
    rows[0]["made"] = "2020-01-01T00:00:00Z"


def seal_taken_out(rows: list[Any]) -> None:
    del rows[next(place for place, row in enumerate(rows) if isinstance(row, dict) and "seal" in row)]


def added_after(rows: list[Any]) -> None:
    rows.append(rows[1])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edited, "account 'main': record 150 doesn't fit"),
        (removed, "account 'main': record 150 is missing, 151 follows"),
        (inserted, "account 'main': record 151 is missing, 150 follows"),
        (rehashed, "account 'main': records 101 to 200 are not signed by"),
        (rehashed_without_seals, "account 'main': record 150 doesn't fit"),
        (tail_cut, "the file was cut: it has no end"),
        (sealed_tail_cut, "the end is not signed by"),
        (account_taken_out, "the end is not signed by"),
        (dated_back, "the end is not signed by"),
        (seal_taken_out, "some of records 101 to 200 are missing, or others, without a seal, are before them"),
        (added_after, "there are lines after the end"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named(
    sample: tuple[Lines, Signer], change: Callable[[list[Any]], None], told: str
) -> None:
    """The first record that doesn't fit, or the hundred that somebody made to fit without the key."""
    lines, by = sample
    rows = rows_of(lines)
    change(rows)
    found = check(as_lines(rows), by.public)
    assert told in found.problem
    assert not found.ok
    assert check(as_lines(rows_of(lines)), by.public).ok, "writing it anew alone changes nothing"


def test_any_byte_that_is_changed_or_cut_is_found(sample: tuple[Lines, Signer]) -> None:
    """Wherever it is in the file: there is a problem, or what is told is that it is no export."""
    lines, by = sample
    whole = b"".join(lines)
    chance = random.Random(29)
    for number in range(by_tier(test=60, campaign=5_000)):
        data = bytearray(whole)
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(7)
        if number % 3 == 0:
            data = bytearray(whole[:place])
        try:
            assert not check(bytes(data).splitlines(keepends=True), by.public).ok or json_of(data) == json_of(whole)
        except DataError:
            continue


def json_of(data: bytes | bytearray) -> list[Any]:
    try:
        return [json.loads(line) for line in bytes(data).splitlines()]
    except ValueError:
        return []


def test_another_key_and_none_are_told_apart(sample: tuple[Lines, Signer], tmp_path: Path) -> None:
    """A file that is signed by somebody else, or by nobody, is not taken for ours."""
    lines, _ = sample
    other = signer(store_in(tmp_path), make=True)
    with pytest.raises(DataError, match=f"is signed by ed25519:.*should be by {'ed25519'}"):
        check(lines, other.public)
    rows = rows_of(lines)
    rows[0]["key"] = ""
    with pytest.raises(DataError, match="the file is not signed"):
        check(as_lines(rows), other.public)
    rows[0]["key"] = other.public
    assert "are not signed by" in check(as_lines(rows), other.public).problem


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"{}\n", b"[1]\n", b'{"holdfast":"audit export","version":2}\n', b"\xff\n"]
)
def test_what_is_no_export_is_told(data: bytes) -> None:
    """In one line."""
    with pytest.raises(DataError, match="this"):
        check(data.splitlines(keepends=True))


def test_a_journal_that_doesnt_prove_itself_is_not_signed(
    path: Path, traded: Reader, by: Signer, sql: Callable[..., None]
) -> None:
    """What was changed in the database would be signed as true."""
    sql("UPDATE records SET source = 'cli:mallory' WHERE account = 'second' AND sequence = 9")
    with pytest.raises(JournalCorrupt, match="'second': record 9 doesn't fit"):
        exported(traded, by)


def test_the_signing_key_stays_the_same_and_is_a_secret(tmp_path: Path) -> None:
    """Made once; another text under its name is refused; what is no public key is told."""
    store = store_in(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no signing key in .*`holdfast audit key`"):
        signer(store)
    made = signer(store, make=True)
    assert signer(store, make=True) == signer(store) == made
    assert check_public(f"{made.public}\n") == made.public
    assert "seed" not in repr(made)
    store.set(SECRET, "no key at all")
    with pytest.raises(ConfigError, match="is no signing key"):
        signer(store)
    with pytest.raises(InvalidValue, match="is no public key"):
        check_public("ed25519:short")
