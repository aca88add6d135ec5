"""What Alpaca can do, and where that is known from."""

from decimal import Decimal

import msgspec

from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.core.broker_rules import BrokerRules, FeeBounds, HeldExits
from holdfast.core.types import Money, OrderType

ALPACA_RULES = BrokerRules(
    orders_cross_zero=False,
    wash_trades=False,
    stocks=HeldExits(step=Decimal(1)),
    crypto=HeldExits(stop=OrderType.STOP_LIMIT, pairs=False),
)
ALPACA_FEES = FeeBounds(
    coin_pct=Decimal("0.25"), sale_pct=Decimal("0.01"), per_share=Money(Decimal("0.0005")), roundings=3
)
"""What Alpaca itself takes by the way of trades, at the most; the exchange in memory that keeps its rules takes nothing."""


def alpaca_capability(settings: AlpacaSettings) -> Capability:
    """The capability of an account with these settings."""
    return Capability(
        idempotency=IdempotencyClass.UNIQUE_ID,
        settle_s=settings.settle_s,
        negatives=2,
        largest_id=48,
        requests_per_minute=settings.requests_per_minute,
        links_exits=True,
        holds_exits=True,
        lists_bookings=True,
        rules=msgspec.structs.replace(ALPACA_RULES, fees=ALPACA_FEES),
        sources={
            "idempotency": "orders:by_client_order_id (Alpaca's OpenAPI); a used id is refused, also after a cancel "
            "(alpaca-py issue 260)",
            "settle_s": "not documented; 0.1 to 0.7 s observed on paper, taken many times over",
            "negatives": "ours: one answer may come from a replica that lags",
            "largest_id": "48 characters in older pages, 128 in newer: the smaller",
            "requests_per_minute": "200 a minute and account (documented); what the headers say goes first",
            "links_exits": "order class oco: the stop-loss is a leg of the take-profit (documented)",
            "holds_exits": "'insufficient qty available' for shares that an open order would sell (documented)",
            "lists_bookings": "account activities (documented); crypto fees at the end of the day, regulatory ones after it",
            "rules": "each way of a reversal is an order of its own (observed); what could trade with another order of the account is "
            "refused, but for linked orders and trailing stops (documented); fractions of a share are day orders of the simple class; "
            "crypto orders are market, limit or stop-limit, of the simple class, and work until canceled (documented); "
            "a coin's fee is at most 0.25 % of what a trade brings, in the coin for a buy (documented, alpaca-py issue 374); of a sale of shares "
            "the SEC takes less than 0.01 % of the proceeds and FINRA (TAF, CAT) less than 0.0005 dollars a share, each rounded up to a cent",
        },
    )
