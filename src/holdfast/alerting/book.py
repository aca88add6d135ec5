"""The alerts that are kept: opened once while a condition lasts, resolved, acknowledged, silenced; and the messages that are made of them.

Each function is one step in a transaction of the observer's database, given as ``kept``.
"""

from collections.abc import Container, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec
import sqlalchemy as sa

from holdfast.alerting import shown
from holdfast.alerting.shown import KeptAlert
from holdfast.alerting.tables import SUBJECT, alerts, deliveries, marks, silences
from holdfast.config.alerts import LEVELS, RULES, AlertsConfig
from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.telemetry.redact import REDACTOR

WAITING, TRYING, LEAVING = "waiting", "trying", "leaving"
SENT, FAILED, UNANSWERED, MERGED = "sent", "failed", "unanswered", "merged"
OPENED, RESOLVED, ESCALATED, REPEATED, SUMMARY, DAILY, TEST = (
    "opened", "resolved", "escalated", "repeated", "summary", "daily", "test",
)  # fmt: skip
PRUNED = 500
"""So many alerts are let go of at once."""
TEXT = 2_000
"""The longest text, in characters."""


class Finding(msgspec.Struct, frozen=True):
    """Something a rule tells of. ``lasts``: it goes on until it is found no more; else it has happened and is over."""

    rule: str
    account: str
    subject: str
    text: str
    lasts: bool = True

    @property
    def key(self) -> str:
        """One alert at a time."""
        return f"{self.rule}|{self.account}|{self.subject[:SUBJECT]}"


def open_alert(kept: sa.Connection, config: AlertsConfig, finding: Finding, now_ns: int) -> bool:
    """Keep a finding, unless its alert is open already or its rule is off. Returns whether it is new."""
    rule = config.rule(finding.rule)
    if not rule.on:
        return False
    is_open = sa.select(alerts.c.id).where(alerts.c.open_key == finding.key)
    if kept.execute(is_open).first() is not None:
        return False
    kept.execute(
        sa.insert(alerts).values(
            open_key=finding.key if finding.lasts else None,
            rule=finding.rule,
            account=finding.account,
            subject=finding.subject[:SUBJECT],
            level=rule.level,
            text=REDACTOR.text(finding.text)[:TEXT],
            opened_ns=now_ns,
            resolved_ns=None if finding.lasts else now_ns,
            acknowledged_by="",
        )
    )
    return True


def open_keys(kept: sa.Connection) -> dict[str, tuple[str, str, str]]:
    """The rule, account and subject of each alert that lasts, by its key."""
    rows = kept.execute(sa.select(alerts).where(alerts.c.open_key.is_not(None)))
    return {row.open_key: (row.rule, row.account, row.subject) for row in rows}


def resolve(kept: sa.Connection, config: AlertsConfig, key: str, now_ns: int) -> None:
    """It is over: those who were told of it are told of that."""
    row = kept.execute(sa.select(alerts).where(alerts.c.open_key == key)).first()
    if row is None:
        return
    kept.execute(sa.update(alerts).where(alerts.c.id == row.id).values(open_key=None, resolved_ns=now_ns))
    told = sa.select(deliveries.c.target).where(
        deliveries.c.alert == row.id, deliveries.c.kind.in_((OPENED, ESCALATED)), deliveries.c.state != FAILED
    )
    for name in sorted({found.target for found in kept.execute(told)} & {target.name for target in config.targets}):
        queue(kept, row, name, RESOLVED, now_ns)


def tell(kept: sa.Connection, config: AlertsConfig, now_ns: int) -> bool:
    """Make the messages of what nobody was told of so far, but for what is silenced; and of what nobody acknowledged in time.

    Returns whether anything was new.
    """
    silenced = shown.silences_now(kept, now_ns)
    new = sa.select(alerts).where(alerts.c.told_ns.is_(None), alerts.c.acknowledged_ns.is_(None))
    rows = kept.execute(new).all()
    for row in rows:
        if _is_silenced(row, silenced):
            if row.open_key is None:
                _note_told(kept, row.id, 0)
        elif _note_told(kept, row.id, now_ns):
            for target in config.targets:
                if target.after_s == 0 and LEVELS.index(row.level) <= LEVELS.index(target.level):
                    queue(kept, row, target.name, OPENED, now_ns)
    for target in config.targets:
        if target.after_s:
            for row in _late(kept, target.name, now_ns - int(target.after_s * SECOND_NS)):
                if not _is_silenced(row, silenced):
                    queue(kept, row, target.name, ESCALATED, now_ns)
    return bool(rows)


def _note_told(kept: sa.Connection, number: int, told_ns: int) -> bool:
    """Note that messages are made of it. Returns whether nobody else was quicker."""
    mine = sa.update(alerts).where(alerts.c.id == number, alerts.c.told_ns.is_(None))
    return kept.execute(mine.values(told_ns=told_ns)).rowcount == 1


