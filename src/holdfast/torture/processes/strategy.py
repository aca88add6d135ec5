"""A strategy that keeps a broker busy: small orders of every kind the broker takes, exits in pairs, and many cancels."""

import hashlib

from holdfast import Bar, Context, Exits, Limit, Parameters, Side, Stop, Strategy


class Busy(Strategy):
    """Acts as a digest of the bars says, so that the same market makes it ask for the same."""

    class Params(Parameters, frozen=True):
        """``seed`` chooses the intents; ``idle_in`` ten bars it does nothing in so many."""

        seed: int = 1
        idle_in: int = 2

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self._digest = hashlib.blake2b(str(params.seed).encode(), digest_size=8)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Ask for what the digest says."""
        self._digest.update(f"{bar.symbol} {bar.time_ns} {bar.close}".encode())
        draw = int.from_bytes(self._digest.digest(), "big")
        if draw % 10 < self.params.idle_in:
            return
        side = Side.SELL if draw >> 8 & 1 else Side.BUY
        self._ask(context, bar.symbol, bar.close, side, 1 + (draw >> 16) % 20, (draw >> 24) % 12)

    def _ask(self, context: Context, symbol: str, price: float, side: Side, quantity: int, pick: int) -> None:
        ask = context.buy if side is Side.BUY else context.sell
        near, far = round(price * (1 - 0.001 * side.sign), 2), round(price * (1 + 0.002 * side.sign), 2)
        if pick in (0, 1):
            ask(symbol, quantity)
        elif pick in (2, 3):
            ask(symbol, quantity, order=Limit(near))
        elif pick == 4:
            ask(symbol, quantity, order=Stop(far))
        elif pick == 5:
            ask(symbol, quantity, order=Limit(far, time_in_force="gtc"))
        elif pick in (6, 7):
            ask(symbol, quantity, exits=Exits(stop_loss=round(price * (1 - 0.004 * side.sign), 2), take_profit=far))
        elif pick == 8:
            context.close(symbol)
        else:
            for order in context.orders(symbol)[:2]:
                context.cancel(order.client_order_id)
