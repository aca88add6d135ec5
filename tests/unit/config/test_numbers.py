"""Every number in the configuration has a finite range, and what is out of it is refused in one line before anything is done."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from holdfast.adapters import registry
from holdfast.assembly import build_feed
from holdfast.backtesting.run import Backtest
from holdfast.config import Config, parse_config
from holdfast.core.exits import ExitRules
from holdfast.core.instruments import AssetClass
from holdfast.core.ranges import Ranged, Within, ranges_of
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.risk.sizing import Sizing
from holdfast.errors import ConfigError, HoldfastError, InvalidValue
from holdfast.venue.models import BpsOfNotional, PerOrder, PerShare

Place = tuple[str | int, ...]

HOSTILE = [
    "nan", "NaN", "sNaN", "-nan", "inf", "-Infinity", float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 5e-324, -5e-324,
    "1e-400", "1e400", "1e999999", 10**30, -(10**30), 2**63, -(2**63) - 1, -1, 0, -0.0, "0.0000000000001",
]  # fmt: skip


def structs_in(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """Every struct that a type is or has in it."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for part in get_args(hint):
        yield from structs_in(part)


def number_of(hint: Any) -> type | None:
    """The number that a field takes: alone, beside None, in an annotation, or as a mapping's value."""
    if hint in (int, float, Decimal):
        return hint  # type: ignore[no-any-return]
    if getattr(hint, "__supertype__", None) is Decimal:
        return Decimal
    return next((found for part in get_args(hint) if (found := number_of(part)) is not None), None)


def numbers(kind: type[msgspec.Struct], place: Place = ()) -> Iterator[tuple[Place, type[msgspec.Struct], str]]:
    """Where each number of a configuration stands, the struct that has it and its name there."""
    hints = get_type_hints(kind, include_extras=True)
    for name in kind.__struct_fields__:
        key = msgspec.structs.fields(kind)[kind.__struct_fields__.index(name)].encode_name
        is_list = getattr(hints[name], "__origin__", None) is list
        here: Place = (*place, key, 0) if is_list else (*place, key)
        inner = list(structs_in(hints[name]))
        for struct in inner:
            yield from numbers(struct, here)
        if not inner and number_of(hints[name]) is not None:
            yield here, kind, name


SECTIONS = [*numbers(Config), *numbers(registry.load("alpaca").section, ("alpaca",))]
NUMBERS = [row for row in SECTIONS if row[2] not in ("params", "speed")]


def test_every_number_has_a_finite_range() -> None:
    """In its type; one that is added without is found here."""
    bare = [f"{kind.__name__}.{name}" for _, kind, name in NUMBERS if name not in ranges_of(kind)]
    assert bare == []
    assert len(NUMBERS) > 80
    for _, kind, _ in NUMBERS:
        assert issubclass(kind, Ranged)
    for within in (within for _, kind, _ in NUMBERS for within in ranges_of(kind).values()):
        assert abs(within.low) < 1e19
        assert abs(within.high) < 1e19


def written(place: Place, value: object, data_path: str) -> dict[str, Any]:
    """A small configuration that is good but for what is put at ``place``."""
    data: dict[str, Any] = {
        "feed": {"kind": "file", "path": data_path, "bar": "1Min"},
        "accounts": [{"name": "a", "calendar": "24/7"}],
        "strategies": [
            {"id": "s", "class": "holdfast.strategies:EmaCross", "account": "a", "symbols": ["ABC"], "params": {"fast": 2, "slow": 4}}
        ],
    }  # fmt: skip
    if place[0] == "feeds":
        data["feeds"] = [{"name": "one", **data.pop("feed")}]
    if place[0] == "alerts":
        data["alerts"] = {"targets": [{"name": "t", "url": "json://localhost"}], "rules": [{"rule": "rejections"}]}
    target: Any = data
    for key, following in zip(place, (*place[1:], None), strict=True):
        if following is None:
            target[key] = {"stock": value} if key == "max_positions_by_class" else value
        elif isinstance(target, dict):
            target = target.setdefault(key, [] if isinstance(following, int) else {})
        else:
            target = target[key]
    return data


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("numbers") / "bars.csv"
    start = dt.datetime(2024, 1, 2, 14, 30, tzinfo=dt.UTC)
    closes = (10, 11, 12, 13, 12, 11, 10, 9, 10, 11, 12, 13, 14)
    rows = [
        f"ABC,{(start + dt.timedelta(minutes=n)).isoformat()},{c},{c + 1},{c - 1},{c},1000"
        for n, c in enumerate(closes)
    ]
    path.write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return path


