"""Market data from frames of pandas, polars and Arrow, as Holdfast's own columns."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from holdfast.data import order
from holdfast.data.asking import Doubt, Part
from holdfast.data.convert import Converter
from holdfast.data.guess import guess
from holdfast.data.kinds import BARS
from holdfast.data.layout import Options, options
from holdfast.data.names import Named, kind_of, time_roles
from holdfast.data.read import starts
from holdfast.data.zones import zone_of_calendar
from holdfast.errors import DataError, InvalidValue

DEFAULT_CALENDAR = "XNYS"
"""Of days without a zone where nothing else is said: the one that accounts have by default."""
FRAME = "the frame"


def from_frame(
    data: Any, *, symbol: str | None = None, timezone: str | None = None, calendar: str | None = None, **said: Any
) -> pa.Table:
    """The market data of ``data`` in Holdfast's own columns, sorted by time and symbol, times in UTC nanoseconds.

    ``data`` is a frame of pandas, polars, pyarrow or anything that speaks Arrow; or a mapping from symbols to such frames. Times are a
    column or the index, symbols a column, a level of the index, a level of the columns (as yfinance has them), or ``symbol`` for all
    rows. Bars are stamped at their start unless ``stamp="end"``.

    ``timezone`` is the zone of times that have none. Days without a time need none: they are those of the exchange whose ``calendar``
    (``XNYS`` by default) is named. ``said`` are further options: ``columns`` (``{"close": "Adj Close"}``), ``holds`` (``trades``), ``unit``,
    ``price_scale``, ``stamp``, ``decimal``, ``thousands``, ``day_first``.

    Raises :class:`~holdfast.errors.InvalidValue` for what can't be known, naming the option that says it, and
    :class:`~holdfast.errors.DataError` for rows that can't be true.
    """
    given = options(timezone=timezone, symbol=symbol, **said)
    days = calendar or DEFAULT_CALENDAR
    zone_of_calendar(days)
    if isinstance(data, Mapping):
        if symbol is not None:
            raise InvalidValue("symbol goes with one frame; a mapping has the symbols as its keys")
        if not data:
            raise InvalidValue("the mapping has no frames; give at least one, such as {'SPY': frame}")
        parts = [_one(frame, _with_symbol(given, key), days, f"the frame of {key}") for key, frame in data.items()]
    else:
        parts = [_one(data, given, days, FRAME)]
    return joined(parts)


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Tables of one kind as one, in order. Raises :class:`~holdfast.errors.InvalidValue` where they are of several kinds."""
    if len(parts) == 1:
        return parts[0]
    if any(part.schema != parts[0].schema for part in parts):
        raise InvalidValue("the frames are of different kinds (bars, trades, quotes); give those of one kind")
    whole = pa.concat_tables(parts)
    return whole.sort_by([("ts", "ascending"), ("symbol", "ascending")])


def _with_symbol(given: Options, key: object) -> Options:
    fields = {**given.given(), "symbol": str(key)}
    return options(**fields)


def _one(data: Any, given: Options, calendar: str, source: str) -> pa.Table:
    raw = raw_table(data, source)
    if not len(raw):
        raise DataError(f"{source}: has no rows; there is nothing to trade on")
    part = Part(source, "", raw, True, lambda _: iter(raw.to_batches()))
    found = guess(part, given, calendar)
    for doubt in found.doubts:
        if doubt.option == "stamp":
            continue  # at the start, as is said above
        raise InvalidValue(_unsure(source, doubt))
    layout = found.layout
    converter = Converter(source, layout, zone_of_calendar(calendar), unit_is_guess=given.unit is None)
    table = order.in_order(converter.convert(raw), layout.of_kind, converter.tally, source)
    if not len(table):
        raise DataError(f"{source}: no row has prices")
    return starts(table, layout, source)


def _unsure(source: str, doubt: Doubt) -> str:
    return f"{source}: {doubt.what}; give {doubt.option}, such as {doubt.option}={doubt.example!r}"


# --- frames as Arrow ----------------------------------------------------------------------------------------------------


