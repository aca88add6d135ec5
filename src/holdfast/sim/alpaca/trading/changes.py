"""What one step of an account changed: kept first, told afterwards.

A step is a request or a market event. Its rows are committed together; only then do its trade updates go out, so nobody is
told what a restart would not know.
"""

import secrets
import time
import uuid
from decimal import Decimal
from typing import Any

from holdfast.core.types import plain
from holdfast.sim.alpaca.trading.account import Account
from holdfast.sim.alpaca.trading.books import Execution
from holdfast.sim.alpaca.trading.hub import Hub
from holdfast.sim.alpaca.trading.order import Order
from holdfast.sim.alpaca.trading.wire import Json, encode, order_json, time_text
from holdfast.sim.chassis.state import Kind, State

_ULID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Changes:
    """Collects the changes of a step, then keeps and tells them."""

    def __init__(self, account: Account, hub: Hub, state: State | None) -> None:
        self._account = account
        self._hub = hub
        self._state = state
        self._orders: dict[str, Order] = {}
        self._frames: list[Json] = []
        self._is_account_changed = False

    def order(self, order: Order, now_ns: int) -> None:
        """An order is not as it was."""
        order.updated_ns = max(now_ns, order.created_ns)
        if self._state is not None:
            self._orders[order.id] = order

    def account(self) -> None:
        """The account itself is not as it was."""
        self._is_account_changed = True

    def execution(self, execution: Execution) -> None:
        """A fill came, or is not as it was."""
        self.put(Kind.EXECUTION, row_id(execution.sequence), execution)

    def put(self, kind: Kind, row_id: str, value: Any) -> None:
        """A row is not as it was."""
        if self._state is not None:
            self._state.put(kind, self._account.id, row_id, encode(value))

    def drop(self, kind: Kind, row_id: str) -> None:
        """A row is gone."""
        if self._state is not None:
            self._state.drop(kind, self._account.id, row_id)

    def drop_order(self, order: Order) -> None:
        """An order never was."""
        self._orders.pop(order.id, None)
        self.drop(Kind.ORDER, row_id(order.sequence))

    def tell(self, event: str, order: Order, time_ns: int, **more: Any) -> None:
        """A trade update, with the order as it is now."""
        if not self._hub.is_heard:
            return
        now = time_text(max(time_ns, order.created_ns))
        self._frames.append(
            {"event": event, "timestamp": now, "at": now, "event_id": ulid(), "order": order_json(order), **more}
        )

    def flush(self, now_ns: int) -> None:
        """The step is over."""
        state = self._state
        if state is not None and (self._orders or self._is_account_changed):
            for order in self._orders.values():
                state.put(Kind.ORDER, self._account.id, row_id(order.sequence), encode(order))
            if self._is_account_changed:
                state.put(Kind.ACCOUNT, self._account.id, "", encode(self._account))
            self._orders.clear()
        self._is_account_changed = False
        if state is not None and state.is_changed:
            state.save_time(now_ns)
            state.commit()
        if self._frames:
            frames, self._frames = self._frames, []
            for frame in frames:
                self._hub.publish(frame)


def fill_facts(execution: Execution, position: Decimal) -> Json:
    """What a trade update says of an execution, beside the order."""
    return {
        "execution_id": execution.id,
        "price": plain(execution.price),
        "qty": plain(execution.quantity),
        "position_qty": plain(position),
    }


def row_id(sequence: int) -> str:
    """The name of a numbered row; rows come back in the order of their names."""
    return f"{sequence:012d}"


def new_id() -> str:
    """A fresh uuid."""
    return str(uuid.uuid4())


def ulid() -> str:
    """A sortable id of 26 characters, as newer updates carry one: wall-clock milliseconds and chance."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return "".join(_ULID_DIGITS[value >> shift & 31] for shift in range(125, -1, -5))
