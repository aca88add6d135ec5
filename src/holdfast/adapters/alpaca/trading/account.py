"""The account's money and positions as Alpaca has them: for people and strategies that want to know, not for the books.

Answers are kept for a stated time and forgotten with each fill and each request that changes something. What can't be had
is None, with a warning in the log; nothing older than the stated time is ever shown in its place.
"""

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.symbols import canonical_symbol
from holdfast.brokers.cache import Cached
from holdfast.brokers.http.failures import RequestFailed
from holdfast.core.types import ZERO, Money, Quantity, to_decimal
from holdfast.errors import InvalidValue
from holdfast.telemetry.metrics import ApiMetrics

logger = logging.getLogger(__name__)

T = TypeVar("T")

TIME_TO_LIVE_S = 5.0
"""How old an answer may be, in seconds, when nobody says otherwise."""


class Balances(msgspec.Struct, frozen=True):
    """What one answer said, so that the figures belong together. ``buying_power`` counts what the broker lends."""

    equity: Money
    cash: Money
    buying_power: Money


class Holding(msgspec.Struct, frozen=True):
    """A position at the broker: signed ``quantity``, 0 where there is none. The values are None where it gives none."""

    symbol: str
    quantity: Quantity
    average_price: Decimal | None = None
    market_value: Money | None = None
    unrealized_profit: Money | None = None


class AlpacaAccount:
    """Questions about one account. All threads may ask; ten that ask at once make one request.

    ``time_to_live_s`` is how old an answer may be, in seconds.
    """

    def __init__(self, rest: AlpacaRest, metrics: ApiMetrics, time_to_live_s: float = TIME_TO_LIVE_S) -> None:
        self._rest = rest
        self._balances = Cached(self._fetch_balances, time_to_live_s, "account", metrics)
        self._holdings = Cached(self._fetch_holdings, time_to_live_s, "positions", metrics)

    def balances(self) -> Balances | None:
        """Equity, cash and buying power of one moment; None when they can't be had."""
        return self._balances.get()

    def equity(self) -> Money | None:
        """Cash and the value of all positions; None when it can't be had."""
        balances = self.balances()
        return balances.equity if balances is not None else None

    def cash(self) -> Money | None:
        """Cash; negative where the broker has lent some; None when it can't be had."""
        balances = self.balances()
        return balances.cash if balances is not None else None

    def buying_power(self) -> Money | None:
        """What could be bought for; None when it can't be had."""
        balances = self.balances()
        return balances.buying_power if balances is not None else None

    def positions(self) -> Mapping[str, Holding] | None:
        """All positions by symbol (``BTC/USD``); None when they can't be had, which is not the same as none."""
        return self._holdings.get()

    def position(self, symbol: str) -> Holding | None:
        """The position in ``symbol``, of quantity 0 where there is none; None when it can't be had."""
        holdings = self.positions()
        if holdings is None:
            return None
        name = canonical_symbol(symbol)
        return holdings.get(name, Holding(name, Quantity(ZERO)))

    def invalidate(self) -> None:
        """Forget what is known: to be called after each fill and each order, cancel or change that was sent."""
        self._balances.invalidate()
        self._holdings.invalidate()

    def _fetch_balances(self) -> Balances | None:
        return self._ask("/account", _balances_of)

    def _fetch_holdings(self) -> Mapping[str, Holding] | None:
        return self._ask("/positions", _holdings_of)

    def _ask(self, path: str, read: Callable[[Any], T]) -> T | None:
        try:
            return read(self._rest.trading("GET", path))
        except RequestFailed as error:
            logger.warning("the account is not known at the moment: %s", error)
        except (InvalidValue, KeyError, TypeError, AttributeError) as error:
            logger.warning("GET %s: Alpaca's answer is not understood (%r)", path, error)
        return None


def _balances_of(answer: Any) -> Balances:
    names = ("equity", "cash", "buying_power")
    equity, cash, buying_power = (Money(to_decimal(answer[name], name)) for name in names)
    return Balances(equity, cash, buying_power)


def _holdings_of(answer: Any) -> Mapping[str, Holding]:
    if not isinstance(answer, list):
        raise TypeError("the answer is no list")
    holdings = [_holding_of(row) for row in answer]
    return MappingProxyType({holding.symbol: holding for holding in holdings})


def _holding_of(row: Any) -> Holding:
    size = abs(to_decimal(row["qty"], "qty"))  # whether a short one has a sign isn't documented; what side it is on is
    return Holding(
        symbol=canonical_symbol(row["symbol"]),
        quantity=Quantity(-size if row["side"] == "short" else size),
        average_price=_given(row, "avg_entry_price"),
        market_value=_money(row, "market_value"),
        unrealized_profit=_money(row, "unrealized_pl"),
    )


def _given(row: Any, name: str) -> Decimal | None:
    return to_decimal(row[name], name) if row.get(name) is not None else None


def _money(row: Any, name: str) -> Money | None:
    value = _given(row, name)
    return Money(value) if value is not None else None
