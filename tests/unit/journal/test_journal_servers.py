"""What only a server can do to a journal: go away, answer nothing, refuse, keep locks, be half made, be somebody else's."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url

from holdfast.config import load_config
from holdfast.core.messages import PAPER, OrderCanceled
from holdfast.errors import ConfigError, JournalError
from holdfast.journal import Journal, Reader, mariadb, postgresql, schema
from holdfast.journal.database import Database, open_database, public
from holdfast.journal.tables import metadata
from holdfast.journal.verify import verify
from tests.databases import fresh_database, kill_sessions, run_in, run_on_server
from tests.proxy import Proxy, proxied
from tests.unit.journal.trader import Trader

WAIT_S = 20.0
ROUNDS = 6
COMMITS = {"postgresql": b"COMMIT\0", "mariadb": b"\3COMMIT"}
"""How each says it on the wire."""


def resumed(journal: Journal, url: str) -> Trader:
    with Reader.open(url) as reader:
        return Trader(journal.take("main", PAPER, "me")).resume(reader)


def _append_for_ever(journal: Journal, trader: Trader) -> None:
    while True:
        for batch in trader.day(5):
            journal.append(batch)
        journal.wait_durable("main", trader.sequence, WAIT_S)


def write_until_it_fails(journal: Journal, trader: Trader, enough: int, kill: Callable[[], int]) -> int:
    """Append day after day, killing the sessions when ``enough`` records are durable; the last sequence acknowledged."""
    killing = threading.Event()

    def look() -> None:
        if journal.failure is None and journal.watermark("main") >= enough and not killing.is_set():
            killing.set()
            threading.Thread(target=kill).start()

    journal.on_durable(look)
    with pytest.raises(JournalError):
        _append_for_ever(journal, trader)
    return journal.watermark("main")


@pytest.mark.proves("D5", "I1", "I4")
def test_sessions_killed_while_committing(server: str, url: str) -> None:
    """Whenever the server ends the session: what was acknowledged is there, nothing is doubled, and it proves itself."""
    for attempt in range(ROUNDS):
        journal = Journal.open(url)
        trader = resumed(journal, url)
        durable = write_until_it_fails(
            journal, trader, trader.sequence + 7 * attempt + 1, lambda: kill_sessions(server, url)
        )
        assert "\n" not in str(journal.failure)
        journal.close()
        checked = verify(url)
        assert checked.problems == []
        assert checked.accounts[0].records >= durable > 0


@pytest.mark.proves("L4")
def test_a_commit_is_never_where_no_timeout_runs(server: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a pipeline PostgreSQL ends neither a statement nor an idle transaction: a process frozen there keeps its locks."""

    def refuse(*_: object) -> None:
        raise AssertionError("a pipeline was begun")

    monkeypatch.setattr(psycopg.Pipeline, "__init__", refuse)
    with closing(Journal.open(url)) as journal:
        trader = Trader(journal.take("main", PAPER, "me"))
        for batch in trader.day(5):
            journal.append(batch)
        journal.wait_durable("main", trader.sequence, WAIT_S)
    assert verify(url).problems == []


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our side waits a few seconds for a server that says nothing: a sound one on a busy machine may take more than one."""
    monkeypatch.setattr(postgresql._Patient, "patience_s", 4.0)
    monkeypatch.setattr(mariadb, "STATEMENT_TIMEOUT_S", 4)
    monkeypatch.setattr(mariadb, "GRACE_S", 0)


@pytest.fixture
def proxy(server: str, url: str) -> Iterator[Proxy]:
    target = make_url(url)
    with proxied(target.host or "127.0.0.1", target.port or 0) as made:
        yield made


def by_way_of(proxy: Proxy, url: str) -> str:
    return make_url(url).set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)


@pytest.mark.proves("D5", "I1")
def test_answer_to_a_commit_is_lost(server: str, hurried: None, url: str, proxy: Proxy) -> None:
    """A commit whose answer never comes fails the journal in bounded time, and the next start finds what it recorded, once."""
    Journal.open(url).close()
    journal = Journal.open(by_way_of(proxy, url))
    trader = Trader(journal.take("main", PAPER, "me"))
    journal.append(trader.deposit())
    journal.wait_durable("main", 1, WAIT_S)
    proxy.swallow_answers(after=COMMITS[server])
    journal.append(trader.deposit())
    with pytest.raises(JournalError, match="start again: what is there will be read"):
        journal.wait_durable("main", 2, WAIT_S)
    assert proxy.triggered.is_set()
    assert journal.watermark("main") == 1
    journal.close()
    proxy.heal()
    with closing(Journal.open(by_way_of(proxy, url))) as again:
        assert resumed(again, url).sequence == 2
    assert verify(url).problems == []


@pytest.mark.proves("D5")
def test_server_that_answers_nothing(server: str, hurried: None, url: str, proxy: Proxy) -> None:
    """A server that takes a statement and never answers is an error in bounded time, and nothing is recorded."""
    Journal.open(url).close()
    journal = Journal.open(by_way_of(proxy, url))
    trader = Trader(journal.take("main", PAPER, "me"))
    proxy.swallow_answers(after=b"UPDATE")
    journal.append(trader.deposit())
    with pytest.raises(JournalError, match="start again"):
        journal.wait_durable("main", 1, WAIT_S)
    journal.close()
    with Reader.open(url) as reader:
        assert list(reader.records("main")) == []


def test_frozen_session_loses_its_locks(server: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process stopped in the middle of a commit doesn't keep its successor from the account: the server ends its session."""
    Journal.open(url).close()
    with closing(Journal.open(url)) as journal:
        journal.take("main", PAPER, "me")
    writer = open_database(url).writer()
    with (
        monkeypatch.context() as hurried
    ):  # the next one waits as long as it does with people, however busy the machine
        # so long that its own first statements come through on a busy machine
        hurried.setattr(postgresql if server == "postgresql" else mariadb, "STATEMENT_TIMEOUT_S", 3)
        frozen_there = writer.connect()
    with frozen_there as frozen:
        frozen.begin()
        frozen.exec_driver_sql("UPDATE accounts SET state = 'FROZEN'")
        with closing(Journal.open(url)) as journal:
            assert journal.take("main", PAPER, "the next").epoch == 2
        with pytest.raises(sa.exc.DBAPIError):
            frozen.exec_driver_sql("UPDATE accounts SET state = 'FROZEN'")
        frozen.invalidate()
    with Reader.open(url) as reader:
        assert reader.account("main").state == ""


