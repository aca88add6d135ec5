"""How posts write symbols, numbers and times."""

import datetime as dt
import re
from decimal import Decimal
from zoneinfo import ZoneInfo

from holdfast.core.types import SECOND_NS, plain
from holdfast.views.numbers import price as price_text

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "JPY": "¥"}
"""Currencies that people know by a sign; others follow the amount by their code."""
_CASHTAG = re.compile(r"[A-Za-z]{1,6}([._][A-Za-z]{1,2})?")
"""What X makes a cashtag of after a ``$``."""


def base_of(symbol: str) -> str:
    """What is traded, without the exchange before a colon and the currency behind a slash: BTC of BTC/USD, INFY of NSE:INFY."""
    return symbol.rpartition(":")[2].partition("/")[0] or symbol


def cashtag(symbol: str) -> str:
    """A symbol as X's cashtag; as a plain word where X would make none of it."""
    base = base_of(symbol)
    return f"${base.upper()}" if _CASHTAG.fullmatch(base) else base


def is_cashtag(word: str) -> bool:
    """Whether X makes a cashtag of a word."""
    return word.startswith("$") and _CASHTAG.fullmatch(word[1:]) is not None


def size(quantity: Decimal) -> str:
    """A quantity with thousands, as exact as it is."""
    whole, _, decimals = plain(quantity).partition(".")
    return f"{int(whole):,}" + (f".{decimals}" if decimals else "")


def price(value: Decimal | None) -> str:
    """A price: two decimals at least, six at most; what is below a cent as exact as six digits of it are."""
    if value is None:
        return ""
    if value and abs(value) < Decimal("0.01"):
        return plain(value.normalize().quantize(Decimal(1).scaleb(value.adjusted() - 5)))
    return price_text(value)


def change(amount: Decimal, currency: str) -> str:
    """Money won or lost, with its sign: +$25.80, -1,250.00 CHF. What rounds to nothing has no sign."""
    text = f"{abs(amount):,.2f}"
    sign = "" if not text.strip("0.,") else "+" if amount > 0 else "-"
    return f"{sign}{money(text, currency)}"


def money(text: str, currency: str) -> str:
    """An amount that is written already, with its currency."""
    return f"{SIGNS[currency]}{text}" if currency in SIGNS else f"{text} {currency}".rstrip()


def percent(value: Decimal) -> str:
    """A change in percent, with its sign and two decimals."""
    text = f"{value:+,.2f}"
    return f"{text if text.strip('+-0.,') else text.lstrip('+-')}%"


def multiple(value: Decimal) -> str:
    """A profit in units of what was at risk: +1.25R."""
    return percent(value).removesuffix("%") + "R"


def clock(time_ns: int, zone: str | None) -> tuple[str, str]:
    """The date and the time of day, in a zone, or in this machine's."""
    moment = dt.datetime.fromtimestamp(time_ns // SECOND_NS, dt.UTC)
    local = moment.astimezone(ZoneInfo(zone)) if zone is not None else moment.astimezone()
    return local.date().isoformat(), local.strftime("%H:%M")


def span(seconds: float) -> str:
    """A length of time in its two largest units: 45s, 12m, 3h 05m, 2d 4h."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60:02d}m"
    return f"{minutes}m" if minutes else f"{int(seconds)}s"
