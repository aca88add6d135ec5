"""What Zerodha can do, and where that is known from."""

from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.core.broker_rules import BrokerRules, HeldExits
from holdfast.core.instruments import Product
from holdfast.core.types import MINUTE_NS, OrderType

ZERODHA_RULES = BrokerRules(
    stocks=HeldExits(pairs=False, overnight=False),
    products={Product.CNC: HeldExits(stop=OrderType.STOP_LIMIT)},
    square_off_ns=10 * MINUTE_NS,
    lists_rules=True,
)
"""What is delivered is protected by triggers, which outlive the day and place limit orders; all else by orders of the day.

What is held for the day is sold from 15:20 on at NSE and BSE, ten minutes before they close (Zerodha's support pages)."""


def zerodha_capability(settings: KiteSettings) -> Capability:
    """The capability of an account with these settings."""
    return Capability(
        idempotency=IdempotencyClass.LABEL,
        settle_s=settings.settle_s,
        negatives=3,
        largest_id=20,
        requests_per_minute=settings.orders_per_minute,
        explain_within_s=2 * settings.settle_s,
        links_exits=True,
        lists_bookings=True,
        rules=ZERODHA_RULES,
        sources={
            "idempotency": "a tag is a label, neither unique nor looked at (a maintainer in Zerodha's forum, 4827)",
            "settle_s": "orders that were answered with an error came to the book after 8 and after 90 seconds "
            "(Zerodha's forum, 35732 and 41029)",
            "negatives": "ours: one answer may come from a book that is behind",
            "largest_id": "a tag has 20 characters at most; a longer one refuses the order (Zerodha's forum, 52970)",
            "requests_per_minute": "orders, changes and cancels: 400 a minute, 10 a second (Zerodha's forum, 52882)",
            "explain_within_s": "ours: twice the time to settle",
            "lists_bookings": "the contract note tells what each order cost (documented, /charges/orders)",
            "links_exits": "a trigger (GTT) of two legs (documented)",
            "rules": "whole units; no order lives longer than its day; a trigger lives for a year, for holdings, fires once, and what it "
            "places is a limit order that may rest (documented)",
        },
    )