class Cut(BaseException):
    """The process ends here."""


def statements_of_creation(url: str, cut_after: int | None) -> int:
    """Make the journal, or begin to: the process ends after ``cut_after`` statements that define something."""
    seen = 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal seen
        if statement.split(maxsplit=1)[0] in ("CREATE", "ALTER", "INSERT", "UPDATE"):
            seen += 1
            if seen == cut_after:
                raise Cut

    sa.event.listen(sa.Engine, "after_cursor_execute", count)
    try:
        Journal.open(url).close()
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", count)
    return seen


def test_creation_cut_short_anywhere(kind: str, tmp_path: Path) -> None:
    """Wherever a crash cuts a journal's making short, it isn't taken for one, and the next start makes it whole."""
    with fresh_database(kind, tmp_path) as url:
        total = statements_of_creation(url, None)
    assert total > len(metadata.tables)
    by_itself = kind == "mariadb"  # each statement commits, so each of them is a place to crash at
    for cut in range(1, total + 1) if by_itself else (1, total // 2, total):
        (tmp_path / str(cut)).mkdir()
        with fresh_database(kind, tmp_path / str(cut)) as url:
            with pytest.raises(Cut):
                statements_of_creation(url, cut)
            if not by_itself or cut < total:  # the version's own transaction may be there or not
                with pytest.raises(JournalError):
                    Reader.open(url)
            Journal.open(url).close()
            with open_database(url).reader().connect() as connection:
                context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
                assert compare_metadata(context, metadata) == [], cut


def test_many_that_create_at_once_share_one_journal(new_url: str) -> None:
    """Processes that make the same journal at the same moment get one journal, and no error."""
    together = threading.Barrier(4)

    def make(number: int) -> int:
        together.wait(WAIT_S)
        with closing(Journal.open(new_url)) as journal:
            return journal.take(f"a{number}", PAPER, "me").epoch

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, range(4))) == [1, 1, 1, 1]
    assert verify(new_url).problems == []


