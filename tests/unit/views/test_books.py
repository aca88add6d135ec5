"""Limits, protection, holdings and what needs a person: the engine's own figures, from the journal and the board alone."""

import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from holdfast.cli.session import Session
from holdfast.config import Config, load_config
from holdfast.control.client import Client
from holdfast.core.messages import Halt, Preserve
from holdfast.core.state import EngineState
from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.journal.reader import PAGE, Reader
from holdfast.runtime.compose import Engine, open_engine
from holdfast.views.attention import attention
from holdfast.views.board import ENGINE
from holdfast.views.books import Books
from holdfast.views.chain import Chain
from holdfast.views.holdings import holdings
from holdfast.views.news import news
from holdfast.views.protection import protection
from holdfast.views.risk import limits
from holdfast.views.sessions import session
from holdfast.views.strategies import strategies
from holdfast.views.unresolved import unresolved

RISKY = """
[feed]
kind = "synthetic"
seed = 5
days = 1
history_days = 0

[[accounts]]
name = "house"

[accounts.risk]
max_position_pct = 40
max_gross_pct = 90
max_net_pct = 90
max_positions = 5
daily_loss_pct = 5
max_drawdown_pct = 20
max_loss_streak = 50
cash_reserve_pct = 5
correlation_groups = { pair = ["AVOR", "BRYX"] }
max_group_pct = 60

[[strategies]]
id = "rsi"
class = "holdfast.strategies:RsiAtr"
account = "house"
symbols = ["AVOR", "BRYX", "DELM", "KORU", "TYNE"]
params = { length = 4, oversold = 45.0, quantity = 20 }
risk = { max_gross_exposure = 50000, max_open_orders = 5 }

[[strategies]]
id = "mean"
class = "holdfast.strategies:MeanReversion"
account = "house"
symbols = ["AVOR", "BRYX"]
"""


def risky(folder: Path) -> Config:
    """An account with many limits, and strategies that hold something at the end of the day."""
    path = folder / "holdfast.toml"
    path.write_text(RISKY)
    return load_config(path)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """See `risky`."""
    return risky(tmp_path)


PATIENCE_S = 30.0
"""How long anything may take: a bound that only a hang reaches."""


@contextmanager
def at_its_end(config: Config) -> Iterator[tuple[Engine, EngineState, Reader]]:
    """An engine that has traded to the end of its feed and is still there, with all it did in the journal and the board."""
    run = Session(config)
    with open_engine(config, run.watch) as engine:
        run.run(engine, None, run.news.clear)
        state = engine.accounts[0].state
        with Reader.open(config.journal.url) as reader:
            wait_for_the_board(config, state, reader)
            yield engine, state, reader


def wait_for_the_board(config: Config, state: EngineState, reader: Reader) -> None:
    """Until the journal and the board have what the engine knows."""
    ends_s = time.monotonic() + PATIENCE_S
    while True:
        now = Books(config).whole(reader, "house")
        is_there = now.state.sequence == state.sequence and now.market.time_ns == state.now_ns
        if is_there and now.market.source == ENGINE:
            return
        assert time.monotonic() < ends_s
        time.sleep(0.05)


class Ended(NamedTuple):
    """An engine at the end of its feed, for those that only look."""

    config: Config
    state: EngineState
    reader: Reader


@pytest.fixture(scope="module")
def one_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """See `at_its_end`. Its loop has ended, so that somebody else says that it is alive, however long the tests take."""
    config, is_over = risky(tmp_path_factory.mktemp("books")), threading.Event()
    with at_its_end(config) as (engine, state, reader):

        def beat() -> None:
            while not is_over.wait(0.2):
                engine.journal.beat()

        beating = threading.Thread(target=beat)
        beating.start()
        yield Ended(config, state, reader)
        is_over.set()
        beating.join()


@pytest.fixture
def ended(one_for_all: Ended) -> Ended:
    """The same, with a board of now."""
    wait_for_the_board(*one_for_all)
    return one_for_all


