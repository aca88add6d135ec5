"""What Alpaca can do, and where that is known from."""

from holdfast.brokers.capability import Capability, IdempotencyClass
from holdfast.connections.alpaca.settings import AlpacaSettings


def alpaca_capability(settings: AlpacaSettings) -> Capability:
    """The capability of an account with these settings."""
    return Capability(
        idempotency=IdempotencyClass.UNIQUE_ID,
        settle_s=settings.settle_s,
        negatives=2,
        largest_id=48,
        requests_per_minute=settings.requests_per_minute,
        linked_exits=True,
        fractional=True,
        short_sales=True,
        extended_hours=False,
        sources={
            "idempotency": "orders:by_client_order_id (Alpaca's OpenAPI); a used id is refused, also after a cancel "
            "(alpaca-py issue 260)",
            "settle_s": "not documented; 0.1 to 0.7 s observed on paper, taken many times over",
            "negatives": "ours: one answer may come from a replica that lags",
            "largest_id": "48 characters in older pages, 128 in newer: the smaller",
            "requests_per_minute": "200 a minute and account (documented); what the headers say goes first",
            "linked_exits": "order class oco (documented); whole shares only",
            "fractional": "nine decimals; day orders of the simple class only (documented)",
            "short_sales": "easy to borrow names, whole shares, equity from 2,000 up (documented)",
            "extended_hours": "Alpaca takes limit orders there; orders here have no such mark yet",
        },
    )
