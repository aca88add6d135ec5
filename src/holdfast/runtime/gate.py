"""The gate between journal and broker: nothing passes before the record that caused it is on the disk."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from holdfast.brokers.port import Broker
from holdfast.core.messages import CancelOrder, Effect, OrderNotSent, Report, SubmitOrder
from holdfast.core.state import EngineState
from holdfast.core.types import iso_time


class Gate:
    """Holds one account's effects, in order, each with the sequence that must be durable before it leaves."""

    def __init__(self, state: EngineState, broker: Broker, inbox: "deque[Any]") -> None:
        self._state = state
        self._broker = broker
        self._inbox = inbox
        self.waiting: deque[tuple[int, Effect]] = deque()

    def hold(self, effects: Sequence[Effect], sequence: int) -> None:
        """Keep effects until record ``sequence`` is durable."""
        for effect in effects:
            self.waiting.append((sequence, effect))

    def release(self, watermark: int) -> None:
        """Let out what the watermark has passed, in order. An order that must not leave any more is reported as not sent."""
        while self.waiting and self.waiting[0][0] <= watermark:
            _, effect = self.waiting.popleft()
            if isinstance(effect, CancelOrder):
                self._broker.cancel(effect)
                continue
            reason = self.reason_to_keep(effect)
            if reason is None:
                self._broker.submit(effect)
            else:
                not_sent = OrderNotSent(effect.terms.client_order_id, reason)
                self._inbox.append(Report(self._state.now_ns, not_sent))

    def reason_to_keep(self, effect: SubmitOrder) -> str | None:
        """Why an order may not leave any more; None when it may. Any thread may ask."""
        expires_ns = effect.terms.expires_ns
        if expires_ns is not None and self._state.now_ns > expires_ns:
            return f"it was to be sent by {iso_time(expires_ns)}"
        if effect.raises_risk and not self._state.account_state.takes_risk:
            return f"the account is {self._state.account_state}"
        return None
