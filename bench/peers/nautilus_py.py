"""NautilusTrader: `on_bar` is called bar by bar, in Python; the engine around it is compiled. Fills at the close that was seen."""

import nautilus_trader
import pandas as pd
from common import CASH, Cross, bars, report
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

VENUE = Venue("SIM")
INSTRUMENT = TestInstrumentProvider.equity("SPY", "SIM")
BARS = BarType.from_str("SPY.SIM-1-MINUTE-LAST-EXTERNAL")
FILLS: list[tuple[int, float]] = []


class EmaCross(Strategy):  # type: ignore[misc, unused-ignore]
    """The same averages, moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.cross = Cross()
        self.held = 0

    def on_start(self) -> None:
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        wanted = self.cross.wanted(bar.close.as_double())
        missing = 0 if wanted is None else wanted - self.held
        if missing:
            side = OrderSide.BUY if missing > 0 else OrderSide.SELL
            self.submit_order(self.order_factory.market(INSTRUMENT.id, side, Quantity.from_int(abs(missing))))

    def on_order_filled(self, event: OrderFilled) -> None:
        signed = int(event.last_qty) if event.order_side == OrderSide.BUY else -int(event.last_qty)
        self.held += signed
        FILLS.append((signed, event.last_px.as_double()))


def load() -> BacktestEngine:
    columns = bars()
    frame = pd.DataFrame({name: columns[name] for name in ("open", "high", "low", "close", "volume")})
    frame.index = pd.to_datetime(columns["ts"] + 60_000_000_000, utc=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(CASH, USD)], base_currency=USD)
    engine.add_instrument(INSTRUMENT)
    engine.add_data(BarDataWrangler(BARS, INSTRUMENT).process(frame))
    engine.add_strategy(EmaCross())
    return engine


def run(engine: BacktestEngine) -> tuple[list[tuple[int, float]], float]:
    engine.run()
    account = engine.portfolio.account(VENUE)
    unrealised = engine.portfolio.unrealized_pnl(INSTRUMENT.id)
    return FILLS, account.balance_total(USD).as_double() + (unrealised.as_double() if unrealised else 0.0)


if __name__ == "__main__":
    report(nautilus_trader.__version__, load, run)
