"""How things stand: engines, accounts and strategies at a glance, from the journal alone."""

import time
from collections.abc import Iterable, Sequence

import msgspec

from holdfast.config import AccountConfig, Config
from holdfast.core.findings import SupervisorCycle
from holdfast.core.messages import Envelope, RiskRefused
from holdfast.core.milestones import (
    EngineStarted,
    EngineStopped,
    FeedOpened,
    Impaired,
    MarketFresh,
    MarketStale,
    Restored,
    StrategyStarted,
    StrategyStopped,
)
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.steering import StrategySwitched
from holdfast.core.types import SECOND_NS, plain
from holdfast.journal.board import Commits
from holdfast.journal.database import public
from holdfast.journal.reader import AccountRow, Reader
from holdfast.views.board import commits, failure
from holdfast.views.encode import Json, as_json
from holdfast.views.performance import Valuation, valuation
from holdfast.views.pipeline import Pipelines, PipelineView, worst_of
from holdfast.views.positions import PositionView, positions

REFUSALS_READ = 1000
"""How many of the latest refusals are counted: enough to see what bars the strategies, and read in no time."""
LATEST = 1_000
"""So many of the latest records the pipeline is judged by here; `holdfast pipeline` reads more."""
PROTECTION = (ProtectionComplete, ProtectionLate, ProtectionFailed, PositionLeft, ExitBlocked)
SUPERVISED = ("claimed", "submitted", "failed", "retryable", "skipped", "errors", "lock_skips")
"""What a supervisor counts."""
STARTING = "the engine is starting, and the broker has not answered so far; its log says what it waits for"
DIED = "it died without a word"
LEFT_OUT = "it can't go on, and its engine goes on without it"
NEVER_BEGAN = "nothing is recorded of it: no start has got so far"
"""What is said of an account that a refused start has left."""


class StrategyStatus(msgspec.Struct, frozen=True):
    """A strategy of the configuration."""

    strategy: str
    """Its id."""
    symbols: list[str]
    """What it trades."""
    running: bool
    """Whether it gets events now."""
    stopped: bool
    """Whether it was stopped for a fault; the next start of its engine starts it again."""
    why: str
    """Why it doesn't run; empty while it does."""
    off: bool = False
    """Whether a person has switched it off; it stays so until a person switches it on."""


class Refusals(msgspec.Struct, frozen=True):
    """What a rule of risk has refused since the engine was started: how often, and the last one."""

    rule: str
    """The rule's name, as in the configuration."""
    count: int
    """How many of the latest thousand refusals are this rule's."""
    strategy: str
    """Whose order was refused last."""
    symbol: str
    """In which symbol."""
    figure: str
    """What the order would have made of it."""
    limit: str
    """What is allowed."""
    text: str
    """The reason in words."""
    time_ns: int
    """When, in nanoseconds since 1970."""


class Alarm(msgspec.Struct, frozen=True):
    """A position that is held and not protected as its entry asked."""

    strategy: str
    """Whose it is."""
    symbol: str
    """What is held."""
    alarm: str
    """What is wrong."""


class Supervisor(msgspec.Struct, frozen=True):
    """Pending orders, and what came of them when they were last looked at."""

    pending: int
    """Orders that are claimed or wait to be."""
    last_run_ns: int | None = None
    """When they were last looked at and something was done, in nanoseconds since 1970; None when never."""
    last_success_ns: int | None = None
    """When that last went well, in nanoseconds since 1970."""
    last_error: str | None = None
    """What went wrong the last time."""
    claimed: int = 0
    """Orders taken to be looked into."""
    submitted: int = 0
    """Orders sent again."""
    failed: int = 0
    """Orders that ended unsent."""
    retryable: int = 0
    """Orders to be looked into again."""
    skipped: int = 0
    """Orders that were not unresolved any more."""
    errors: int = 0
    """Whether it went wrong."""
    lock_skips: int = 0
    """Whether another process was at it."""


