"""What is kept, as people see it: alerts with their state and who was told, and one alert's history."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

import msgspec
import sqlalchemy as sa

from holdfast.alerting.tables import alerts, deliveries, marks, silences
from holdfast.errors import InvalidValue

State = Literal["open", "acknowledged", "silenced", "resolved"]
OPEN, ACKNOWLEDGED, SILENCED, RESOLVED = STATES = get_args(State)
"""``open``: it lasts, and nobody has taken it on. ``silenced``: nobody is told of it now, or nobody was while it lasted."""
LOOKED = "looked"
"""The mark of when an observer last looked."""


class Told(msgspec.Struct, frozen=True):
    """A message of an alert to a target."""

    target: str
    """To whom, by the name in the configuration."""
    kind: str
    """``opened``, ``escalated``, ``repeated`` or ``resolved``."""
    state: str
    """``sent``; ``waiting``, ``trying`` or ``leaving``; ``failed``; ``unanswered`` (it may have arrived); ``merged`` (told with others in one message)."""
    created_ns: int
    """When it was written."""
    ended_ns: int | None
    """When it arrived, or was given up; None before."""


class KeptAlert(msgspec.Struct, frozen=True):
    """An alert as it is kept."""

    id: int
    """By which it is acknowledged."""
    rule: str
    """The rule that told of it (docs/alerts.md)."""
    account: str
    """Of which account; empty for the machine."""
    subject: str
    """What of it: an order, a symbol, a strategy; may be empty."""
    level: str
    """``critical``, ``warning`` or ``info``."""
    state: str
    """``open``, ``acknowledged``, ``silenced`` (nobody is told now, or was) or ``resolved``."""
    text: str
    """What happened, to what, and what to do."""
    opened_ns: int
    """When it was found, in nanoseconds since 1970."""
    resolved_ns: int | None
    """When it was over; None while it lasts."""
    acknowledged_ns: int | None
    """When somebody took it on."""
    acknowledged_by: str
    """Who did."""
    told: list[Told]
    """Who was told, in the order of the messages."""


class Step(msgspec.Struct, frozen=True):
    """Something that happened to an alert."""

    time_ns: int
    """When."""
    text: str
    """What."""


class Wanted(msgspec.Struct, frozen=True):
    """Which alerts are wanted: those of a state, of an account, before an id, so many at most; ``lasting``: those that are not over."""

    most: int = 500
    state: State | None = None
    account: str | None = None
    before: int | None = None
    lasting: bool = False


def listed(kept: sa.Connection, wanted: Wanted, now_ns: int) -> list[KeptAlert]:
    """The newest alerts, the newest first."""
    state = _state(now_ns)
    rows = sa.select(alerts, state.label("state")).order_by(alerts.c.id.desc()).limit(wanted.most)
    if wanted.lasting:
        rows = rows.where(alerts.c.open_key.is_not(None))
    if wanted.state is not None:
        rows = rows.where(state == wanted.state)
    if wanted.account is not None:
        rows = rows.where(alerts.c.account == wanted.account)
    if wanted.before is not None:
        rows = rows.where(alerts.c.id < wanted.before)
    found = kept.execute(rows).all()
    told = _told(kept, [row.id for row in found])
    return [_view(row, told[row.id]) for row in found]


def one(kept: sa.Connection, number: int, now_ns: int) -> KeptAlert:
    """An alert by its id. Raises :class:`~holdfast.errors.InvalidValue` when there is none."""
    row = kept.execute(sa.select(alerts, _state(now_ns).label("state")).where(alerts.c.id == number)).first()
    if row is None:
        raise InvalidValue(f"there is no alert {number}; `holdfast alerts list` has those there are")
    return _view(row, _told(kept, [number])[number])


def history(alert: KeptAlert) -> list[Step]:
    """What happened to an alert, in order of time."""
    return sorted(_steps(alert), key=lambda step: step.time_ns)


def open_now(kept: sa.Connection, now_ns: int) -> list[tuple[str, str, str]]:
    """What is open and taken on by nobody: account, level and rule of each, the oldest first."""
    rows = sa.select(alerts.c.account, alerts.c.level, alerts.c.rule).order_by(alerts.c.id)
    found = kept.execute(rows.where(alerts.c.open_key.is_not(None), _state(now_ns) == OPEN))
    return [(row.account, row.level, row.rule) for row in found]


def silences_now(kept: sa.Connection, now_ns: int) -> dict[tuple[str, str], int]:
    """Until when rules are silenced, by rule and account."""
    rows = kept.execute(sa.select(silences).where(silences.c.until_ns > now_ns))
    return {(row.rule, row.account): row.until_ns for row in rows}


def looked_ns(kept: sa.Connection) -> int | None:
    """When an observer last looked, to some seconds; None when none ever did."""
    value = kept.execute(sa.select(marks.c.value).where(marks.c.name == LOOKED)).scalar()
    return None if value is None else int(value)


def _state(now_ns: int) -> "sa.Case[str]":
    """An alert's state, computed where it is kept so that it can be asked for."""
    silence = silences.c
    is_silenced = (
        sa.select(silence.rule)
        .where(silence.until_ns > now_ns, silence.rule == alerts.c.rule, silence.account.in_(["", alerts.c.account]))
        .exists()
    )
    return sa.case(
        (sa.and_(alerts.c.told_ns == 0, alerts.c.acknowledged_ns.is_(None)), SILENCED),
        (alerts.c.resolved_ns.is_not(None), RESOLVED),
        (alerts.c.acknowledged_ns.is_not(None), ACKNOWLEDGED),
        (is_silenced, SILENCED),
        else_=OPEN,
    )


def _told(kept: sa.Connection, numbers: list[int]) -> dict[int, list[Told]]:
    found: dict[int, list[Told]] = defaultdict(list)
    table = deliveries.c
    for row in kept.execute(sa.select(deliveries).where(table.alert.in_(numbers)).order_by(table.id)):
        found[row.alert].append(Told(row.target, row.kind, row.state, row.created_ns, row.ended_ns))
    return found


def _view(row: "sa.Row[Any]", told: Iterable[Told]) -> KeptAlert:
    return KeptAlert(
        row.id, row.rule, row.account, row.subject, row.level, row.state,
        row.text, row.opened_ns, row.resolved_ns, row.acknowledged_ns, row.acknowledged_by, list(told),
    )  # fmt: skip


def _steps(alert: KeptAlert) -> Iterator[Step]:
    yield Step(alert.opened_ns, f"found: {alert.text}")
    for told in alert.told:
        yield Step(told.created_ns, f"a message to {told.target} ({told.kind})")
        if told.ended_ns is not None:
            yield Step(told.ended_ns, f"the message to {told.target} ({told.kind}): {told.state}")
    if alert.acknowledged_ns is not None:
        yield Step(alert.acknowledged_ns, f"acknowledged by {alert.acknowledged_by}")
    if alert.resolved_ns is not None and alert.resolved_ns > alert.opened_ns:
        yield Step(alert.resolved_ns, "over")
