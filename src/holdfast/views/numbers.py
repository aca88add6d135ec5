"""Numbers and times as people read them."""

from decimal import Decimal

from holdfast.core.types import iso_time, many, plain

__all__ = ["ago", "change", "count", "many", "money", "price", "to_the_second", "when"]


def when(time_ns: int) -> str:
    """A time in UTC to the second, as people read it; blank before the first event, when it is no time yet."""
    return to_the_second(iso_time(time_ns)) if time_ns else " " * len("2024-01-02 14:30:00")


def to_the_second(iso: str) -> str:
    """An ISO time as people read it: nobody needs nanoseconds."""
    return iso[:19].replace("T", " ")


def change(value: float | Decimal, after: str = "") -> str:
    """What has been won or lost, with its sign and two decimals, ``after`` it its unit; what rounds to nothing has no sign."""
    return _unsigned_zero(f"{value:+,.2f}") + after


def _unsigned_zero(text: str) -> str:
    """A number as it is shown; what is shown as nothing is neither more nor less than nothing."""
    return text if text.strip("+-0.,") else text.lstrip("+-")


def money(amount: Decimal) -> str:
    """With two decimals and thousands."""
    return _unsigned_zero(f"{amount:,.2f}")


def price(value: Decimal | None) -> str:
    """As exact as it is, with two decimals at least and six at most; nothing for none."""
    if value is None:
        return ""
    text = plain(round(value, 6))
    decimals = len(text.partition(".")[2])
    return f"{value:,.{max(2, decimals)}f}"


def count(number: Decimal | int) -> str:
    """A quantity or a count with thousands."""
    return f"{number:,}" if isinstance(number, int) else f"{Decimal(plain(number)):,f}"


def ago(seconds: float) -> str:
    """A span of time in one or two units."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if days >= 2:
        return f"{days:.0f}d"
    if hours >= 1:
        return f"{hours:.0f}h{minutes % 60:02.0f}m"
    return f"{minutes:.0f}m" if minutes >= 2 else f"{seconds:.1f}s"
