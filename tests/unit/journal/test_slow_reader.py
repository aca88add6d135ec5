"""Whoever reads the journal slowly sees one moment of it, and holds nobody up."""

import pytest

from holdfast.journal import Journal, Reader
from tests.unit.journal.trader import Trader

PATIENCE_S = 10.0


@pytest.mark.proves("X3", "I16")
def test_a_reader_that_falls_asleep_holds_nothing_up(journal: Journal, trader: Trader, url: str) -> None:
    """While somebody reads at one moment for as long as he likes, all that is written becomes durable; he sees it afterwards."""
    journal.append(trader.deposit())
    journal.wait_durable("main", 1, PATIENCE_S)
    with Reader.open(url) as reader:
        with reader.snapshot():
            before = reader.account("main")
            for batch in trader.day(40):
                journal.append(batch)
                last = batch.envelopes[-1].sequence
            journal.wait_durable("main", last, PATIENCE_S)
            assert reader.account("main") == before
            assert [record.sequence for record in reader.records("main")] == [1]
        assert reader.account("main").last_sequence == last
