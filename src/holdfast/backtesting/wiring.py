"""What is said in Python, as the configuration that the command line would read: checked by the same code."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any

from holdfast.assembly import check_shape, load_strategy
from holdfast.config import Config, VenueConfig, parse_config
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.api import Strategy
from holdfast.errors import ConfigError, InvalidValue

ACCOUNT = "backtest"
"""What the account of a backtest from Python is called."""
SHIPPED = "holdfast.strategies"

StrategyLike = type[Strategy] | str | Mapping[str, Any]
"""A class, ``module:Class`` or the name of one that ships, or a table of the keys of ``[[strategies]]``."""


class Strategies:
    """The strategies of a backtest: ``rows`` as a configuration has them, and the ``classes`` that are at hand, by id."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.classes: dict[str, type[Strategy]] = {}

    def add(self, said: object, shared: Mapping[str, Any]) -> None:
        """Take one. ``shared`` are the keys that hold for all that don't say otherwise."""
        own: dict[str, Any] = {**said} if isinstance(said, Mapping) else {"class": said}
        if "class" not in own:
            raise InvalidValue(
                f"a strategy is a class, or a table with class and more; this one has {', '.join(own) or 'nothing'}"
            )
        named = own.pop("class")
        found, path = _class_of(named)
        row = {"account": ACCOUNT, **shared, **own, "class": path}
        row["params"] = {**shared.get("params", {}), **own.get("params", {})}
        name = str(own.get("id") or found.__name__)
        taken = {each["id"] for each in self.rows}
        row["id"] = name if "id" in own else next(each for each in _numbered(name) if each not in taken)
        self.rows.append(row)
        self.classes[row["id"]] = found

    def share(self, parameters: Mapping[str, Any]) -> None:
        """Give each strategy those of the parameters that it takes."""
        for row in self.rows:
            fields = self.classes[row["id"]].Params.__struct_fields__
            row["params"] |= {key: value for key, value in parameters.items() if key in fields}

    def apart(self, said: Mapping[str, Any], words: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is ``said`` by these ``words`` that no strategy has as a parameter, and the rest."""
        mine = {key: value for key, value in said.items() if key in words and key not in self.parameters}
        return mine, {key: value for key, value in said.items() if key not in mine}

    @property
    def parameters(self) -> set[str]:
        """The names of all their parameters."""
        return {name for found in self.classes.values() for name in found.Params.__struct_fields__}

    @property
    def symbols(self) -> list[str]:
        """All that they trade, sorted."""
        return sorted({str(symbol) for row in self.rows for symbol in row["symbols"]})

    def trade(self, symbols: Sequence[str]) -> None:
        """Give the strategies that name no symbols these."""
        for row in self.rows:
            row.setdefault("symbols", list(symbols))


def _class_of(said: object) -> tuple[type[Strategy], str]:
    """The class that is meant, and what the configuration would call it. Raises ConfigError and InvalidValue."""
    if isinstance(said, str):
        path = said if ":" in said else f"{SHIPPED}:{said}"
        return load_strategy(path), path
    if isinstance(said, Strategy):
        name = type(said).__name__
        raise InvalidValue(
            f"give the class {name}, not one made of it: backtest({name}, data, ...); its parameters go into params"
        )
    if not isinstance(said, type) or not issubclass(said, Strategy):
        what = f"the class {said.__name__}" if isinstance(said, type) else f"{type(said).__name__} {str(said)[:40]!r}"
        raise InvalidValue(
            f"a strategy is a class derived from holdfast.Strategy, or the name of one that ships, not {what}"
        )
    path = f"{said.__module__}:{said.__qualname__}"
    check_shape(said, path)
    return said, path


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in range(2, 1_000_000):
        yield f"{name}-{number}"


def strategies_of(said: object, shared: Mapping[str, Any]) -> Strategies:
    """One strategy, or a list of several. Raises ConfigError and InvalidValue."""
    found = Strategies()
    several: list[object] = [*said] if isinstance(said, Sequence) and not isinstance(said, str) else [said]
    if not several:
        raise InvalidValue("there is no strategy; give a class, or a list of several")
    for one in several:
        found.add(one, shared)
    return found


def config_of(
    strategies: Strategies, feed: Mapping[str, Any], account: Mapping[str, Any], sections: Mapping[str, Any]
) -> Config:
    """The configuration. Raises :class:`~holdfast.errors.ConfigError` in the words of Python's arguments."""
    data = {
        "feed": _given(feed),
        "accounts": [{"name": ACCOUNT, **_given(account)}],
        "strategies": [_given(row) for row in strategies.rows],
        **_given(sections),
    }
    try:
        return parse_config(_plain(data), "backtest", Path.cwd())
    except ConfigError as error:
        raise ConfigError(in_arguments(str(error))) from None


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


def in_arguments(text: str) -> str:
    """What an error of a configuration says, in the words of Python's arguments."""
    text = re.sub(r"accounts\[0\]\.", "", text)
    text = re.sub(r"strategies\[(\d+)\]\.", r"strategy \1: ", text)
    text = re.sub(r'\[feed\] bar = \{ (\S+) = ("[^"]+") \}', r'bar={"\1": \2}', text)
    return re.sub(r"\bfeed\.(symbols|start|end|bar)\b", r"\1", text)


def _plain(value: Any) -> Any:
    """As a TOML file would give it: no numpy, no enums, no paths; dates and times as ISO text."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if type(value).__module__ == "numpy" and hasattr(value, "item") and not getattr(value, "ndim", 0):
        return value.item()
    return value


def _in_a_table(key: str) -> list[str]:
    """Where a word belongs that other programs have as an argument, and the configuration in one of its sections."""
    for section, fields in (("venue", VenueConfig.__struct_fields__), ("risk", RiskLimits.__struct_fields__)):
        near = get_close_matches(key, fields, n=1, cutoff=0.7)
        if near == ["commission"]:
            return ["fees"]
        if near:
            return [f"{section}={{{near[0]!r}: ...}}"]
    return []


def check_fees(fees: object) -> None:
    """Raises InvalidValue for fees that don't say what they are a part of."""
    if fees is not None and fees != "none" and not isinstance(fees, Mapping):
        raise InvalidValue(
            f"fees={fees!r} doesn't say of what; give {{'type': 'bps', 'bps': 10}} (0.1 % of each fill's worth), "
            "{'type': 'per_share', 'rate': '0.005', 'minimum': '1'}, or another of docs/venue.md"
        )


def names_of(said: object, what: str) -> list[str]:
    """One symbol or several as a list. Raises InvalidValue for what is neither."""
    if said is None:
        return []
    if isinstance(said, str):
        return [said]
    if isinstance(said, Iterable) and not isinstance(said, Mapping):
        names = list(said)
        if all(isinstance(name, str) for name in names):
            return names
    raise InvalidValue(f"{what} is a symbol, or a list of them, not {said!r}")


def check_keywords(
    said: Mapping[str, Any], strategies: Strategies, known: Iterable[str], caller: str = "backtest"
) -> None:
    """Keywords that no argument has are parameters of the strategies. Raises InvalidValue for one that none of them has."""
    names = strategies.parameters
    for key in said:
        if key not in names:
            near = get_close_matches(key, [*names, *known], n=1, cutoff=0.7) or _in_a_table(key)
            near = near or get_close_matches(key, [*names, *known], n=1)
            classes = ", ".join(sorted({found.__name__ for found in strategies.classes.values()}))
            hint = (
                f"did you mean {near[0]}?" if near else f"{classes} takes {', '.join(sorted(names)) or 'no parameters'}"
            )
            raise InvalidValue(f"{caller} has no argument {key!r}, and {classes} no such parameter; {hint}")
