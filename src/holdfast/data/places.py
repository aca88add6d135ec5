"""What the columns of a file without names are, told by their values."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.data import numbers, times
from holdfast.data.layout import Column

ORDERS = {
    (1, 2): ("open", "high", "low", "close"),
    (2, 3): ("open", "close", "high", "low"),
    (1, 0): ("low", "high", "open", "close"),
    (0, 1): ("high", "low", "open", "close"),
}
"""Orders of four prices that somebody writes, by the places of the highest and the lowest. Where the open and the close stand among the
other two is a custom, not seen from values."""


def roles_by_value(sample: pa.Table, decimal: str, thousands: str) -> dict[str, Column]:
    """Places (the first is 1) of time, symbol, four prices and volume; empty where they can't be told."""
    columns = [times.text_of(_flat(sample.column(place))) for place in range(sample.num_columns)]
    found = _times(columns)
    if not found:
        return {}
    rest = [place for place in range(len(columns)) if place + 1 not in found.values()]
    values = {place: _values(columns[place], decimal, thousands) for place in rest}
    texts = [place for place in rest if values[place] is None and _is_text(columns[place])]
    figures = [place for place in rest if values[place] is not None]
    if len(figures) < 4 or figures[3] - figures[0] != 3:
        return {}
    order = _order(np.array([values[place] for place in figures[:4]]))
    if order is None:
        return {}
    if texts and texts[0] < figures[0]:
        found["symbol"] = texts[0] + 1
    found.update({role: place + 1 for role, place in zip(order, figures, strict=False)})
    if len(figures) > 4:
        found["volume"] = figures[4] + 1
    return found


def _flat(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _values(text: pa.Array, decimal: str, thousands: str) -> np.ndarray | None:
    values, good = numbers.read(text, decimal, thousands)
    return values if good.all() and not np.isnan(values).all() else None


def _is_text(text: pa.Array) -> bool:
    filled = pc.drop_null(text)
    return len(filled) > 0 and bool(pc.all(pc.match_substring_regex(filled, "[A-Za-z]")).as_py())


def _times(columns: list[pa.Array]) -> dict[str, Column]:
    """The first column that is a time or a date, and one right after it that is a time of day."""
    for place, text in enumerate(columns[:4]):
        if not _is_time(text):
            continue
        following = columns[place + 1] if place + 1 < len(columns) else None
        if following is not None and _is_date(text) and _is_clock(following):
            return {"date": place + 1, "time": place + 2}
        return {"ts": place + 1}
    return {}


def _is_time(text: pa.Array) -> bool:
    if times.is_numeric(text):
        return times.unit_of(text) is not None
    found = (times.read(text, None, day_first=flag) for flag in (False, True))
    return any(bool(each.good.all()) for each in found)


def _is_date(text: pa.Array) -> bool:
    if times.is_numeric(text):
        return False
    return not any(times.read(text, None, day_first=flag).timed.any() for flag in (False, True))


def _is_clock(text: pa.Array) -> bool:
    fits = pc.match_substring_regex(text, r"^([01]?\d|2[0-3]):?[0-5]\d(:?[0-5]\d(\.\d+)?)?$")
    return bool(pc.all(pc.fill_null(fits, False)).as_py())


def _order(prices: np.ndarray) -> tuple[str, ...] | None:
    """The only order in which the high is never below and the low never above the others; the usual one where none is seen."""
    prices = prices[:, ~np.isnan(prices).any(axis=0)]
    if not prices.shape[1]:
        return None
    fitting = [
        (high, low)
        for high, low in ORDERS
        if (prices[high] >= prices.max(axis=0)).all() and (prices[low] <= prices.min(axis=0)).all()
    ]
    return ORDERS[fitting[0]] if len(fitting) == 1 else None