def test_tables_of_another_program(server: str, new_url: str) -> None:
    """A database in which another program has a table of one of our names is refused, and left as it is."""
    name = make_url(new_url).database
    with open_database(new_url).writer().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (dish VARCHAR(10))")
    with pytest.raises(JournalError, match="a table orders of another program") as caught:
        Journal.open(new_url)
    assert str(name) in str(caught.value)
    with pytest.raises(JournalError, match="there is no journal at"):
        Reader.open(new_url)


def test_readers_cannot_write(url: str) -> None:
    """A reading connection can't change a row."""
    Journal.open(url).close()
    with open_database(url).reader().connect() as connection, pytest.raises(sa.exc.DBAPIError):
        connection.execute(sa.delete(metadata.tables["commands"]))


def test_schema_of_the_search_path(tmp_path: Path) -> None:
    """On PostgreSQL the journal is in the schema that the URL's search_path names; two of them don't see each other."""
    with fresh_database("postgresql", tmp_path) as url:
        one, two = (f"{url}?options=-csearch_path%3D{name}" for name in ("one", "two"))
        with pytest.raises(JournalError, match="CREATE SCHEMA"):
            Journal.open(one)
        for name, place in (("one", one), ("two", two)):
            run_in(url, f"CREATE SCHEMA {name}")
            with closing(Journal.open(place)) as journal:
                journal.take(name, PAPER, "me")
        with Reader.open(one) as reader:
            assert [row.account for row in reader.accounts()] == ["one"]
        with pytest.raises(JournalError, match="there is no journal"):
            Reader.open(url)


# --- durability ---


def test_commits_are_on_the_disk_though_the_server_is_lax(tmp_path: Path) -> None:
    """On a PostgreSQL database that is set to synchronous_commit=off, the writer's own session has it on."""
    with fresh_database("postgresql", tmp_path) as url:
        run_on_server("postgresql", f"ALTER DATABASE {make_url(url).database} SET synchronous_commit = off")
        with closing(Journal.open(url)) as journal:
            setting = journal._committer._connection.execute("SHOW synchronous_commit").fetchone()
        assert setting == ("on",)


