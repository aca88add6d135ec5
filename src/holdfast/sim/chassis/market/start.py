"""Where a market begins, when nobody says."""

from collections.abc import Sequence

from holdfast.core.types import MINUTE_NS
from holdfast.sim.chassis.market.place import Marketplace
from holdfast.sim.chassis.market.store import Store


def synthetic_start_ns(place: Marketplace, wall_ns: int, symbols: Sequence[str]) -> int:
    """Now, when something trades: what never closes always does. Else, with the exchange closed, the open of its last session.

    So a bot that asks for the last minutes of its own clock gets data of all that could have any.
    """
    day = place.calendar.day_at(wall_ns)
    if any(not place.rules_of(place.name_of(symbol.strip().upper())).closes for symbol in symbols):
        return wall_ns
    if wall_ns < day.open_ns:
        day = place.calendar.day_at(day.start_ns - 1)
    return wall_ns if wall_ns < day.close_ns else day.open_ns


def file_start_ns(store: Store) -> int:
    """Where the finest data begin: ticks if there are any, else the shortest bars. What is before is history."""
    ticks = [
        int(known[0]) - 1
        for data in store.data.values()
        for known in (data.trades.ts[data.trades.is_met], data.quotes.ts)
        if len(data.trades.ts[data.trades.is_met]) and len(known)
    ]
    if ticks:
        return min(ticks) // MINUTE_NS * MINUTE_NS
    bars = [data.played for data in store.data.values() if len(data.played)]
    if not bars:
        return min(int(data.quotes.ts[0]) - 1 for data in store.data.values()) // MINUTE_NS * MINUTE_NS
    shortest_ns = min(int((one.end - one.start).min()) for one in bars)
    return min(int(one.start[0]) for one in bars if int((one.end - one.start).min()) == shortest_ns)
