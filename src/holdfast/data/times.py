"""Times as people write them, to UTC nanoseconds: texts of many forms, numbers since 1970, wall clocks of a zone."""

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from holdfast.data.layout import Unit

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNITS_NS: dict[str, int] = {"s": SECOND_NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
PLAUSIBLE_S = (315_532_800, 2_000_000_000)
"""1980 to 2033: what a count of seconds is believed to mean. Units differ by a thousand, so no number is plausible in two."""
EXCEL_EPOCH_S = -2_209_161_600
"""1899-12-30: Excel's day 0, as its dates count since March 1900."""
EXCEL_DAYS = (29_221, 54_789)
"""1980 to 2049, as Excel counts days."""
NANOSECONDS_S = (-9_223_372_036, 9_223_372_036)

_CLOCK = r"(?:[T\s,;]*(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?)?\s*(?P<p>[AaPp])?(?:\.?[Mm]\.?)?)?"
_ZONE = r"\s*(?:(?P<z>[Zz]|(?:UTC|GMT)?\s?[+-]\d{1,2}(?::?\d{2})?|UTC|GMT|[A-Z][A-Za-z_]+/[A-Za-z_/]+))?\s*$"
_WEEKDAY = r"^\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
YEAR_FIRST = _WEEKDAY + r"(?P<y>\d{4})(?P<s1>[-/.]?)(?P<m>\d{1,2})[-/.]?(?P<d>\d{1,2})" + _CLOCK + _ZONE
COMPACT = r"^\s*(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})" + _CLOCK + _ZONE
YEAR_LAST = _WEEKDAY + r"(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y>\d{4}|\d{2})" + _CLOCK + _ZONE
MONTH_NAMED = _WEEKDAY + r"(?P<d>\d{1,2})[-/ .]*(?P<n>[A-Za-z]{3,9})\.?[-/ ,]*(?P<y>\d{4}|\d{2})" + _CLOCK + _ZONE
MONTH_FIRST = _WEEKDAY + r"(?P<n>[A-Za-z]{3,9})\.?[-/ ]*(?P<d>\d{1,2}),?[-/ ]+(?P<y>\d{4})" + _CLOCK + _ZONE
FORMS = (COMPACT, YEAR_FIRST, YEAR_LAST, MONTH_NAMED, MONTH_FIRST)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Times(msgspec.Struct):
    """Times of rows. ``ns`` are UTC where ``zoned``, else what the clocks on a wall show; ``timed``: whether there is a time of day."""

    ns: Integers
    good: Flags
    zoned: Flags
    timed: Flags

    @classmethod
    def empty(cls, count: int) -> "Times":
        """None of them read yet."""
        return cls(np.zeros(count, np.int64), *(np.zeros(count, bool) for _ in range(3)))


def text_of(column: pa.Array) -> pa.Array:
    """A column as text without spaces around it; nothing where nothing stands."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):  # 20240102.0 is what a table program makes of 20240102
        rounded = pc.round(column)
        if pc.all(pc.equal(rounded, column), min_count=0).as_py():
            column = pc.cast(rounded, pa.int64(), safe=False)
    return pc.utf8_trim_whitespace(pc.cast(column, pa.string()))


def read(column: pa.Array, unit: Unit | None, day_first: bool, date: str | None = None) -> Times:
    """The times of a column of any type. What can't be read is not ``good``."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _typed(column)
    if pa.types.is_date(kind):
        days = _typed(pc.cast(column, pa.timestamp("ns")))
        days.timed[:] = False
        return days
    if unit is not None:
        return counted(column, unit, date)
    text = text_of(column)
    for quick in (_iso_utc, _iso_wall):
        found = quick(text)
        if found is not None:
            return found
    return _texts(text, day_first)


def _typed(column: pa.Array) -> Times:
    each_ns = UNITS_NS[column.type.unit]
    values = pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    fits = np.abs(values) < np.iinfo(np.int64).max // each_ns
    good = pc.is_valid(column).to_numpy(zero_copy_only=False) & fits
    zoned = np.full(len(values), column.type.tz is not None)
    return Times(np.where(fits, values, 0) * each_ns, good, zoned, np.full(len(values), True))


def _iso_utc(text: pa.Array) -> Times | None:
    """All at once, where each is ISO 8601 with an offset: what most files have."""
    try:
        ns = pc.cast(text, pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        return None
    return _typed(ns)


def _iso_wall(text: pa.Array) -> Times | None:
    """All at once, where each is ISO 8601 without an offset."""
    try:
        ns = pc.cast(text, pa.timestamp("ns"))
    except pa.ArrowInvalid:
        return None
    found = _typed(ns)
    found.timed = pc.fill_null(pc.greater(pc.utf8_length(text), 10), False).to_numpy(zero_copy_only=False)
    return found


def counted(column: pa.Array, unit: Unit, date: str | None = None) -> Times:
    """Numbers of a unit. They are UTC, but for days of a table program and times since midnight, which are on a wall."""
    whole, part = _split(column)
    good = ~np.isnan(part)
    each_ns = {"excel": DAY_NS, "midnight": 1_000_000}.get(unit) or UNITS_NS[unit]
    begin_ns = EXCEL_EPOCH_S * SECOND_NS if unit == "excel" else 0
    if unit == "midnight":
        begin_ns = int(np.datetime64(date or "1970-01-01", "ns").astype(np.int64))
    limit = np.iinfo(np.int64).max // each_ns - abs(begin_ns) // each_ns - 1
    good &= np.abs(whole) < limit
    part = np.where(good, part, 0.0)
    fraction_ns = np.round(part * each_ns).astype(np.int64)
    if unit == "excel":  # 15 digits of a day are not exact: milliseconds are what is meant
        fraction_ns = np.round(fraction_ns / 1_000_000).astype(np.int64) * 1_000_000
    ns = begin_ns + np.where(good, whole, 0) * each_ns + fraction_ns
    is_wall = unit in ("excel", "midnight")
    timed = np.full(len(ns), True) if unit != "excel" else fraction_ns != 0
    return Times(ns, good, np.full(len(ns), not is_wall), timed)


def _split(column: pa.Array) -> tuple[Integers, Floats]:
    """Whole numbers and what is behind the point; not a number where it is none."""
    if pa.types.is_integer(column.type):
        part = np.where(pc.is_valid(column).to_numpy(zero_copy_only=False), 0.0, np.nan)
        return pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy(zero_copy_only=False), part
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        whole = np.floor(np.nan_to_num(values))
        return np.clip(whole, -9e18, 9e18).astype(np.int64), values - whole
    parts = pc.extract_regex(text_of(column), r"^(?P<w>-?\d{1,19})(?P<f>\.\d+)?$")
    whole_text, part_text = pc.struct_field(parts, "w"), pc.struct_field(parts, "f")
    fits = pc.is_valid(whole_text)
    try:
        whole_ns = pc.fill_null(pc.cast(whole_text, pa.int64()), 0).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        whole_ns = np.array([int(text or 0) for text in whole_text.to_pylist()], dtype=object)
        whole_ns = np.where(np.abs(whole_ns) < 2**63, whole_ns, 2**63 - 1).astype(np.int64)
    fraction = pc.if_else(pc.equal(pc.fill_null(part_text, ""), ""), "0", part_text)
    floats = pc.cast(fraction, pa.float64()).to_numpy(zero_copy_only=False)
    return whole_ns, np.where(fits.to_numpy(zero_copy_only=False), floats, np.nan)


# --- texts --------------------------------------------------------------------------------------------------------------


def _texts(text: pa.Array, day_first: bool) -> Times:
    """Form by form, until each is read."""
    found = Times.empty(len(text))
    rest = np.flatnonzero(pc.is_valid(text).to_numpy(zero_copy_only=False))
    for form in FORMS:
        if not len(rest):
            break
        some = text.take(pa.array(rest))
        fields = pc.extract_regex(some, form)
        matched = pc.is_valid(fields).to_numpy(zero_copy_only=False)
        if matched.any():
            mask = pa.array(matched)
            read_now = _fields(fields.filter(mask), form, day_first)
            places = rest[matched]
            for name in ("ns", "good", "zoned", "timed"):
                getattr(found, name)[places] = getattr(read_now, name)
        rest = rest[~matched]
    return found


def _fields(fields: pa.Array, form: str, day_first: bool) -> Times:
    def number(name: str) -> Integers:
        column = pc.struct_field(fields, name)
        filled = pc.if_else(pc.equal(column, ""), "0", column)
        values: Integers = pc.cast(filled, pa.int64()).to_numpy(zero_copy_only=False)
        return values

    year, fits = number("y"), np.full(len(fields), True)
    year = np.where(year < 70, year + 2000, np.where(year < 100, year + 1900, year))
    if form == YEAR_LAST:
        month, day = (number("b"), number("a")) if day_first else (number("a"), number("b"))
    elif form in (MONTH_NAMED, MONTH_FIRST):
        month, day = _month_numbers(pc.struct_field(fields, "n")), number("d")
    else:
        month, day = number("m"), number("d")
    days, good = _days(year, month, day)
    clock_ns, timed, clock_good = _clock(fields, number)
    ns = days * DAY_NS + clock_ns
    offset_ns, zoned, zone_good = _offsets(pc.struct_field(fields, "z"), ns)
    return Times(ns - offset_ns, fits & good & clock_good & zone_good, zoned, timed)


def _days(year: Integers, month: Integers, day: Integers) -> tuple[Integers, Flags]:
    """Days since 1970, and which dates there are."""
    good = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1678) & (year <= 2261)
    months = (np.where(good, year, 1970) - 1970) * 12 + np.where(good, month, 1) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    good &= day <= after - first
    return first + day - 1, good


def _month_numbers(names: pa.Array) -> Integers:
    short = pc.utf8_slice_codeunits(pc.utf8_lower(names), 0, 3)
    place = pc.index_in(short, value_set=pa.array(_MONTHS))
    numbers: Integers = pc.fill_null(place, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    return numbers


def _clock(fields: pa.Array, number: Callable[[str], Integers]) -> tuple[Integers, Flags, Flags]:
    hour, minute, second = number("H"), number("M"), number("S")
    half = pc.utf8_lower(pc.struct_field(fields, "p"))
    is_pm = pc.equal(half, "p").to_numpy(zero_copy_only=False)
    is_am = pc.equal(half, "a").to_numpy(zero_copy_only=False)
    good = (hour <= 24) & (minute <= 59) & (second <= 59)
    good &= (hour < 24) | ((minute == 0) & (second == 0))
    good &= ~(is_am | is_pm) | ((hour >= 1) & (hour <= 12))
    hour = np.where(is_pm & (hour < 12), hour + 12, np.where(is_am & (hour == 12), 0, hour))
    digits = pc.utf8_rpad(pc.struct_field(fields, "f"), width=9, padding="0")
    fraction = pc.cast(digits, pa.int64()).to_numpy(zero_copy_only=False)
    timed = pc.not_equal(pc.struct_field(fields, "H"), "").to_numpy(zero_copy_only=False)
    bare = timed & pc.equal(pc.struct_field(fields, "M"), "").to_numpy(zero_copy_only=False) & ~(is_am | is_pm)
    return hour * HOUR_NS + minute * MINUTE_NS + second * SECOND_NS + fraction, timed, good & ~bare


def _offsets(zones: pa.Array, wall_ns: Integers) -> tuple[Integers, Flags, Flags]:
    """By how much each is ahead of UTC; whether it says so; whether that can be read."""
    coded = pc.dictionary_encode(zones)
    codes = coded.indices.to_numpy(zero_copy_only=False)
    offset_ns, good = np.zeros(len(wall_ns), np.int64), np.full(len(wall_ns), True)
    zoned = pc.not_equal(zones, "").to_numpy(zero_copy_only=False)
    for code, text in enumerate(coded.dictionary.to_pylist()):
        mine = codes == code
        if "/" in text:
            try:
                local = localised(wall_ns[mine], ZoneInfo(text))
            except (ValueError, OSError, LookupError):
                good[mine] = False
                continue
            offset_ns[mine] = wall_ns[mine] - local.ns
            good[mine] = ~local.missing & ~local.twice
        elif text:
            offset_ns[mine] = _offset_ns(text)
    return offset_ns, zoned, good


def _offset_ns(text: str) -> int:
    digits = text.upper().replace("UTC", "").replace("GMT", "").replace(":", "").strip()
    if digits in ("", "Z"):
        return 0
    sign = -1 if digits[0] == "-" else 1
    digits = digits[1:]
    hours, minutes = (digits, "0") if len(digits) <= 2 else (digits[:-2], digits[-2:])
    return sign * (int(hours) * HOUR_NS + int(minutes) * MINUTE_NS)


# --- zones --------------------------------------------------------------------------------------------------------------


class Localised(msgspec.Struct):
    """Wall clocks as UTC. ``missing``: the clocks skipped it; ``twice``: they showed it twice, and ``ns`` is the first of the two."""

    ns: Integers
    later_ns: Integers
    missing: Flags
    twice: Flags


def localised(wall_ns: Integers, zone: ZoneInfo) -> Localised:
    """What the clocks of ``zone`` show, as UTC nanoseconds."""
    days = wall_ns // DAY_NS
    unique, places = np.unique(days, return_inverse=True)
    before = np.array([_offset_at(zone, int(day) * 86_400 - 86_400, 0) for day in unique], np.int64)
    after = np.array([_offset_at(zone, int(day) * 86_400 + 2 * 86_400, 0) for day in unique], np.int64)
    first = before[places] if len(unique) else np.zeros(0, np.int64)
    second = first.copy()
    changing = np.flatnonzero((before != after)[places]) if len(unique) else np.zeros(0, np.int64)
    if len(changing):
        quarters, inside = np.unique(wall_ns[changing] // (15 * MINUTE_NS), return_inverse=True)
        for fold, offsets in ((0, first), (1, second)):
            each = np.array([_offset_at(zone, int(quarter) * 900, fold) for quarter in quarters], np.int64)
            offsets[changing] = each[inside]
    return Localised(wall_ns - first, wall_ns - second, first < second, first > second)


def _offset_at(zone: ZoneInfo, wall_s: int, fold: int) -> int:
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=wall_s)  # noqa: DTZ001 - a wall clock's
    offset = moment.replace(tzinfo=zone, fold=fold).utcoffset() or dt.timedelta()
    return round(offset.total_seconds()) * SECOND_NS


def unit_of(column: pa.Array) -> Unit | None:
    """The only unit in which all numbers of a column give plausible years; None where there is none.

    Eight digits that are dates, and fourteen that are dates and times, are texts.
    """
    whole, part = _split(column)
    whole = whole[~np.isnan(part)]
    if not len(whole):
        return None
    lowest, highest = int(whole.min()), int(whole.max())
    for unit in ("s", "ms", "us", "ns"):
        per_s = SECOND_NS // UNITS_NS[unit]
        if PLAUSIBLE_S[0] * per_s <= lowest and highest < PLAUSIBLE_S[1] * per_s:
            return unit
    return "excel" if EXCEL_DAYS[0] <= lowest and highest <= EXCEL_DAYS[1] else None


def is_numeric(column: pa.Array) -> bool:
    """Whether all that stands in a column are numbers that may count time: neither dates of eight digits nor dates and times."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return False
    text = pc.drop_null(text_of(column))
    text = text.filter(pc.not_equal(text, ""))
    if not len(text):
        return False
    numbers = pc.match_substring_regex(text, r"^-?\d+(\.\d+)?$")
    dates = pc.match_substring_regex(text, r"^(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])(\d{4}|\d{6})?$")
    return bool(pc.all(numbers).as_py()) and not pc.all(dates).as_py()


def day_first_of(column: pa.Array) -> bool | None:
    """Whether dates such as 13/02/2024 begin with the day, as all of them together tell; None where they don't.

    False where no date is written so. Of years of two digits only a second number above 12 tells. Dots are between day, month and year in this order wherever they are used.
    """
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return False
    text = pc.unique(pc.utf8_slice_codeunits(pc.drop_null(text_of(column)), 0, 20))
    fields = pc.drop_null(
        pc.extract_regex(text, _WEEKDAY + r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})[-/.](?P<y>\d{4}|\d{2}(?:\D|$))")
    )
    if not len(fields):
        return False
    first, second = (pc.max(pc.cast(pc.struct_field(fields, name), pa.int64())).as_py() for name in "ab")
    if pc.any(pc.less(pc.utf8_length(pc.struct_field(fields, "y")), 4)).as_py():  # 24/01/02 may begin with the year
        return False if second > 12 else None
    if first > 12 or second > 12:
        return bool(first > 12)
    return True if pc.all(pc.equal(pc.struct_field(fields, "s"), ".")).as_py() else None