def test_lax_server_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A MariaDB server that may lose commits in a power failure is named, with the setting, at each start."""
    with fresh_database("mariadb", tmp_path) as url:
        run_on_server("mariadb", "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
        try:
            Journal.open(url).close()
        finally:
            run_on_server("mariadb", "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
        assert "innodb_flush_log_at_trx_commit=2" in caplog.text
        caplog.clear()
        Journal.open(url).close()
        assert "innodb" not in caplog.text


# --- what is said ---

POSTGRESQL_SAYS = [
    ("08006", "start again"), ("57P01", "start again"), ("25P03", "start again"), ("23505", "used twice"),
    ("25006", "read-only"), ("28P01", "password"), ("3D000", "CREATE DATABASE"), ("3F000", "CREATE SCHEMA"),
    ("40P01", "deadlock"), ("42501", "grant"), ("42P01", "backup"), ("53100", "disk is full"), ("53300", "max_connections"),
    ("55P03", "locked"), ("57014", "in time"), ("XX001", "backup"), ("22001", "longer"),
]  # fmt: skip
MARIADB_SAYS = [
    (1021, "disk is full"), (1040, "max_connections"), (1045, "password"), (1049, "CREATE DATABASE"), (1062, "used twice"),
    (1114, "disk is full"), (1142, "grant"), (1146, "backup"), (1153, "max_allowed_packet"), (1193, "MariaDB 10.6"),
    (1205, "locked"), (1213, "deadlock"), (1290, "read-only"), (1406, "longer"), (1927, "start again"), (1969, "in time"),
    (2003, "lets this machine in"), (2006, "start again"), (2013, "start again"),
]  # fmt: skip


def said(database: Database, error: Exception) -> str:
    text = str(database.explain(error, "written"))
    assert "\n" not in text
    assert "hunter22" not in text
    return text


@pytest.mark.parametrize(("code", "says"), POSTGRESQL_SAYS)
def test_postgresql_errors_say_what_to_do(code: str, says: str) -> None:
    """Each error that PostgreSQL can answer with becomes a line with advice, without the password."""
    database = open_database("postgresql://me:hunter22@host/journal")
    assert says in said(database, psycopg.errors.lookup(code)("it broke\nhunter22")).partition(" - ")[2]


@pytest.mark.parametrize(("code", "says"), MARIADB_SAYS)
def test_mariadb_errors_say_what_to_do(code: int, says: str) -> None:
    """Each error that MariaDB can answer with becomes a line with advice, without the password."""
    database = open_database("mariadb://me:hunter22@host/journal")
    assert says in said(database, pymysql.err.OperationalError(code, "it broke\nhunter22")).partition(" - ")[2]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port: int = gone.getsockname()[1]
    return port


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("postgresql", {"database": "holdfast_nowhere"}, "make the database"),
    ("postgresql", {"username": "holdfast_nobody"}, "make the database and its user"),
    ("postgresql", {"host": "nowhere.invalid"}, "check the host"),
    ("mariadb", {"database": "holdfast_nowhere"}, "make the database first"),
    ("mariadb", {"username": "holdfast_nobody"}, "check the user and the password"),
    ("mariadb", {"password": "hunter22"}, "check the user and the password"),
    ("mariadb", {"host": "nowhere.invalid"}, "check that the server runs there"),
]


@pytest.mark.parametrize(("kind", "change", "says"), WRONG)
def test_wrong_place_says_what_is_wrong(kind: str, change: dict[str, Any], says: str, tmp_path: Path) -> None:
    """A host, user, password or database that is not right is a line that says which to look at, without the password."""
    with fresh_database(kind, tmp_path) as url:
        wrong = make_url(url).set(**change).render_as_string(hide_password=False)
        with pytest.raises(JournalError) as caught:
            Journal.open(wrong)
    assert says in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nobody_listens(server: str, url: str) -> None:
    """Where no server listens, the line says so at once."""
    wrong = make_url(url).set(port=closed_port()).render_as_string(hide_password=False)
    with pytest.raises(JournalError, match="check that the server runs there"):
        Journal.open(wrong)


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("postgresql://h/d", "psycopg", "postgres"),
        ("mariadb://h/d", "pymysql", "mariadb"),
        ("mysql://h/d", "pymysql", "mariadb"),
    ],
)
def test_missing_driver_names_its_extra(url: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the driver, the configuration's error says what to install."""
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(ConfigError, match=rf"pip install 'holdfast\[{extra}\]'"):
        open_database(url)


def test_url_from_the_environment(tmp_path: Path) -> None:
    """The whole URL, and so the password, can come from the environment; shown it has no password."""
    path = tmp_path / "holdfast.toml"
    path.write_text('[journal]\nurl = "postgresql://host/other"\n[[accounts]]\nname = "main"\n', encoding="utf-8")
    url = "postgresql://me:hunter22@host/journal?sslpassword=hunter22"
    config = load_config(path, {"HOLDFAST_JOURNAL__URL": url})
    assert config.journal.url == url
    assert public(url) == open_database(url).shown == "postgresql://me:***@host/journal"


# --- contention, measured ---


