"""What needs a person is told as of one moment, whatever is written meanwhile."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from holdfast.config import Config, parse_config
from holdfast.core.messages import PAPER, AnyBody
from holdfast.core.milestones import AccountStateChanged, Impaired, Restored
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import Cause
from holdfast.journal import Batch, Journal
from holdfast.journal.reader import Reader
from holdfast.views.status import account_status, status
from tests.unit.alerting.test_watcher import facts, started
from tests.unit.journal.trader import Trader


class Engine:
    """Writes what one account misses."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._trader = Trader(journal.take("main", PAPER, "pid 1 on elsewhere"))

    def write(self, state: AccountState, *bodies: AnyBody) -> None:
        """Until it is durable."""
        batch: Batch = msgspec.structs.replace(facts(self._trader, *bodies), account_state=state.value)
        self._journal.append(batch)
        self._journal.wait_durable("main", batch.envelopes[-1].sequence, 60)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    data = {"journal": {"url": f"sqlite:///{tmp_path / 'j.db'}"}, "accounts": [{"name": "main"}]}
    return parse_config(data | {"feed": {"kind": "synthetic"}}, "test", tmp_path)


@pytest.fixture
def engine(config: Config) -> Iterator[Engine]:
    with closing(Journal.open(config.journal.url)) as journal:
        yield Engine(journal)


def test_a_state_and_its_cause_are_of_one_moment(
    config: Config, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was missing comes back while the account is being read: it is shown with its cause, or not at all, and never as PRESERVATION without one."""
    missing = Impaired(Cause.MARKET_DATA.value, "the stream is down")
    away = AccountStateChanged(AccountState.IDLE, AccountState.PRESERVATION, "the stream is down")
    engine.write(AccountState.PRESERVATION, started(), missing, away)
    back = AccountStateChanged(AccountState.PRESERVATION, AccountState.IDLE, "it is back")
    writes = [(AccountState.IDLE, Restored(Cause.MARKET_DATA.value, "it is back"), back)]
    read = Reader.is_running

    def meanwhile(reader: Reader, account: str) -> bool:
        while writes:
            engine.write(*writes.pop())
        return read(reader, account)

    monkeypatch.setattr("holdfast.views.status._verdicts", lambda *_: {})
    monkeypatch.setattr(Reader, "is_running", meanwhile)
    (found,) = status(config).accounts
    assert (found.state, found.missing) == ("PRESERVATION", {"market data": "the stream is down"})
    (later,) = status(config).accounts
    assert (later.state, later.missing) == ("IDLE", {})


def test_a_moment_inside_a_moment_is_that_of_the_outer_one(config: Config, engine: Engine) -> None:
    """And who has left the inner one still looks at it."""
    engine.write(AccountState.IDLE, started())
    with Reader.open(config.journal.url) as reader:
        with reader.snapshot():
            before = reader.account("main")
            with reader.snapshot():
                engine.write(AccountState.IDLE, started(2))
            assert reader.account("main") == before
            assert account_status(config, config.accounts[0], before, reader).last_record == before.last_sequence
        assert reader.account("main").last_sequence > before.last_sequence
