"""A strategy that pushes against every limit: it asks for more than is allowed, at any hour, of every kind."""

import hashlib
from typing import Any

from holdfast.core.strategy.api import Bar, Context, Parameters, Strategy


class Pushing(Strategy):
    """Acts as a digest of the bars says; ``shares`` is an ordinary quantity."""

    class Params(Parameters, frozen=True):
        """``seed`` chooses the intents; ``unit`` is what quantities are multiples of."""

        seed: int = 1
        unit: float = 1.0

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._digest = hashlib.blake2b(str(params.seed).encode(), digest_size=8)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Ask for what the digest says."""
        self._digest.update(f"{bar.symbol} {bar.time_ns} {bar.close}".encode())
        draw = int.from_bytes(self._digest.digest(), "big")
        buys, pick, scale = draw & 1, (draw >> 8) % 12, (1, 5, 20, 100)[(draw >> 16) % 4]
        sign = 1 if buys else -1
        ask = context.buy if buys else context.sell
        quantity = self.params.unit * scale
        stop = round(bar.close * (1 - sign * (0.002, 0.01, 0.08)[(draw >> 24) % 3]), 2)
        terms: dict[str, Any] = {"stop_loss": stop if pick % 3 else None}
        if pick in (0, 1, 2):
            ask(bar.symbol, confidence=(1 + draw % 4) / 4, **terms)
        elif pick in (3, 4):
            ask(bar.symbol, quantity, **terms)
        elif pick in (5, 6, 7):
            far = (0.98, 1.001, 1.05)[(draw >> 32) % 3]
            ask(bar.symbol, quantity, limit_price=round(bar.close * (far if buys else 2 - far), 2), time_in_force="gtc")
        elif pick == 8:
            context.target(bar.symbol, sign * quantity, **terms)
        elif pick == 9:
            context.close(bar.symbol)
        elif pick == 10:
            for order in context.orders(bar.symbol)[:3]:
                context.cancel(order.client_order_id)
