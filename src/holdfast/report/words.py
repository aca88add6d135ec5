"""Numbers and times as people read them. What is not defined is a dash."""

import datetime as dt
import math

from holdfast.core.types import DAY_NS, iso_time

NONE = "–"
MINUS = "−"


def money(value: float | None) -> str:
    """To the cent, with thousands."""
    return NONE if value is None else _signed(value, f"{abs(value):,.2f}")


def gained(value: float | None) -> str:
    """Money with its sign."""
    return NONE if value is None else _plus(value, f"{abs(value):,.2f}")


def percent(value: float | None, places: int = 2) -> str:
    """5.0 is 5.00 %."""
    return NONE if value is None else _signed(value, f"{abs(value):,.{places}f}") + "\N{NARROW NO-BREAK SPACE}%"


def change(value: float | None, places: int = 2) -> str:
    """Percent with its sign."""
    return NONE if value is None else _plus(value, f"{abs(value):,.{places}f}") + "\N{NARROW NO-BREAK SPACE}%"


def number(value: float | None, places: int = 2) -> str:
    """A ratio."""
    return NONE if value is None else _signed(value, f"{abs(value):,.{places}f}")


def price(value: float) -> str:
    """With as many digits as it has, up to six."""
    return f"{value:,.6f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:,.4f}".rstrip("0").rstrip(".")


def count(value: int | None) -> str:
    """With thousands."""
    return NONE if value is None else f"{value:,}"


def duration(seconds: float | None) -> str:
    """In the unit that fits."""
    if seconds is None:
        return NONE
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= length):
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.0f} s"


def days(value: float | None) -> str:
    """A number of days."""
    return NONE if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def day(time_ns: int | None) -> str:
    """The date in UTC. What is of midnight ended with the day before, as daily bars do."""
    return NONE if time_ns is None else iso_time(time_ns)[:10]


def moment(time_ns: int) -> str:
    """Date and minute in UTC."""
    return iso_time(time_ns)[:16].replace("T", " ")


def month(number_: int) -> str:
    """Jan to Dec."""
    return dt.date(2000, number_, 1).strftime("%b")


def years(start_ns: int, end_ns: int) -> str:
    """How long that is."""
    held = (end_ns - start_ns) / DAY_NS
    return f"{held / 365.25:.1f} years" if held > 2 * 365 else f"{held:.0f} days"


def nice_step(span: float, most: int) -> float:
    """A round number (1, 2 or 5 times a power of ten) that goes into ``span`` at most ``most`` times."""
    rough = span / max(1, most)
    size = 10.0 ** math.floor(math.log10(rough))
    return next(step * size for step in (1, 2, 5, 10) if step * size >= rough * (1 - 1e-9))


def _signed(value: float, text: str) -> str:
    return MINUS + text if value < 0 and any(digit in "123456789" for digit in text) else text


def _plus(value: float, text: str) -> str:
    return ("+" if value > 0 else MINUS) + text if any(digit in "123456789" for digit in text) else text
