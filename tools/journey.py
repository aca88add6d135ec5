"""How far a fill travels in the core, and from how many places obligations are entered: the counts in docs/architecture.md.

python -m tools.journey            prints them

A *stay* is a run of calls within one room: a folder of `core/`, or a file that lies in none. Who goes back to a room that was left
*returns*. The fill is the first of an entry with a stop and a target.
"""

import ast
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import FrameType

from holdfast.core import lifecycle
from holdfast.core.engine import step
from holdfast.core.instruments import US_EQUITY
from holdfast.core.messages import PAPER, Action, Bar, OrderFilled, PlaceOrder, Report, Request, Signal
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.calendar import TradingCalendar, TradingDay
from holdfast.core.state import EngineState
from holdfast.core.types import DAY_NS, MANUAL, Money, Price, Quantity, Side

CORE = Path(lifecycle.__file__).parent
OBLIGATIONS = CORE / "engine" / "obligations"
START_NS = 1_700_006_400_000_000_000


def main() -> int:
    """Print the counts."""
    rooms = journey()
    print(f"a fill: {len(rooms)} stays in {len(set(rooms))} rooms, {len(rooms) - len(set(rooms))} returns")
    entries = sorted(entered())
    print(f"obligations are entered from {len(entries)} places:", *entries, sep="\n  ")
    return 0


def entered() -> Iterator[str]:
    """The calls of what `engine/obligations` has, from everywhere else."""
    for path in sorted(CORE.parent.rglob("*.py")):
        if OBLIGATIONS in path.parents:
            continue
        text = path.read_text(encoding="utf-8")
        if "holdfast.core.engine.obligations" not in text:
            continue
        tree = ast.parse(text)
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names = {
            alias.name
            for node in imports
            if (node.module or "").startswith("holdfast.core.engine.obligations")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{path.relative_to(CORE.parent)}:{node.lineno} {node.func.id}"


def journey() -> list[str]:
    """The rooms that the report of a fill goes through, one after the other."""
    state = _bought()
    (order,) = state.orders.live.values()
    terms = order.terms
    fill = OrderFilled(terms.client_order_id, "1", "ABC", Side.BUY, terms.quantity, Price(Decimal(100)))
    rooms: list[str] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and CORE in path.parents:
            room = path.relative_to(CORE).parts[0]
            if not rooms or rooms[-1] != room:
                rooms.append(room)

    sys.setprofile(note)
    try:
        step(state, Report(state.now_ns, fill))
    finally:
        sys.setprofile(None)
    return rooms


def _bought() -> EngineState:
    """An account with an entry on its way that asks for a stop and a target."""
    starts = [START_NS + number * DAY_NS for number in range(-1, 3)]
    days = [TradingDay(str(start), start, start, start + DAY_NS) for start in starts]
    state = EngineState("main", PAPER, TradingCalendar("24/7", days), US_EQUITY, RiskLimits())
    lifecycle.start(state, 1, "", "")
    lifecycle.deposit(state, Money(Decimal(100_000)), "")
    lifecycle.warmed_up(state)
    lifecycle.recovered(state, lifecycle.nothing_recovered(state))
    minute_ns = 60_000_000_000
    step(state, Bar("ABC", START_NS + minute_ns, START_NS, 100.0, 100.0, 100.0, 100.0, 1.0))
    signal = Signal(
        MANUAL,
        "ABC",
        Action.BUY,
        Side.BUY,
        Quantity(Decimal(10)),
        stop_loss=Price(Decimal(90)),
        take_profit=Price(Decimal(120)),
    )
    step(state, Request(state.now_ns, "c1", "cli", PlaceOrder(signal)))
    return state


if __name__ == "__main__":
    sys.exit(main())