def raw_table(data: Any, source: str = FRAME) -> pa.Table:
    """A frame of any library, its index as columns. Raises :class:`~holdfast.errors.InvalidValue` for what is none."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame):
        return _from_pandas(data)
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, pa.Table):
        return data
    if hasattr(data, "collect") and not hasattr(data, "__arrow_c_stream__"):  # a lazy frame of polars
        data = data.collect()
    if type(data).__name__ == "Series":
        raise InvalidValue(
            f"{source} is a Series, which is one column; bars need open, high, low and close: give the DataFrame. Of closes alone "
            "make one, which knows nothing of what lay between: pd.DataFrame({name: series for name in ('open', 'high', 'low', 'close')})"
        )
    if hasattr(data, "__arrow_c_stream__"):
        try:
            return pa.table(data)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise InvalidValue(f"{source} is a {type(data).__name__} that can't be taken as columns: {error}") from None
    raise InvalidValue(
        f"{source} is a {type(data).__name__}; give a DataFrame of pandas or polars, a table of pyarrow, or a mapping from symbols to them"
    )


def _from_pandas(frame: Any) -> pa.Table:
    import pandas as pd

    if isinstance(frame.columns, pd.MultiIndex):
        frame = _stacked(frame)
    index = frame.index
    levels = [index] if index.nlevels == 1 else [index.get_level_values(place) for place in range(index.nlevels)]
    columns = [str(name) for name in frame.columns]
    has_time = bool(time_roles(Named(columns)))
    parts: dict[str, pa.Array] = {}
    for place, level in enumerate(levels):
        name = _level_name(level, has_time=has_time, has_symbol="symbol" in columns, is_only=len(levels) == 1)
        if name is not None and name not in columns:
            parts[name if name not in parts else f"{name}{place}"] = _array(level, f"the index {name}")
    arrays = [
        *parts.values(),
        *(_array(frame.iloc[:, place], f"column {name!r}") for place, name in enumerate(columns)),
    ]
    flat = [pa.concat_arrays(each.chunks) if isinstance(each, pa.ChunkedArray) else each for each in arrays]
    return pa.table(flat, names=[*parts, *columns])


def _array(values: Any, what: str) -> pa.Array:
    """A column as Arrow has it. Raises :class:`~holdfast.errors.InvalidValue` for one of several kinds of value."""
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        line = " ".join(str(error).split())
        raise InvalidValue(
            f"{what} of the frame has values that are not of one kind ({line}); make them all numbers, or all text"
        ) from None


def _level_name(level: Any, *, has_time: bool, has_symbol: bool, is_only: bool) -> str | None:
    """What a level of the index is called as a column; None where it is no more than a count of rows."""
    import pandas as pd

    if isinstance(level, pd.DatetimeIndex):
        return "ts" if not has_time or not is_only else None
    if isinstance(level, pd.PeriodIndex):
        raise InvalidValue("the index has periods; make them times: frame.index = frame.index.to_timestamp()")
    if isinstance(level, pd.RangeIndex):
        return None
    if not is_only:
        kinds = pd.api.types
        is_text = kinds.is_object_dtype(level) or kinds.is_string_dtype(level) or isinstance(level, pd.CategoricalIndex)
        return (
            None if has_symbol and is_text else "symbol" if is_text and level.name is None else str(level.name or "ts")
        )
    return None if has_time else str(level.name or "ts")


def _stacked(frame: Any) -> Any:
    """Columns of two levels, prices and symbols in either order, as rows of symbols."""
    if frame.columns.nlevels != 2:
        raise InvalidValue(f"the columns have {frame.columns.nlevels} levels; two are understood: prices and symbols")
    outer, inner = (frame.columns.get_level_values(level).map(str) for level in (0, 1))
    kinds = [kind_of(Named(list(dict.fromkeys(level)))) for level in (outer, inner)]
    prices = [kind is BARS for kind in kinds]  # symbols such as A and B look like the names of quotes
    if not any(prices):
        prices = [kind is not None for kind in kinds]
    if prices[0] == prices[1]:
        raise InvalidValue(
            "the columns have two levels, and it can't be told which are the prices; give a mapping from symbols to frames"
        )
    symbols = inner if prices[0] else outer
    import pandas as pd

    parts = []
    for name in dict.fromkeys(symbols):
        mine = symbols == name
        part = frame.loc[:, mine]
        part.columns = (outer if prices[0] else inner)[mine]
        parts.append(part.assign(symbol=name).dropna(how="all", subset=list(part.columns)))
    return pd.concat(parts)
