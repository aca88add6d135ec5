"""backtrader: `next` is called bar by bar; orders are filled at the close that they were decided on (cheat on close)."""

import backtrader
import pandas as pd
from common import CASH, Cross, bars, report

FILLS: list[tuple[int, float]] = []


class EmaCross(backtrader.Strategy):  # type: ignore[misc, unused-ignore]
    """The same averages, moved by hand: backtrader's own begins with a simple average."""

    def __init__(self) -> None:
        self.cross = Cross()

    def next(self) -> None:
        wanted = self.cross.wanted(self.data.close[0])
        missing = 0 if wanted is None else wanted - self.position.size
        if missing:
            (self.buy if missing > 0 else self.sell)(size=abs(missing))

    def notify_order(self, order: backtrader.Order) -> None:
        if order.status == order.Completed:
            FILLS.append((int(order.executed.size), float(order.executed.price)))


def load() -> backtrader.Cerebro:
    columns = bars()
    frame = pd.DataFrame({name: columns[name] for name in ("open", "high", "low", "close", "volume")})
    frame.index = pd.to_datetime(columns["ts"])
    cerebro = backtrader.Cerebro(stdstats=False)
    cerebro.broker.set_cash(CASH)
    cerebro.broker.set_coc(True)
    cerebro.adddata(backtrader.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(EmaCross)
    return cerebro


def run(cerebro: backtrader.Cerebro) -> tuple[list[tuple[int, float]], float]:
    cerebro.run()
    return FILLS, float(cerebro.broker.getvalue())


if __name__ == "__main__":
    report(backtrader.__version__, load, run)
