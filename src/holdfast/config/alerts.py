"""The section ``[alerts]``: who is told of what, and the rules that ship."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Literal, NamedTuple

import msgspec

from holdfast.core.ranges import Count, Ranged, Seconds, Within

Level = Literal["critical", "warning", "info"]
LEVELS: tuple[Level, ...] = ("critical", "warning", "info")
"""The loudest first."""


class Shipped(NamedTuple):
    """A rule that ships: what it tells of, how loud, and what can be tuned. What is None doesn't go with it.

    ``after_s``: it is told when it has lasted so long. ``limit`` is its bound, in ``unit``; ``window_s`` the time in which is counted.
    """

    level: Level
    tells: str
    after_s: float | None = None
    limit: float | None = None
    unit: str = ""
    window_s: float | None = None
    on: bool = True


RULES: dict[str, Shipped] = {
    "failed_protection": Shipped("critical", "a position's stop or target isn't taken by the broker"),
    "late_protection": Shipped(
        "critical", "a position is without confirmed protection for too long (protection.late_after_s)"
    ),
    "blocked_exit": Shipped("critical", "an exit can't be placed because of somebody else's order"),
    "position_left": Shipped("critical", "a position would not close"),
    "unknown_order": Shipped("critical", "an order that may be at the broker or not", after_s=30.0),
    "lost_order": Shipped("critical", "the broker no longer shows an order that it had accepted"),
    "external_order": Shipped("warning", "somebody else has an order at the broker"),
    "undone_fill": Shipped("critical", "the broker took an execution back"),
    "anomaly": Shipped("critical", "the broker says of an order what can't be"),
    "loss_limit_near": Shipped("warning", "more than four fifths of a limit on losses is used"),
    "loss_limit": Shipped("critical", "a limit on losses is hit"),
    "stale_feed": Shipped("warning", "nothing is heard of a symbol, or of any, while its market is open", after_s=30.0),
    "broker": Shipped("critical", "the broker can't be asked, or lets the account do nothing", after_s=30.0),
    "reconciliation": Shipped("critical", "the broker has other books", after_s=15.0),
    "halted": Shipped("critical", "an account is HALTED"),
    "preservation": Shipped("warning", "an account takes no new risk, for a reason without a rule of its own"),
    "strategy_stopped": Shipped("warning", "a strategy gets no more events"),
    "rejections": Shipped(
        "warning", "the broker refuses too many orders", limit=20.0, unit="% of 10 or more", window_s=3600.0
    ),
    "failed_orders": Shipped(
        "warning", "too many orders end without having worked", limit=5.0, unit="orders", window_s=900.0
    ),
    "engine_silent": Shipped("critical", "an engine died or stands still", after_s=10.0),
    "engine_stopped": Shipped("info", "an engine ended in order", on=False),
    "engine_restarted": Shipped("warning", "an engine was started that had ended without a word"),
    "engine_fenced": Shipped("critical", "an account was taken from an engine that still runs"),
    "lease_lost": Shipped("critical", "an engine hasn't renewed its lease for longer than lease.duration_s"),
    "journal_damaged": Shipped("critical", "records don't prove themselves"),
    "anchor": Shipped("critical", "the records can't be anchored outside the database, or an anchor is overdue"),
    "journal_unread": Shipped("critical", "the journal can't be read", after_s=60.0),
    "disk": Shipped("critical", "the journal's disk is nearly full", limit=5.0, unit="% free"),
    "calendar": Shipped("warning", "an exchange's table of sessions ends soon", limit=30.0, unit="days"),
    "clock_drift": Shipped("warning", "records are later than this machine's clock", limit=5.0, unit="s"),
}
"""By name."""


class AlertTarget(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where alerts go: an apprise ``url``, better as ``secret:NAME``.

    ``level`` is the least that goes there. With ``after_s`` it is told only of critical alerts that nobody has acknowledged for so long.
    """

    name: str
    url: str
    level: Level = "warning"
    after_s: Annotated[float, Within(0, 604_800)] = 0.0

    def __repr__(self) -> str:
        return f"AlertTarget({self.name!r})"


class AlertRule(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is changed of a rule that ships (`RULES`)."""

    rule: str
    on: bool | None = None
    level: Level | None = None
    after_s: Annotated[float, Within(0, 604_800)] | None = None
    limit: Annotated[float, Within(0, 1_000_000)] | None = None
    window_s: Seconds | None = None


class AlertsConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told to whom (docs/alerts.md).

    A target gets ``per_minute`` messages at most; what comes beyond is told in one. A message that isn't through after ``timeout_s`` is given
    up. ``daily_at`` is the UTC time of the daily summary (``22:05``), or ``close`` for when a trading day is over; left out: none.
    What is over and was found longer than ``keep_days`` ago is let go, with its messages.
    """

    targets: list[AlertTarget] = msgspec.field(default_factory=list)
    rules: list[AlertRule] = msgspec.field(default_factory=list)
    per_minute: Count = 10
    timeout_s: Annotated[float, Within(1, 300)] = 20.0
    daily_at: str = ""
    keep_days: Annotated[int, Within(1, 36_500)] = 365

    def rule(self, name: str) -> Shipped:
        """A rule as it is in force."""
        found = RULES[name]
        for own in self.rules:
            if own.rule == name:
                changed = {key: value for key in _TUNED if (value := getattr(own, key)) is not None}
                found = found._replace(**changed)
        return found


_TUNED = ("on", "level", "after_s", "limit", "window_s")


def faults_in(alerts: AlertsConfig) -> Iterator[str]:
    """What can't be used of the section: a sentence each."""
    for number, own in enumerate(alerts.rules):
        place = f"alerts.rules[{number}]"
        if own.rule not in RULES:
            near = get_close_matches(own.rule, RULES, n=1)
            yield f"{place}: there is no rule {own.rule!r}; {f'did you mean {near[0]}?' if near else 'there are ' + ', '.join(RULES)}"
            continue
        shipped = RULES[own.rule]
        for key in ("limit", "window_s"):
            if getattr(own, key) is not None and getattr(shipped, key) is None:
                yield f"{place}: {own.rule} has no {key}"
    names = [target.name for target in alerts.targets]
    for name in sorted({name for name in names if names.count(name) > 1 or not name}):
        yield f"alerts.targets: {'two have the name ' + repr(name) if name else 'one has no name'}; give each its own"
    for target in alerts.targets:
        if "://" not in target.url and not target.url.startswith("secret:"):
            yield f"alerts.targets: the url of {target.name} is none; an example: json://127.0.0.1:9000/alerts"
    hour, colon, minute = alerts.daily_at.partition(":")
    is_time = colon and hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60
    if alerts.daily_at not in ("", "close") and not is_time:
        yield f"alerts.daily_at is a UTC time such as 22:05, or close, and not {alerts.daily_at!r}"
