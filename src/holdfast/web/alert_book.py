"""The alerts that an observer keeps, for requests: read and changed in the observer's own database, whether or not one runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import sqlalchemy as sa

from holdfast.alerting import book, shown
from holdfast.alerting.shown import KeptAlert, Step, Wanted
from holdfast.alerting.tables import AlertsError, kept_at
from holdfast.config import Config
from holdfast.core.types import SECOND_NS, many
from holdfast.views.attention import CRITICAL, WARNING, Attention


class Silence(msgspec.Struct, frozen=True):
    """Nobody is told of a rule for a time."""

    rule: str
    """The rule."""
    account: str
    """Of which account; empty for all."""
    until_ns: int
    """Until when."""


class AlertHistory(msgspec.Struct, frozen=True):
    """An alert, and what happened to it."""

    alert: KeptAlert
    """The alert as it is now."""
    tells: str
    """What its rule tells of; empty for a rule that this Holdfast doesn't know."""
    steps: list[Step]
    """Found, told, acknowledged, over: in order of time."""


class AlertBook:
    """The observer's alerts, of a configuration. May be used by all threads. What it does raises `AlertsError` when their database can't be used."""

    def __init__(self, config: Config) -> None:
        self.take(config)
        self._kept = kept_at(config.observer.url)
        self._is_there = False

    def take(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self.targets = [target.name for target in config.alerts.targets]
        """Who is told of alerts."""

    def close(self) -> None:
        """Let the database go."""
        self._kept.close()

    def listed(self, wanted: Wanted) -> list[KeptAlert]:
        """Alerts, the newest first; none where no observer has begun."""
        with self._reading() as kept:
            return [] if kept is None else shown.listed(kept, wanted, time.time_ns())

    def one(self, number: int) -> KeptAlert:
        """An alert by its id. Raises :class:`~holdfast.errors.InvalidValue` when there is none."""
        with self._kept.reading() as kept:
            return shown.one(kept, number, time.time_ns())

    def looked_ns(self) -> int | None:
        """When an observer last looked, to some seconds; None when none has."""
        with self._reading() as kept:
            return None if kept is None else shown.looked_ns(kept)

    def silences(self) -> list[Silence]:
        """What is silenced now."""
        with self._reading() as kept:
            found = {} if kept is None else shown.silences_now(kept, time.time_ns())
        return [Silence(rule, account, until_ns) for (rule, account), until_ns in sorted(found.items())]

    def acknowledge(self, number: int, who: str) -> KeptAlert:
        """Somebody takes it on. Raises :class:`~holdfast.errors.InvalidValue` when there is no such alert."""
        with self._kept.begin() as kept:
            return book.acknowledge(kept, number, who, time.time_ns())

    def silence(self, rule: str, account: str, for_s: float, who: str) -> Silence:
        """Tell nobody of a rule for so long; 0 ends it. Raises :class:`~holdfast.errors.InvalidValue` for a rule that isn't there."""
        until_ns = time.time_ns() + int(for_s * SECOND_NS)
        with self._kept.begin() as kept:
            book.silence(kept, rule, account, until_ns, who)
        return Silence(rule, account, until_ns)

    def attention(self) -> list[Attention]:
        """What is open and taken on by nobody, a line for each account; that they can't be read is one, too."""
        try:
            with self._reading() as kept:
                rows = [] if kept is None else shown.open_now(kept, time.time_ns())
        except AlertsError as error:
            return [Attention(WARNING, "", "alerts", "alerts can't be read", str(error), None, "")]
        accounts = sorted({account for account, _, _ in rows})
        return [_of(account, [row for row in rows if row[0] == account]) for account in accounts]

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection | None]:
        """A transaction that reads; None before there is a database."""
        self._is_there = self._is_there or self._kept.exists()
        if not self._is_there:
            yield None
            return
        with self._kept.reading() as kept:
            yield kept


def _of(account: str, rows: list[tuple[str, str, str]]) -> Attention:
    level = CRITICAL if any(row[1] == CRITICAL for row in rows) else WARNING
    rules = ", ".join(dict.fromkeys(rule.replace("_", " ") for _, _, rule in rows))
    title = f"{many(len(rows), 'alert')} that nobody has acknowledged"
    text = f"{rules}; who takes one on says so under Alerts, or by `holdfast alerts ack`"
    return Attention(level, account, "alerts", title, text, None, "")
