"""``holdfast check``: everything that a run needs, looked at beforehand; what is wrong, and how to mend it."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.text import Text

from holdfast.adapters import registry
from holdfast.assembly import (
    build_feed,
    build_live_feed,
    build_runner,
    calendar_notes,
    calendar_of,
    log_in,
    session_notes,
    tick_notes,
    timeframe_notes,
)
from holdfast.brokers.adapter import Watched
from holdfast.cli import terminal
from holdfast.cli.backtest import check_data, split_notes
from holdfast.cli.progress import progress
from holdfast.cli.terminal import BAD, GOOD, WARN
from holdfast.config import DEFAULT_PATH, Config, FeedConfig, StrategyConfig, load_config
from holdfast.core.types import SECOND_NS
from holdfast.errors import HoldfastError
from holdfast.feeds.live import LiveFeed
from holdfast.feeds.port import Feed
from holdfast.journal.database import Database, open_database
from holdfast.journal.holder import process_name
from holdfast.journal.lease import check_bound
from holdfast.journal.reader import Reader
from holdfast.journal.sqlite import SqliteDatabase
from holdfast.journal.verify import verify
from holdfast.locks import open_locks
from holdfast.runtime.identity import Beginning, check_names
from holdfast.runtime.parts import Builder
from holdfast.telemetry.exporter import Exporter
from holdfast.telemetry.metrics import ApiMetrics

OK, NOTE, FAIL = "ok", "warn", "fail"
_STYLES = {OK: GOOD, NOTE: WARN, FAIL: BAD}

ENOUGH_BYTES, TOO_FEW_BYTES = 1 << 30, 100 << 20
"""Of free disk: a journal grows by some 1 kB for each record, so 1 GB is a million of them."""
EARLIEST_S = 1_735_689_600
"""2025-01-01: a clock that says less was never set."""


class Finding(NamedTuple):
    """What was found of what. ``status`` is the exit status that a failure asks for."""

    what: str
    verdict: str
    text: str
    status: int = 1


Finder = Callable[[], Iterator[Finding]]


def check(config_file: Path | None, as_json: bool) -> int:
    """Print one line for each finding. The exit status is that of the first failure, 0 without any.

    What `run` refuses before it trades, and without asking a broker, fails here with the same words and status.
    """
    findings: list[Finding] = []
    statuses: list[int] = []
    console = terminal.console()

    def take(found: Iterator[Finding], what: str) -> bool:
        """Whether all went well; an error becomes a finding."""
        before = len(statuses)
        try:
            for finding in found:
                tell(finding)
        except HoldfastError as error:
            tell(_failure(what, error))
        return len(statuses) == before

    def tell(finding: Finding) -> None:
        if finding.verdict == FAIL and finding.text in [other.text for other in findings]:
            return  # what several parts need is missing once
        findings.append(finding)
        if finding.verdict == FAIL:
            statuses.append(finding.status)
        if not as_json:
            console.print(_line(finding), soft_wrap=True)

    checks = _Checks(config_file or DEFAULT_PATH)
    if take(checks.configuration(), "configuration"):
        for what, find in checks.parts():
            take(find(), what)
        if not statuses:
            take(checks.whole(), "accounts")
        for what, find in checks.surroundings():
            take(find(), what)
    if as_json:
        rows = [{"check": row.what, "verdict": row.verdict, "text": row.text} for row in findings]
        terminal.print_json({"ok": not statuses, "checks": rows})
    return statuses[0] if statuses else 0


def _failure(what: str, error: HoldfastError) -> Finding:
    return Finding(what, FAIL, " ".join(str(error).split()), error.exit_status)


def _line(finding: Finding) -> Text:
    what, verdict, text, _ = finding
    return Text.assemble((f"{verdict:<4}", f"bold {_STYLES[verdict]}"), f"  {what:<13}  {text}")


class _Checks:
    """The checks in the order in which they make sense: those after the first can count on the configuration."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._config: Config
        self._feeds: dict[str, Feed | LiveFeed] = {}
        self._replayed: dict[str, Feed] = {}

    def parts(self) -> list[tuple[str, Finder]]:
        """What a configuration says, part by part, with what each is about."""
        return [
            ("calendar", self.calendars),
            ("feed", self.feeds),
            ("login", self.logins),
            ("strategies", self.strategies),
        ]

    def surroundings(self) -> list[tuple[str, Finder]]:
        """What a run needs that is not in the configuration."""
        return [
            ("journal", self.journal),
            ("metrics", self.metrics),
            ("disk", self.disk),
            ("clock", self.clock),
        ]

    def configuration(self) -> Iterator[Finding]:
        """The file, and what only makes sense as a whole."""
        self._config = config = load_config(self._path)
        accounts, strategies = len(config.accounts), len(config.strategies)
        yield Finding("configuration", OK, f"{self._path}: accounts {accounts}, strategies {strategies}")
        if not strategies:
            yield Finding("configuration", NOTE, "there is no strategy; add [[strategies]], or trade by hand")

    def calendars(self) -> Iterator[Finding]:
        """Each account's calendar."""
        for account in self._config.accounts:
            calendar = calendar_of(account)
            covers = f"{calendar.days[0].date} to {calendar.known_until}"
            yield Finding("calendar", OK, f"{account.calendar} for {account.name}: {covers}")
        for note in calendar_notes(self._config, time.strftime("%Y-%m-%d", time.gmtime())):
            yield Finding("calendar", NOTE, note)
        for note in tick_notes(self._config):
            yield Finding("instruments", NOTE, note)

    def feeds(self) -> Iterator[Finding]:
        """The market data, every row of it; of live data what can be seen without asking for it."""
        for source in self._config.sources:
            if source.is_live:
                yield self._live_feed(source)
            else:
                yield from self._replayed_feed(source)

    def _replayed_feed(self, source: FeedConfig) -> Iterator[Finding]:
        feed = build_feed(self._config, source)
        total = check_data(feed)
        self._feeds[source.name] = self._replayed[source.name] = feed
        events = "endless" if total is None else terminal.many(total, "event")
        symbols = list(feed.symbols)
        more = f" and {len(symbols) - 8} more" if len(symbols) > 8 else ""
        yield Finding("feed", OK, f"{feed.name}: {events}, {', '.join(symbols[:8])}{more}")
        for note in (*split_notes(feed), *timeframe_notes(self._strategies_on(source), feed)):
            yield Finding("feed", NOTE, note)

    def _live_feed(self, source: FeedConfig) -> Finding:
        login = log_in(self._config, source.kind, source.login, Watched(ApiMetrics()))
        self._feeds[source.name] = feed = build_live_feed(self._config, source, login)
        login.close()
        text = f"{feed.name}: {', '.join(feed.symbols)}, {login.where}; `holdfast check {source.kind}` proves the way there"
        return Finding("feed", OK, text)

    def logins(self) -> Iterator[Finding]:
        """The keys of each account that is elsewhere, where the feed has not shown them."""
        shown = {(source.kind, source.login) for source in self._config.sources}
        for account in self._config.accounts:
            if registry.load(account.broker).replayed is None and (account.broker, account.login) not in shown:
                login = log_in(self._config, account.broker, account.login, Watched(ApiMetrics()))
                login.close()
                yield Finding("login", OK, f"{account.name}: {login.where}")
        for note in session_notes(self._config):
            yield Finding("login", NOTE, note)

    def _strategies_on(self, source: FeedConfig) -> Sequence[StrategyConfig]:
        return self._config.strategies_on(*(account.name for account in self._config.accounts_on(source)))

    def strategies(self) -> Iterator[Finding]:
        """Each strategy's class, parameters and symbols, on each feed that it has."""
        for source in self._config.sources:
            feed = self._feeds.get(source.name)
            for strategy in self._strategies_on(source) if feed is not None else ():
                assert feed is not None  # noqa: S101 - the line above
                try:
                    build_runner(strategy, feed)
                except HoldfastError as error:  # the others are looked at too
                    yield _failure("strategies", error)
                    continue
                yield Finding(
                    "strategies", OK, f"{strategy.id}: {strategy.class_path} on {', '.join(strategy.symbols)}"
                )

    def whole(self) -> Iterator[Finding]:
        """The accounts, built as a run builds them: what no part shows alone is refused by the same code."""
        config = self._config
        builder = Builder(config, process_name(), Beginning())
        try:
            for source in config.sources:
                builder.build(source, self._replayed.get(source.name))
            if config.locks.url is not None and any(source.is_live for source in config.sources):
                open_locks(config.locks.url).close()
        finally:
            builder.close()
        for account in config.accounts:
            yield Finding(
                "accounts",
                OK,
                f"{account.name}: {registry.load(account.broker).title}, on {config.feed_of(account).label}",
            )

    def journal(self) -> Iterator[Finding]:
        """Whether it can be written, is free, and proves itself."""
        database = open_database(self._config.journal.url)
        if not database.exists():
            yield self._new_journal(database)
            return
        self._check_recorded()
        running = self._running()
        if running:
            yield Finding("journal", NOTE, f"an engine is running: {running}; a second one would be refused")
        with database.reported("written"), database.writer().connect() as connection, connection.begin():
            # on SQLite that takes the write lock and gives it back: read-only, locked and damaged files fail here
            for weakness in database.weaknesses(connection):
                yield Finding("journal", NOTE, weakness)
        with progress("audit", "records") as update:
            found = verify(self._config.journal.url, update)
        records = sum(account.records for account in found.accounts)
        if found.ok:
            yield Finding("journal", OK, f"{database.shown}: {terminal.many(records, 'record')}, all proven")
        else:
            yield Finding("journal", FAIL, f"{found.problems[0]} (`holdfast audit verify` lists all; restore a backup)")

    def _check_recorded(self) -> None:
        """Raise what a run would raise of accounts and strategies that are recorded otherwise."""
        with Reader.open(self._config.journal.url) as reader:
            bound = {row.account: row.broker for row in reader.accounts()}
            for account in self._config.accounts:
                check_bound(account.name, bound.get(account.name, account.broker), account.broker)
            check_names(self._config, reader, Beginning())

    def metrics(self) -> Iterator[Finding]:
        """Whether metrics can be served; a running engine may have the address."""
        listen = self._config.metrics.listen
        database = open_database(self._config.journal.url)
        if listen is not None and not (database.exists() and self._running()):
            exporter = Exporter(listen)
            exporter.close()
            yield Finding("metrics", OK, f"can be served at {listen}")

    def _running(self) -> str:
        with Reader.open(self._config.journal.url) as reader:
            rows = [row for row in reader.accounts() if reader.is_running(row.account)]
        return ", ".join(f"{row.process} has {row.account}" for row in rows)

    @staticmethod
    def _new_journal(database: Database) -> Finding:
        if isinstance(database, SqliteDatabase) and not os.access(folder := _nearest(database.path), os.W_OK):
            return Finding(
                "journal",
                FAIL,
                f"{database.shown} can't be made: {folder} is not writable; choose another folder or allow it",
            )
        return Finding("journal", OK, f"{database.shown} will be made by the first start")

    def disk(self) -> Iterator[Finding]:
        """Room for the journal."""
        database = open_database(self._config.journal.url)
        if not isinstance(database, SqliteDatabase):
            yield Finding("disk", OK, f"the journal's space is the server's: {database.shown}")
            return
        folder = _nearest(database.path)
        free = shutil.disk_usage(folder).free
        verdict = OK if free >= ENOUGH_BYTES else NOTE if free >= TOO_FEW_BYTES else FAIL
        advice = "" if verdict == OK else "; free some, an engine that can't record stops"
        yield Finding("disk", verdict, f"{free / (1 << 30):,.1f} GB free at {folder}{advice}")

    def clock(self) -> Iterator[Finding]:
        """Whether the machine's clock can be right: it may not be before what was done under it."""
        now_s = time.time()
        if now_s < EARLIEST_S:
            yield Finding(
                "clock", FAIL, f"the machine's clock says {time.strftime('%Y-%m-%d', time.gmtime(now_s))}; set it"
            )
            return
        if open_database(self._config.journal.url).exists():
            with Reader.open(self._config.journal.url) as reader:
                latest_ns = max((row.started_ns for row in reader.accounts()), default=0)
            if latest_ns > now_s * SECOND_NS:
                yield Finding(
                    "clock", NOTE, "the last start lies in the future: the machine's clock was set back; check it"
                )
                return
        yield Finding("clock", OK, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s)))


def _nearest(path: Path) -> Path:
    """The folder that ``path`` is in, or the first above it that there is."""
    return next(parent for parent in path.parents if parent.exists())
