"""Where the symbols of a market trade: whose calendar, and what the data of each go by."""

from collections.abc import Callable

import msgspec

from holdfast.core.session.calendar import TradingCalendar
from holdfast.sim.chassis.market.columns import Floats


class SymbolRules(msgspec.Struct, frozen=True):
    """What the data of one symbol go by.

    ``zone`` is whose midnights its days begin at; without one it never closes and its days are those of UTC. ``tick`` gives the smallest
    step of each price, ``quoted_size`` how much a made-up quote shows at least. ``has_bars`` False: its market tells trades alone, so bars of the data
    are played as four trades each.
    """

    zone: str | None
    tick: Callable[[Floats], Floats]
    quoted_size: float
    has_bars: bool = True

    @property
    def closes(self) -> bool:
        """Whether it trades in the sessions of the calendar."""
        return self.zone is not None


class Marketplace(msgspec.Struct, frozen=True):
    """One market: the sessions of ``calendar``, and the rules of each symbol.

    ``name_of`` is the one name of a symbol that has several, ``rules_of`` what its data go by. ``before_open_ns`` and ``after_close_ns`` are
    how much longer than the calendar's sessions some orders may trade.
    """

    calendar: TradingCalendar
    rules_of: Callable[[str], SymbolRules]
    name_of: Callable[[str], str] = str
    before_open_ns: int = 0
    after_close_ns: int = 0
