"""Milestones of an account, its strategies and its engine: a part of `messages.py`."""

import msgspec

from holdfast.core.body import Body
from holdfast.core.session.account import AccountState
from holdfast.core.types import Money, StrategyId


class AccountStateChanged(Body, frozen=True, gc=False):
    """The account's state machine moved."""

    old: AccountState
    new: AccountState
    reason: str


class AccountBound(Body, frozen=True, gc=False):
    """From here on this account is the broker's account of that id, and no other.

    ``executions`` are the latest of those that are in its holdings already, and are never booked.
    """

    broker_account_id: str
    executions: tuple[str, ...] = ()


class AccountRenamed(Body, frozen=True, gc=False):
    """The account had another name until here; under it the chain of its records ended with ``last_hash``."""

    former: str
    last_hash: str


class StrategyRenamed(Body, frozen=True, gc=False):
    """A strategy of the account had another id until here, in every record before; their chain ended with ``last_hash`` then."""

    former: str
    strategy: StrategyId
    last_hash: str


class Impaired(Body, frozen=True, gc=False):
    """Something the account needs for taking risk is missing (``cause``: a connection, a limit): it goes into PRESERVATION.

    ``is_connection`` is of earlier versions; what a cause leads to is said by `core/session/causes.py`.
    """

    cause: str
    reason: str
    is_connection: bool = False


class Restored(Body, frozen=True, gc=False):
    """An impairment is over; the account leaves PRESERVATION with the last of them."""

    cause: str
    reason: str


class TradingDayStarted(Body, frozen=True, gc=False):
    """A new trading day of the account's calendar (``trading_day``: ISO date); daily counters start from here.

    ``strategy_pnl`` is each strategy's profit so far: realised + unrealised - fees. Day trades since ``day_trades_from`` (ISO
    date) still count. ``is_guess``: the calendar's holidays of that year aren't known, the day is one by rule.
    """

    trading_day: str
    day_start_equity: Money
    strategy_pnl: dict[StrategyId, Money] = msgspec.field(default_factory=dict)
    day_trades_from: str = ""
    is_guess: bool = False


class StrategyStarted(Body, frozen=True, gc=False):
    """A strategy runs, with these parameters."""

    strategy: StrategyId
    class_name: str
    symbols: tuple[str, ...]
    params: str


class StrategyStopped(Body, frozen=True, gc=False):
    """A strategy gets no more events; ``reason`` is ``raised``, ``flooded`` or ``overran``."""

    strategy: StrategyId
    reason: str
    detail: str


class MarketStale(Body, frozen=True, gc=False):
    """No data for a symbol for longer than its limit, while its market is open."""

    symbol: str
    last_ns: int


class MarketFresh(Body, frozen=True, gc=False):
    """Data for a stale symbol came again after ``gap_ns``."""

    symbol: str
    gap_ns: int


class EngineStarted(Body, frozen=True, gc=False):
    """A process took the account, under a new epoch. ``calendar`` is the account's (empty in journals from before it was kept).

    ``lists_instruments``: the rules of instruments are recorded from here on (`InstrumentListed`). ``currency`` is the account's own (empty: it has no name).
    ``fill`` is how orders fill at the exchange in memory (empty: the account is elsewhere, or the journal of before it was kept, when it was ``close``).
    """

    epoch: int
    holdfast_version: str
    process: str
    calendar: str = ""
    lists_instruments: bool = False
    currency: str = ""
    fill: str = ""


class EngineStopped(Body, frozen=True, gc=False):
    """A process let the account go."""

    reason: str


class FeedOpened(Body, frozen=True, gc=False):
    """Market data comes from here; ``fingerprint`` tells whether it is the data of the last run.

    ``by_instant``: a step of the cursor takes all events of one time. Journals of before counted events one by one.
    """

    kind: str
    name: str
    fingerprint: str
    by_instant: bool = False


class RecoveryCompleted(Body, frozen=True, gc=False):
    """Every order is explained; trading may go on."""

    records: int
    market_events: int
    open_orders: int
    resent: int
    not_sent: int
    positions: int | None = None  # None in journals from before it was counted
