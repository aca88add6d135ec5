"""What an account is worth, at every price there was: its deepest fall from an earlier high, and the marks that are kept."""

from decimal import Decimal

from holdfast.backtesting.marks import NO_MARK, Mark, Marks
from holdfast.core.state import EngineState
from holdfast.core.types import ZERO, Money


class Worth:
    """Looks at an account's worth whenever a price or the books have changed; ``deepest_pct`` is the deepest fall it found.

    It looks in floats, so that it may look at each bar, and reckons exactly where that finds a new high or a deeper fall.
    While ``is_idle`` nothing is held and nothing has changed: there is nothing to look at.
    """

    def __init__(self, state: EngineState) -> None:
        self._state = state
        self._lines: list[tuple[str, float]] = []
        self._cash = 0.0
        self._books_changed = True
        self._high: Money | Decimal = ZERO
        self._high_about = 0.0
        self._low_about = 0.0
        self._high_mark = NO_MARK
        self.is_idle = False
        self.deepest_pct: Decimal = ZERO
        self.deepest: tuple[Mark, Mark] | None = None
        """The high that the deepest fall began at, and its lowest mark."""
        self.marks = Marks(state.calendar)

    def books_changed(self) -> None:
        """Positions or cash may be others than they were."""
        self._books_changed = True
        self.is_idle = False

    def look(self) -> None:
        """Take note of what the account is worth at the last prices."""
        state = self._state
        if self._books_changed:
            portfolio = state.portfolio
            self._lines = [
                (symbol, float(line.quantity * portfolio.unit(symbol))) for symbol, line in portfolio.open_lines()
            ]
            self._cash = float(portfolio.total.cash)
            self._books_changed = False
        elif self.is_idle:
            return
        self.is_idle = not self._lines
        marks, worth, gross = state.marks, self._cash, 0.0
        for symbol, quantity in self._lines:
            price = marks.get(symbol)
            if price is None:  # valued at its cost, which is not known here
                value = state.exposure.value(state)
                worth, gross = float(value.equity), float(value.gross_exposure)
                break
            part = quantity * price
            worth += part
            gross += part if part > 0 else -part
        now_ns = state.now_ns
        kept = self.marks
        if now_ns > kept.end_ns or worth < kept.low or worth > kept.high:
            if now_ns:
                kept.add(now_ns, worth, gross)
        else:
            kept.last = (now_ns, worth, gross)
        if worth > self._high_about or worth < self._low_about:
            self._note(state.equity, (now_ns, worth, gross))

    def finish(self) -> None:
        """No more will come."""
        self._books_changed = True
        self.look()
        self.marks.finish()
        if self.deepest is not None:
            self.marks.put(self.deepest)

    def _note(self, equity: Money, mark: Mark) -> None:
        """``_low_about`` is the worth below which a fall from the high is deeper than any before."""
        if equity >= self._high:
            self._high = equity
            self._high_mark = mark
        elif self._high > 0:
            fallen = (self._high - equity) / self._high * 100
            if fallen > self.deepest_pct:
                self.deepest_pct = fallen
                self.deepest = self._high_mark, mark
        self._high_about = float(self._high)
        self._low_about = float(self._high * (100 - self.deepest_pct) / 100)
