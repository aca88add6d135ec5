"""backtesting.py: `next` is called bar by bar; orders are filled at the close that they were decided on."""

import warnings
from typing import Any

import backtesting
import pandas as pd
from backtesting import Backtest, Strategy
from common import CASH, Cross, bars, report


class EmaCross(Strategy):  # type: ignore[misc, unused-ignore]
    """The same averages, moved by hand: an indicator that is worked out beforehand sees all of the data at once."""

    def init(self) -> None:
        self.cross = Cross()

    def next(self) -> None:
        if not self.cross.seen:  # it is called at the second bar first
            self.cross.wanted(float(self.data.Close[-2]))
        wanted = self.cross.wanted(float(self.data.Close[-1]))
        missing = 0 if wanted is None else wanted - self.position.size
        if missing:
            FILLS.append((int(missing), float(self.data.Close[-1])))
            (self.buy if missing > 0 else self.sell)(size=abs(missing))


FILLS: list[tuple[int, float]] = []


def load() -> Backtest:
    columns = bars()
    frame = pd.DataFrame({name.capitalize(): columns[name] for name in ("open", "high", "low", "close", "volume")})
    frame.index = pd.to_datetime(columns["ts"])
    return Backtest(frame, EmaCross, cash=CASH, trade_on_close=True, margin=1, finalize_trades=False)


def run(backtest: Backtest) -> tuple[list[tuple[int, float]], float]:
    found: Any = backtest.run()
    return FILLS, float(found["Equity Final [$]"])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    report(backtesting.__version__, load, run)
