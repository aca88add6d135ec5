"""Splits and dividends from a file, as events of a feed at the start of their ex-dates.

Two layouts are read, CSV or Parquet. Holdfast's own has ``symbol``, ``ex_date``, and ``split`` ("7:1" or 7: so many new shares for one old
one), ``dividend`` (money for each share held before) or both. The other is that of LEAN's factor files: ``symbol``, ``date``, ``price_factor``,
``split_factor``, where a row holds up to its date and what differs in the next one happens on the next trading day.
"""

import datetime as dt
import heapq
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from holdfast.core.adjustments import CorporateAction
from holdfast.core.messages import FeedEvent
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import ZERO, Money
from holdfast.errors import DataError

OWN = ("symbol", "ex_date")
FACTORS = ("symbol", "date", "price_factor", "split_factor")
LARGEST_RATIO = 10_000
"""More new shares for an old one, or old ones for a new one, than any split ever had."""
RATE_STEP = Decimal("1e-9")


class Row(NamedTuple):
    """One action as a file has it, before its day is known."""

    symbol: str
    ex_date: str
    new: int = 1
    old: int = 1
    dividend: Money = Money(ZERO)
    rate: Decimal = ZERO


def read_actions(path: Path, calendar: TradingCalendar, symbols: Sequence[str]) -> tuple[CorporateAction, ...]:
    """The actions of these symbols in order of time. Raises :class:`~holdfast.errors.DataError` for what can't be read or meant."""
    columns = _columns(path)
    if set(FACTORS) <= set(columns):
        rows = list(_from_factors(path, columns, calendar))
    elif set(OWN) <= set(columns) and {"split", "dividend"} & set(columns):
        rows = list(_from_own(path, columns))
    else:
        raise DataError(
            f"{path}: corporate actions need the columns symbol, ex_date and split or dividend (or {', '.join(FACTORS)});"
            f" the file has {', '.join(columns)}"
        )
    wanted = set(symbols)
    found = [_action(path, row, calendar) for row in rows if row.symbol in wanted]
    seen = {(action.symbol, action.time_ns) for action in found}
    if len(seen) < len(found):
        raise DataError(f"{path}: a symbol has two rows for one ex-date; put split and dividend into one row")
    return tuple(sorted(found, key=lambda action: (action.time_ns, action.symbol)))


def with_actions(events: Iterator[FeedEvent], actions: Sequence[CorporateAction]) -> Iterator[FeedEvent]:
    """A feed's events with the actions among them, as far as the feed goes: what comes after its last event concerns nobody."""
    return _merged(events, actions) if actions else events


def _merged(events: Iterator[FeedEvent], actions: Sequence[CorporateAction]) -> Iterator[FeedEvent]:
    merged = heapq.merge(actions, events, key=lambda event: event.time_ns)
    held: list[FeedEvent] = []
    for event in merged:
        if isinstance(event, CorporateAction):
            held.append(event)
            continue
        yield from held
        held.clear()
        yield event


def _columns(path: Path) -> Mapping[str, list[Any]]:
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            with path.open(encoding="utf-8-sig") as file:
                header = file.readline().strip().split(",")
            as_text = pa_csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()))
            table = pa_csv.read_csv(path, convert_options=as_text)
    except (OSError, UnicodeError, pa.ArrowException) as error:
        raise DataError(f"{path}: corporate actions can't be read ({error}); give a CSV or Parquet file") from None
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _from_own(path: Path, columns: Mapping[str, list[Any]]) -> Iterator[Row]:
    count = len(columns["symbol"])
    splits, dividends = (columns.get(name) or [None] * count for name in ("split", "dividend"))
    rows = zip(columns["symbol"], columns["ex_date"], splits, dividends, strict=True)
    for number, (symbol, date, split, dividend) in enumerate(rows, 1):
        where = f"{path}: row {number}"
        new, old = _ratio(where, split)
        money = _number(where, "dividend", dividend)
        if money < 0:
            raise DataError(f"{where}: dividend must be zero or above, not {money}")
        yield Row(str(symbol), _date(where, date), new, old, Money(money))


def _from_factors(path: Path, columns: Mapping[str, list[Any]], calendar: TradingCalendar) -> Iterator[Row]:
    """What differs between a row and the next of its symbol happens on the first trading day after its date."""
    by_symbol: dict[str, list[tuple[str, Decimal, Decimal]]] = {}
    for number, (symbol, *rest) in enumerate(zip(*(columns[name] for name in FACTORS), strict=True), 1):
        where = f"{path}: row {number}"
        price, split = (_number(where, "factor", value) for value in rest[1:])
        if not (price > 0 and split > 0):
            raise DataError(f"{where}: factors must be above zero, not {price} and {split}")
        by_symbol.setdefault(str(symbol), []).append((_date(where, rest[0]), price, split))
    for symbol, rows in by_symbol.items():
        for (date, price, split), (_, next_price, next_split) in pairwise(sorted(rows)):
            ratio = Fraction(next_split) / Fraction(split)
            ratio = ratio.limit_denominator(LARGEST_RATIO)
            rate = (1 - price / next_price).quantize(RATE_STEP)
            ex_date = _day_after(calendar, date)
            if ex_date and (rate or ratio != 1):
                yield Row(symbol, ex_date, ratio.numerator, ratio.denominator, rate=max(rate, ZERO))


def _day_after(calendar: TradingCalendar, date: str) -> str:
    days = calendar.days
    index = bisect_left(days, date, key=lambda day: day.date)
    index += index < len(days) and days[index].date == date
    return days[index].date if index < len(days) else ""


def _action(path: Path, row: Row, calendar: TradingCalendar) -> CorporateAction:
    days = calendar.days
    index = bisect_left(days, row.ex_date, key=lambda day: day.date)
    if index == len(days):
        raise DataError(f"{path}: {row.symbol} goes ex on {row.ex_date}, after the last day that {calendar.name} knows")
    day = days[index]  # the day itself, or the first that trades after it
    # what ends as a day begins, such as a daily bar, is of the day before
    return CorporateAction(row.symbol, day.start_ns + 1, day.date, row.new, row.old, row.dividend, row.rate)


def _ratio(where: str, value: Any) -> tuple[int, int]:
    """New and old shares of 7:1, 1:20, 3 for 2, or of a number of new shares for an old one; nothing is no split."""
    text = "" if value is None else str(value).strip().replace(" for ", ":")
    if text in ("", "0", "0.0"):
        return 1, 1
    new, _, old = text.partition(":")
    try:
        ratio = Fraction(new.strip()) / Fraction(old.strip() or "1")
    except (ValueError, ZeroDivisionError):
        ratio = Fraction(0)
    ratio = ratio.limit_denominator(LARGEST_RATIO)
    if not Fraction(1, LARGEST_RATIO) <= ratio <= LARGEST_RATIO:
        raise DataError(
            f'{where}: split {value!r} is no ratio of new to old shares; write "7:1", or "1:20" for a reverse split'
        )
    return ratio.numerator, ratio.denominator


def _number(where: str, name: str, value: Any) -> Decimal:
    if value is None or str(value).strip() == "":
        return ZERO
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise DataError(f"{where}: {name} {value!r} is no number")
    return number


def _date(where: str, value: Any) -> str:
    try:
        return dt.date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise DataError(f"{where}: {value!r} is no date; write 2014-06-09") from None
