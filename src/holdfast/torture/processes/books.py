"""The journal's books beside the broker's own: what was lost, doubled, not booked, or is not the same."""

from collections import Counter, defaultdict
from decimal import Decimal

import msgspec

from holdfast.core.types import Side
from holdfast.journal.reader import FillRow, OrderRow, Reader
from holdfast.sim.chassis.tortured import Execution, Truth

CENT = Decimal("0.01")
"""Cash may differ by less: the broker's is rounded to it."""
ACCOUNT = "one"
WITHOUT_ANSWER = ("PREPARED", "RELEASED", "UNKNOWN")
NEVER_THERE = ("NOT_SENT", "FAILED")
UNDONE, CORRECTED = "bust ", "@"
"""In an execution's id: what begins like this undoes another, and what follows the second is the price it was corrected to."""
OVER = ("FILLED", "CANCELED", "EXPIRED", "REJECTED", "NOT_SENT", "FAILED")


class Found(msgspec.Struct):
    """What the comparison came to; each entry is a sentence about one order or execution."""

    intents: int = 0
    broker_orders: int = 0
    executions: int = 0
    lost: list[str] = []
    doubled: list[str] = []
    unbooked: list[str] = []
    differences: list[str] = []

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong."""
        return [*self.lost, *self.doubled, *self.unbooked, *self.differences]


def compare(reader: Reader, truth: Truth) -> Found:
    """At rest, when nothing is under way any more: the journal as of one moment beside what the broker said before."""
    with reader.snapshot():
        orders = reader.orders(ACCOUNT)
        fills = reader.fills(ACCOUNT)
        positions = {row.symbol: row.quantity for row in reader.positions(ACCOUNT) if not row.strategy and row.quantity}
        account = reader.account(ACCOUNT)
    found = Found(intents=len(orders), broker_orders=len(truth.taken), executions=len(truth.executions))
    _compare_orders(found, orders, truth)
    _look_for_twins(found, truth)
    _compare_executions(found, _net(fills), truth.executions)
    if positions != truth.positions:
        found.differences.append(f"positions {_shown(positions)} in the books, {_shown(truth.positions)} at the broker")
    if abs(account.cash - truth.cash) >= CENT:
        found.differences.append(f"cash {account.cash} in the books, {truth.cash} at the broker")
    return found


def _compare_orders(found: Found, orders: list[OrderRow], truth: Truth) -> None:
    ours = {order.broker_order_id: order for order in orders if order.broker_order_id}
    by_client = {order.client_order_id: order for order in orders}
    for key, client in truth.taken.items():
        known = ours.get(key) or by_client.get(client)
        if known is None and key not in truth.orders and client not in truth.requests:
            continue  # a leg, named by the broker, which lost it before anyone could ask for it
        if known is None:
            found.lost.append(f"order {client} ({key}) is at the broker and not in the books")
        elif known.state in NEVER_THERE and key in truth.orders:
            found.lost.append(f"order {client} ({key}) is at the broker and {known.state} in the books")
    for order in orders:
        name = order.client_order_id
        there = truth.orders.get(order.broker_order_id)
        is_live = order.state not in OVER
        if order.state in WITHOUT_ANSWER:
            found.lost.append(f"order {name} is {order.state} in the books, and nothing explains it")
        elif there is None:
            if is_live:
                found.lost.append(f"order {name} is {order.state} in the books and not at the broker")
        elif (is_live, order.filled_quantity) != (there.is_live, there.filled_quantity):
            found.differences.append(
                f"order {name} is {order.state} with {order.filled_quantity} filled in the books, "
                f"{there.status} with {there.filled_quantity} at the broker"
            )


def _look_for_twins(found: Found, truth: Truth) -> None:
    """An intent has one client order id, and that may be on one order only."""
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for key, client in truth.taken.items():
        keys[client].append(key)
    found.doubled += [f"{client} has {len(twins)} orders at the broker" for client, twins in keys.items() if twins[1:]]


def _net(fills: list[FillRow]) -> dict[str, Execution]:
    """The executions that count: without those that were undone, and under the broker's id where they were corrected."""
    net: dict[str, Execution] = {}
    for row in sorted(fills, key=lambda row: row.sequence):
        if row.execution_id.startswith(UNDONE):
            net.pop(_broker_id(row.execution_id.removeprefix(UNDONE)), None)
        else:
            key = _broker_id(row.execution_id)
            quantity = row.quantity if row.side is Side.BUY else -row.quantity
            net[key] = Execution(key.partition(":")[0], row.symbol, quantity, row.price)
    return net


def _broker_id(execution_id: str) -> str:
    return execution_id.partition(CORRECTED)[0]


def _shown(positions: dict[str, Decimal]) -> str:
    return ", ".join(f"{symbol} {quantity:f}" for symbol, quantity in sorted(positions.items())) or "none"


def _compare_executions(found: Found, booked: dict[str, Execution], theirs: dict[str, Execution]) -> None:
    for name, execution in theirs.items():
        ours = booked.get(name)
        if ours is None:
            found.unbooked.append(f"execution {name} ({_told(execution)}) is at the broker and not in the books")
        elif (ours.symbol, ours.quantity, ours.price) != (execution.symbol, execution.quantity, execution.price):
            found.differences.append(
                f"execution {name} is {_told(ours)} in the books, {_told(execution)} at the broker"
            )
    found.doubled += [
        f"execution {name} ({_told(execution)}) is in the books and not at the broker"
        for name, execution in booked.items()
        if name not in theirs
    ]


def _told(execution: Execution) -> str:
    return f"{execution.quantity:f} {execution.symbol} at {execution.price:f}"


def never_released(reader: Reader, asked_for: Counter[str]) -> list[str]:
    """Orders that the broker was asked for and that have no durable release: they must not have left (I1)."""
    with reader.snapshot():
        released = {order.client_order_id for order in reader.orders(ACCOUNT) if order.released_ns}
    return [f"order {key} was sent before it was durable" for key in sorted(asked_for) if key and key not in released]
