"""Posts are written down before they are sent, and each may be sent once."""

import threading
from typing import Any

import msgspec
import pytest

from holdfast.errors import JournalError, Refused
from holdfast.journal import Journal
from holdfast.journal.posts import FAILED, SENDING, SENT, UNKNOWN, Outbox, PostRow
from holdfast.journal.rename import rename_account

ROW = PostRow("main", "closed h1", "closed", "✅ $AAPL\n+1.2R", "x", SENDING, "", "", 1_000, 1_000, 0)


@pytest.fixture
def outbox(url: str, journal: Journal) -> Outbox:
    return Outbox(url)


def test_a_post_is_there_before_it_is_sent(outbox: Outbox) -> None:
    """And what became of it afterwards."""
    assert outbox.find("main", ROW.id) is None
    claimed = outbox.claim(ROW, again=False)
    assert (claimed.state, claimed.attempts) == (SENDING, 1)
    assert outbox.find("main", ROW.id) == claimed
    outbox.settle(claimed, SENT, 2_000, post_id="17")
    found = outbox.find("main", ROW.id)
    assert found is not None
    assert (found.state, found.post_id, found.updated_ns, found.text) == (SENT, "17", 2_000, ROW.text)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (SENT, "was posted already"),
        (UNKNOWN, "may have been posted already"),
        (SENDING, "is being posted, or a command"),
    ],
)
def test_what_was_or_may_have_been_posted_is_not_posted_again(outbox: Outbox, state: str, said: str) -> None:
    """Unless somebody says so."""
    claimed = outbox.claim(ROW, again=False)
    outbox.settle(claimed, state, 2_000)
    with pytest.raises(Refused, match=said):
        outbox.claim(ROW, again=False)
    again = outbox.claim(ROW, again=True)
    assert (again.state, again.attempts) == (SENDING, 2)


def test_what_certainly_failed_is_sent_again_without_asking(outbox: Outbox) -> None:
    """With the text as it is now, counted on."""
    outbox.settle(outbox.claim(ROW, again=False), FAILED, 2_000, reason="no route")
    found = outbox.claim(msgspec.structs.replace(ROW, text="new", created_ns=3_000), again=False)
    assert (found.attempts, found.text, found.created_ns) == (2, "new", 1_000)


def test_of_two_at_once_one_may_send(outbox: Outbox, url: str) -> None:
    """Whichever comes first; the other is refused, and nothing else happens."""
    got: list[Any] = []
    start = threading.Barrier(2)

    def claim() -> None:
        start.wait()
        try:
            got.append(Outbox(url).claim(ROW, again=False))
        except Refused as error:
            got.append(error)

    threads = [threading.Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(each).__name__ for each in got) == ["PostRow", "Refused"]


def test_an_earlier_attempts_outcome_says_nothing_of_a_later_one(outbox: Outbox) -> None:
    """A command that hung and ends at last does not settle what was sent after it."""
    first = outbox.claim(ROW, again=False)
    outbox.claim(ROW, again=True)
    outbox.settle(first, FAILED, 2_000, reason="late")
    found = outbox.find("main", ROW.id)
    assert found is not None
    assert (found.state, found.reason) == (SENDING, "")


def test_the_latest_come_first(outbox: Outbox) -> None:
    """So many as are asked for."""
    for number in range(3):
        outbox.claim(msgspec.structs.replace(ROW, id=f"day {number}", created_ns=number), again=False)
    assert [row.id for row in outbox.latest()] == ["day 2", "day 1", "day 0"]
    assert [row.id for row in outbox.latest(1)] == ["day 2"]


def test_a_renamed_account_takes_its_posts_along(outbox: Outbox, written: None, url: str) -> None:
    """Under its new name nothing is posted a second time."""
    outbox.settle(outbox.claim(ROW, again=False), SENT, 2_000)
    rename_account(url, "main", "other")
    found = outbox.find("other", ROW.id)
    assert found is not None
    assert found.state == SENT


def test_without_a_journal_there_is_nothing(tmp_path: Any) -> None:
    """It is not made for that."""
    with pytest.raises(JournalError, match="there is no journal"):
        Outbox(f"sqlite:///{tmp_path / 'none.db'}")
