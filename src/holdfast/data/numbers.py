"""Numbers as people write them: decimal commas, thousands signs, currencies, nothing at all."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast.data.times import text_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NOTHING = ("", "-", "--", "n/a", "na", "nan", "null", "none", "nil", "#n/a", ".", "<na>", "nat")
"""What stands where there is no number, in small letters."""
_MONEY = r"^[\s$€£₹¥]+|[\s$€£₹¥]+$"
_SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def read(column: pa.Array, decimal: str = ".", thousands: str = "") -> tuple[Floats, Flags]:
    """Numbers, and which of them could be read. Nothing is not a number, and good."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return values, np.full(len(values), True)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan), np.full(len(column), True)
    text = text_of(column)
    if decimal == ".":  # no number with a thousands sign can be read so
        try:
            values = pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            pass
        else:
            return values, np.full(len(values), True)
    return _texts(text, decimal, thousands)


def _texts(text: pa.Array, decimal: str, thousands: str) -> tuple[Floats, Flags]:
    text = pc.replace_substring_regex(text, _MONEY, "")
    nothing = pc.or_kleene(pc.is_null(text), pc.is_in(pc.utf8_lower(text), value_set=pa.array(NOTHING)))
    suffixed = pc.extract_regex(text, r"^(?P<n>.*\d)\s?(?P<s>[kKmMbBtT])$")
    scale = np.ones(len(text))
    if suffixed.null_count < len(text):
        for letter, factor in _SUFFIXES.items():
            has = pc.equal(pc.utf8_lower(pc.struct_field(suffixed, "s")), letter)
            scale[pc.fill_null(has, False).to_numpy(zero_copy_only=False)] = factor
        text = pc.if_else(pc.is_valid(suffixed), pc.struct_field(suffixed, "n"), text)
    mark, point = re.escape(thousands), re.escape(decimal)
    if thousands:
        grouped = rf"^[+-]?\d{{1,3}}({mark}\d{{2,3}})*{mark}\d{{3}}({point}\d*)?$"
        is_grouped = pc.match_substring_regex(text, grouped)
        text = pc.if_else(is_grouped, pc.replace_substring(text, thousands, ""), text)
    if decimal != ".":
        has_point = pc.match_substring(text, ".")
        text = pc.if_else(has_point, "?", pc.replace_substring(text, decimal, "."))
    plain = pc.match_substring_regex(text, _PLAIN)
    good = pc.or_(pc.fill_null(plain, False), nothing)
    values = pc.cast(pc.if_else(pc.and_(pc.fill_null(plain, False), pc.invert(nothing)), text, None), pa.float64())
    numbers: Floats = values.to_numpy(zero_copy_only=False) * scale
    return numbers, good.to_numpy(zero_copy_only=False)