def outcome(data: dict[str, Any], folder: Path) -> str:
    """What comes of a configuration: refused when it is read, or when the backtest is built, or run."""
    try:
        config = parse_config(data, "test", folder)
    except ConfigError:
        return "refused"
    try:
        feed = build_feed(config)
        Backtest(config, config.accounts[0], feed, folder).run()
    except HoldfastError as error:
        return f"late: {error}"
    return "run"


@pytest.mark.parametrize("place", [row[0] for row in NUMBERS], ids=lambda place: ".".join(map(str, place)))
def test_a_number_that_can_not_be_is_refused_and_none_crashes(place: Place, bars: Path, tmp_path: Path) -> None:
    """What is no number, or infinite, is always refused; the rest is refused, or the backtest runs with it."""
    if place[:2] == ("venue", "commission"):
        pytest.skip("a table of its own, below")
    for value in HOSTILE:
        found = outcome(written(place, value, str(bars)), tmp_path)
        if "n" in str(value).lower():
            assert found == "refused", (place, value)
        assert not found.startswith("late"), (place, value, found)


@pytest.mark.parametrize("value", HOSTILE, ids=str)
@pytest.mark.parametrize("kind", [("per_share", "rate"), ("bps", "bps"), ("per_order", "amount")], ids=str)
def test_a_commission_that_can_not_be_is_refused(
    kind: tuple[str, str], value: object, bars: Path, tmp_path: Path
) -> None:
    """It is a table whose type decides what is in it."""
    name, field = kind
    data = written(("venue", "commission"), {"type": name, field: value}, str(bars))
    found = outcome(data, tmp_path)
    assert found == ("run" if value == 0 else "refused")


@pytest.mark.parametrize("value", ["nan", float("nan"), float("inf"), "-inf", "Infinity", "sNaN"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_strategys_parameter_is_finite(nested: bool, value: object, bars: Path, tmp_path: Path) -> None:
    """Whatever its type: a strategy that computes with nan decides nothing, and says nothing either."""
    data = written(("feed", "bar"), "1Min", str(bars))
    data["strategies"][0]["params"] = {"fast": {"first": [1, value]} if nested else value}
    assert outcome(data, tmp_path).startswith("late: strategy s: params.")


@pytest.mark.parametrize(
    "make",
    [
        lambda bad: RiskLimits(max_position_pct=bad), lambda bad: RiskLimits(max_positions_by_class={AssetClass.STOCK: bad}),
        lambda bad: Sizing(max_pct=bad), lambda bad: ExitRules(stop_loss_pct=bad),
        PerShare, BpsOfNotional, PerOrder,
    ],
)  # fmt: skip
@pytest.mark.parametrize("bad", [Decimal("nan"), Decimal("sNaN"), Decimal("inf"), Decimal("-inf"), Decimal(10) ** 30])
def test_python_is_told_as_well(make: Any, bad: Decimal) -> None:
    """A struct that is made by code is looked at like one that is read."""
    with pytest.raises(InvalidValue, match="must be"):
        make(bad)


@pytest.mark.parametrize("speed", [*HOSTILE, "fast", ""], ids=str)
def test_a_pace_is_one_that_ends(speed: object, bars: Path, tmp_path: Path) -> None:
    """A market that never moves, or whose time overflows, is refused; so is what is no number."""
    assert outcome(written(("feed", "speed"), speed, str(bars)), tmp_path) == "refused"


def test_a_range_says_what_it_takes() -> None:
    """Which of its ends belong to it is part of the words."""
    assert Within(0, 100, above=True, below=True).fault(Decimal(100)) == "must be above 0 and below 100, not 100"
    assert Within(0.001, 86_400).fault(0.0) == "must be at least 0.001 and at most 86,400, not 0.0"
    assert Within(0, 1).fault(Decimal("0.1234567890123")) == "must have at most 12 decimals, not 0.1234567890123"
    assert Within(0, 1).fault(1) == ""
