"""The register of stages and keys: what is written is read, what is read is written, and nothing else can be either."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast.monitor
from holdfast.errors import InvalidValue
from holdfast.monitor.fold import AccountFold
from holdfast.monitor.metrics import of_book
from holdfast.monitor.monitor import stage_state
from holdfast.monitor.registry import PAIRS, Book, Key, Kind, Stage
from holdfast.monitor.verdicts import Judge
from tests.monitor.drawing import Account, sessions

SOURCES = Path(holdfast.monitor.__file__).parent
WRITERS, READERS = {"count", "stamp", "measure"}, {"total", "recent", "at", "durations", "_recent", "_quantiles"}


class Watched(Book):
    """Remembers what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[tuple[Key, Stage]] = set()

    def _pair(self, key: Key, stage: Stage, kind: Kind) -> tuple[Key, Stage]:  # type: ignore[override]
        self.read.add((key, stage))
        return Book._pair(key, stage, kind)


def accounts() -> Iterator[Account]:
    """Enough of them that every kind of record came."""
    for _, drawn in sessions(1, 25):
        yield from drawn


def test_every_key_of_the_register_is_written_by_records_and_read_by_metrics() -> None:
    """At each of its stages, over drawn sessions; and nothing that the register doesn't have."""
    written: set[tuple[Key, Stage]] = set()
    read: set[tuple[Key, Stage]] = set()
    for account in accounts():
        fold = AccountFold(300, 10.0)
        fold.take_all(account.records)
        written |= set(fold.book.written())
        shown = Watched()
        list(of_book("a", "paper", shown))
        read |= shown.read
    assert written == read == PAIRS


def test_every_key_that_a_verdict_or_a_view_reads_is_written() -> None:
    """What they look up, as they look it up."""
    read: set[tuple[Key, Stage]] = set()
    for account in accounts():
        fold = AccountFold(300, 10.0)
        fold.take_all(account.records)
        watched = fold.book = Watched()
        look = account.looks[-1]
        verdicts = Judge(fold, account.expected, look.now_ns, look.pulse).verdicts()
        for stage in Stage:
            stage_state(fold, account.expected, stage, verdicts[stage], look.now_ns, look.pulse)
        read |= watched.read
    assert read <= PAIRS
    assert {Key.LAST, Key.EVENTS, Key.REFUSED, Key.FAILED, Key.ACCEPTED, Key.STEP, Key.WAY} <= {key for key, _ in read}


def test_each_key_has_a_writer_and_a_reader_in_the_source() -> None:
    """By name: a key that is only written, or only read, is found before it lies."""
    written, read = set(), set()
    for path in SOURCES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                keys = {arg.attr for arg in node.args if isinstance(arg, ast.Attribute) and _is_key(arg)}
                written |= keys if name in WRITERS else set()
                read |= keys if name in READERS else set()
    assert written == {key.name for key in Key}
    assert read <= written


def _is_key(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "Key"


def test_a_book_takes_nothing_that_the_register_does_not_have() -> None:
    """A key at a stage that has it not, one of another kind, one that nobody planned: refused by writers and readers alike."""
    book = Book()
    with pytest.raises(InvalidValue, match="register"):
        book.count(Key.REFUSED, Stage.FILL, 0)
    with pytest.raises(InvalidValue, match="register"):
        book.total(Key.REFUSED, Stage.FILL)
    with pytest.raises(InvalidValue, match="register"):
        book.count("holdfast_unplanned", Stage.FILL, 0)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="is a count"):
        book.stamp(Key.EVENTS, Stage.FILL, 0)
    with pytest.raises(InvalidValue, match="is a time"):
        book.recent(Key.LAST, Stage.FILL, 0, 1)
    assert not list(book.written())


def test_no_other_module_reaches_into_a_book() -> None:
    """Its tables are its own; a figure that goes round the register would be seen here."""
    own = {name for name in vars(Book()) if name.startswith("_")}
    for path in SOURCES.glob("*.py"):
        used = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert path.name == "registry.py" or not used & own, path


def test_rates_are_of_the_window_and_memory_is_bounded() -> None:
    """A second is in the window or not; seconds older than an hour are forgotten, totals are not."""
    book, second = Book(), 1_000_000_000
    for number in range(10_000):
        book.count(Key.EVENTS, Stage.FILL, number * second)
    assert book.recent(Key.EVENTS, Stage.FILL, 9_999 * second, 60) == 60
    assert book.recent(Key.EVENTS, Stage.FILL, 10_009 * second + 999_999_999, 60) == 50
    assert book.total(Key.EVENTS, Stage.FILL) == 10_000
    assert len(next(iter(book._seconds.values()))) <= 3600


def test_counting_begins_anew_after_a_restart_and_times_stay() -> None:
    """What is exported may not rise by what is read a second time."""
    book = Book()
    book.count(Key.EVENTS, Stage.FILL, 5)
    book.stamp(Key.LAST, Stage.FILL, 5)
    book.measure(Key.WAY, Stage.FILL, 5)
    book.forget_counts()
    assert (book.total(Key.EVENTS, Stage.FILL), book.durations(Key.WAY, Stage.FILL).count) == (0, 0)
    assert book.at(Key.LAST, Stage.FILL) == 5
    assert book.recent(Key.EVENTS, Stage.FILL, 5, 60) == 1