def test_figures_are_the_engines_own(ended: Ended) -> None:
    """Limits, protection and worth are what the engine's own state gives, to the last digit; read piece by piece or at once."""
    _, state, reader = ended
    books = Books(ended.config)
    scratch = books.whole(reader, "house")
    assert scratch.behind == 0
    assert scratch.state.equity == state.equity
    assert limits(scratch.state) == limits(state)
    assert protection(scratch.state) == protection(state)
    assert {row.rule for row in limits(state) if not row.strategy} == {
        "position_pct", "gross_pct", "net_pct", "positions", "open_orders", "order_rate", "daily_loss", "loss_streak",
        "buying_power", "drawdown", "cash_reserve", "group_exposure",
    }  # fmt: skip
    assert {row.rule for row in limits(state) if row.strategy == "rsi"} == {"gross_exposure", "open_orders"}
    held = holdings(scratch)
    assert held, "this seed leaves a position"
    assert {row.symbol: row.quantity for row in held} == {
        symbol: line.quantity for symbol, line in state.portfolio.open_lines()
    }
    value = state.portfolio.value(state.price)
    assert sum(row.unrealised or 0 for row in held) == value.unrealised
    assert sum(row.worth or 0 for row in held) + state.portfolio.cash == value.equity
    protected = [row for row in protection(state) if row.asked]
    assert protected
    assert any(row.protected == row.wanted > 0 and row.legs for row in protected)
    assert all((row.unprotected_since_ns is None) is (row.protected == row.wanted) for row in protected)
    gross = next(row for row in limits(state) if row.rule == "gross_pct")
    assert gross.used > 0
    assert gross.ratio is not None
    assert abs(gross.ratio - gross.used / 90) < Decimal("0.001")


def test_a_scratch_is_nobodys_but_the_askers(ended: Ended) -> None:
    """What is done to one changes nothing of the next; an account that there isn't is an error."""
    config, _, reader = ended
    books = Books(config)
    first = books.whole(reader, "house")
    before = limits(first.state)
    first.state.portfolio.lines.clear()
    first.state.marks.clear()
    assert limits(books.whole(reader, "house").state) == before
    with pytest.raises(InvalidValue, match="no account 'nobody'"):
        books.whole(reader, "nobody")


