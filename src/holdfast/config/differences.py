"""What differs between two readings of the configuration, and which of that can be taken while an engine runs (docs/reload.md)."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from holdfast.config.sections import Config

Path = tuple[str, ...]
"""A key of the file, from its section on: a table's name is one part, whatever signs are in it."""
ANY = "*"
REST = "**"
"""In a pattern: any one part; any parts that follow, at least one."""

NAMED_BY = {"accounts": "name", "strategies": "id", "feeds": "name"}
"""Lists of the file, and by what their tables are told apart."""
INNER: Mapping[Path, str] = {("alerts", "rules"): "rule"}
"""Likewise, of those inside a section."""


class Taken(StrEnum):
    """Who takes a key that has changed, and when."""

    NOW = "now"
    RESTART = "restart"
    ELSEWHERE = "elsewhere"  # the engine never reads it


_NOW: tuple[Path, ...] = (
    ("accounts", ANY, "risk", REST),
    ("accounts", ANY, "protection", REST),
    ("accounts", ANY, "intraday", REST),
    ("strategies", ANY, "risk", REST),
    ("feed", "stale_after_s"),
    ("feeds", ANY, "stale_after_s"),
    ("live", "check_every_s"),
    ("live", "reconcile_every_s"),
    ("live", "error_threshold"),
    ("supervisor", "interval_s"),
    ("supervisor", "batch"),
    ("supervisor", "resubmissions"),
    ("supervisor", "back_off_s"),
    ("supervisor", "time_to_live_s"),
    ("supervisor", "foreign_orders"),
    ("supervisor", "lost_orders"),
    ("logs", "level"),
    ("logs", "levels", REST),
)
"""Intervals, thresholds, limits, levels of the log: what is looked up each time it is needed."""

ELSEWHERE: Mapping[str, str] = {
    "web": "holdfast web",
    "watchdog": "holdfast watchdog",
    "monitor": "who shows the pipeline",
    "alerts": "holdfast observe",
    "posts": "holdfast post",
    "observer": "holdfast observe",
    "tracing": "holdfast observe",
    "audit": "holdfast observe",
}
"""Sections that no engine reads, and who does."""
LIKEWISE = ("alerts", "monitor")
"""Of them those that their readers take while they run (`rereading.py`)."""


class Difference(NamedTuple):
    """A key that has changed; "" for a value that is not there."""

    path: Path
    old: str
    new: str

    @property
    def key(self) -> str:
        """As people say it."""
        return ".".join(self.path)

    def is_of(self, accounts: Collection[str], strategies: Collection[str]) -> bool:
        """Whether it is of one of these."""
        own = {"accounts": accounts, "strategies": strategies}.get(self.path[0], ())
        return len(self.path) > 1 and self.path[1] in own

    @property
    def taken(self) -> Taken:
        """Who takes it, and when."""
        if any(_fits(self.path, pattern) for pattern in _NOW):
            return Taken.NOW
        return Taken.ELSEWHERE if self.path[0] in ELSEWHERE else Taken.RESTART


def differences(old: Config, new: Config) -> list[Difference]:
    """Every key whose value differs, in the order of the keys."""
    before, after = dict(_flat(old)), dict(_flat(new))
    paths = sorted({*before, *after})
    found = (Difference(path, before.get(path, ""), after.get(path, "")) for path in paths)
    return [each for each in found if each.old != each.new]


def _fits(path: Path, pattern: Path) -> bool:
    if pattern[-1] == REST:
        if len(path) < len(pattern):
            return False
        path, pattern = path[: len(pattern) - 1], pattern[:-1]
    return len(path) == len(pattern) and all(part in (ANY, own) for own, part in zip(path, pattern, strict=True))


def _flat(config: Config) -> Iterator[tuple[Path, str]]:
    plain: Any = msgspec.to_builtins(config, enc_hook=str, builtin_types=(Decimal,))
    plain.update(plain.pop("adapters"))
    for section, value in plain.items():
        if section in NAMED_BY:
            for row in value:
                yield from _leaves((section, str(row[NAMED_BY[section]])), row)
        else:
            yield from _leaves((section,), value)


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if path in INNER:
        for row in value:
            yield from _leaves((*path, row.pop(INNER[path])), row)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves((*path, str(name)), inner)
    elif value is not None:
        yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)
