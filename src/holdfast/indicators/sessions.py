"""What is counted from the session's open: the volume-weighted average price."""

from holdfast.core.messages import Bar
from holdfast.core.strategy.indicator import Indicator, Panel
from holdfast.indicators.exact import ExactSum


class Vwap(Indicator):
    """Volume-weighted average price of the session: typical prices (high + low + close) / 3, weighted by volume, since its open.

    It is None from the open until something has traded, and after the close it stays as it was until the next open. A bar belongs to the
    session in which its middle lies; bars outside of sessions are left out. On a market that never closes a session is a UTC day.
    Without an engine call `begin_session` yourself.
    """

    panel = Panel.PRICE
    takes_bars = True
    by_session = True

    def __init__(self) -> None:
        super().__init__("VWAP", 1)
        self._money, self._volume = ExactSum(), ExactSum()

    def begin_session(self) -> None:
        """Begin anew."""
        self._money.clear()
        self._volume.clear()
        self.value = None

    def compute(self, value: Bar) -> float | None:
        """One bar more."""
        self._money.add((value.high + value.low + value.close) / 3 * value.volume)
        self._volume.add(value.volume)
        volume = self._volume.total()
        return self._money.total() / volume if volume > 0 else None

    def rescale(self, factor: float) -> bool:
        """In shares of after a split: so much more of them for the same money."""
        self._volume.rescale(1 / factor)
        self.rescale_values(factor)
        return True
