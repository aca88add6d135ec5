"""What an account has: money, the positions of the day, and holdings. Exact; everything follows from the trades.

A position is a symbol held as one product, so one symbol may have two rows. Positions of the day that were bought to keep (CNC) become
holdings overnight, and what was sold to deliver is taken from holdings. Money is counted in full here: what is bought is paid, what is sold
is paid for; how much of it is free, `margin.py` says.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core.types import ZERO, Side
from holdfast.sim.kite.market.instruments import Instrument
from holdfast.sim.kite.trading.charges import charges_of
from holdfast.sim.kite.trading.order import Product, Trade

Row = dict[str, Any]
Key = tuple[str, Product]


class Position(msgspec.Struct):
    """What was bought and sold of a symbol as one product, today. Quantities are in units, values in rupees."""

    symbol: str
    product: Product
    buy_quantity: int = 0
    buy_value: Decimal = ZERO
    sell_quantity: int = 0
    sell_value: Decimal = ZERO

    @property
    def quantity(self) -> int:
        """Net; below zero when more was sold."""
        return self.buy_quantity - self.sell_quantity

    @property
    def average_price(self) -> Decimal:
        """Of the side that is left, 0 when nothing is."""
        if not self.quantity:
            return ZERO
        return self.buy_value / self.buy_quantity if self.quantity > 0 else self.sell_value / self.sell_quantity

    @property
    def realised(self) -> Decimal:
        """What the part that was bought and sold has made, at average prices."""
        matched = min(self.buy_quantity, self.sell_quantity)
        if not matched:
            return ZERO
        return matched * (self.sell_value / self.sell_quantity - self.buy_value / self.buy_quantity)

    def add(self, side: Side, quantity: int, price: Decimal) -> None:
        """A trade."""
        if side is Side.BUY:
            self.buy_quantity += quantity
            self.buy_value += quantity * price
        else:
            self.sell_quantity += quantity
            self.sell_value += quantity * price


class Holding(msgspec.Struct):
    """Shares that are kept. ``average_price`` is what they were bought at, in the mean."""

    symbol: str
    quantity: int
    average_price: Decimal


class Books(msgspec.Struct, kw_only=True):
    """All of an account's. ``opening_balance`` is the money with which the day began, ``cash`` what there is after every trade."""

    opening_balance: Decimal
    cash: Decimal
    positions: dict[Key, Position] = msgspec.field(default_factory=dict)
    holdings: dict[str, Holding] = msgspec.field(default_factory=dict)
    charges_paid: Decimal = ZERO

    def book(self, trade: Trade) -> None:
        """A trade happens."""
        key = trade.symbol, trade.product
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = Position(*key)
        position.add(trade.side, trade.quantity, trade.price)
        value = trade.quantity * trade.price
        self.cash += -value if trade.side is Side.BUY else value

    def quantity(self, symbol: str, product: Product) -> int:
        """Net units of today's position."""
        position = self.positions.get((symbol, product))
        return 0 if position is None else position.quantity

    def deliverable(self, symbol: str) -> int:
        """How many units can still be sold to deliver: holdings and what was bought today."""
        holding = self.holdings.get(symbol)
        return (0 if holding is None else holding.quantity) + self.quantity(symbol, Product.CNC)

    def convert(self, symbol: str, old: Product, new: Product, signed: int) -> None:
        """Some units of a position become those of another product, at their average price; no money moves."""
        price = self.positions[symbol, old].average_price
        side = Side.BUY if signed > 0 else Side.SELL
        self.positions[symbol, old].add(side.opposite, abs(signed), price)
        self.positions.setdefault((symbol, new), Position(symbol, new)).add(side, abs(signed), price)

    def end_day(self, trades: Sequence[Trade]) -> Decimal:
        """The day is over: charges are paid, positions to keep become holdings. Returns the charges."""
        charges = sum((total for total in charges_by_order(trades).values()), ZERO)
        self.cash -= charges
        self.charges_paid += charges
        for position in self.positions.values():
            if position.product is Product.CNC and position.quantity:
                self._keep(position)
        self.positions = {
            key: _carried(position)
            for key, position in self.positions.items()
            if position.product is Product.NRML and position.quantity
        }
        self.opening_balance = self.cash
        return charges

    def _keep(self, position: Position) -> None:
        holding = self.holdings.setdefault(position.symbol, Holding(position.symbol, 0, ZERO))
        if position.quantity > 0:
            value = holding.quantity * holding.average_price + position.quantity * position.average_price
            holding.quantity += position.quantity
            holding.average_price = value / holding.quantity
        else:
            holding.quantity += position.quantity
            if holding.quantity <= 0:
                del self.holdings[position.symbol]


