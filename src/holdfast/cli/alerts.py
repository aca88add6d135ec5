"""``holdfast alerts``: looks at what is kept and answers at once; the sending is the observer's."""

import getpass
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from holdfast.alerting import book, shown
from holdfast.alerting.courier import send_in_child
from holdfast.alerting.daily import summary_of
from holdfast.alerting.sender import Message
from holdfast.alerting.shown import KeptAlert, Wanted
from holdfast.alerting.tables import kept_at
from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading, known_account, the_account
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, when
from holdfast.cli.unwatched import unwatched
from holdfast.config import Config
from holdfast.config.alerts import RULES
from holdfast.control.duration import seconds
from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.journal.lists import ListReader

COLUMNS = [
    terminal.Column(name, rank)
    for name, rank in (("id", 0), ("since", 2), ("level", 0), ("rule", 0), ("account", 1), ("state", 0), ("what", 0))
]
LEAST_TEXT = 12
"""So much of the text is shown at least, in characters."""
RULE_COLUMNS = [terminal.Column(name) for name in ("rule", "level", "after", "limit", "within", "tells")]
Cells = tuple[str | Text, ...]
TONES = {"critical": BAD, "warning": WARN, "info": DIM}


def show(config_file: Path | None, everything: bool, limit: int, as_json: bool) -> None:
    """List them."""
    config = config_for_reading(config_file)
    with _kept(config) as kept:
        found = shown.listed(kept, Wanted(limit, lasting=not everything), time.time_ns())
        silenced = shown.silences_now(kept, time.time_ns())
    if as_json:
        terminal.print_json([msgspec.to_builtins(alert) for alert in found])
        return
    for (rule, account), until_ns in sorted(silenced.items()):
        terminal.say(f"{rule}{f' of {account}' if account else ''} is silenced until {when(until_ns)}")
    lonely = unwatched(config)
    if lonely:
        terminal.say(lonely)
    if not found:
        terminal.say("there never was an alert" if everything else "no alert is open" if lonely else "nothing is wrong")
        return
    console = terminal.console()
    console.print(
        terminal.table(COLUMNS, _fitted(COLUMNS, [_cells(alert) for alert in found], console.width), console.width)
    )


def _fitted(columns: Sequence[terminal.Column], rows: Sequence[Cells], width: int) -> list[Cells]:
    """The rows with their last text cut to the room that the others leave: an id that isn't seen is of no use."""
    used = [max(len(column.name), *(len(row[at]) for row in rows)) + 3 for at, column in enumerate(columns[:-1])]
    room = max(LEAST_TEXT, width - sum(used) - 3)
    return [(*row[:-1], text if len(text := str(row[-1])) <= room else f"{text[: room - 1]}…") for row in rows]


def _cells(alert: KeptAlert) -> Cells:
    since = when(alert.opened_ns)
    level = Text(alert.level, style=TONES.get(alert.level, ""))
    state = f"{alert.state} by {alert.acknowledged_by}" if alert.state == "acknowledged" else alert.state
    return str(alert.id), since, level, alert.rule, alert.account, state, alert.text


def acknowledge(config_file: Path | None, number: int, as_json: bool) -> None:
    """Take one on. Raises :class:`~holdfast.errors.InvalidValue` when there is no such alert."""
    with _kept(config_for_reading(config_file), writes=True) as kept:
        alert = book.acknowledge(kept, number, _me(), time.time_ns())
    if as_json:
        terminal.print_json(msgspec.to_builtins(alert))
        return
    terminal.console().print(
        f"alert {number} ({alert.rule} {alert.account}) is yours, {alert.acknowledged_by}", soft_wrap=True
    )


def silence(config_file: Path | None, rule: str, duration: str, account: str | None) -> None:
    """Silence a rule. Raises :class:`~holdfast.errors.InvalidValue`."""
    config = config_for_reading(config_file)
    name = known_account(config, account) or ""
    now_ns = time.time_ns()
    until_ns = now_ns if duration == "0" else now_ns + int(seconds(duration) * SECOND_NS)
    with _kept(config, writes=True) as kept:
        book.silence(kept, rule, name, until_ns, _me())
    whose = f" of {name}" if name else ""
    said = f"is silenced until {when(until_ns)}" if until_ns > now_ns else "is told again"
    terminal.console().print(f"{rule}{whose} {said}", soft_wrap=True)


def rules(config_file: Path | None, as_json: bool) -> None:
    """Show the rules."""
    alerts = config_for_reading(config_file).alerts
    found = {name: alerts.rule(name) for name in RULES}
    if as_json:
        terminal.print_json({name: rule._asdict() for name, rule in found.items()})
        return
    rows: list[Cells] = [
        (
            name,
            Text(rule.level, style=TONES[rule.level]) if rule.on else Text("off", style=DIM),
            "" if rule.after_s is None else f"{rule.after_s:g} s",
            "" if rule.limit is None else f"{rule.limit:g} {rule.unit}",
            "" if rule.window_s is None else f"{rule.window_s:g} s",
            rule.tells,
        )
        for name, rule in found.items()
    ]
    console = terminal.console()
    console.print(terminal.table(RULE_COLUMNS, _fitted(RULE_COLUMNS, rows, console.width), console.width))


def test(config_file: Path | None, only: str | None, as_json: bool) -> int:
    """Send a message to each target. Exit status 0 when all have it, else 1. Raises :class:`~holdfast.errors.InvalidValue`."""
    alerts = config_for_reading(config_file).alerts
    targets = [target for target in alerts.targets if only in (None, target.name)]
    if not targets:
        there = ", ".join(target.name for target in alerts.targets)
        hint = f"there are {there}" if there else "write one as [[alerts.targets]] (docs/alerts.md)"
        raise InvalidValue(f"there is no target{f' {only!r}' if only else ''}; {hint}")
    text = "This is a test: whoever reads it is told of alerts."
    answers = {
        target.name: send_in_child(Message(str(target.url), "Holdfast: a test", text, "info", alerts.timeout_s))
        for target in targets
    }
    if as_json:
        terminal.print_json({name: msgspec.to_builtins(answer) for name, answer in answers.items()})
    for name, answer in () if as_json else answers.items():
        line = Text(f"{name}: ").append(answer.outcome, style=GOOD if answer.outcome == "sent" else BAD)
        terminal.console().print(line.append(f": {answer.error}" if answer.error else ""), soft_wrap=True)
    return 0 if all(answer.outcome == "sent" for answer in answers.values()) else 1


def summary(config_file: Path | None, date: str | None, account: str | None) -> None:
    """Print it. Raises :class:`~holdfast.errors.InvalidValue` for a day without records."""
    config = config_for_reading(config_file)
    with ListReader.open(config.journal.url) as reader:
        terminal.console().print(
            summary_of(reader, the_account(config, account), date), soft_wrap=True, markup=False, highlight=False
        )


@contextmanager
def _kept(config: Config, *, writes: bool = False) -> Iterator[Any]:
    keeping = kept_at(config.observer.url)
    try:
        with keeping.begin() if writes else keeping.reading() as connection:
            yield connection
    finally:
        keeping.close()


def _me() -> str:
    return getpass.getuser()
