"""Taking an account: one process at a time, each under an epoch of its own, at one broker."""

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.core.messages import PAPER, BrokerName
from holdfast.errors import InvalidValue, JournalCorrupt, JournalError, Refused
from holdfast.journal import Journal, Reader, is_running
from holdfast.journal.chain import GENESIS
from tests.unit.journal.trader import Trader

Sql = Callable[..., None]


def test_first_lease_term(journal: Journal) -> None:
    """A new account starts under epoch 1 with an empty chain."""
    lease_term = journal.take("main", PAPER, "me")
    assert (lease_term.account, lease_term.broker, lease_term.epoch) == ("main", PAPER, 1)
    assert (lease_term.last_sequence, lease_term.last_hash, lease_term.cursor, lease_term.state) == (0, GENESIS, 0, "")


def test_next_tenure_goes_on_where_the_last_ended(written: None, url: str) -> None:
    """A restart gets the next epoch and the end of the records."""
    with Reader.open(url) as reader:
        last = reader.account("main")
    journal = Journal.open(url)
    lease_term = journal.take("main", PAPER, "me again")
    journal.close()
    assert lease_term.epoch == last.epoch + 1
    assert (lease_term.last_sequence, lease_term.last_hash, lease_term.cursor) == (
        last.last_sequence,
        last.last_hash,
        last.cursor,
    )
    assert lease_term.state == "IDLE"
    with Reader.open(url) as reader:
        assert reader.account("main").process == "me again"


def test_second_taker_is_refused(journal: Journal, url: str) -> None:
    """An account that is taken can't be taken again; the text names account and holder, and the epoch stays."""
    journal.take("main", PAPER, "pid 4711 on tower")
    other = Journal.open(url)
    with pytest.raises(
        Refused, match=r"'main' .* is being traded by pid 4711 on tower since 20.*; stop that engine first"
    ):
        other.take("main", PAPER, "intruder")
    other.take("second", PAPER, "intruder")
    other.close()
    with Reader.open(url) as reader:
        assert [(row.account, row.epoch) for row in reader.accounts()] == [("main", 1), ("second", 1)]


def test_other_names_of_the_file_are_the_same_journal(journal: Journal, path: Path, tmp_path: Path) -> None:
    """Through a symbolic link, or a path with detours, it is the same account and is refused."""
    journal.take("main", PAPER, "me")
    (tmp_path / "link.db").symlink_to(path)
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    for name in ("link.db", f"folder/{path.name}", f"x/../{path.name}"):
        other = Journal.open(f"sqlite:///{tmp_path / name}")
        with pytest.raises(Refused, match="being traded by me"):
            other.take("main", PAPER, "intruder")
        other.close()


def test_released_account_can_be_taken(journal: Journal, url: str) -> None:
    """Closing lets the account go at once."""
    journal.take("main", PAPER, "me")
    journal.close()
    other = Journal.open(url)
    assert other.take("main", PAPER, "next").epoch == 2
    other.close()


def test_account_stays_with_its_broker(written: None, url: str) -> None:
    """An account that was traded at one broker is refused at another, and can still be taken at its own."""
    journal = Journal.open(url)
    with pytest.raises(Refused, match="bound to broker paper and can't be traded at alpaca"):
        journal.take("main", BrokerName("alpaca"), "me")
    assert journal.take("main", PAPER, "me").epoch == 2
    journal.close()


def test_records_must_end_where_the_account_says(written: None, url: str, sql: Sql) -> None:
    """When the last record is missing, the account is not handed out."""
    sql("DELETE FROM records WHERE sequence = (SELECT max(sequence) FROM records)")
    journal = Journal.open(url)
    with pytest.raises(JournalCorrupt, match="restore a backup"):
        journal.take("main", PAPER, "me")
    journal.close()


@pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines"])
def test_bad_account_names(journal: Journal, name: str) -> None:
    """A name that is empty, too long or not printable is an InvalidValue in one line."""
    with pytest.raises(InvalidValue, match="1 to 64 printable characters") as caught:
        journal.take(name, PAPER, "me")
    assert "\n" not in str(caught.value)


def test_any_printable_name_will_do(journal: Journal, url: str) -> None:
    """Slashes and spaces in a name are no reduce-only order of the journal's directory."""
    journal.take("../up / and away", PAPER, "me")
    assert [path.suffix for path in journal.database.lock_directory.iterdir()] == [".lock"]
    assert is_running(url, "../up / and away")


def test_is_running_looks_without_disturbing(journal: Journal, url: str) -> None:
    """A reader can tell whether an engine is there, before, during and after, and never gets in a start's way."""
    assert not is_running(url, "main")
    journal.take("main", PAPER, "me")
    with Reader.open(url) as reader:
        assert reader.is_running("main")
        journal.close()
        assert not reader.is_running("main")
    again = Journal.open(url)
    again.take("main", PAPER, "me")
    again.close()


def test_lock_file_that_cannot_be_made(journal: Journal) -> None:
    """When there is no way to hold the lock, the account is not handed out."""
    journal.database.lock_directory.touch()
    with pytest.raises(JournalError, match="lock"):
        journal.take("main", PAPER, "me")


def test_failed_take_lets_go_of_the_lock(written: None, url: str) -> None:
    """A take that is refused leaves the account free for the right one."""
    journal = Journal.open(url)
    with pytest.raises(Refused):
        journal.take("main", BrokerName("ibkr"), "me")
    other = Journal.open(url)
    assert other.take("main", PAPER, "me").epoch == 2
    other.close()
    journal.close()


def test_trader_books_survive_a_restart(written: None, url: str) -> None:
    """Folding the records again gives the cash that the last batch had."""
    journal = Journal.open(url)
    with Reader.open(url) as reader:
        trader = Trader(journal.take("main", PAPER, "me")).resume(reader)
        assert trader.portfolio.cash == reader.account("main").cash
    journal.close()
