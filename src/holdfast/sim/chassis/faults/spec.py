"""What people write to have a fault: one table of a JSON or TOML file, or the body of a POST, checked and typed."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from holdfast.core.types import to_price
from holdfast.errors import ConfigError, InvalidValue
from holdfast.sim.chassis.faults.catalogue import COUNTING, Entry, Parameter, Place

NEEDED = ("price",)
"""Parameters for which there is no default."""


@dataclass(frozen=True)
class FaultSpec:
    """A fault as it was asked for: how often and when it fires, and in ``params`` all else, defaults filled in."""

    name: StrEnum
    entry: Entry
    times: int | None = 1
    probability: float | None = None
    after: int = 0
    seed: int = 0
    params: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The table this is made from, with the defaults."""
        counting = {key: getattr(self, key) for key in COUNTING} if self.entry.place is not Place.NOW else {}
        return {"name": self.name.value, **counting, **self.params}


class Catalogue:
    """The faults of one broker: what there is, and how it is asked for.

    ``narrowing`` is what a fault of each place can be narrowed to; ``orders`` is what one around requests bites when it is told neither
    ``method`` nor ``path``.
    """

    def __init__(
        self,
        entries: Mapping[Any, Entry],
        narrowing: Mapping[Place, Mapping[str, Parameter]],
        orders: Mapping[str, str],
    ) -> None:
        self.entries: Mapping[StrEnum, Entry] = entries
        self._narrowing = narrowing
        self._orders = orders

    def named(self, raw: object) -> StrEnum:
        """The fault of that name. Raises :class:`~holdfast.errors.InvalidValue`, with the names there are."""
        for name in self.entries:
            if name == str(raw):
                return name
        raise InvalidValue(f"there is no fault {raw!r}; there are: {', '.join(self.entries)}")

    def parameters(self, name: StrEnum) -> Mapping[str, Parameter]:
        """Everything that this fault can be told, the most particular first."""
        entry = self.entries[name]
        narrowing = {key: value for key, value in self._narrowing[entry.place].items() if key not in entry.parameters}
        return {**entry.parameters, **narrowing, **({} if entry.place is Place.NOW else COUNTING)}

    def parse(self, raw: object) -> FaultSpec:
        """From ``{"name": ..., parameter: value, ...}``.

        Raises :class:`~holdfast.errors.InvalidValue` for an unknown name or parameter and for a value of the wrong kind.
        """
        if not isinstance(raw, Mapping):
            raise InvalidValue(f'a fault must be a table like {{"name": "slow", "seconds": 2}}, not {raw!r}')
        name = self.named(raw.get("name"))
        known = self.parameters(name)
        given = {key: value for key, value in raw.items() if key != "name"}
        if unknown := given.keys() - known.keys():
            raise InvalidValue(f"fault {name}: it knows no {sorted(unknown)[0]!r}; it can be told {', '.join(known)}")
        values = {key: _value(name, key, parameter, given.get(key)) for key, parameter in known.items()}
        if missing := [key for key in NEEDED if key in known and values[key] is None]:
            raise InvalidValue(f"fault {name}: it needs {missing[0]}")
        entry = self.entries[name]
        if entry.place is Place.HTTP and values["method"] is None and values["path"] is None:
            values |= self._orders
        counting = {key: values.pop(key) for key in COUNTING if key in values}
        if "times" not in given and counting.get("probability") is None:
            counting["times"] = 1
        return FaultSpec(name, entry, params=values, **counting)

    def parse_all(self, raw: object) -> tuple[FaultSpec, ...]:
        """From one fault, a list of them, or ``{"faults": [...]}``. Raises :class:`~holdfast.errors.InvalidValue`."""
        if isinstance(raw, Mapping) and "faults" in raw:
            if unknown := raw.keys() - {"faults"}:
                raise InvalidValue(f"beside 'faults' there is {sorted(unknown)[0]!r}, which means nothing here")
            raw = raw["faults"]
        items = raw if isinstance(raw, Sequence) and not isinstance(raw, str) else [raw]
        return tuple(self.parse(item) for item in items)

    def load(self, path: Path) -> tuple[FaultSpec, ...]:
        """The faults of a file: TOML ``[[faults]]`` tables (``.toml``), else JSON.

        Raises :class:`~holdfast.errors.ConfigError`, also for a fault that fires at once: there is no moment for it in a file.
        """
        try:
            text = path.read_text(encoding="utf-8")
            raw = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
            specs = self.parse_all(raw)
        except (
            OSError,
            UnicodeDecodeError,
            ValueError,
        ) as wrong:  # InvalidValue and both decoders' errors are ValueErrors
            raise ConfigError(f"faults file {path}: {wrong}") from wrong
        for spec in specs:
            if spec.entry.place is Place.NOW:
                raise ConfigError(
                    f"faults file {path}: {spec.name} happens at once: send it with POST /_sim/faults instead"
                )
        return specs


def _value(name: StrEnum, key: str, parameter: Parameter, raw: object) -> Any:
    """``raw`` as the parameter's kind, or its default."""
    if raw is None:
        return parameter.default
    if isinstance(parameter.kind, tuple):
        wanted, usable = "one of " + ", ".join(parameter.kind), raw in parameter.kind
    else:
        wanted, is_one = KINDS[parameter.kind]
        usable = is_one(raw)
    if not usable:
        raise InvalidValue(f"fault {name}: {key} must be {wanted}, not {raw!r}")
    if key == "method":
        return str(raw).upper()
    return str(raw) if parameter.kind in ("text", "price") else raw


def _is_count(raw: object) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0


def _is_number(raw: object) -> bool:
    return isinstance(raw, (int, float)) and not isinstance(raw, bool) and 0 <= raw < float("inf")


def _is_text(raw: object) -> bool:
    return isinstance(raw, (str, int, float)) and not isinstance(raw, bool)


def _is_pattern(raw: object) -> bool:
    try:
        return isinstance(raw, str) and bool(re.compile(raw))
    except re.error:
        return False


def _is_share(raw: object) -> bool:
    return _is_number(raw) and float(str(raw)) <= 1


def _is_price(raw: object) -> bool:
    try:
        return bool(to_price(raw))
    except InvalidValue:
        return False


KINDS = {
    "count": ("a whole number, zero or more", _is_count),
    "number": ("a number, zero or more", _is_number),
    "share": ("a number from 0 to 1", _is_share),
    "price": ("a price above zero", _is_price),
    "text": ("a text", _is_text),
    "pattern": ("a regular expression", _is_pattern),
}
"""What a parameter can be: how an error calls it, and whether a value is one."""
