"""An account under another name: everything recorded of it goes with it, proven before and after."""

import pytest

from holdfast.core.messages import PAPER
from holdfast.core.milestones import AccountRenamed
from holdfast.errors import InvalidValue, JournalCorrupt, Refused
from holdfast.journal import Journal
from holdfast.journal.reader import Reader
from holdfast.journal.rename import rename_account
from holdfast.journal.verify import verify
from tests.unit.journal.trader import Trader


def test_all_that_is_recorded_goes_with_the_name(url: str, written: None) -> None:
    """The audit finds nothing wrong, orders keep their ids, the last record tells the old name and the end of the old chain."""
    with Reader.open(url) as reader:
        before = reader.account("main")
        orders = [row.client_order_id for row in reader.orders("main")]
        fills, records = len(reader.fills("main")), before.last_sequence
    assert rename_account(url, "main", "second") == records + 1
    found = verify(url)
    assert found.problems == []
    assert [(row.account, row.records, row.fills) for row in found.accounts] == [("second", records + 1, fills)]
    with Reader.open(url) as reader:
        assert [row.client_order_id for row in reader.orders("second")] == orders
        assert orders
        last = reader.last_record("second")
    assert last is not None
    assert last.body == AccountRenamed("main", before.last_hash)


def test_trading_goes_on_under_the_new_name(url: str, written: None, journal: Journal) -> None:
    """The next epoch appends to the same chain; the old name is free."""
    rename_account(url, "main", "second")
    lease_term = journal.take("second", PAPER, "me")
    assert lease_term.epoch == 2
    trader = Trader(lease_term)
    journal.append(trader.deposit())
    journal.wait_durable("second", trader.sequence, 30)
    assert journal.take("main", PAPER, "me").last_sequence == 0


def test_what_cannot_be_renamed(url: str, written: None, journal: Journal) -> None:
    """An account that is traded, one that isn't there, a name that is taken or is none; nothing is changed by it."""
    journal.take("busy", PAPER, "me")
    with pytest.raises(Refused, match="is being traded by"):
        rename_account(url, "busy", "other")
    with pytest.raises(InvalidValue, match="has an account 'busy' already"):
        rename_account(url, "main", "busy")
    with pytest.raises(InvalidValue, match="has an account 'main' already"):
        rename_account(url, "main", "main")
    with pytest.raises(InvalidValue, match="no account 'nobody'"):
        rename_account(url, "nobody", "other")
    with pytest.raises(InvalidValue):
        rename_account(url, "main", "a\nb")
    assert verify(url).ok


def test_a_name_that_a_refused_start_has_left_is_free(url: str, written: None) -> None:
    """A start that was refused has taken the new name and recorded nothing of it."""
    left = Journal.open(url)
    left.take("second", PAPER, "me")
    left.close()
    rename_account(url, "main", "second")
    assert verify(url).ok


def test_records_that_do_not_prove_themselves_are_not_written_anew(url: str, written: None, sql: object) -> None:
    """A rename would make a changed record look like what was written: it is found first, and nothing is changed."""
    assert callable(sql)
    sql("UPDATE records SET source = 'x' WHERE sequence = 3")
    with pytest.raises(JournalCorrupt, match="record 3"):
        rename_account(url, "main", "second")
    with Reader.open(url) as reader:
        assert [row.account for row in reader.accounts()] == ["main"]
