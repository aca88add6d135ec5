"""One account on a market that the test makes, without HTTP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from holdfast.calendars import trading_calendar
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.core.types import MINUTE_NS, SECOND_NS
from holdfast.sim.alpaca.faults.catalogue import FAULTS
from holdfast.sim.alpaca.market.opening import time_from
from holdfast.sim.alpaca.market.place import marketplace, rules_of
from holdfast.sim.alpaca.trading.order import Order
from holdfast.sim.alpaca.trading.request import read_object, read_order, read_replace
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.trading.trading_accounts import TradingAccounts
from holdfast.sim.alpaca.world import World
from holdfast.sim.chassis.clock import MarketClock
from holdfast.sim.chassis.faults.registry import Faults
from holdfast.sim.chassis.market.columns import no_quotes, no_trades
from holdfast.sim.chassis.market.derive import SymbolData, complete
from holdfast.sim.chassis.market.store import Store
from holdfast.sim.chassis.state import State

OPEN = time_from("2024-07-10T13:30:00Z")
MORNING = OPEN + 30 * MINUTE_NS
EVENING = time_from("2024-07-09T22:00:00Z")
SYMBOLS = ("AVOR", "BRYX", "BTC/USD")
KEY, SECRET = "PKTEST", "made-up"


class EmptyMarket:
    """Data without a row: all that happens is what the test says."""

    name = "nothing"

    def load(self) -> Sequence[SymbolData]:
        return [complete(symbol, rules_of(symbol), {}, no_trades(), no_quotes()) for symbol in SYMBOLS]

    def more(self) -> Sequence[SymbolData]:
        return ()


class Bench:
    """A world with one account in it, and the market in the test's hand. ``heard`` are the trade updates told."""

    def __init__(
        self, now_ns: int = MORNING, *faults: dict[str, Any], state: Path | None = None, has_fees: bool = False
    ) -> None:
        place = marketplace(trading_calendar("XNYS"))
        self.state = None if state is None else State(state)
        kept_ns = None if self.state is None else self.state.market_time_ns
        self.world = World(MarketClock(kept_ns or now_ns), place, Store(EmptyMarket(), place))
        self.world.has_fees = has_fees
        self.world.faults = Faults([FAULTS.parse(fault) for fault in faults])
        self.world.accounts = TradingAccounts(self.world, requests_per_minute=0, state=self.state)
        self.heard: list[dict[str, Any]] = []
        trading = self.world.accounts.of_key(KEY, SECRET)
        assert trading is not None
        self.trading: TradingAccount = trading
        trading.hub.add(self._hear)

    def _hear(self, event: str, frame: bytes) -> None:
        self.heard.append(msgspec.json.decode(frame)["data"])

    @property
    def now_ns(self) -> int:
        return self.world.clock.now_ns

    def events(self, order: Order | None = None) -> list[str]:
        """The names of the updates told, of one order or all."""
        return [data["event"] for data in self.heard if order is None or data["order"]["id"] == order.id]

    # --- the market --------------------------------------------------------------------------------------------------

    def happen(self, event: MarketEvent) -> None:
        self.world.clock.advance(event.time_ns)
        self.world.market.see(event)
        self.trading.on_market(event)

    def quote(self, bid: float, ask: float, symbol: str = "AVOR", after_s: int = 1) -> None:
        self.happen(Quote(symbol, self.now_ns + after_s * SECOND_NS, bid, 100.0, ask, 100.0))

    def trade(self, price: float, symbol: str = "AVOR", after_s: int = 1) -> None:
        self.happen(Trade(symbol, self.now_ns + after_s * SECOND_NS, price, 100.0))

    def price(self, price: float, symbol: str = "AVOR", after_s: int = 1) -> None:
        """A trade, and a quote of one cent either way around it."""
        self.trade(price, symbol, after_s)
        self.quote(round(price - 0.01, 4), round(price + 0.01, 4), symbol, 0)

    def bar(self, open_: float, high: float, low: float, close: float, symbol: str = "AVOR") -> None:
        start_ns = self.now_ns - self.now_ns % MINUTE_NS
        self.happen(Bar(symbol, start_ns + MINUTE_NS, start_ns, open_, high, low, close, 1000.0))

    def go_to(self, time_ns: int) -> None:
        """Time passes to where a session begins or ends."""
        self.world.clock.advance(time_ns)
        self.trading.on_time(time_ns)

    # --- requests ----------------------------------------------------------------------------------------------------

    def send(self, **body: Any) -> Order:
        """An order as a client sends it; what is not given is a market order for ten shares of the day."""
        whole = {"symbol": "AVOR", "side": "buy", "type": "market", "time_in_force": "day"} | body
        if not {"qty", "notional"} & whole.keys():
            whole["qty"] = "10"
        return self.trading.submit(read_order(read_object(msgspec.json.encode(whole))))

    def place(self, **body: Any) -> Order:
        """`send`, and what it leads to."""
        order = self.send(**body)
        self.trading.settle()
        return order

    def replace(self, order: Order, **body: Any) -> Order:
        new = self.trading.replace(order.id, read_replace(read_object(msgspec.json.encode(body))))
        self.trading.settle()
        return new

    def cancel(self, order: Order) -> None:
        self.trading.cancel(order.id)
        self.trading.settle()

    def bracket(self, **body: Any) -> tuple[Order, Order, Order]:
        """A bracket around ten shares bought at market: entry, take-profit, stop-loss."""
        terms = {
            "order_class": "bracket",
            "take_profit": {"limit_price": "110"},
            "stop_loss": {"stop_price": "90"},
        }
        entry = self.place(**(terms | body))
        profit, loss = self.trading.orders.legs(entry)
        return entry, profit, loss
