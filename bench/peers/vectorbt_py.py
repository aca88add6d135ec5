"""vectorbt: no strategy is called. Both averages and all orders are worked out in whole columns, by code that is compiled first."""

import numpy as np
import pandas as pd
import vectorbt
from common import CASH, FAST, QUANTITY, SLOW, bars, report


def load() -> pd.Series:
    columns = bars()
    close = pd.Series(columns["close"], index=pd.to_datetime(columns["ts"]))
    run(close[:100])  # compiles; that is not timed
    return close


def _orders(close: pd.Series) -> vectorbt.Portfolio:
    fast = close.ewm(span=FAST, adjust=False).mean()
    slow = close.ewm(span=SLOW, adjust=False).mean()
    wanted = pd.Series(np.where(fast >= slow, QUANTITY, -QUANTITY).astype(float), index=close.index)
    wanted.iloc[:SLOW] = np.nan
    return vectorbt.Portfolio.from_orders(close, wanted, size_type="targetamount", init_cash=CASH, freq="1min")


def run(close: pd.Series) -> tuple[list[tuple[int, float]], float]:
    found = _orders(close)
    records = found.orders.records
    signed = records["size"].where(records["side"] == 0, -records["size"]).round().astype(int)
    fills = list(zip(signed.tolist(), records["price"].tolist(), strict=True))
    return fills, float(found.final_value())


if __name__ == "__main__":
    report(vectorbt.__version__, load, run)
