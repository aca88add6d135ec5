"""The section ``[logs]``: where lines of the log go, and from which level on (docs/logs.md)."""

import logging
from typing import Annotated, Literal

import msgspec

from holdfast.adapters.registry import nearest
from holdfast.core.ranges import CountOrZero, Ranged, Within
from holdfast.errors import InvalidValue
from holdfast.telemetry.channels import Channel

Level = Literal["debug", "info", "warning", "error"]
LEVELS: dict[str, int] = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error")}


class LogsConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where lines of the log go, and from which level on (docs/logs.md).

    ``format`` is how stderr is written: ``console`` for people, ``json`` for programs. ``level`` is that of all channels (left out: warnings
    on stderr, ``info`` in the file), ``levels`` those of single ones, ``{ broker = "debug" }``. ``file`` gets every line as JSON; at ``max_mb``
    it is turned over, and ``keep`` earlier ones stay. With a file only warnings go to stderr.
    """

    format: Literal["console", "json"] = "console"
    level: Level | None = None
    levels: dict[str, Level] = msgspec.field(default_factory=dict)
    file: str | None = None
    max_mb: Annotated[float, Within(0.001, 100_000)] = 50.0
    keep: CountOrZero = 10

    def __post_init__(self) -> None:
        """Raises :class:`~holdfast.errors.InvalidValue`."""
        super().__post_init__()
        for name in self.levels:
            if name not in tuple(Channel):
                raise InvalidValue(f"levels: there is no channel {name!r}; {nearest(name, list(Channel))}")
