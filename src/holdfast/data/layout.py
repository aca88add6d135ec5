"""How a file says what it says: which column is what, and how times and numbers are written."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from holdfast.data.kinds import KINDS, Kind
from holdfast.errors import InvalidValue

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

Column = str | int
"""A column by its name, or by its place; the first is 1."""
Unit = Literal["s", "ms", "us", "ns", "excel", "midnight"]
"""What an integer time counts: since 1970 in UTC; ``excel``: days since 1899-12-30; ``midnight``: milliseconds of the file's date."""
Stamp = Literal["start", "end"]

TIME_ROLES = ("ts", "date", "time")
MEANINGLESS_COLUMNS = 1_000


SIGNS = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|", "point": ".", "none": ""}
"""Signs that are hard to type, or to see."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person says of a file; what is None is to be found out. The words are those of `Layout`."""

    holds: Literal["bars", "trades", "quotes"] | None = None
    columns: dict[str, Column] | None = None
    separator: str | None = None
    header: bool | None = None
    skip: int | None = None
    encoding: str | None = None
    timezone: str | None = None
    unit: Unit | None = None
    price_scale: float | None = None
    stamp: Stamp | None = None
    symbol: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    day_first: bool | None = None
    bar: str | None = None

    def given(self) -> dict[str, Any]:
        """Those that were said."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not None}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a file.

    ``columns``: the column of each role: ``ts`` (or ``date`` and ``time``), ``symbol`` and the numbers of its ``kind``. ``skip``: lines
    before the header. ``timezone``: of times that name none. ``unit``: what integer times count. ``price_scale``: what prices are
    multiplied with (0.0001 where 4721000 means 472.1). ``stamp``: whether ``ts`` is the bar's start or its end. ``symbol``: of all rows, where no
    column has it. ``decimal``, ``thousands``: the signs in numbers. ``date``: the ISO date of all rows, where ``ts`` is a time since
    midnight. ``wide``: columns by symbol, where one line has several.
    """

    kind: Literal["bars", "trades", "quotes"] = "bars"
    columns: dict[str, Column] = {}
    separator: str = ","
    header: bool = True
    skip: int = 0
    encoding: str = "utf-8"
    timezone: str | None = None
    unit: Unit | None = None
    price_scale: float = 1.0
    stamp: Stamp = "start"
    symbol: str | None = None
    decimal: str = "."
    thousands: str = ""
    day_first: bool = False
    newest_first: bool = False
    date: str | None = None
    wide: dict[str, dict[str, Column]] = {}

    @property
    def of_kind(self) -> Kind:
        """The kind it is a layout of."""
        return KINDS[self.kind]


def options(**said: Any) -> Options:
    """Checked options. Raises :class:`~holdfast.errors.InvalidValue`, naming the option and the nearest right word."""
    known = Options.__struct_fields__
    for name in said:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise InvalidValue(f"there is no option {name!r}; {hint}")
    for name in ("separator", "decimal", "thousands"):
        if said.get(name) in SIGNS:
            said[name] = SIGNS[said[name]]
    try:
        found = msgspec.convert(said, Options)
    except msgspec.ValidationError as error:
        raise InvalidValue(f"this option can't be used: {error}") from None
    _check(found)
    return found


def _check(given: Options) -> None:
    if given.timezone is not None:
        zone_of(given.timezone)
    if given.columns is not None:
        _check_columns(given.columns, None if given.holds is None else KINDS[given.holds])
    for name, length in (("separator", 1), ("decimal", 1)):
        text = getattr(given, name)
        if text is not None and len(text) != length:
            raise InvalidValue(f"{name} is one character, not {text!r}")
    if given.thousands is not None and len(given.thousands) > 1:
        raise InvalidValue(f"thousands is one character, or nothing, not {given.thousands!r}")
    if given.skip is not None and given.skip < 0:
        raise InvalidValue(f"skip is a number of lines, not {given.skip}")
    if given.price_scale is not None and not 1e-12 <= given.price_scale <= 1e9:
        raise InvalidValue(f"price_scale is from 0.000000000001 to 1000000000, not {given.price_scale}")
    if given.symbol is not None and not given.symbol.strip():
        raise InvalidValue("symbol is empty; name the instrument, such as SPY")


def _check_columns(columns: Mapping[str, Column], kind: Kind | None) -> None:
    numbers = kind.numbers if kind else tuple(name for each in KINDS.values() for name in each.numbers)
    roles = (*TIME_ROLES, "symbol", *dict.fromkeys(numbers))
    for role, column in columns.items():
        if role not in roles:
            near = get_close_matches(role, roles, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(roles)}"
            raise InvalidValue(f"columns has {role!r}, which is no column of Holdfast's; {hint}")
        if isinstance(column, int) and not 1 <= column <= MEANINGLESS_COLUMNS:
            raise InvalidValue(f"columns.{role} is the column {column}; the first is 1")


def zone_of(name: str) -> "ZoneInfo":
    """The zone of this name. Raises :class:`~holdfast.errors.InvalidValue`, naming the nearest."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        from zoneinfo import available_timezones

        near = get_close_matches(name, available_timezones(), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "an example: America/New_York, or UTC"
        raise InvalidValue(f"there is no time zone {name!r}; {hint}") from None