class AccountStatus(msgspec.Struct, frozen=True):
    """One account of the configuration. None where nothing is recorded of it."""

    account: str
    """Its name."""
    running: bool
    """Whether an engine seems to have it now."""
    strategies: list[StrategyStatus]
    """Those of the configuration."""
    state: str | None = None
    """The state machine's (docs/risk.md); None for an account that was never started."""
    broker: str | None = None
    """Where it trades."""
    process: str | None = None
    """Who had it last."""
    ended: str | None = None
    """How the last run ended; None while one is going on."""
    epoch: int | None = None
    """How often it was started."""
    valuation: Valuation | None = None
    """What it is worth; None before anything is known of its money."""
    currency: str = ""
    """In which all its money is; empty where it has no name."""
    open_orders: int = 0
    """How many orders may still trade."""
    positions: list[PositionView] = []
    """What is held."""
    feed: str | None = None
    """Where market data comes from."""
    market_time_ns: int | None = None
    """The time of the last record, in nanoseconds since 1970."""
    stale: list[str] = []
    """Symbols without data for longer than is allowed."""
    missing: dict[str, str] = {}
    """What keeps it from taking risk, each with its reason."""
    refusals: list[Refusals] = []
    """What risk refused since the engine was started, the latest first."""
    protection: list[Alarm] = []
    """Positions that are not protected."""
    supervisor: Supervisor | None = None
    """Pending orders; None when there never was one."""
    last_record: int | None = None
    """How many records there are."""
    last_write_age_s: float | None = None
    """Seconds since something was last written, by this machine's clock."""
    commits: Commits | None = None
    """How its engine's commits have been since it was started; None where none runs on this machine."""
    pipeline: PipelineView | None = None
    """The monitor's verdict on the worst stage of its pipeline; None where no engine runs."""

    @property
    def why_unknown(self) -> str:
        """Why nothing is known of its money."""
        return STARTING if self.running else NEVER_BEGAN


class Status(msgspec.Struct, frozen=True):
    """How things stand."""

    journal: str
    """Its URL, without a password."""
    accounts: list[AccountStatus]
    """In the order of the configuration."""


def status(config: Config) -> Status:
    """Every account of the configuration. Raises :class:`~holdfast.errors.JournalError` when the journal can't be read."""
    with Reader.open(config.journal.url) as reader:
        verdicts = _verdicts(config, reader, [row.account for row in reader.accounts()])
        with reader.snapshot():  # an account's state and what it is missing change together
            known = {row.account: row for row in reader.accounts()}
            found = [
                msgspec.structs.replace(
                    account_status(config, account, known.get(account.name), reader),
                    pipeline=verdicts.get(account.name),
                )
                for account in config.accounts
            ]
    return Status(public(config.journal.url), found)


def _verdicts(config: Config, reader: Reader, accounts: Sequence[str]) -> dict[str, PipelineView]:
    """Of each account the monitor's verdict on its pipeline. Where no engine runs nobody waits for a calendar to be read: its end says it all."""
    if not any(reader.is_running(name) for name in accounts):
        return {}
    return {view.account: view for view in worst_of(Pipelines(config, LATEST).stages(reader))}


def account_status(config: Config, account: AccountConfig, row: AccountRow | None, reader: Reader) -> AccountStatus:
    """One account, whose row in the journal is ``row``; None when it has none."""
    name = account.name
    configured = config.strategies_on(name)
    if row is None:
        never = [
            StrategyStatus(strategy.id, strategy.symbols, False, False, "never started") for strategy in configured
        ]
        return AccountStatus(name, False, never)
    running = reader.is_running(name)
    started = reader.last_record(name, EngineStarted.__name__)
    stopped = reader.last_record(name, EngineStopped.__name__)
    last = reader.last_record(name)
    feed = reader.last_record(name, FeedOpened.__name__)
    since = started.sequence if started else 0
    stops, off = _stops(reader.records_of(name, (StrategyStarted, StrategyStopped, StrategySwitched)))
    held = positions(reader, name)
    return AccountStatus(
        name,
        running,
        [_strategy(strategy.id, strategy.symbols, running, stops, off) for strategy in configured],
        state=row.state,
        broker=row.broker,
        process=row.process,
        ended=None if running else _how_ended(reader, row, stopped, since),
        epoch=row.epoch,
        currency=started.body.currency if started and isinstance(started.body, EngineStarted) else "",
        valuation=valuation(reader, row),
        open_orders=len(reader.orders(name, live_only=True)),
        positions=held,
        feed=feed.body.name if feed and isinstance(feed.body, FeedOpened) else None,
        market_time_ns=last.time_ns if last else None,
        stale=_stale(reader.records_of(name, (MarketStale, MarketFresh), feed.sequence if feed else 0)),
        missing=_missing(reader.records_of(name, (Impaired, Restored))),
        refusals=_refusals(reader.last_records(name, REFUSALS_READ, RiskRefused.__name__, after=since)),
        protection=alarms(reader.records_of(name, PROTECTION), {row.symbol for row in held}),
        supervisor=supervisor(reader, name),
        last_record=row.last_sequence,
        last_write_age_s=round(_age_s(reader, row), 3),
        commits=commits(reader, name) if running else None,
    )


def status_json(found: Status) -> Json:
    """The JSON of ``status --json``: an account's valuation is among its own fields."""
    return {"journal": found.journal, "accounts": [account_json(account) for account in found.accounts]}


def account_json(found: AccountStatus) -> Json:
    """An account of it, with its valuation among its own fields."""
    unknown = dict.fromkeys(("equity", "cash", "day_pnl", "valued"))
    account = as_json(found)
    return {key: value for key, value in account.items() if key != "valuation"} | (account["valuation"] or unknown)


