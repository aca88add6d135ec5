"""The watcher of alerts: what records and views tell, kept as alerts, and the messages of them."""

import atexit
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.alerting import book, shown
from holdfast.alerting.book import Finding
from holdfast.alerting.conditions import READING, Conditions, drift
from holdfast.alerting.courier import Courier
from holdfast.alerting.daily import Daily
from holdfast.alerting.events import Events
from holdfast.alerting.tables import kept_at
from holdfast.config import Config
from holdfast.config.alerts import RULES
from holdfast.core.messages import Envelope
from holdfast.core.types import DAY_NS, SECOND_NS
from holdfast.journal.lists import ListReader
from holdfast.telemetry.crash_points import WatchPoint, reach

EVERY_S = 1.0
"""How often what lasts is looked for, at most."""
CALM_S = 3.0
"""What comes back within so long was never over."""
PRUNED_S = 3600.0
"""How often it is looked for what is long over."""
MARKED_S = 10.0
"""How often it is noted that somebody looks."""


class AlertWatcher:
    """Follows the accounts of a configuration. ``sends``: whether the messages leave this process, or only are kept.

    ``more`` give what other watchers find at a time.
    """

    name = "alerts"

    def __init__(
        self, config: Config, *, sends: bool = True, more: Sequence[Callable[[int], Iterable[Finding]]] = ()
    ) -> None:
        self._config, self._sends, self._more = config, sends, more
        self._kept = kept_at(config.observer.url)
        self._events = {account.name: Events(account.name, config.alerts) for account in config.accounts}
        self._live = {account.name for account in config.accounts if config.feed_of(account).is_live}
        self._conditions = Conditions(config)
        self._daily = Daily(config)
        self._courier = Courier(config.alerts, self._kept)
        self._first: dict[str, int] = {}
        self._absent: dict[str, int] = {}
        self._market: dict[str, tuple[int, int]] = {}
        """Of each account the time of its last record, and when that was heard of (0: since the last look)."""
        self._drift: dict[str, Finding] = {}
        self._looked_ns = self._marked_ns = self._pruned_ns = 0
        self._was_there = False

    def take(self, config: Config) -> None:
        """Go by another configuration of the same accounts from now on."""
        self._config = config
        self._conditions.take(config)
        self._daily.take(config)
        self._courier.take(config.alerts)
        for events in self._events.values():
            events.take(config.alerts)

    def restore(self, reader: ListReader, account: str, sequence: int) -> None:
        """As the records up to there leave it."""
        with self._kept.begin():  # makes the tables: later that would wait for the observer's own transaction
            pass
        self._was_there = True
        self._first.clear()
        self._absent.clear()
        self._events[account].restore(reader, sequence)
        self._looked_ns = 0

    def on_records(self, account: str, records: Sequence[Envelope], kept: sa.Connection) -> None:
        """Keep what they tell, with the observer's place."""
        now_ns, alerts = time.time_ns(), self._config.alerts
        for record in records:
            for finding in self._events[account].of(record):
                book.open_alert(kept, alerts, finding, now_ns)
        self._market[account] = records[-1].time_ns, 0
        limit = alerts.rule("clock_drift").limit or 0.0
        found = drift(records[-1].time_ns, now_ns, limit, account) if account in self._live else None
        self._drift.pop(account, None)
        if found is not None:
            self._drift[account] = found
        reach(WatchPoint.KEEPING)

    def on_time(self, moment: Any) -> None:
        """Look for what lasts, make the messages and have them sent."""
        now_ns = moment.now_ns
        if 0 <= now_ns - self._looked_ns < EVERY_S * SECOND_NS:
            return
        self._looked_ns = now_ns
        found = {finding.key: finding for finding in self._found(moment)}
        summaries = [] if moment.reader is None else list(self._daily.due(moment.reader, now_ns))
        with self._kept.begin() as kept:
            wholes = {key for key in (*found, *book.open_keys(kept)) if key.endswith("|")}
            for key, finding in found.items():
                is_part = bool(finding.subject) and _whole(finding.rule, finding.account) in wholes
                if finding.rule in RULES and self._has_lasted(key, finding, now_ns) and not is_part:
                    book.open_alert(kept, self._config.alerts, finding, now_ns)
            self._end(kept, moment.reader, found, now_ns)
            for summary in summaries:
                self._daily.keep(kept, summary, now_ns)
            is_new = book.tell(kept, self._config.alerts, now_ns)
            self._mark(kept, now_ns)
            self._prune(kept, now_ns)
            if is_new:
                reach(WatchPoint.TELLING)
        self._first = {key: first for key, first in self._first.items() if key in found}
        if is_new:
            reach(WatchPoint.TOLD)
        if self._sends and self._config.alerts.targets:
            atexit.register(self._courier.stop)
            self._courier.start()

    def _mark(self, kept: sa.Connection, now_ns: int) -> None:
        """Note that somebody looks, so that it is seen when nobody does."""
        if not 0 <= now_ns - self._marked_ns < MARKED_S * SECOND_NS:
            book.mark(kept, shown.LOOKED, str(now_ns))
            self._marked_ns = now_ns

    def _prune(self, kept: sa.Connection, now_ns: int) -> None:
        """Let go of what is long over, some at a time."""
        if 0 <= now_ns - self._pruned_ns < PRUNED_S * SECOND_NS:
            return
        is_all = book.prune(kept, now_ns - self._config.alerts.keep_days * DAY_NS) < book.PRUNED
        self._pruned_ns = now_ns if is_all else 0

    def _found(self, moment: Any) -> Iterator[Finding]:
        for account, text in moment.damage.items():
            yield Finding("journal_damaged", account, "", text)
        yield from self._drift.values()
        for find in self._more:
            yield from find(moment.now_ns)
        if moment.reader is None:
            if self._was_there:  # before the first start there is none
                yield Finding("journal_unread", "", "", moment.trouble)
            return
        yield from self._conditions.now(moment.reader)
        for account, events in self._events.items():
            if account in self._market:
                time_ns, heard_ns = self._market[account]
                self._market[account] = time_ns, heard_ns or moment.now_ns
                yield from events.counts(time_ns + moment.now_ns - (heard_ns or moment.now_ns))

    def _has_lasted(self, key: str, finding: Finding, now_ns: int) -> bool:
        first_ns = self._first.setdefault(key, now_ns)
        after_s = self._config.alerts.rule(finding.rule).after_s or 0.0
        return now_ns - first_ns >= after_s * SECOND_NS

    def _end(self, kept: sa.Connection, reader: ListReader | None, found: dict[str, Finding], now_ns: int) -> None:
        """Resolve what is found no more."""
        for key, alert in book.open_keys(kept).items():
            if self._goes_on(reader, found, key, alert):
                self._absent.pop(key, None)
            elif now_ns - self._absent.setdefault(key, now_ns) >= CALM_S * SECOND_NS:
                book.resolve(kept, self._config.alerts, key, now_ns)
                self._absent.pop(key, None)

    def _goes_on(
        self, reader: ListReader | None, found: dict[str, Finding], key: str, alert: tuple[str, str, str]
    ) -> bool:
        rule, account, subject = alert
        if not subject and any((part.rule, part.account) == (rule, account) for part in found.values()):
            return True
        if key in found or _whole(READING, account) in found:
            return True
        if reader is None:
            return rule != "journal_damaged"
        return self._conditions.still(reader, set(found), alert)


def _whole(rule: str, account: str) -> str:
    """The key of what is told of a whole account. While that lasts nothing is told of its parts, and it lasts while any of them does."""
    return Finding(rule, account, "", "").key
