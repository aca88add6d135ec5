"""What lasts: found anew at each look, in what the accounts' views say now. Which condition needs a person is said once, by `views/attention.py`."""

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from holdfast.alerting.book import Finding
from holdfast.assembly import calendar_of
from holdfast.config import AccountConfig, Config
from holdfast.core.milestones import EngineStopped
from holdfast.core.session.causes import Cause
from holdfast.core.types import SECOND_NS
from holdfast.errors import JournalError
from holdfast.journal.lists import ListReader
from holdfast.views.attention import CRITICAL, NOT_RUNNING, Attention, attention
from holdfast.views.books import Books

BY_CAUSE = {
    Cause.DAILY_LOSS: "loss_limit",
    Cause.DRAWDOWN: "loss_limit",
    Cause.REQUESTS: "broker",
    Cause.ADAPTER: "broker",
    Cause.ORDER_EVENTS: "broker",
    Cause.KEYS: "broker",
    Cause.BLOCKED: "broker",
    Cause.ACCOUNT: "broker",
    Cause.MARKET_DATA: "stale_feed",
    Cause.STALE_DATA: "stale_feed",
    Cause.POSITIONS: "reconciliation",
    Cause.BOOKS: "reconciliation",
}
"""The rule for what an account is missing. A cause without one (a person, lost and external orders, protection) is ``preservation``, or has its own record."""
OF_THE_ACCOUNT = ("broker", "stale_feed", "reconciliation")
"""Rules with one alert for the account, whatever it is missing: a broker that is away takes its stream, its answers and its data with it, and that is one outage."""
BY_RECORD = (Cause.LOST_ORDERS, Cause.EXTERNAL_ORDERS, Cause.PROTECTION)
"""Causes whose records tell of them with more detail."""
BY_KIND = {
    "unknown_order": "unknown_order",
    "halted": "halted",
    "books": "reconciliation",
    "strategy": "strategy_stopped",
    "external_order": "external_order",
    "stale": "stale_feed",
}
PROTECTION = ("late_protection", "failed_protection", "blocked_exit", "position_left")
DAY_S = 86_400
READING = "reading"
"""No rule: the account's state isn't known, so nothing of it is over."""

logger = logging.getLogger(__name__)


class Conditions:
    """What lasts of a configuration's accounts."""

    def __init__(self, config: Config) -> None:
        self._config, self._books = config, Books(config)
        self._failing: set[str] = set()
        self._renewed: dict[str, tuple[int, float]] = {}

    def take(self, config: Config) -> None:
        """Go by another configuration of the same accounts."""
        self._config = config

    def now(self, reader: ListReader) -> Iterator[Finding]:
        """Everything that is so now."""
        rows = {row.account: row for row in reader.accounts()}
        for account in self._config.accounts:
            if account.name in rows:
                yield from self._safely(reader, account)
                yield from self._lease(reader, account.name)
        yield from self._machine(reader)

    def _safely(self, reader: ListReader, account: AccountConfig) -> list[Finding]:
        """What needs a person of one account. Where that can't be told, what records tell is told all the same, and no other account goes without."""
        try:
            alone = msgspec.structs.replace(self._config, accounts=[account])
            return [finding for item in attention(reader, alone, self._books) for finding in _of(item)]
        except JournalError:
            raise
        except Exception as error:
            if account.name not in self._failing:
                logger.exception("what needs a person of %s can't be told", account.name)
            self._failing.add(account.name)
            why = f"what the records of {account.name} lead to can't be told ({type(error).__name__}); `holdfast audit verify`, and report it"
            return [Finding("journal_unread", account.name, "", why), Finding(READING, account.name, "", why)]

    def still(self, reader: ListReader, found: set[str], alert: tuple[str, str, str]) -> bool:
        """Whether an alert that began with a record goes on, by the keys that were ``found``."""
        rule, account, subject = alert
        if rule in PROTECTION:
            return Finding("unprotected", account, subject.rpartition(" ")[2], "").key in found
        if rule == "lost_order":
            return any(row.client_order_id == subject for row in reader.live_orders(account))
        return False

    def _lease(self, reader: ListReader, account: str) -> Iterator[Finding]:
        row = reader.account(account)
        renewed_ns, since_s = self._renewed.get(account, (0, 0.0))
        if row.renewed_ns != renewed_ns:
            self._renewed[account] = row.renewed_ns, time.monotonic()
            return
        quiet_s = time.monotonic() - since_s
        if quiet_s > self._config.lease.duration_s and _runs(reader, account):
            text = (
                f"{row.process} hasn't renewed its lease on {account} for {quiet_s:.0f} s: another engine may take it"
            )
            yield Finding("lease_lost", account, "", text)

    def _machine(self, reader: ListReader) -> Iterator[Finding]:
        rule = self._config.alerts.rule("disk")
        path = Path(reader.database.shown)
        if reader.database.kind == "sqlite" and rule.limit is not None:
            usage = shutil.disk_usage(path.parent)
            free = 100 * usage.free / usage.total
            if free < rule.limit:
                text = f"{free:.1f} % of the disk of {path} are free; when it is full nothing more is sent. Make room"
                yield Finding("disk", "", str(path.parent), text)
        rule = self._config.alerts.rule("calendar")
        soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + (rule.limit or 0) * DAY_S))
        for account in self._config.accounts:
            until = calendar_of(account).known_until
            if until < soon:
                text = f"the sessions of {account.calendar} are known until {until}; after that its days are guessed by rule. Take a newer Holdfast"
                yield Finding("calendar", account.name, account.calendar, text)


def _of(item: Attention) -> Iterator[Finding]:
    """The finding of what needs a person."""
    if item.kind == "engine":
        rule = "engine_stopped" if item.title == NOT_RUNNING else "engine_silent"
        yield Finding(rule, item.account, "", item.text)
    elif item.kind == "preservation":
        cause = Cause(item.link) if item.link in set(Cause) else None
        if item.level == CRITICAL and cause not in BY_RECORD:
            rule = BY_CAUSE.get(cause, "preservation") if cause else "preservation"
            yield Finding(rule, item.account, "" if rule in OF_THE_ACCOUNT else item.link, item.text)
    elif item.kind == "unprotected":
        yield Finding("unprotected", item.account, item.link, item.text)
    elif item.kind == "limit":
        if item.link in ("daily_loss", "drawdown", "loss_streak"):
            yield Finding(
                "loss_limit" if item.level == CRITICAL else "loss_limit_near", item.account, _subject(item), item.text
            )
    elif item.kind == "reading":
        yield Finding(READING, item.account, "", item.text)
    elif item.kind in BY_KIND:
        yield Finding(BY_KIND[item.kind], item.account, item.link, item.text)


def _subject(item: Attention) -> str:
    """A limit that is hit is one alert, whether it is seen as a figure or as what the account does for it."""
    return {"daily_loss": Cause.DAILY_LOSS.value, "drawdown": Cause.DRAWDOWN.value}.get(item.link, item.link)


def _runs(reader: ListReader, account: str) -> bool:
    """Whether an engine has the account that has neither ended nor died: those have rules of their own."""
    last = reader.last_record(account)
    return last is not None and not isinstance(last.body, EngineStopped) and reader.is_running(account)


def drift(time_ns: int, now_ns: int, limit_s: float, account: str) -> Finding | None:
    """A record that is later than this machine's clock by more than is allowed."""
    ahead_s = (time_ns - now_ns) / SECOND_NS
    if ahead_s <= limit_s:
        return None
    text = f"a record of {account} is {ahead_s:.1f} s later than this machine's clock; set the clocks of both machines"
    return Finding("clock_drift", account, "", text)
