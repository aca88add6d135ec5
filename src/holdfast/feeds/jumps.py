"""Prices that jump between two sessions as after a split that nobody said: unadjusted data without its corporate actions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from holdfast.core.adjustments import CorporateAction
from holdfast.core.types import iso_time
from holdfast.data.splits import A_NIGHT_NS, ratio_of
from holdfast.feeds.rows import Rows

MOST = 1_000
"""Jumps that are kept; a file with more is no market's."""


class Jump(NamedTuple):
    """One symbol's: ``new`` shares for ``old`` would explain it; ``time_ns`` is when the first bar of after began."""

    symbol: str
    time_ns: int
    before: float
    after: float
    new: int
    old: int

    @property
    def words(self) -> str:
        """In a line, with what to do."""
        moved = (self.after / self.before - 1) * 100
        return (
            f"{self.symbol} goes from {self.before:g} to {self.after:g} ({moved:+.0f}%) before {iso_time(self.time_ns)}: it looks like a split of"
            f" {self.new} for {self.old}, and the data is not adjusted for it; name a file of splits by feed.actions, or use adjusted data"
        )


class Jumps:
    """Looks at a file's bars as they are read; ``found`` are the jumps that no known action explains."""

    def __init__(self, actions: Sequence[CorporateAction]) -> None:
        self.found: list[Jump] = []
        self._known = [(action.symbol, action.time_ns) for action in actions if action.new != action.old]
        self._last: dict[str, tuple[int, float]] = {}

    def look(self, rows: Rows) -> None:
        """Take in the next rows of the file."""
        opens, closes = rows.numbers[0], rows.numbers[3]
        for code in np.unique(rows.codes):
            index = np.flatnonzero(rows.codes == code)
            symbol = rows.names[code]
            known = self._last.get(symbol)
            ts, own_opens, own_closes = rows.ts[index], opens[index], closes[index]
            first_ts, first_close = known if known is not None else (int(ts[0]), float(own_opens[0]))
            before_ts = np.concatenate(([first_ts], ts[:-1]))
            before = np.concatenate(([first_close], own_closes[:-1]))
            factor = np.maximum(own_opens / before, before / own_opens)
            for place in np.flatnonzero((factor > 1.4) & (ts - before_ts >= A_NIGHT_NS)):
                self._judge(
                    symbol, int(before_ts[place]), int(ts[place]), float(before[place]), float(own_opens[place])
                )
            self._last[symbol] = int(ts[-1]), float(own_closes[-1])

    def _judge(self, symbol: str, before_ns: int, time_ns: int, before: float, after: float) -> None:
        ratio = ratio_of(before, after)
        is_known = any(name == symbol and before_ns < known_ns <= time_ns + 1 for name, known_ns in self._known)
        if ratio is not None and not is_known and len(self.found) < MOST:
            self.found.append(Jump(symbol, time_ns, before, after, *ratio))
