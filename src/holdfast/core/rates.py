"""Where the rates of currencies come from: the configuration, or the last price of a symbol of the feed.

A rate that is used is a record (`CurrencyRate`). One of the feed is recorded as it is first known, when it has moved by a thousandth, and
when the one that is recorded is an hour old; so valuations go by a rate that is no further off, and a restart goes by the same.
"""

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import TYPE_CHECKING

import msgspec

from holdfast.core.listings import CurrencyRate
from holdfast.core.types import HOUR_NS, ONE

if TYPE_CHECKING:
    from holdfast.core.state import EngineState

STEP = Decimal("0.001")
DIGITS = Context(prec=12)
"""What a rate is rounded to where it is the inverse of a price."""
CONFIGURATION = "configuration"


class FeedRate(msgspec.Struct, frozen=True):
    """A symbol of the feed whose price is a currency's rate, or ``is_inverse``: one of the account's own in that currency."""

    symbol: str
    is_inverse: bool = False

    def rate(self, price: Decimal) -> Decimal:
        """The rate at a price."""
        return DIGITS.divide(ONE, price) if self.is_inverse else DIGITS.plus(price)


class RateSources(msgspec.Struct, frozen=True):
    """Where an account's rates come from, by currency. One has one source."""

    fixed: Mapping[str, Decimal] = {}
    feed: Mapping[str, FeedRate] = {}


def fixed_rates(state: "EngineState") -> Iterator[CurrencyRate]:
    """The records of configured rates that aren't those in force."""
    for currency, rate in state.rate_sources.fixed.items():
        known = state.portfolio.rates.known.get(currency)
        if known is None or (known.rate, known.source) != (rate, CONFIGURATION):
            yield CurrencyRate(currency, rate, CONFIGURATION)


def new_rates(state: "EngineState") -> Iterator[CurrencyRate]:
    """The records of rates that have moved with their symbols' prices."""
    for currency, source in state.rate_sources.feed.items():
        price = state.price(source.symbol)
        if price is None or price <= 0:
            continue
        rate, known = source.rate(price), state.portfolio.rates.known.get(currency)
        if known is not None and rate == known.rate and known.source == source.symbol:
            continue
        if known is None or abs(rate - known.rate) >= known.rate * STEP or state.now_ns - known.time_ns >= HOUR_NS:
            yield CurrencyRate(currency, rate, source.symbol)


def unrated(state: "EngineState", symbol: str) -> str:
    """The currencies without a rate, or with one that has gone silent, which the account has or would have with a symbol; empty for none."""
    portfolio = state.portfolio
    if not portfolio.terms and not portfolio.foreign:
        return ""
    missing = set(portfolio.unrated())
    currency = portfolio.currency_of(symbol)
    if currency and currency not in portfolio.rates.known:
        missing.add(currency)
    for name, source in state.rate_sources.feed.items():
        if source.symbol in state.stale and (name == currency or name in portfolio.foreign):
            missing.add(name)
    return ", ".join(sorted(missing))
