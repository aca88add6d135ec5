"""The rules of instruments as people write them: a table in the configuration, or a file of rows.

A file is CSV with a header. ``symbol`` is needed, every other column is a field of `InstrumentRules` and may be left out, as may its value
in a row: then the rule of the account's exchange holds. The first bad row is named; nothing of the file is used then.
"""

import csv
from collections.abc import Iterable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import msgspec

from holdfast.core.currencies import check_currency
from holdfast.core.instruments import AssetClass, Instrument, Product
from holdfast.core.ranges import Ranged, Within
from holdfast.core.types import check_name, to_decimal
from holdfast.errors import ConfigError, HoldfastError, InvalidValue

MOST_ROWS = 500_000
"""All the instruments of the largest exchanges are fewer; what has more is another file."""

Step = Annotated[Decimal, Within(0, 1_000_000, above=True)]
Steps = Annotated[Decimal | dict[str, Decimal], Within(0, 1_000_000, above=True)]


class InstrumentRules(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of one symbol; None: as on the account's exchange.

    ``tick`` is the price increment, at all prices or by the price from which it holds (``{ 0 = "0.01", 250 = "0.05" }``). Orders are for
    multiples of ``lot``; ``quantity_increment`` is their step where that is finer, and ``lot`` the one that sizes are rounded down to.
    A price of 1 for one unit is ``multiplier`` of ``currency``; ``product`` is what Indian brokers take its orders as.
    ``largest_order`` is the most that an order may be for: the exchange's freeze quantity.
    """

    tick: Steps | None = None
    lot: Step | None = None
    quantity_increment: Step | None = None
    asset_class: AssetClass | None = None
    exchange: str | None = None
    multiplier: Step | None = None
    product: Product | None = None
    currency: str | None = None
    largest_order: Step | None = None

    def __post_init__(self) -> None:
        """Raises :class:`~holdfast.errors.InvalidValue` for rules that can't be."""
        super().__post_init__()
        if self.currency is not None:
            check_currency(self.currency)
        if isinstance(self.tick, dict):
            floors = [_floor(text) for text in self.tick]
            if ZERO_FLOOR not in floors:
                raise InvalidValue("tick says nothing of prices from 0; begin with 0")
            if len(set(floors)) < len(floors):
                raise InvalidValue("tick has a price twice; each begins one band")
        lot, step = self.lot, self.quantity_increment
        if lot is not None and step is not None and lot % step:
            raise InvalidValue(f"lot must be a multiple of quantity_increment, and {lot} is none of {step}")

    @property
    def written(self) -> frozenset[str]:
        """The rules that are written here, by their names in `Instrument`."""
        said = {name for name in self.__struct_fields__ if getattr(self, name) is not None}
        if "lot" in said or "quantity_increment" in said:
            said |= {"lot", "quantity_increment"}
        return frozenset("ticks" if name == "tick" else name for name in said)

    def on(self, exchange: Instrument) -> Instrument:
        """The whole rules, on an exchange that has those that aren't given."""
        rules: dict[str, Any] = {
            name: value for name in self.__struct_fields__[1:] if (value := getattr(self, name)) is not None
        }
        if self.lot is not None:
            rules.setdefault("quantity_increment", self.lot)
        elif self.quantity_increment is not None and exchange.lot % self.quantity_increment:
            rules["lot"] = self.quantity_increment
        if isinstance(self.tick, dict):
            rules["ticks"] = tuple(sorted(((_floor(text), tick) for text, tick in self.tick.items()), reverse=True))
        elif self.tick is not None:
            rules["ticks"] = ((ZERO_FLOOR, self.tick),)
        return exchange.but(**rules)


ZERO_FLOOR = Decimal(0)
COLUMNS = ("symbol", *InstrumentRules.__struct_fields__)


def _floor(text: str) -> Decimal:
    floor = to_decimal(text, "the price that a tick begins at")
    if floor < 0:
        raise InvalidValue(f"the price that a tick begins at must be at least 0, not {text}")
    return floor


def read_instruments(path: Path) -> dict[str, InstrumentRules]:
    """The rows of a file, by symbol. Raises :class:`~holdfast.errors.ConfigError` that names file and row."""
    if path.suffix != ".csv":
        raise ConfigError(f"{path}: instruments are read from a .csv file, not {path.suffix or 'this'!r}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = _header(path, next(reader, []))
            return _by_symbol(path, names, reader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; give instruments the path of a .csv file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: the instruments can't be read ({error})") from None


def _header(path: Path, names: list[str]) -> list[str]:
    names = [name.strip() for name in names]
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name.lower(), COLUMNS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COLUMNS)}"
            raise ConfigError(f"{path}: there is no column {name!r} of instruments; {hint}")
        if names.count(name) > 1:
            raise ConfigError(f"{path}: column {name} is there {names.count(name)} times; keep one")
    if "symbol" not in names:
        raise ConfigError(f"{path}: there is no column symbol; the file has {', '.join(names) or 'no columns'}")
    return names


def _by_symbol(path: Path, names: list[str], rows: Iterable[list[str]]) -> dict[str, InstrumentRules]:
    found: dict[str, InstrumentRules] = {}
    first: dict[str, int] = {}
    for number, cells in _numbered(path, rows):
        where = f"{path} row {number}"
        if len(cells) != len(names):
            raise ConfigError(f"{where}: it has {len(cells)} cells, and the header {len(names)}")
        row = {name: text.strip() for name, text in zip(names, cells, strict=True)}
        symbol = row.pop("symbol")
        try:
            check_name("a symbol", symbol)
        except InvalidValue as error:
            raise ConfigError(f"{where}: {error}") from None
        if symbol in found:
            raise ConfigError(f"{where}: {symbol} is there twice, in row {first[symbol]} too; keep one")
        first[symbol] = number
        found[symbol] = _rules(f"{where} ({symbol})", row)
    return found


def _numbered(path: Path, rows: Iterable[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for number, cells in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise ConfigError(f"{path}: it has more than {MOST_ROWS:,} rows; leave out what isn't traded")
        if any(cell.strip() for cell in cells):
            yield number, cells


def _rules(where: str, row: dict[str, str]) -> InstrumentRules:
    given: dict[str, Any] = {name: text for name, text in row.items() if text}
    try:
        if ":" in given.get("tick", ""):
            given["tick"] = _bands(given["tick"])
        for name in ("tick", "lot", "quantity_increment", "multiplier", "largest_order"):
            if isinstance(given.get(name), str):
                given[name] = to_decimal(given[name], name)
        return msgspec.convert(given, InstrumentRules, strict=False)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise ConfigError(f"{where}: {place.rstrip('`')}{': ' if place else ''}{text}") from None
    except HoldfastError as error:
        raise ConfigError(f"{where}: {error}") from None


def _bands(text: str) -> dict[str, Decimal]:
    """``0:0.01 250:0.05`` as a table of ticks by the price from which they hold."""
    bands: dict[str, Decimal] = {}
    for part in text.split():
        floor, _, tick = part.partition(":")
        if floor in bands:
            raise InvalidValue(f"tick has price {floor} twice")
        bands[floor] = to_decimal(tick, "tick")
    return bands
