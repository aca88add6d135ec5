"""A commit that waits for somebody else's lock and gets it: counted on each database, and no failure."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.core.messages import PAPER
from holdfast.journal import Journal
from holdfast.journal.commit import Committer
from holdfast.journal.database import open_database
from holdfast.journal.tables import metadata
from holdfast.runtime.board import commits_of
from holdfast.telemetry.journal_metrics import WAITED_S
from tests.databases import KINDS, fresh_database
from tests.unit.journal.trader import Trader

WAIT_S = 60.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_wait_that_ends_well_is_counted(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is durable once the other lets go; nothing was given up; the figures for people have its time and size."""
    begun = threading.Event()

    def execute(self: Committer, *values: Any, before: Any = Committer._execute) -> None:
        begun.set()
        before(self, *values)

    with fresh_database(kind, tmp_path) as url:
        journal = Journal.open(url)
        try:
            trader = Trader(journal.take("main", PAPER, "me"))
            journal.append(trader.deposit())
            journal.wait_durable("main", 1, WAIT_S)
            with open_database(url).writer().connect() as other, other.begin() as held:
                other.execute(sa.update(metadata.tables["accounts"]).values(state="MINE"))
                monkeypatch.setattr(Committer, "_execute", execute)
                journal.append(trader.deposit())
                assert begun.wait(WAIT_S)
                time.sleep(2 * WAITED_S)  # its clock runs: so long it waits at least
                held.rollback()
            journal.wait_durable("main", 2, WAIT_S)
            found = commits_of(journal.database.metrics)
        finally:
            journal.close()
    assert (found.count, found.records, found.lock_waits, found.deadlocks) == (2, 1.0, 0, 0)
    assert found.waited >= 1
    assert found.bytes > 0
    assert found.p50_s is not None
