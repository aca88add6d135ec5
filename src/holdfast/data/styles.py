"""Which sign is the decimal point, and which one marks thousands: told by all numbers of a file together."""

import re
from collections.abc import Iterable
from typing import NamedTuple

_MONEY = re.compile(r"^[\s$€£₹¥+-]+|[\s$€£₹¥kKmMbBtT%]+$")
_SPACES = re.compile(r"\d([ '\u00a0\u202f])\d{3}")


class Style(NamedTuple):
    """``sure``: whether the numbers tell; ``decimal`` is None where two readings are as likely."""

    decimal: str | None = "."
    thousands: str = ""
    sure: bool = True


def style_of(cells: Iterable[str], *, is_semicolon: bool = False) -> Style:
    """The style of these numbers. ``is_semicolon``: the file's separator is one, as where commas are decimal."""
    points: set[str] = set()
    either: set[str] = set()
    spaced = ""
    for cell in cells:
        text = _MONEY.sub("", cell)
        if match := _SPACES.search(text):
            spaced = match[1]
            text = text.replace(spaced, "")
        point, ambiguous = _point(text)
        points |= point
        either |= ambiguous
    if len(points) == 1:
        decimal = points.pop()
        return Style(decimal, spaced or {".": ",", ",": "."}[decimal])
    if points or len(either) == 2:
        return Style(None, sure=False)
    if either == {","}:
        return Style(None, sure=False)
    if either == {"."} and is_semicolon:
        return Style(None, sure=False)
    return Style(".", spaced)


def _point(text: str) -> tuple[set[str], set[str]]:
    """The decimal sign that this number proves, and the sign that may be either."""
    signs = [char for char in text if char in ".,"]
    if not signs or not re.fullmatch(r"[\d.,]+", text):
        return set(), set()
    if len(set(signs)) == 2:
        return {signs[-1]}, set()
    sign, other = signs[0], "," if signs[0] == "." else "."
    if len(signs) > 1:
        return {other}, set()
    whole, _, rest = text.partition(sign)
    if len(rest) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0"):
        return set(), {sign}
    return {sign}, set()