def _carried(position: Position) -> Position:
    """A position that is kept over night begins the next day at its average price."""
    new = Position(position.symbol, position.product)
    side = Side.BUY if position.quantity > 0 else Side.SELL
    new.add(side, abs(position.quantity), position.average_price)
    return new


def charges_by_order(trades: Sequence[Trade]) -> dict[str, Decimal]:
    """What each order costs: charges go by an order's turnover of the day, not by its executions."""
    turnover: dict[str, Decimal] = {}
    firsts: dict[str, Trade] = {}
    for trade in trades:
        turnover[trade.order_id] = turnover.get(trade.order_id, ZERO) + trade.quantity * trade.price
        firsts.setdefault(trade.order_id, trade)
    return {
        order_id: charges_of(first.exchange, first.product, first.side, turnover[order_id]).total
        for order_id, first in firsts.items()
    }


def position_row(position: Position, instrument: Instrument, last_price: float, close: float) -> Row:
    """A row of ``GET /portfolio/positions``."""
    quantity, last = position.quantity, Decimal(str(last_price))
    unrealised = quantity * (last - position.average_price)
    buy = _average(position.buy_value, position.buy_quantity)
    sell = _average(position.sell_value, position.sell_quantity)
    pnl = position.realised + unrealised
    return {
        "tradingsymbol": instrument.tradingsymbol,
        "exchange": instrument.exchange,
        "instrument_token": instrument.token,
        "product": position.product.value,
        "quantity": quantity,
        "overnight_quantity": 0,
        "multiplier": 1,
        "average_price": float(position.average_price),
        "close_price": close,
        "last_price": last_price,
        "value": float(position.sell_value - position.buy_value),
        "pnl": float(pnl),
        "m2m": float(pnl),
        "unrealised": float(unrealised),
        "realised": float(position.realised),
        "buy_quantity": position.buy_quantity,
        "buy_price": buy,
        "buy_value": float(position.buy_value),
        "buy_m2m": float(position.buy_value),
        "sell_quantity": position.sell_quantity,
        "sell_price": sell,
        "sell_value": float(position.sell_value),
        "sell_m2m": float(position.sell_value),
        "day_buy_quantity": position.buy_quantity,
        "day_buy_price": buy,
        "day_buy_value": float(position.buy_value),
        "day_sell_quantity": position.sell_quantity,
        "day_sell_price": sell,
        "day_sell_value": float(position.sell_value),
    }


def holding_row(holding: Holding, sold_today: int, instrument: Instrument, last_price: float, close: float) -> Row:
    """A row of ``GET /portfolio/holdings``; what was sold today is still there, as used."""
    last = Decimal(str(last_price))
    change = last_price - close
    return {
        "tradingsymbol": instrument.tradingsymbol,
        "exchange": instrument.exchange,
        "instrument_token": instrument.token,
        "isin": f"INE{instrument.exchange_token:06d}010",
        "product": "CNC",
        "price": 0,
        "quantity": holding.quantity,
        "used_quantity": sold_today,
        "t1_quantity": 0,
        "realised_quantity": holding.quantity,
        "authorised_quantity": 0,
        "authorised_date": "",
        "authorisation": {},
        "opening_quantity": holding.quantity,
        "short_quantity": 0,
        "collateral_quantity": 0,
        "collateral_type": "",
        "discrepancy": False,
        "average_price": float(holding.average_price),
        "last_price": last_price,
        "close_price": close,
        "pnl": float(holding.quantity * (last - holding.average_price)),
        "day_change": change,
        "day_change_percentage": change * 100 / close if close else 0,
        "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0, "value": 0, "initial_margin": 0},
    }


def _average(value: Decimal, quantity: int) -> float:
    return float(value / quantity) if quantity else 0.0
