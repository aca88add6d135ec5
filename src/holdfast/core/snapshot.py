"""An account's state as bytes, so that a restart need not read its whole journal.

A snapshot holds everything that records have made of `EngineState` and that later records or decisions go by. What the strategies
keep for themselves is not in it: they are shown the market's history and their fills again. A property holds it to its
promise: a snapshot and the records after it give the state that all records give.
"""

import hashlib
from typing import Any

import msgspec

from holdfast.core.codec import Ids
from holdfast.core.instruments import Instrument
from holdfast.core.listings import InstrumentListed
from holdfast.core.milestones import FeedOpened
from holdfast.core.orders.order import Order
from holdfast.core.permits import BrokerPermits
from holdfast.core.portfolio.activities import Activities
from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.portfolio.money import Balance, Rate
from holdfast.core.protection.cover import Closing, Cover
from holdfast.core.protection.legs import Guard
from holdfast.core.session.account import AccountState
from holdfast.core.session.counters import Counters
from holdfast.core.settings import read
from holdfast.core.state import EngineState
from holdfast.core.state.settings import take_settings
from holdfast.core.types import ClientOrderId, Money, OrderType, Price, Quantity, Side, StrategyId, TimeInForce
from holdfast.core.waits import Waiting
from holdfast.errors import JournalCorrupt

VERSION = 17
"""Raised whenever `Snapshot` changes: one of another version is passed over, and the records are read instead."""

Key = tuple[StrategyId, str]
Intent = tuple[
    StrategyId,
    str,
    Side,
    Quantity,
    OrderType,
    TimeInForce,
    Price | None,
    Price | None,
    Price | None,
    Price | None,
]


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """`EngineState` after record ``sequence``; the fields are its own, dictionaries as pairs in their order."""

    account: str
    sequence: int
    epoch: int
    cursor: int
    now_ns: int
    feed: FeedOpened | None
    lists_instruments: bool
    currency: str
    instruments: dict[str, Instrument]
    live: list[Order]
    finished: list[Order]
    order_count: int
    base: Balance
    foreign: dict[str, Balance]
    rates: dict[str, Rate]
    lines: list[tuple[str, Ledger]]
    ledgers: list[tuple[Key, Ledger]]
    account_state: AccountState
    broker_account_id: str
    permits: BrokerPermits
    held_executions: tuple[str, ...]
    overdue: dict[ClientOrderId, str]
    gaps: dict[str, Quantity]
    accepted_ns: int
    impairments: dict[str, str]
    impaired_ns: dict[str, int]
    listening_ns: int
    trading_day: str
    day_start_equity: Money
    counters: Counters
    activities: Activities
    guards: list[tuple[Key, Guard]]
    covers: list[tuple[Key, Cover]]
    closing: list[tuple[Key, Closing]]
    blocked: list[tuple[Key, ClientOrderId]]
    preserved_ns: int
    stopped: list[StrategyId]
    off: list[StrategyId]
    parameters: dict[StrategyId, str]
    flattening: bool
    flatten_tries: list[tuple[Key, int]]
    waiting: list[tuple[Key, list[Waiting]]]
    entry_times: list[int]
    intents: list[tuple[Intent, tuple[ClientOrderId, ...]]]
    refusals: list[tuple[Key, tuple[Side | None, Quantity | None, str]]]
    hour: int
    settings: str
    marks: dict[str, float]
    prices: list[tuple[str, tuple[float, Price]]]
    quotes: dict[str, tuple[float, float]]
    seen_ns: dict[str, int]
    stale: dict[str, int]
    cadence_ns: dict[str, int]


_VALUES = [
    "account",
    "sequence",
    "epoch",
    "cursor",
    "now_ns",
    "feed",
    "order_count",
    "account_state",
    "broker_account_id",
    "permits",
    "held_executions",
    "accepted_ns",
    "trading_day",
    "day_start_equity",
    "counters",
    "activities",
    "flattening",
    "preserved_ns",
    "listening_ns",
    "hour",
    "settings",
]
_DICTIONARIES = (
    "parameters",
    "overdue",
    "gaps",
    "impairments",
    "marks",
    "quotes",
    "seen_ns",
    "stale",
    "impaired_ns",
    "cadence_ns",
)
_PAIRS = ("guards", "covers", "closing", "blocked", "flatten_tries", "waiting", "refusals", "intents")
"""Dictionaries whose keys are more than a text."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Snapshot).decode


def take(state: EngineState) -> bytes:
    """The state as bytes: the same bytes for the same state."""
    orders, portfolio = state.orders, state.portfolio
    given: dict[str, Any] = {name: getattr(state, name) for name in (*_VALUES, *_DICTIONARIES)}
    given |= {name: list(getattr(state, name).items()) for name in _PAIRS}
    return _encode(
        Snapshot(
            live=list(orders.live.values()),
            finished=list(orders.finished.values()),
            base=portfolio.base,
            foreign=portfolio.foreign,
            rates=portfolio.rates.known,
            lines=list(portfolio.lines.items()),
            ledgers=list(portfolio.ledgers.items()),
            stopped=sorted(state.stopped),
            off=sorted(state.off),
            entry_times=list(state.entry_times),
            prices=list(state.exact_prices.items()),
            lists_instruments=state.register.lists,
            currency=state.register.recorded_currency,
            instruments=state.register.named,
            **given,
        )
    )


def restore(state: EngineState, body: bytes) -> None:
    """Give a fresh state what `take` wrote.

    Raises :class:`~holdfast.errors.JournalCorrupt` when it can't be read or is another account's; the state is untouched then.
    """
    try:
        snapshot = _decode(body)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(f"a snapshot of account {state.account!r} can't be read ({error})") from None
    if snapshot.account != state.account:
        raise JournalCorrupt(f"a snapshot of account {snapshot.account!r} can't be used for {state.account!r}")
    for name in _VALUES:
        setattr(state, name, getattr(snapshot, name))
    if state.settings:
        take_settings(state, read(state.settings))
    for name in (*_DICTIONARIES, *_PAIRS):
        getattr(state, name).update(getattr(snapshot, name))
    if snapshot.lists_instruments:
        state.register.begin(snapshot.currency)
        for symbol, instrument in snapshot.instruments.items():
            listed = InstrumentListed(symbol, instrument)
            state.register.list(listed)
            state.portfolio.list(listed)
    state.note_guards()
    state.ids = Ids(state.account, state.epoch)
    state.host.now_ns = state.now_ns
    state.stopped.update(snapshot.stopped)
    state.off.update(snapshot.off)
    state.entry_times.extend(snapshot.entry_times)
    state.exact_prices.update(snapshot.prices)
    for order in (*snapshot.live, *snapshot.finished):
        state.orders.restore(order)
    state.portfolio.base = snapshot.base
    state.portfolio.foreign.update(snapshot.foreign)
    state.portfolio.rates.known.update(snapshot.rates)
    state.portfolio.lines.update(snapshot.lines)
    state.portfolio.ledgers.update(snapshot.ledgers)
    state.exposure.moved.update(state.marks, state.portfolio.lines, state.gaps)


def digest(state: EngineState) -> str:
    """What two states have in common exactly when they are the same: SHA-256 of `take`."""
    return hashlib.sha256(take(state)).hexdigest()
