"""The books as they were when a record was made: what was decided then can't go by what its batch brought later."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from holdfast.core.messages import Envelope, FillBusted, OrderAdopted, OrderFilled
from holdfast.core.state import EngineState
from holdfast.core.types import ClientOrderId, StrategyId


class Moment:
    """A state that a whole batch has been applied to, without its ``later`` records."""

    def __init__(self, state: EngineState, later: Sequence[Envelope]) -> None:
        self._state = state
        self._later = later

    def held(self, strategy: StrategyId, symbol: str) -> Decimal:
        """A strategy's position, signed."""
        return self._state.portfolio.strategy_quantity(strategy, symbol) - sum(self._changes(strategy, symbol))

    def knows(self, key: ClientOrderId) -> bool:
        """Whether an order is in the books, if it is in them now."""
        adopted = (record.body for record in self._later if isinstance(record.body, OrderAdopted))
        return all(body.terms.client_order_id != key for body in adopted)

    def _changes(self, strategy: StrategyId, symbol: str) -> Iterator[Decimal]:
        for body in (record.body for record in self._later):
            if not isinstance(body, OrderFilled | FillBusted) or body.symbol != symbol:
                continue
            order = self._state.orders.find(body.client_order_id)
            if order is not None and order.terms.strategy == strategy:
                sign = 1 if isinstance(body, OrderFilled) else -1
                yield body.quantity * body.side.sign * sign
