"""Orders and cancels as requests to Kite."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.trading.classify import RETRY_S, cancel_outcome_of, outcome_of
from holdfast.adapters.zerodha.trading.market_orders import as_limit, is_priced_here, marketable_limit, protection
from holdfast.adapters.zerodha.trading.questions import Questions
from holdfast.adapters.zerodha.trading.search import Search
from holdfast.adapters.zerodha.trading.triggers import (
    in_place,
    is_leg,
    is_trigger,
    leg_id,
    passed,
    trigger_form,
    trigger_of,
)
from holdfast.adapters.zerodha.trading.wire import REGULAR, order_form, unsendable
from holdfast.brokers.http.failures import RequestFailed
from holdfast.brokers.http.limiter import Urgency
from holdfast.brokers.outcome import (
    Accepted,
    CancelOutcome,
    CancelRequested,
    Outcome,
    RateLimited,
    Rejected,
    Unknown,
)
from holdfast.brokers.port import BrokerOrder
from holdfast.brokers.threads import in_pool
from holdfast.brokers.transport import Check
from holdfast.core.messages import OrderTerms, SubmitOrder


class ZerodhaTransport:
    """See `brokers.transport.Transport`."""

    def __init__(self, rest: KiteRest, questions: Questions, search: Search) -> None:
        self._rest = rest
        self._questions = questions
        self._search = search
        self._deleted: set[str] = set()
        self._sends = ThreadPoolExecutor(2, "zerodha-orders")
        self._cancels = ThreadPoolExecutor(2, "zerodha-cancels")  # of their own: nothing may hold a cancel up

    async def send(self, orders: Sequence[SubmitOrder], check: Check) -> Outcome:
        """Send one order, or a pair as the two legs of a trigger, once. Raises Withheld."""
        terms = [order.terms for order in orders]
        reason = next(filter(None, map(unsendable, terms)), "")
        if reason:
            return Rejected(reason)
        if is_trigger(terms[0]):
            outcome: Outcome = await in_pool(self._sends, self._post_trigger, terms, check)
        else:
            (order,) = orders  # no pair is held but as a trigger
            outcome = await in_pool(self._sends, self._post, order, check)
        if isinstance(outcome, Unknown):
            self._search.doubtful.update((each.client_order_id, each) for each in terms)
        if isinstance(outcome, Rejected):
            self._questions.note_refusal(terms[0].symbol, outcome.reason)
        if isinstance(outcome, Accepted):
            self._questions.know(outcome.broker_order_id)
        return outcome

    async def cancel(self, broker_order_id: str, check: Check) -> CancelOutcome:
        """Ask for a cancel, once. Raises Withheld."""
        outcome: CancelOutcome = await in_pool(self._cancels, self._delete, broker_order_id, check)
        return outcome

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, in the book of the day."""
        return await self._questions.find(terms)

    def close(self) -> None:
        """Start no more requests."""
        for pool in (self._sends, self._cancels):
            pool.shutdown(wait=False, cancel_futures=True)

    def _post(self, order: SubmitOrder, check: Check) -> Outcome:
        try:
            form = self._form(order)
        except RequestFailed as error:
            return RateLimited(RETRY_S, f"the market's price, which the order needs, can't be had: {error}")
        try:
            answer = self._rest.request(
                "POST",
                "order.place",
                parts={"variety": REGULAR},
                params=form,
                urgency=Urgency.ORDER,
                last_check=check,
            )
            return Accepted(str(answer["order_id"]))
        except RequestFailed as error:
            return outcome_of(error)
        except (KeyError, TypeError) as error:
            return Unknown(f"the answer to the order names no order ({error!r})")

    def _form(self, order: SubmitOrder) -> dict[str, str]:
        """How an order goes. One that lowers risk doesn't wait for a price that can't be had: it goes protected. Raises a RequestFailed."""
        terms, settings = order.terms, self._rest.settings
        form = order_form(terms, protection(settings))
        if not is_priced_here(terms, settings):
            return form
        try:
            touch, tick = self._questions.touch(terms)
        except RequestFailed:
            if order.raises_risk:
                raise
            return form
        return as_limit(form, marketable_limit(terms.side, touch, tick, settings.market_band_bps))

    def _post_trigger(self, orders: Sequence[OrderTerms], check: Check) -> Outcome:
        try:
            last = self._questions.last_price(orders[0].symbol)
        except RequestFailed as error:
            return RateLimited(RETRY_S, f"the market's price, which a trigger needs, can't be had: {error}")
        reason = passed(orders, last)
        if reason:
            return Rejected(reason)
        try:
            form = trigger_form(orders, last)
            answer = self._rest.request("POST", "gtt.place", params=form, urgency=Urgency.ORDER, last_check=check)
            own, *others = (leg_id(answer["trigger_id"], in_place(orders).index(terms)) for terms in orders)
        except RequestFailed as error:
            return outcome_of(error)
        except (KeyError, TypeError) as error:
            return Unknown(f"the answer to the trigger names none ({error!r})")
        return Accepted(own, tuple(others))

    def _delete(self, broker_order_id: str, check: Check) -> CancelOutcome:
        """A leg that has placed an order is canceled with that; one that waits with its trigger, and the other leg with it."""
        order_id = self._questions.placed_by(broker_order_id) or broker_order_id
        if is_leg(order_id) and trigger_of(order_id) in self._deleted:
            return CancelRequested()
        if is_leg(order_id):
            route, parts = "gtt.delete", {"trigger_id": trigger_of(order_id)}
        else:
            route, parts = "order.cancel", {"variety": self._questions.variety(order_id), "order_id": order_id}
        try:
            self._rest.request("DELETE", route, parts=parts, urgency=Urgency.CANCEL, last_check=check)
        except RequestFailed as error:
            return cancel_outcome_of(error)
        if is_leg(order_id):
            self._deleted.add(trigger_of(order_id))
        return CancelRequested()
