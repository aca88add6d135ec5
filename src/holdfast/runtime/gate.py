"""The gate between journal and broker: nothing passes before the record that caused it is on the disk."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from holdfast.brokers.port import MOVED_ON, Broker
from holdfast.core.drafts import unexplained
from holdfast.core.exposure import uncommitted
from holdfast.core.messages import CancelOrder, Effect, OrderNotSent, Report, SubmitOrder
from holdfast.core.orders.order import OrderState
from holdfast.core.state import EngineState
from holdfast.core.types import ClientOrderId, iso_time
from holdfast.telemetry.crash_points import CrashPoint, reach
from holdfast.telemetry.logs import about


class Gate:
    """Holds one account's effects, in order, each with the sequence that must be durable before it leaves.

    ``may_send`` says whether the account is certainly ours for as long as sending takes.
    """

    def __init__(self, state: EngineState, broker: Broker, inbox: "deque[Any]", may_send: Callable[[], bool]) -> None:
        self._state = state
        self._broker = broker
        self._inbox = inbox
        self._may_send = may_send
        self.waiting: deque[tuple[int, Effect]] = deque()

    def hold(self, effects: Sequence[Effect], sequence: int) -> None:
        """Keep effects until record ``sequence`` is durable."""
        for effect in effects:
            self.waiting.append((sequence, effect))

    def has_cancel(self, client_order_id: ClientOrderId) -> bool:
        """Whether an order's cancel waits here."""
        return any(
            isinstance(effect, CancelOrder) and effect.client_order_id == client_order_id for _, effect in self.waiting
        )

    def release(self, watermark: int) -> None:
        """Let out what the watermark has passed, in order. An order that must not leave any more is reported as not sent.

        A cancel waits until the account's lease was renewed.
        """
        while self.is_due(watermark):
            _, effect = self.waiting.popleft()
            if isinstance(effect, CancelOrder):
                with self._about(effect.client_order_id):
                    self._broker.cancel(effect)
                continue
            reason = self.reason_to_keep(effect)
            if reason is None:
                reach(CrashPoint.RELEASED)
                with self._about(effect.terms.client_order_id):
                    self._broker.submit(effect)
            elif reason != MOVED_ON:
                not_sent = OrderNotSent(effect.terms.client_order_id, reason)
                self._inbox.append(Report(self._state.now_ns, not_sent))

    def _about(self, key: ClientOrderId) -> AbstractContextManager[None]:
        """What is logged of sending an order carries its ids, in whichever task and thread that is."""
        state, order = self._state, self._state.orders.find(key)
        if order is None:
            return about(account=state.account, broker=state.broker, order=key)
        strategy, trace = order.terms.strategy, order.correlation_id
        return about(account=state.account, broker=state.broker, order=key, strategy=strategy, trace=trace)

    def is_due(self, watermark: int) -> bool:
        """Whether the first effect can be dealt with now."""
        if not self.waiting or self.waiting[0][0] > watermark:
            return False
        return isinstance(self.waiting[0][1], SubmitOrder) or self._may_send()

    def reason_to_keep(self, effect: Effect) -> str | None:
        """Why an effect may not leave now, an order never; None when it may. Any thread may ask."""
        if self.has_moved_on(effect):
            return MOVED_ON
        if not self._may_send():
            return "the lease on the account has run out: another engine may have it"
        if isinstance(effect, CancelOrder):
            return None
        expires_ns = effect.terms.expires_ns
        if expires_ns is not None and self._state.now_ns > expires_ns:
            return f"it was to be sent by {iso_time(expires_ns)}"
        if effect.raises_risk and not self._state.account_state.takes_risk:
            return f"the account is {self._state.account_state}"
        if effect.terms.symbol in self._state.gaps and (effect.raises_risk or self._is_too_much(effect)):
            return f"{effect.terms.symbol} is found to differ at the broker: no more leaves than both have of it"
        unclear = unexplained(self._state, effect.terms.symbol) if effect.raises_risk else None
        if unclear not in (None, effect.terms.client_order_id):
            return f"order {unclear} in {effect.terms.symbol} is not explained yet"
        return None

    def has_moved_on(self, effect: Effect) -> bool:
        """Whether this try of an order is one that the books know no more of. Any thread may ask.

        To be asked before every other reason: an adapter that broke may go on trying, and what becomes of a late try says nothing of the
        order, which another try may have brought to the broker.
        """
        if isinstance(effect, CancelOrder):
            return False
        order = self._state.orders.find(effect.terms.client_order_id)
        return order is None or order.state is not OrderState.RELEASED or order.attempts != effect.attempt

    def _is_too_much(self, effect: SubmitOrder) -> bool:
        """Whether reduce-only orders are for more than the books and the broker agree on; a flatten's go by the broker's position."""
        state, terms = self._state, effect.terms
        return not state.flattening and uncommitted(state, terms.symbol, terms.side) < 0