def test_waits_are_counted(impatient: None, journal: Journal, trader: Trader, url: str) -> None:
    """A wait for a lock that is given up is counted, and so is a commit that works, with how long it took."""
    journal.append(trader.deposit())
    journal.wait_durable("main", 1, WAIT_S)
    metrics = journal.database.metrics
    before = metrics.summary()
    assert before["commits"] == 1
    assert before["p50_s"] == before["p99_s"] is not None
    assert before["lock_waits"] == 0
    with open_database(url).writer().connect() as other:
        other.begin()
        other.execute(sa.update(metadata.tables["accounts"]).values(state="MINE"))
        journal.append(trader.deposit())
        with pytest.raises(JournalError, match="another program kept it locked"):
            journal.wait_durable("main", 2, WAIT_S)
    after = metrics.summary()
    assert (after["commits"], after["lock_waits"], after["deadlocks"]) == (1, 1, 0)


def test_slow_statements_are_counted(journal: Journal, trader: Trader, url: str) -> None:
    """A statement that waits half a second, and works, is counted as slow."""
    with open_database(url).writer().connect() as other:
        other.begin()
        other.execute(sa.update(metadata.tables["accounts"]).values(state="MINE"))
        journal.append(trader.deposit())
        with pytest.raises(JournalError, match=r"not on the disk after 0\.5 s"):
            journal.wait_durable("main", 1, 0.5)
        other.rollback()
    journal.wait_durable("main", 1, WAIT_S)
    summary = journal.database.metrics.summary()
    assert (summary["slow"], summary["lock_waits"]) == (1, 0)


# --- what servers are strict about ---


def test_long_and_strange_texts_are_kept(journal: Journal, trader: Trader, url: str) -> None:
    """However long a broker's reason is, and whatever characters are in it, the order's end is recorded and proves itself."""
    strange = "é😀\0'\\%s" * 20_000
    name, prepared = trader.prepare()
    canceled = trader.batch([OrderCanceled(name, strange)])
    for batch in (prepared, canceled):
        journal.append(batch)
    journal.wait_durable("main", trader.sequence, WAIT_S)
    with Reader.open(url) as reader:
        assert list(reader.records("main"))[-1] == canceled.envelopes[0]
        assert reader.orders()[0].reason == strange.replace("\0", "\N{REPLACEMENT CHARACTER}")
    assert verify(url).problems == []


def test_names_differ_in_case_alone(journal: Journal, url: str) -> None:
    """An account "Main" is not the account "main"."""
    assert [journal.take(name, PAPER, "me").epoch for name in ("main", "Main", "MAIN")] == [1, 1, 1]
    with Reader.open(url) as reader:
        assert sorted(row.account for row in reader.accounts()) == ["MAIN", "Main", "main"]


def test_mariadb_is_reached_with_the_drivers_own_tls() -> None:
    """The TLS settings that connections share are those that the driver makes for each, and what a URL asks for is the driver's."""
    asked = {"verify_mode": "required"}
    ours, drivers = (kind(defer_connect=True) for kind in (mariadb._Connection, pymysql.connections.Connection))
    for settings in ({}, asked):
        made = [each._create_ssl_ctx(settings) for each in (ours, drivers)]
        seen = [(c.verify_mode, c.check_hostname, c.minimum_version, c.options, c.get_ciphers()) for c in made]
        assert seen[0] == seen[1]
    assert ours._create_ssl_ctx({}) is ours._create_ssl_ctx({})
    assert ours._create_ssl_ctx(asked) is not ours._create_ssl_ctx({})


def test_a_migration_may_be_slow_between_two_statements(tmp_path: Path) -> None:
    """On a busy machine making the tables takes longer than a transaction may stand idle elsewhere; afterwards that holds again."""

    def allowed(connection: sa.Connection) -> str:
        with connection.begin():
            return str(connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar())

    with fresh_database("postgresql", tmp_path) as url:
        found = open_database(url)
        with found.writer().connect() as connection:
            usual = allowed(connection)
            with found.migrating(connection):
                assert allowed(connection) == "0"
            assert allowed(connection) == usual != "0"
