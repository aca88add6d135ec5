"""The deepest fall of an account's worth from an earlier high, at every price there was."""

from decimal import Decimal

from holdfast.core.state import EngineState
from holdfast.core.types import ZERO, Money


class Drawdown:
    """Looks at an account's worth whenever a price or the books have changed; ``deepest_pct`` is what it found.

    It looks in floats, so that it may look at each bar, and reckons exactly where that finds a new high or a deeper fall.
    """

    def __init__(self, state: EngineState) -> None:
        self._state = state
        self._lines: list[tuple[str, float]] = []
        self._cash = 0.0
        self._books_changed = True
        self._high: Money | Decimal = ZERO
        self._high_about = 0.0
        self._low_about = 0.0
        self.deepest_pct: Decimal = ZERO

    def books_changed(self) -> None:
        """Positions or cash may be others than they were."""
        self._books_changed = True

    def look(self) -> None:
        """Take note of what the account is worth at the last prices."""
        if self._books_changed:
            portfolio = self._state.portfolio
            self._lines = [
                (symbol, float(line.quantity * portfolio.unit(symbol))) for symbol, line in portfolio.open_lines()
            ]
            self._cash = float(portfolio.total.cash)
            self._books_changed = False
        elif not self._lines:
            return
        marks, worth = self._state.marks, self._cash
        for symbol, quantity in self._lines:
            price = marks.get(symbol)
            if price is None:  # valued at its cost, which is not known here
                self._note(self._state.equity)
                return
            worth += quantity * price
        if worth > self._high_about or worth < self._low_about:
            self._note(self._state.equity)

    def _note(self, equity: Money) -> None:
        """``_low_about`` is the worth below which a fall from the high is deeper than any before."""
        if equity >= self._high:
            self._high = equity
        elif self._high > 0:
            self.deepest_pct = max(self.deepest_pct, (self._high - equity) / self._high * 100)
        self._high_about = float(self._high)
        self._low_about = float(self._high * (100 - self.deepest_pct) / 100)