def test_who_looks_at_a_moment_of_before_takes_nothing_back(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ask at once, one of them of a moment before: it gets the newer state, and the next answer is of now, with nothing read again."""
    monkeypatch.setattr("holdfast.views.books.BUDGET_S", 0.0)
    run = Session(config)
    with open_engine(config, run.watch) as engine, Reader.open(config.journal.url) as before, before.snapshot():
        began = before.account("house").last_sequence
        run.run(engine, None, run.news.clear)
        engine.journal.wait_durable("house", engine.accounts[0].state.sequence, PATIENCE_S)
        with Reader.open(config.journal.url) as now:
            books = Books(config)
            last = now.account("house").last_sequence
            assert last > 2 * PAGE > before.account("house").last_sequence == began, "more than one look reads"
            assert books.whole(now, "house").state.sequence == last
            for reader in (before, now):
                found = books.scratch(reader, "house")
                assert (found.state.sequence, found.behind) == (last, 0)


def test_another_journal_is_read_from_its_beginning(config: Config, tmp_path: Path) -> None:
    """A longer journal of the same account in place of this one is known by its records, whatever their number."""
    books, path = Books(config), tmp_path / "other" / "holdfast.toml"
    path.parent.mkdir()
    path.write_text(RISKY.replace("seed = 5", "seed = 6"))
    with at_its_end(config) as (_, _, reader):
        first = books.whole(reader, "house").state.sequence
    other = load_config(path)
    run = Session(other)
    with open_engine(other, run.watch) as engine, Reader.open(other.journal.url) as reader:
        run.run(engine, None, run.news.clear)
        wanted = engine.accounts[0].state
        engine.journal.wait_durable("house", wanted.sequence, PATIENCE_S)
        assert reader.account("house").last_sequence > first, "by this seed"
        found = books.whole(reader, "house").state
        assert (found.sequence, found.portfolio.cash) == (wanted.sequence, wanted.portfolio.cash)


def at(text: str) -> int:
    """A time in UTC."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND_NS


def read_books(config: Config, reader: Reader) -> Books:
    """The account's state, all of it read."""
    books = Books(config)
    books.whole(reader, "house")
    return books


def kinds(config: Config) -> list[tuple[str, str]]:
    """What needs a person now."""
    with Reader.open(config.journal.url) as reader:
        return [(item.level, item.kind) for item in attention(reader, config, read_books(config, reader))]


def test_what_needs_a_person(config: Config) -> None:
    """An engine that died with positions is critical; so is a halt; in order of what is worst. While all is well there is nothing."""
    with at_its_end(config) as (_, _, reader):
        assert attention(reader, config, read_books(config, reader)) == []
    assert kinds(config) == [("critical", "engine")], "it holds something and is not there"
    client = Client(config.journal.url, "house", "cli:test", 1, is_elsewhere=False)
    client.ask_or_leave(Preserve("by night"), "x")
    run = Session(config)
    with open_engine(config, run.watch) as engine:
        run.run(engine, None, run.news.clear)
    assert kinds(config) == [("critical", "engine"), ("critical", "preservation")]
    client.ask_or_leave(Halt("enough"), "x")
    with open_engine(config, run.watch) as engine:
        run.run(engine, None, run.news.clear)
    with Reader.open(config.journal.url) as reader:
        found = attention(reader, config, read_books(config, reader))
        assert [item.kind for item in found] == ["engine", "halted"]
        assert "enough" in found[1].text
        assert found[1].since_ns is not None
        told = news(reader, "house")
        assert next(each.level for each in told if each.type == "AccountStateChanged") == "critical"
        assert told == sorted(told, key=lambda each: -each.sequence)
        later = news(reader, "house", limit=3)
        assert later == told[:3]
        assert news(reader, "house", limit=3, before=later[-1].sequence) == told[3:6]


def test_strategies_one_by_one(ended: Ended) -> None:
    """Parameters in force, what it holds and has earned, what it asked for and was refused."""
    config, state, reader = ended
    rsi, mean = strategies(reader, config, config.accounts[0])
    assert (rsi.status.strategy, rsi.status.running, mean.class_path) == (
        "rsi",
        True,
        "holdfast.strategies:MeanReversion",
    )
    assert rsi.params["length"] == 4
    assert rsi.params["exit"] == 55.0, "those by default too"
    value = state.portfolio.value(state.price)
    assert rsi.realised + mean.realised == value.realised
    assert (rsi.unrealised or 0) + (mean.unrealised or 0) == value.unrealised
    assert rsi.fills > 0
    assert rsi.signals
    assert rsi.signals == sorted(rsi.signals, key=lambda each: -each.sequence)
    assert unresolved(reader, "house").orders == []


def test_the_chain_is_proven_piece_by_piece(ended: Ended) -> None:
    """Each look goes on from the last; at the end all is proven, and what grows is proven from there."""
    _, state, reader = ended
    chain = Chain()
    looks = [chain.look(reader, "house", 0.0)]
    assert looks[0].verified == min(1000, state.sequence)
    while looks[-1].verified < state.sequence:
        looks.append(chain.look(reader, "house", 0.0))
    assert looks[-1].problem == ""
    assert [look.last for look in looks] == [state.sequence] * len(looks)


@pytest.mark.parametrize(
    ("moment", "phase", "following"),
    [
        ("2024-07-10T12:00:00", "before the open", "open"),
        ("2024-07-10T13:30:00", "open", "closed"),
        ("2024-07-10T19:59:59", "open", "closed"),
        ("2024-07-10T20:00:00", "closed", "open"),
        ("2024-07-13T12:00:00", "closed", "open"),
    ],
)
def test_the_phase_of_the_day(config: Config, moment: str, phase: str, following: str) -> None:
    """In New York's day, with what comes next; one that never closes has no next change."""
    now_ns = at(moment)
    found = session(config.accounts[0], now_ns)
    assert (found.phase, found.next_phase, found.zone) == (phase, following, "America/New_York")
    assert found.next_change_ns is not None
    assert found.next_change_ns > now_ns


def test_an_exchange_that_never_closes(tmp_path: Path) -> None:
    """It is open, and nothing changes that; one with a pause says so."""
    path = tmp_path / "holdfast.toml"
    for calendar, phase in (("24/7", "open"), ("XTKS", "break")):
        path.write_text(RISKY.replace('name = "house"\n', f'name = "house"\ncalendar = "{calendar}"\n', 1))
        found = session(load_config(path).accounts[0], at("2024-07-10T03:00:00"))  # noon in Tokyo
        assert found.phase == phase, calendar
        assert (found.next_change_ns is None) is (calendar == "24/7")
