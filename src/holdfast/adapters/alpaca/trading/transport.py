"""One account's way to Alpaca for orders and cancels: a request each, in threads, and what its answer means."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from holdfast.adapters.alpaca.connection.rest import AlpacaRest, RequestFailed
from holdfast.adapters.alpaca.trading import wire
from holdfast.adapters.alpaca.trading.classify import cancel_outcome_of, outcome_of
from holdfast.adapters.alpaca.trading.questions import Questions
from holdfast.brokers.http.limiter import Urgency
from holdfast.brokers.outcome import Accepted, CancelOutcome, CancelRequested, Outcome, Unknown
from holdfast.brokers.port import BrokerOrder
from holdfast.brokers.threads import in_pool
from holdfast.brokers.transport import Check
from holdfast.core.messages import OrderTerms, SubmitOrder


class AlpacaTransport:
    """See `brokers.transport.Transport`. ``on_change`` is called after each order or cancel that may have changed the account."""

    def __init__(self, rest: AlpacaRest, questions: Questions, on_change: Callable[[], None]) -> None:
        self._rest = rest
        self._questions = questions
        self._on_change = on_change
        self._sends = ThreadPoolExecutor(2, "alpaca-orders")
        self._cancels = ThreadPoolExecutor(2, "alpaca-cancels")  # of their own: nothing may hold a cancel up

    async def send(self, orders: Sequence[SubmitOrder], check: Check) -> Outcome:
        """Send one order or a pair, once. Raises Withheld."""
        outcome: Outcome = await in_pool(self._sends, self._post, [order.terms for order in orders], check)
        self._on_change()
        return outcome

    async def cancel(self, broker_order_id: str, check: Check) -> CancelOutcome:
        """Ask for a cancel, once. Raises Withheld."""
        outcome: CancelOutcome = await in_pool(self._cancels, self._delete, broker_order_id, check)
        self._on_change()
        return outcome

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, by its id; the stop of a pair as the leg of the other."""
        return await self._questions.find(terms)

    def close(self) -> None:
        """Start no more requests."""
        for pool in (self._sends, self._cancels):
            pool.shutdown(wait=False, cancel_futures=True)

    def _post(self, orders: Sequence[OrderTerms], check: Check) -> Outcome:
        try:
            answer = self._rest.trading("POST", "/orders", _body_of(orders), Urgency.ORDER, check)
            ids = wire.ids_in(answer)
        except RequestFailed as error:
            return outcome_of(error)
        except (KeyError, TypeError) as error:
            return Unknown(f"the answer to the order is not an order ({error!r})")
        if len(ids) < len(orders):
            return Unknown("the pair's answer names no leg")
        own, *legs = ids[: len(orders)]
        return Accepted(own, tuple(legs))

    def _delete(self, broker_order_id: str, check: Check) -> CancelOutcome:
        try:
            self._rest.trading("DELETE", f"/orders/{broker_order_id}", None, Urgency.CANCEL, check)
        except RequestFailed as error:
            return cancel_outcome_of(error)
        return CancelRequested()


def _body_of(orders: Sequence[OrderTerms]) -> dict[str, Any]:
    return wire.linked_exits_body(*orders) if len(orders) > 1 else wire.order_body(orders[0])
