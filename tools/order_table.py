"""The life of an order as a page: ``docs/orders.md`` is made from ``core/orders/life.py`` and never written by hand.

python -m tools.order_table            ends with 1 when the page is not what the table says
python -m tools.order_table --write    makes the page
"""

import sys
from collections.abc import Iterator

from holdfast.core.orders.life import LIFE, Cell, Kind, OrderEvent
from holdfast.core.orders.order import TERMINAL, OrderState
from tools import pages

PAGE = pages.DOCS / "orders.md"

HEAD = """\
# The life of an order

This page is made from `src/holdfast/core/orders/life.py` by `python -m tools.order_table --write`; a test compares the two.

An order is made once, as `PREPARED`, under an id that is made before anything is sent. From then on it moves by what
happens to it, and by nothing else: no timer ends an order.

"""

ENTRIES = """\

## What can happen

The first line of a cell is where the order goes. A cell in which nothing changes says why.

* **bold**: evidence against what was believed. It wins: the move is made, and an `OrderAnomaly` is recorded before it.
* *slanted*: changes nothing and is harmless: an `OrderEventIgnored` with this reason.
* crossed out: changes nothing and should not have come: an `OrderAnomaly` with this reason.

Positions are moved by executions alone, so an execution is booked from every state. `filled` is the execution that completes
the quantity, `partly filled` any other. Before the table is asked, an execution that is booked already is ignored;
one that is for another symbol or side, or not above zero, is an anomaly, and so is a change of the quantity to what has
filled already or less. An execution beyond the quantity is booked and recorded as an overfill. `accepted` under another
id of the broker's than before changes that id, in any state, and is an anomaly: the broker has lost the first and taken a late copy.
"""


def page() -> str:
    """The whole page as the table has it now."""
    return HEAD + "\n".join(_diagram()) + "\n" + ENTRIES + "\n".join(_sections()) + "\n"


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {OrderState.PREPARED}"
    for state, row in LIFE.items():
        moves: dict[OrderState, list[str]] = {}
        for event, cell in row.items():
            if cell.kind is Kind.MOVE and cell.to is not None and cell.to is not state:
                moves.setdefault(cell.to, []).append(_words(event))
        for to, events in moves.items():
            yield f"    {state} --> {to}: {', '.join(events)}"
    for state in OrderState:
        if state in TERMINAL:
            yield f"    {state} --> [*]"
    yield "```"


def _sections() -> Iterator[str]:
    for title, states in (
        ("While it lives", [state for state in OrderState if state not in TERMINAL]),
        ("When it is over", [state for state in OrderState if state in TERMINAL]),
    ):
        yield f"\n### {title}\n"
        yield "| | " + " | ".join(f"`{state}`" for state in states) + " |"
        yield "|---|" + "---|" * len(states)
        for event in OrderEvent:
            yield f"| {_words(event)} | " + " | ".join(_text(LIFE[state][event]) for state in states) + " |"


def _text(cell: Cell) -> str:
    if cell.kind is Kind.MOVE:
        return f"`{cell.to}`"
    if cell.kind is Kind.LATE:
        return f"**`{cell.to}`**<br>{cell.reason}"
    return f"*{cell.reason}*" if cell.kind is Kind.IGNORED else f"~~{cell.reason}~~"


def _words(event: OrderEvent) -> str:
    return event.value.replace("_", " ")


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; gives the exit status."""
    return pages.run("order_table", PAGE, page, "life.py", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