def _age_s(reader: Reader, row: AccountRow) -> float:
    """Seconds of real time since something was last written, as far as this machine's clock and the engine's agree."""
    written_s = reader.database.written_s() or max(row.started_ns, row.renewed_ns) / SECOND_NS
    return max(0.0, time.time() - written_s)


def _how_ended(reader: Reader, row: AccountRow, stopped: Envelope | None, since: int) -> str:
    """How the last run of an account ended that no engine has."""
    failed = failure(reader, row.account)
    if failed is not None:
        return f"{LEFT_OUT}: {failed}"
    if not row.last_sequence:
        return NEVER_BEGAN
    if stopped is None or stopped.sequence < since or not isinstance(stopped.body, EngineStopped):
        return f"{DIED}; the next start brings everything back"
    return stopped.body.reason


def _stops(records: Iterable[Envelope]) -> tuple[dict[str, str], dict[str, str]]:
    """The last word on each strategy: why it was stopped, and why it is switched off. A stopped one is not started again after a crash."""
    stops: dict[str, str] = {}
    off: dict[str, str] = {}
    for record in records:
        body = record.body
        if isinstance(body, StrategyStopped):
            stops[body.strategy] = f"{body.reason}: {body.detail}"
        elif isinstance(body, StrategyStarted):
            stops.pop(body.strategy, None)
        elif isinstance(body, StrategySwitched) and body.on:
            stops.pop(body.strategy, None)
            off.pop(body.strategy, None)
        elif isinstance(body, StrategySwitched):
            off[body.strategy] = f"switched off by {record.source}" + (f": {body.reason}" if body.reason else "")
    return stops, off


def _strategy(
    name: str, symbols: list[str], running: bool, stops: dict[str, str], off: dict[str, str]
) -> StrategyStatus:
    is_stopped, is_off = name in stops, name in off
    why = off.get(name) or stops.get(name, "" if running else "the engine is not running")
    runs = running and not (is_stopped or is_off)
    return StrategyStatus(name, symbols, runs, is_stopped and not is_off, why, is_off)


def _stale(records: Iterable[Envelope]) -> list[str]:
    stale: set[str] = set()
    for record in records:
        if isinstance(record.body, MarketStale):
            stale.add(record.body.symbol)
        elif isinstance(record.body, MarketFresh):
            stale.discard(record.body.symbol)
    return sorted(stale)


def _missing(records: Iterable[Envelope]) -> dict[str, str]:
    """What keeps the account from taking risk, each with its reason."""
    missing: dict[str, str] = {}
    for record in records:
        if isinstance(record.body, Impaired):
            missing[record.body.cause] = record.body.reason
        elif isinstance(record.body, Restored):
            missing.pop(record.body.cause, None)
    return missing


def _refusals(newest: Sequence[Envelope]) -> list[Refusals]:
    """By rule, the latest first."""
    by_rule: dict[str, list[tuple[int, RiskRefused]]] = {}
    for record in newest:
        if isinstance(record.body, RiskRefused):
            by_rule.setdefault(record.body.rule, []).append((record.time_ns, record.body))
    return [
        Refusals(rule, len(all_of), last.strategy, last.symbol, last.figure, last.limit, last.text, time_ns)
        for rule, all_of in by_rule.items()
        for time_ns, last in all_of[:1]
    ]


def supervisor(reader: Reader, account: str) -> Supervisor | None:
    """What was last recorded of pending orders; None when there never was one."""
    pending = reader.count("claims", account)
    last = reader.last_record(account, SupervisorCycle.__name__)
    if last is None or not isinstance(last.body, SupervisorCycle):
        return Supervisor(pending) if pending else None
    body = last.body
    counts = {name: getattr(body, name) for name in SUPERVISED}
    return Supervisor(pending, last.time_ns, body.last_success_ns or None, body.error or None, **counts)


def alarms(records: Iterable[Envelope], held: set[str]) -> list[Alarm]:
    """The last alarm of each position that is ``held`` still and isn't protected."""
    found: dict[tuple[str, str], str] = {}
    for record in records:
        body = record.body
        if isinstance(body, ProtectionComplete):
            found.pop((body.strategy, body.symbol), None)
        elif isinstance(body, ProtectionLate):
            for_s = body.unprotected_ns / SECOND_NS
            text = f"{plain(body.protected)} of {plain(body.quantity)} protected for {for_s:.0f} s"
            found[body.strategy, body.symbol] = text
        elif isinstance(body, ProtectionFailed | PositionLeft | ExitBlocked):
            found[body.strategy, body.symbol] = body.reason
    return [Alarm(strategy, symbol, text) for (strategy, symbol), text in sorted(found.items()) if symbol in held]
