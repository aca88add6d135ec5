"""A frame that is written in any layout and read again is the same, or is asked about: never silently another."""

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.types import SECOND_NS
from holdfast.data.layout import options
from holdfast.data.read import read_files
from holdfast.errors import DataError, InvalidValue
from tests.budget import examples

ZONES = ["America/New_York", "Asia/Kolkata", "Europe/Berlin", "UTC", "Australia/Lord_Howe"]
FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%d %H%M%S",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%Y.%m.%d,%H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%z",
]
UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, dict[str, Any], list[tuple[object, ...]]]:
    """A file's bytes, all that could be said of it, and its rows."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    begin = dt.datetime(1990, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=draw(st.integers(0, 20_000_000)))
    count = draw(st.integers(3, 12))
    step = dt.timedelta(minutes=draw(st.sampled_from([1, 5, 60])))
    digits = draw(st.integers(0, 4))
    price = st.integers(1, 2_000_000).map(lambda whole: whole / 10**digits)
    rows = []
    for place in range(count):
        low, one, other, high = sorted(draw(st.tuples(price, price, price, price)))
        rows.append((begin + place * step, one, high, low, other, float(draw(st.integers(0, 3_000_000)))))
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = draw(st.sampled_from([".", ","]))
    thousands = draw(st.sampled_from(["", {".": ",", ",": "."}[decimal]]))
    unit = draw(st.sampled_from([None, *UNITS]))
    form = draw(st.sampled_from(FORMS)) if unit is None else ""
    if "," in form:
        form = form.replace(",", separator)
    lines = [separator.join(draw(st.permutations(["open", "high", "low", "close", "volume"])))]
    order = lines[0].split(separator)
    is_split = separator in form
    lines = [separator.join([*(["Date", "Time"] if is_split else ["Date"]), *order])]

    def number(value: float, places: int) -> str:
        text = f"{value:{',' if thousands else ''}.{places}f}"
        text = text.replace(",", "_").replace(".", decimal).replace("_", thousands)
        return f'"{text}"' if separator in text else text

    for time, *numbers in rows:
        when = str(int(time.timestamp()) * UNITS[unit]) if unit else time.astimezone(zone).strftime(form)
        named = dict(zip(["open", "high", "low", "close", "volume"], numbers, strict=True))
        lines.append(
            separator.join([when, *(number(named[name], 0 if name == "volume" else digits) for name in order)])
        )
    if draw(st.booleans()):
        lines[1:] = lines[:0:-1]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    said: dict[str, Any] = {"symbol": "X", "stamp": "start", "timezone": zone.key}
    if unit is None and ("%d/" in form or "%m/" in form):
        said["day_first"] = form.startswith("%d/")
    extra = {"decimal": decimal, "thousands": thousands, "unit": unit, "price_scale": 1.0}
    expected = [("X", int(time.timestamp()) * SECOND_NS, *numbers) for time, *numbers in rows]
    return (newline.join(lines) + newline).encode(encoding), {**said, "more": extra}, expected


def rows_of(path: Path, said: dict[str, Any]) -> list[tuple[object, ...]]:
    table = read_files([path], options(**said)).table
    ns = table.column("ts").cast("int64").to_pylist()
    columns = [table.column(name).to_pylist() for name in ("open", "high", "low", "close", "volume")]
    return list(zip(table.column("symbol").to_pylist(), ns, *columns, strict=True))


ASKED: list[tuple[object, ...]] = [("asked",)]
CLOCKS: list[tuple[object, ...]] = [("an hour that the clocks showed twice",)]


def read_or_asked(path: Path, said: dict[str, Any]) -> list[tuple[object, ...]]:
    """The rows; or what became of them."""
    try:
        return rows_of(path, said)
    except InvalidValue:
        return ASKED
    except DataError as error:
        if "clocks" in str(error):
            return CLOCKS if len(said) > 5 else ASKED
        raise


@settings(max_examples=examples(20))
@given(case=written())
def test_never_silently_another(
    tmp_path_factory: Any, case: tuple[bytes, dict[str, Any], list[tuple[object, ...]]]
) -> None:
    """With zone, symbol and stamp said, what is read is what was written, or a refusal; with all said it is read."""
    data, said, expected = case
    path = tmp_path_factory.mktemp("any") / "file.csv"
    path.write_bytes(data)
    said = dict(said)
    more = {name: value for name, value in said.pop("more").items() if value is not None}
    few = {name: said[name] for name in ("symbol", "stamp", "timezone")}
    assert read_or_asked(path, few) in (expected, ASKED)
    assert read_or_asked(path, said) in (expected, ASKED)
    assert read_or_asked(path, {**said, **more}) in (expected, CLOCKS)
