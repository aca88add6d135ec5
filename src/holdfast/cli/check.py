"""``holdfast check``: everything that a run needs, looked at beforehand; what is wrong, and how to mend it."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.text import Text

from holdfast.adapters import registry
from holdfast.assembly import (
    build_feed,
    build_live_feed,
    build_runner,
    calendar_notes,
    calendar_of,
    tick_notes,
    timeframe_notes,
)
from holdfast.brokers.adapter import Login, Watched
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
from holdfast.journal.reader import Reader
from holdfast.journal.sqlite import SqliteDatabase
from holdfast.journal.verify import verify
from holdfast.observe.metrics import ApiMetrics

OK, NOTE, FAIL = "ok", "warn", "fail"
_STYLES = {OK: GOOD, NOTE: WARN, FAIL: BAD}

ENOUGH_BYTES, TOO_FEW_BYTES = 1 << 30, 100 << 20
"""Of free disk: a journal grows by some 1 kB for each record, so 1 GB is a million of them."""
EARLIEST_S = 1_735_689_600
"""2025-01-01: a clock that says less was never set."""

Finding = tuple[str, str, str]  # what, verdict, text


def check(config_file: Path | None, as_json: bool) -> int:
    """Print one line for each finding. The exit status is that of the first failure, 0 without any."""
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
            tell((what, FAIL, " ".join(str(error).split())), error.exit_status)
        return len(statuses) == before

    def tell(finding: Finding, status: int = 1) -> None:
        findings.append(finding)
        if finding[1] == FAIL:
            statuses.append(status)
        if not as_json:
            console.print(_line(finding), soft_wrap=True)

    checks = _Checks(config_file or DEFAULT_PATH)
    if take(checks.configuration(), "configuration"):
        for what, find in checks.others():
            take(find(), what)
    if as_json:
        rows = [{"check": what, "verdict": verdict, "text": text} for what, verdict, text in findings]
        terminal.print_json({"ok": not statuses, "checks": rows})
    return statuses[0] if statuses else 0


def _line(finding: Finding) -> Text:
    what, verdict, text = finding
    return Text.assemble((f"{verdict:<4}", f"bold {_STYLES[verdict]}"), f"  {what:<13}  {text}")


class _Checks:
    """The checks in the order in which they make sense: those after the first can count on the configuration."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._config: Config
        self._feeds: dict[str, Feed | LiveFeed] = {}

    def others(self) -> list[tuple[str, Callable[[], Iterator[Finding]]]]:
        """All but the first, with what each is about."""
        return [
            ("calendar", self.calendars),
            ("feed", self.feeds),
            ("login", self.logins),
            ("strategies", self.strategies),
            ("journal", self.journal),
            ("disk", self.disk),
            ("clock", self.clock),
        ]

    def configuration(self) -> Iterator[Finding]:
        """The file, and what only makes sense as a whole."""
        self._config = config = load_config(self._path)
        accounts, strategies = len(config.accounts), len(config.strategies)
        yield "configuration", OK, f"{self._path}: accounts {accounts}, strategies {strategies}"
        if not strategies:
            yield "configuration", NOTE, "there is no strategy; add [[strategies]], or trade by hand"

    def calendars(self) -> Iterator[Finding]:
        """Each account's calendar."""
        for account in self._config.accounts:
            calendar = calendar_of(account)
            covers = f"{calendar.days[0].date} to {calendar.known_until}"
            yield "calendar", OK, f"{account.calendar} for {account.name}: {covers}"
        for note in calendar_notes(self._config, time.strftime("%Y-%m-%d", time.gmtime())):
            yield "calendar", NOTE, note
        for note in tick_notes(self._config):
            yield "instruments", NOTE, note

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
        self._feeds[source.name] = feed
        events = "endless" if total is None else f"{total:,} events"
        symbols = list(feed.symbols)
        more = f" and {len(symbols) - 8} more" if len(symbols) > 8 else ""
        yield "feed", OK, f"{feed.name}: {events}, {', '.join(symbols[:8])}{more}"
        for note in (*split_notes(feed), *timeframe_notes(self._strategies_on(source), feed)):
            yield "feed", NOTE, note

    def _live_feed(self, source: FeedConfig) -> Finding:
        login = self._log_in(source.kind, source.login)
        self._feeds[source.name] = feed = build_live_feed(self._config, source, login)
        login.close()
        text = f"{feed.name}: {', '.join(feed.symbols)}, {login.where}; `holdfast check {source.kind}` proves the way there"
        return "feed", OK, text

    def logins(self) -> Iterator[Finding]:
        """The keys of each account that is elsewhere, where the feed has not shown them."""
        shown = {(source.kind, source.login) for source in self._config.sources}
        for account in self._config.accounts:
            if registry.load(account.broker).replayed is None and (account.broker, account.login) not in shown:
                login = self._log_in(account.broker, account.login)
                login.close()
                yield "login", OK, f"{account.name}: {login.where}"

    def _log_in(self, broker: str, name: str) -> Login:
        return registry.load(broker).log_in(self._config.section(broker), name, Watched(ApiMetrics()))

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
                except HoldfastError as error:
                    yield "strategies", FAIL, str(error)
                else:
                    yield "strategies", OK, f"{strategy.id}: {strategy.class_path} on {', '.join(strategy.symbols)}"

    def journal(self) -> Iterator[Finding]:
        """Whether it can be written, is free, and proves itself."""
        database = open_database(self._config.journal.url)
        if not database.exists():
            yield self._new_journal(database)
            return
        running = self._running()
        if running:
            yield "journal", NOTE, f"an engine is running: {running}; a second one would be refused"
        with database.reported("written"), database.writer().connect() as connection, connection.begin():
            # on SQLite that takes the write lock and gives it back: read-only, locked and damaged files fail here
            for weakness in database.weaknesses(connection):
                yield "journal", NOTE, weakness
        with progress("audit", "records") as update:
            found = verify(self._config.journal.url, update)
        records = sum(account.records for account in found.accounts)
        if found.ok:
            yield "journal", OK, f"{database.shown}: {terminal.many(records, 'record')}, all proven"
        else:
            yield "journal", FAIL, f"{found.problems[0]} (`holdfast audit verify` lists all; restore a backup)"

    def _running(self) -> str:
        with Reader.open(self._config.journal.url) as reader:
            rows = [row for row in reader.accounts() if reader.is_running(row.account)]
        return ", ".join(f"{row.process} has {row.account}" for row in rows)

    @staticmethod
    def _new_journal(database: Database) -> Finding:
        if isinstance(database, SqliteDatabase) and not os.access(folder := _nearest(database.path), os.W_OK):
            return (
                "journal",
                FAIL,
                f"{database.shown} can't be made: {folder} is not writable; choose another folder or allow it",
            )
        return "journal", OK, f"{database.shown} will be made by the first start"

    def disk(self) -> Iterator[Finding]:
        """Room for the journal."""
        database = open_database(self._config.journal.url)
        if not isinstance(database, SqliteDatabase):
            yield "disk", OK, f"the journal's space is the server's: {database.shown}"
            return
        folder = _nearest(database.path)
        free = shutil.disk_usage(folder).free
        verdict = OK if free >= ENOUGH_BYTES else NOTE if free >= TOO_FEW_BYTES else FAIL
        advice = "" if verdict == OK else "; free some, an engine that can't record stops"
        yield "disk", verdict, f"{free / (1 << 30):,.1f} GB free at {folder}{advice}"

    def clock(self) -> Iterator[Finding]:
        """Whether the machine's clock can be right: it may not be before what was done under it."""
        now_s = time.time()
        if now_s < EARLIEST_S:
            yield "clock", FAIL, f"the machine's clock says {time.strftime('%Y-%m-%d', time.gmtime(now_s))}; set it"
            return
        if open_database(self._config.journal.url).exists():
            with Reader.open(self._config.journal.url) as reader:
                latest_ns = max((row.started_ns for row in reader.accounts()), default=0)
            if latest_ns > now_s * SECOND_NS:
                yield "clock", NOTE, "the last start lies in the future: the machine's clock was set back; check it"
                return
        yield "clock", OK, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s))


def _nearest(path: Path) -> Path:
    """The folder that ``path`` is in, or the first above it that there is."""
    return next(parent for parent in path.parents if parent.exists())
