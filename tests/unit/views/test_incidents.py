"""What counts as having gone wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.core import lifecycle
from holdfast.core.messages import Halt, OrderUnknown, Report, Resume
from holdfast.core.milestones import AccountStateChanged, Impaired
from holdfast.core.session.causes import NOT_YET, Cause
from holdfast.core.turn import Turn
from holdfast.core.types import ClientOrderId
from holdfast.journal.reader import Reader
from holdfast.views.incidents import DIED, incidents
from tests.scenario.account import Account, bar
from tests.scenario.kept import kept


@contextmanager
def told(account: Account, folder: Path) -> Iterator[tuple[Reader, list[str]]]:
    """The journal, and the kinds of incidents in it."""
    with kept(account, folder) as reader:
        yield reader, [each.kind for each in incidents(reader, "main")]


def test_a_quiet_account_has_none(tmp_path: Path) -> None:
    """A start, a deposit and a bar are no incident."""
    with told(Account().run(bar(1, 100.0)), tmp_path) as (_, kinds):
        assert kinds == []


def test_a_halt_is_one_and_its_end_is_none(tmp_path: Path) -> None:
    """Going into HALTED counts, coming out of it doesn't."""
    account = Account().run(bar(1, 100.0))
    account.ask(Halt("lunch"))
    account.ask(Resume(), "c2")
    assert len(account.of(AccountStateChanged)) >= 2
    with told(account, tmp_path) as (reader, kinds):
        assert kinds == ["halted"]
        assert "lunch" in incidents(reader, "main")[0].text


def test_what_every_start_waits_for_is_no_incident(tmp_path: Path) -> None:
    """Market data that was not subscribed yet was not lost."""
    account = Account()
    for reason in (NOT_YET, "the stream broke"):
        turn = Turn(account.state)
        turn.record(Impaired(Cause.MARKET_DATA, reason))
        account._work(turn)
    with told(account, tmp_path) as (_, kinds):
        assert kinds == ["impaired"]


def test_a_start_after_no_stop_says_that_an_engine_died(tmp_path: Path) -> None:
    """The first start is none, nor is one after a stop in order; a start on top of a start is, also where only that is looked at."""
    account = Account().run(bar(1, 100.0))
    account._work(lifecycle.stop(account.state, "asked"))
    account._work(lifecycle.start(account.state, 2, "test", "test"))
    before = account.state.sequence
    account._work(lifecycle.start(account.state, 3, "test", "test"))
    with told(account, tmp_path) as (reader, kinds):
        assert kinds == [DIED]
        assert [each.kind for each in incidents(reader, "main", before)] == [DIED]
        assert incidents(reader, "main", 0, before + 1) == []


def test_a_report_of_an_order_that_nobody_knows_is_an_anomaly(tmp_path: Path) -> None:
    """Someone should look."""
    account = Account().run(bar(1, 100.0))
    account.take(Report(account.state.now_ns, OrderUnknown(ClientOrderId("nobody"), "a timeout")))
    with told(account, tmp_path) as (_, kinds):
        assert kinds == ["anomaly"]
