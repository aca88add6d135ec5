"""An order as people type it, and the signal that it means."""

from typing import NamedTuple

from holdfast.control.duration import seconds
from holdfast.core.exits import Exits
from holdfast.core.messages import Action, Signal
from holdfast.core.strategy.order_kinds import exit_terms, order_type
from holdfast.core.types import MANUAL, Money, Price, Side, TimeInForce, to_price, to_quantity


class Ticket(NamedTuple):
    """An order as it was typed. Prices and distances are texts in the symbol's currency."""

    side: Side
    symbol: str
    quantity: str
    """Units of the symbol, or an amount of money such as ``$500``."""
    limit: str | None
    stop: str | None
    tif: TimeInForce
    stop_loss: str | None
    take_profit: str | None
    trail_stop: str | None = None
    """A distance, or a share of the price such as ``2%``."""
    break_even: str | None = None
    hold: str | None = None
    """A length of time, such as ``30m``."""

    @property
    def is_notional(self) -> bool:
        """Whether it names an amount of money."""
        return self.quantity.startswith("$")

    def signal(self) -> Signal:
        """What it means. Raises :class:`~holdfast.errors.InvalidValue`."""
        limit, stop = _price(self.limit, "limit"), _price(self.stop, "stop")
        return Signal(
            strategy=MANUAL,
            symbol=self.symbol,
            action=Action.BUY if self.side is Side.BUY else Action.SELL,
            quantity=None if self.is_notional else to_quantity(self.quantity),
            notional=Money(to_price(self.quantity[1:], "amount")) if self.is_notional else None,
            order_type=order_type(limit, stop, None, None),
            time_in_force=self.tif,
            limit_price=limit,
            stop_price=stop,
            stop_loss=_price(self.stop_loss, "stop-loss"),
            take_profit=_price(self.take_profit, "take-profit"),
            exits=self._exits(),
        )

    def _exits(self) -> Exits | None:
        is_percent = self.trail_stop is not None and self.trail_stop.endswith("%")
        return exit_terms(
            None if is_percent else self.trail_stop,
            self.trail_stop.rstrip("%") if is_percent and self.trail_stop is not None else None,
            self.break_even,
            None if self.hold is None else seconds(self.hold),
        )


def _price(text: str | None, name: str) -> Price | None:
    return None if text is None else to_price(text, name)
