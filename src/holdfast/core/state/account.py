"""All that one account's engine knows. Records change it, by the tables beside this module."""

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from holdfast.core.broker_rules import ANY_ORDER, NO_FEES, BrokerRules, HeldExits
from holdfast.core.carry import NO_CARRY
from holdfast.core.codec import Ids
from holdfast.core.exits import ExitRules
from holdfast.core.exposure import Exposure
from holdfast.core.instruments import AssetClass, Instrument, in_whole_units
from holdfast.core.messages import (
    BrokerName,
    Envelope,
    OrderFilled,
)
from holdfast.core.milestones import (
    FeedOpened,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import Order
from holdfast.core.permits import EVERYTHING
from holdfast.core.portfolio.activities import Activities
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.protection.cover import Closing, Cover
from holdfast.core.protection.legs import Guard
from holdfast.core.protection.policy import ProtectionPolicy
from holdfast.core.rates import RateSources
from holdfast.core.register import Register
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.risk.volatility import VolatilityCache
from holdfast.core.session.account import AccountState
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.session.counters import Counters
from holdfast.core.session.square_off import IntradayPolicy
from holdfast.core.settings import AccountSettings
from holdfast.core.strategy.host import Host
from holdfast.core.types import (
    NO_MONEY,
    ClientOrderId,
    Money,
    OrderRole,
    OrderType,
    Price,
    Quantity,
    StrategyId,
    from_float,
)
from holdfast.core.waits import Waiting

_CRYPTO: Final = AssetClass.CRYPTO
_REGULAR: Final = OrderRole.REGULAR
_STOP_LIMIT: Final = OrderType.STOP_LIMIT

Key = tuple[StrategyId, str]


class Policy(StrEnum):
    """What is done when the broker shows an order that is not ours, or no longer shows one that it had accepted.

    The configuration's words (`SupervisorConfig` says what each means).
    """

    ADOPT = "adopt"
    ALERT = "alert"
    CANCEL = "cancel"
    QUARANTINE = "quarantine"


_ALERT: Final = Policy.ALERT
_QUARANTINE: Final = Policy.QUARANTINE


class EngineState:
    """One account. ``rules`` are its broker's. ``cursor`` counts steps of the feed (see `Envelope`); ``marks`` are the last prices."""

    def __init__(
        self,
        account: str,
        broker: BrokerName,
        calendar: TradingCalendar,
        instrument: Instrument,
        limits: RiskLimits,
        stale_after_ns: int | None = None,
        *,
        rules: BrokerRules = ANY_ORDER,
    ) -> None:
        self.account = account
        self.broker = broker
        self.calendar = calendar
        self.register = Register(instrument)
        self.rate_sources = RateSources()
        self.limits = limits
        self.exit_rules: dict[StrategyId, ExitRules] = {}
        self.strategy_limits: dict[StrategyId, StrategyLimits] = {}
        self.volatility = VolatilityCache()
        self.stale_after_ns = stale_after_ns
        self.rules = rules
        self.carry = NO_CARRY
        self.fill = ""  # how orders fill at an exchange in memory, as its setting of that name says it

        self.epoch = 0
        self.ids = Ids(account, 0)
        self.sequence = 0
        self.cursor = 0
        self.now_ns = self.wake_ns = 0
        self.feed: FeedOpened | None = None
        self.orders = OrderBook()
        self.order_count = 0
        self.portfolio = Portfolio()
        self.account_state = AccountState.RECOVERING
        self.permits = EVERYTHING
        self.broker_account_id = ""
        self.external_orders = _ALERT
        self.lost_orders = _QUARANTINE
        self.gaps: dict[str, Quantity] = {}  # where the broker is known to hold another quantity: how much more, signed
        self.accepted_ns = 0  # when a person last accepted what the broker has: what went before is settled
        self.held_executions: tuple[str, ...] = ()  # part of what the account held when it was first taken
        self.overdue: dict[ClientOrderId, str] = {}  # orders nobody explains, and the symbol that each bars
        self.impairments: dict[str, str] = {}  # cause: reason
        self.impaired_ns: dict[str, int] = {}  # since when each is known
        self.listening_ns = 0  # since when the market could be heard: a start, or its stream, has brought it back
        self.trading_day = ""
        self.day_start_equity: Money = NO_MONEY
        self.counters = Counters()
        self.activities = Activities()
        self.guards: dict[Key, Guard] = {}
        self.protection = ProtectionPolicy()
        self.covers: dict[Key, Cover] = {}  # one for each guard
        self.followed: frozenset[str] = frozenset()  # the symbols of guards that go by the market
        self.closing: dict[Key, Closing] = {}
        self.blocked: dict[Key, ClientOrderId] = {}  # the order of somebody else that bars a reduce-only order
        self.preserved_ns = 0  # since when the account is in PRESERVATION
        self.flattening = False
        self.flatten_tries: dict[Key, int] = {}
        self.waiting: dict[Key, list[Waiting]] = {}  # intents that can't be carried out yet, the oldest first
        self.entry_times: deque[int] = deque(maxlen=limits.max_orders_per_minute)
        self.intents: OrderedDict[tuple[Any, ...], tuple[ClientOrderId, ...]] = OrderedDict()
        self.refusals: dict[Key, tuple[Any, ...]] = {}
        self.hour = 0
        self._begin_market()
        self._begin_strategies()
        self.host = Host(self.orders, self.portfolio, self.marks, calendar)
        self.host.waiting = self.waiting
        self.host.account = self

    def _begin_market(self) -> None:
        """What is known of the market by symbol: nothing yet. Events make it, not records."""
        self.marks: dict[str, float] = {}
        self.quotes: dict[str, tuple[float, float]] = {}
        self.seen_ns: dict[str, int] = {}
        self.cadence_ns: dict[str, int] = {}  # how long a symbol's bars are: it is silent for so long in good health
        self.stale: dict[str, int] = {}  # when it was last heard of
        self.exact_prices: dict[str, tuple[float, Price]] = {}
        self.exposure = Exposure()

    def _begin_strategies(self) -> None:
        """How the strategies and the settings stand by what is recorded of them."""
        self.intraday = IntradayPolicy()
        self.day_ends_ns = 0  # when what is held for the day is looked at next; 0: nothing is
        self.configured: AccountSettings | None = None  # what the configuration says; None: what is recorded goes on
        self.settings = ""  # what records say, as they do; empty where none does
        self.stopped: set[StrategyId] = set()
        self.off: set[StrategyId] = set()  # switched off by a person: no start switches them on
        self.parameters: dict[StrategyId, str] = {}  # set by a person, in place of the configuration's

    def price(self, symbol: str) -> Price | None:
        """The last price of a symbol, exact; None before the first."""
        mark = self.marks.get(symbol)
        if mark is None:
            return None
        known = self.exact_prices.get(symbol)
        if known is None or known[0] != mark:
            known = self.exact_prices[symbol] = (mark, Price(from_float(mark)))
        return known[1]

    def mark(self, symbol: str, price: Price) -> None:
        """Take an exact price as the last one of a symbol."""
        mark = self.marks[symbol] = float(price)
        self.exact_prices[symbol] = (mark, price)
        self.exposure.priced.add(symbol)

    @property
    def equity(self) -> Money:
        """Cash and positions at the last prices."""
        return self.exposure.equity(self)

    @property
    def buying_power(self) -> Money:
        """What may still be put into positions: equity by the leverage that is allowed, less what is held or may yet fill."""
        leverage = self.permits.bounded(self.limits.leverage)
        return Money(self.equity * leverage - self.exposure.committed(self))

    def instrument_of(self, symbol: str) -> Instrument:
        """The price and quantity rules of a symbol; whole units of what the broker takes no parts of."""
        found = self.register.of(symbol)
        if found.eras:
            found = found.at(self.now_ns)
        return in_whole_units(found) if symbol in self.permits.whole_only else found

    def exits_held(self, symbol: str) -> HeldExits:
        """Which protective orders the broker holds for a symbol."""
        return self.rules.exits(self.instrument_of(symbol))

    def note_guards(self) -> None:
        """Find out anew in which symbols guards go by the market: those whose stops it moves, and those with a limit that it may pass."""
        self.followed = frozenset(
            symbol
            for (_, symbol), guard in self.guards.items()
            if guard.moves_stop or (guard.stop_loss is not None and self.exits_held(symbol).stop is _STOP_LIMIT)
        )

    def note_fee(self, fill: OrderFilled) -> None:
        """A fill of which the broker may take a fee by itself."""
        if self.rules.fees is NO_FEES:
            return
        is_coin = self.instrument_of(fill.symbol).asset_class is _CRYPTO
        self.activities.fill(fill, self.rules.fees, is_coin=is_coin)

    def legs(self, strategy: StrategyId, symbol: str) -> list[Order]:
        """The live protective orders of a strategy in a symbol."""
        if len(self.orders.live) == self.orders.regular_count:
            return []
        return [
            order
            for order in self.orders.live.values()
            if order.terms.role is not _REGULAR and order.terms.strategy == strategy and order.terms.symbol == symbol
        ]


Change = Callable[[EngineState, Envelope, Any], None]
"""What a record makes of the state: called with its envelope and its body."""