def _is_silenced(row: "sa.Row[Any]", silenced: Container[tuple[str, str]]) -> bool:
    return (row.rule, "") in silenced or (row.rule, row.account) in silenced


def _late(kept: sa.Connection, target: str, before_ns: int) -> "Sequence[sa.Row[Any]]":
    """What is critical, was told before a time, and nobody has acknowledged; a target is told of it once."""
    done = sa.select(deliveries.c.id).where(
        deliveries.c.alert == alerts.c.id, deliveries.c.target == target, deliveries.c.kind == ESCALATED
    )
    late = sa.select(alerts).where(
        alerts.c.level == "critical",
        alerts.c.open_key.is_not(None),
        alerts.c.acknowledged_ns.is_(None),
        alerts.c.told_ns > 0,
        alerts.c.told_ns <= before_ns,
        ~done.exists(),
    )
    return kept.execute(late).all()


def queue(kept: sa.Connection, alert: "sa.Row[Any]", target: str, kind: str, now_ns: int) -> None:
    """A message of an alert, to be sent."""
    lead = {RESOLVED: "over: ", ESCALATED: "unacknowledged: "}.get(kind, "")
    whose = f" {alert.account}" if alert.account else ""
    title = f"{lead}{alert.rule.replace('_', ' ')}{whose}"
    number = f"\n\nalert {alert.id} · `holdfast alerts ack {alert.id}`" if kind != RESOLVED and alert.open_key else ""
    send(kept, (target, kind, alert.level), (title, f"{alert.text}{number}"), now_ns, alert.id)


def send(
    kept: sa.Connection, to: tuple[str, str, str], said: tuple[str, str], now_ns: int, alert: int | None = None
) -> None:
    """A message, to be sent: ``to`` a target, of a kind and a level; ``said`` is its title and its text."""
    target, kind, level = to
    title, text = said
    kept.execute(
        sa.insert(deliveries).values(
            alert=alert,
            target=target,
            kind=kind,
            level=level,
            title=title[:200],
            text=text,
            created_ns=now_ns,
            state=WAITING,
            tries=0,
            next_ns=now_ns,
            error="",
        )
    )


def acknowledge(kept: sa.Connection, number: int, who: str, now_ns: int) -> KeptAlert:
    """Somebody takes it on: nobody else is told. Raises :class:`~holdfast.errors.InvalidValue` when there is no such alert."""
    first = sa.update(alerts).where(alerts.c.id == number, alerts.c.acknowledged_ns.is_(None))
    kept.execute(first.values(acknowledged_ns=now_ns, acknowledged_by=who[:64]))
    return shown.one(kept, number, now_ns)


def silence(kept: sa.Connection, rule: str, account: str, until_ns: int, who: str) -> None:
    """Nobody is told of a rule until a time; what lasts longer is told then. Raises :class:`~holdfast.errors.InvalidValue` for a rule that isn't there."""
    if rule not in RULES:
        near = get_close_matches(rule, RULES, n=1)
        hint = f"did you mean {near[0]}?" if near else "`holdfast alerts rules` lists them"
        raise InvalidValue(f"there is no rule {rule!r}; {hint}")
    kept.execute(sa.delete(silences).where(silences.c.rule == rule, silences.c.account == account))
    kept.execute(sa.insert(silences).values(rule=rule, account=account, until_ns=until_ns, made_by=who[:64]))


def prune(kept: sa.Connection, before_ns: int) -> int:
    """Let go of alerts that are over and were found before a time, of messages that went as long ago, and of silences that ended. Returns how many alerts went, `PRUNED` at most.

    What is still to be told stays.
    """
    waits = sa.select(deliveries.c.id).where(
        deliveries.c.alert == alerts.c.id, deliveries.c.state.in_((WAITING, TRYING, LEAVING))
    )
    over = sa.select(alerts.c.id).where(
        alerts.c.open_key.is_(None), alerts.c.opened_ns < before_ns, alerts.c.told_ns.is_not(None), ~waits.exists()
    )
    ids = [row.id for row in kept.execute(over.order_by(alerts.c.id).limit(PRUNED))]
    lone = sa.and_(deliveries.c.alert.is_(None), deliveries.c.ended_ns < before_ns)
    kept.execute(sa.delete(deliveries).where(sa.or_(deliveries.c.alert.in_(ids), lone)))
    kept.execute(sa.delete(alerts).where(alerts.c.id.in_(ids)))
    kept.execute(sa.delete(silences).where(silences.c.until_ns < before_ns))
    return len(ids)


def mark(kept: sa.Connection, name: str, value: str) -> bool:
    """Note what was done last under a name. Returns whether that is new, and nobody else was quicker."""
    row = kept.execute(sa.select(marks).where(marks.c.name == name)).first()
    if row is None:
        kept.execute(sa.insert(marks).values(name=name, value=value))
        return True
    mine = sa.update(marks).where(marks.c.name == name, marks.c.value == row.value, marks.c.value != value)
    return kept.execute(mine.values(value=value)).rowcount == 1
