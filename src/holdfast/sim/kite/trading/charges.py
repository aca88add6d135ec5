"""What a trade in shares costs: brokerage and the state's and exchanges' shares of it (Zerodha's list of charges, 2025-26).

Delivery has no brokerage. Each part is rounded to the paisa by itself, half up, so a contract note adds up.
"""

from decimal import ROUND_HALF_UP, Decimal

import msgspec

from holdfast.core.types import ZERO, Side
from holdfast.sim.kite.trading.order import Product

PAISA = Decimal("0.01")
BROKERAGE_PART, BROKERAGE_MOST = Decimal("0.0003"), Decimal(20)
"""Of an order for the day: this part of its turnover, at most so many rupees."""
STT = {Product.CNC: (Decimal("0.001"), Decimal("0.001")), Product.MIS: (ZERO, Decimal("0.00025"))}
"""Securities transaction tax on what is bought and on what is sold."""
STAMP = {Product.CNC: Decimal("0.00015"), Product.MIS: Decimal("0.00003")}
"""Stamp duty, on what is bought."""
EXCHANGE = {"NSE": Decimal("0.0000297"), "BSE": Decimal("0.0000375")}
SEBI = Decimal("0.000001")
"""Ten rupees a crore."""
GST = Decimal("0.18")
"""On brokerage, the exchange's and SEBI's charges."""


class Charges(msgspec.Struct, frozen=True):
    """The parts of one order's costs, in rupees."""

    brokerage: Decimal
    transaction_tax: Decimal
    exchange_turnover_charge: Decimal
    sebi_turnover_charge: Decimal
    stamp_duty: Decimal
    gst: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        taxes = self.transaction_tax + self.stamp_duty + self.gst
        return self.brokerage + taxes + self.exchange_turnover_charge + self.sebi_turnover_charge


def charges_of(exchange: str, product: Product, side: Side, turnover: Decimal) -> Charges:
    """Of one order that has traded for so many rupees. Derivatives to keep (NRML) are charged like delivery here."""
    kind = Product.MIS if product is Product.MIS else Product.CNC
    is_buy = side is Side.BUY
    brokerage = ZERO if kind is Product.CNC else _paise(min(turnover * BROKERAGE_PART, BROKERAGE_MOST))
    exchange_charge = _paise(turnover * EXCHANGE.get(exchange, EXCHANGE["NSE"]))
    sebi = _paise(turnover * SEBI)
    return Charges(
        brokerage,
        _paise(turnover * STT[kind][0 if is_buy else 1]),
        exchange_charge,
        sebi,
        _paise(turnover * STAMP[kind]) if is_buy else ZERO,
        _paise((brokerage + exchange_charge + sebi) * GST),
    )


def charges_row(charges: Charges) -> dict[str, object]:
    """As margins and contract notes show them."""
    return {
        "transaction_tax": float(charges.transaction_tax),
        "transaction_tax_type": "stt",
        "exchange_turnover_charge": float(charges.exchange_turnover_charge),
        "sebi_turnover_charge": float(charges.sebi_turnover_charge),
        "brokerage": float(charges.brokerage),
        "stamp_duty": float(charges.stamp_duty),
        "gst": {"igst": float(charges.gst), "cgst": 0, "sgst": 0, "total": float(charges.gst)},
        "total": float(charges.total),
    }


def _paise(amount: Decimal) -> Decimal:
    return amount.quantize(PAISA, rounding=ROUND_HALF_UP)
