"""Lines of the log for what an engine records: orders and what became of them, the account's state, who asked for what (docs/logs.md).

A line is told as its record goes to the journal; the order that it is about leaves after that. Each carries the ids by which it is found again
in the journal: the chain's (``trace``), the account's and its broker's, the strategy's and the order's.
"""

import logging
from decimal import Decimal
from typing import Any, NamedTuple, get_args

import structlog

from holdfast.core.messages import (
    CancelReleased,
    Command,
    CommandDone,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderAnomaly,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderUnknown,
    PlaceOrder,
    RiskRefused,
    Signal,
)
from holdfast.core.milestones import (
    AccountStateChanged,
    EngineStarted,
    EngineStopped,
    Impaired,
    MarketFresh,
    MarketStale,
    RecoveryCompleted,
    Restored,
    StrategyStopped,
)
from holdfast.core.orders.order import Order
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionLeft,
    ProtectionComplete,
    ProtectionFailed,
    ProtectionLate,
)
from holdfast.core.session.account import AccountState
from holdfast.core.settings import SettingsChanged
from holdfast.core.state import EngineState
from holdfast.core.steering import ParametersSet, StrategySwitched
from holdfast.core.turn import Turn
from holdfast.core.types import iso_time, plain
from holdfast.telemetry.channels import AUDIT_LOG, MARKET_LOG, PERFORMANCE_LOG, TRADING_LOG

_log = structlog.get_logger(__name__)

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR
MILLISECOND_NS = 1_000_000

Fields = dict[str, Any]


class Told(NamedTuple):
    """How a record is told: in which logger, from which level on, in which words, and with which of its fields."""

    logger: str
    level: int
    event: str
    fields: tuple[str, ...] = ()


ASKED = "asked"

TABLE: dict[type, Told] = {
    Signal: Told(TRADING_LOG, DEBUG, "signal", ("symbol", "action", "quantity")),
    RiskRefused: Told(TRADING_LOG, INFO, "order refused by risk", ("rule", "figure", "limit", "text", "symbol")),
    OrderPrepared: Told(TRADING_LOG, DEBUG, "order prepared"),
    OrderReleased: Told(TRADING_LOG, INFO, "order submitted", ("attempt",)),
    OrderAccepted: Told(TRADING_LOG, INFO, "order accepted", ("broker_order_id",)),
    OrderRejected: Told(TRADING_LOG, INFO, "order rejected", ("reason",)),
    OrderFilled: Told(TRADING_LOG, INFO, "order filled", ("quantity", "price", "fee", "execution_id")),
    FillBusted: Told(TRADING_LOG, WARNING, "fill taken back", ("execution_id", "reason")),
    OrderCanceled: Told(TRADING_LOG, INFO, "order canceled", ("reason",)),
    OrderExpired: Told(TRADING_LOG, INFO, "order expired", ("reason",)),
    OrderNotSent: Told(TRADING_LOG, INFO, "order not sent", ("reason",)),
    OrderFailed: Told(TRADING_LOG, WARNING, "order failed", ("reason",)),
    OrderUnknown: Told(TRADING_LOG, WARNING, "order has no answer", ("reason",)),
    OrderAnomaly: Told(TRADING_LOG, WARNING, "what was told of an order can't be", ("state", "event", "reason")),
    CancelReleased: Told(TRADING_LOG, INFO, "cancel submitted", ("reason",)),
    ProtectionComplete: Told(TRADING_LOG, INFO, "position protected", ("symbol", "quantity", "unprotected_ns")),
    ProtectionLate: Told(
        TRADING_LOG,
        WARNING,
        "position not protected in time",
        ("symbol", "quantity", "protected", "unprotected_ns"),
    ),
    ProtectionFailed: Told(TRADING_LOG, WARNING, "protection failed", ("symbol", "action", "reason")),
    PositionLeft: Told(TRADING_LOG, WARNING, "position left without protection", ("symbol", "quantity", "reason")),
    ExitBlocked: Told(TRADING_LOG, WARNING, "exit blocked", ("symbol", "reason")),
    AccountStateChanged: Told(TRADING_LOG, INFO, "account", ("old", "new", "reason")),
    Impaired: Told(TRADING_LOG, WARNING, "impaired", ("cause", "reason")),
    Restored: Told(TRADING_LOG, INFO, "restored", ("cause", "reason")),
    StrategyStopped: Told(TRADING_LOG, ERROR, "strategy stopped", ("reason", "detail")),
    MarketStale: Told(MARKET_LOG, INFO, "no market data", ("symbol",)),
    MarketFresh: Told(MARKET_LOG, INFO, "market data again", ("symbol", "gap_ns")),
    EngineStarted: Told(AUDIT_LOG, INFO, "engine started", ("epoch", "holdfast_version", "process")),
    EngineStopped: Told(AUDIT_LOG, INFO, "engine stopped", ("reason",)),
    RecoveryCompleted: Told(AUDIT_LOG, INFO, "recovered", ("records", "open_orders", "resent", "not_sent")),
    CommandDone: Told(AUDIT_LOG, INFO, "answered", ("accepted", "text")),
    StrategySwitched: Told(AUDIT_LOG, INFO, "strategy switched", ("on", "reason")),
    SettingsChanged: Told(AUDIT_LOG, INFO, "settings changed", ("changes", "reason")),
    ParametersSet: Told(AUDIT_LOG, INFO, "parameters set", ("params", "reason")),
}
"""The records that are told. What a command is called is the command's own name."""
TABLE |= {command: Told(AUDIT_LOG, INFO, ASKED) for command in get_args(Command)}

NAMES = {"client_order_id": "order"}
"""Fields that are called something else in a line."""
LOUD = (AccountState.HALTED, AccountState.PRESERVATION)


class TradingLog:
    """Tells the log what was recorded: a watcher of an engine's turns."""

    def __init__(self) -> None:
        self._loggers = {told.logger: logging.getLogger(told.logger) for told in TABLE.values()}
        self._performance = logging.getLogger(PERFORMANCE_LOG)

    def __call__(self, turn: Turn) -> None:
        """Tell what a turn has recorded. What can't be told stops nobody."""
        try:
            self._tell_all(turn)
        except Exception:  # noqa: BLE001  nothing that watches may end the engine
            _log.exception("what was recorded could not be told", account=turn.state.account)

    def _tell_all(self, turn: Turn) -> None:
        for record in turn.records:
            told = TABLE.get(type(record.body))
            if told is not None and self._loggers[told.logger].isEnabledFor(told.level):
                self._tell(turn.state, record, told)
            if type(record.body) is OrderAccepted and self._performance.isEnabledFor(DEBUG):
                _tell_way(turn.state, record)

    @staticmethod
    def _tell(state: EngineState, record: Envelope, told: Told) -> None:
        body = record.body
        level = WARNING if isinstance(body, AccountStateChanged) and body.new in LOUD else told.level
        fields = _ids(state, record) | _fields(told, body)
        if told.logger == AUDIT_LOG:
            fields["by"] = record.source
        structlog.get_logger(told.logger).log(level, told.event, at=iso_time(record.time_ns), **fields)


def _fields(told: Told, body: Any) -> Fields:
    """What a record says, without what says nothing. Of a command all that was asked for, of an order its signal's."""
    found: Fields = {}
    names, asked = told.fields, body
    if told.event == ASKED:
        found["command"] = type(body).__name__
        asked = body.signal if isinstance(body, PlaceOrder) else body
        names = asked.__struct_fields__
    for name in names:
        value = getattr(asked, name)
        if value not in (None, "", ()):
            found[NAMES.get(name, name)] = _plain(value)
    return found


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value if isinstance(value, str | int | float) else str(value)


def _ids(state: EngineState, record: Envelope) -> Fields:
    """By what a record is found again, and which order it is about."""
    body = record.body
    terms = getattr(body, "terms", None)
    key = getattr(body, "client_order_id", None) or getattr(terms, "client_order_id", None)
    order = state.orders.find(key) if key else None
    found: Fields = {"account": record.account, "broker": record.broker, "trace": record.correlation_id}
    if key:
        found["order"] = key
    strategy = (
        order.terms.strategy
        if order is not None
        else getattr(body, "strategy", None) or getattr(terms, "strategy", None)
    )
    if strategy:
        found["strategy"] = strategy
    return found | (_order(order) if order is not None else {})


def _order(order: Order) -> Fields:
    terms = order.terms
    shown = {
        "side": terms.side.value,
        "symbol": terms.symbol,
        "of": plain(terms.quantity),
        "type": terms.order_type.value,
        "role": terms.role.value,
        "limit": None if terms.limit_price is None else plain(terms.limit_price),
        "stop": None if terms.stop_price is None else plain(terms.stop_price),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _tell_way(state: EngineState, record: Envelope) -> None:
    """How long an order took from its release to the broker's word."""
    ids = _ids(state, record)
    order = state.orders.find(ids["order"])
    if order is not None and order.released_ns:
        ms = round((record.time_ns - order.released_ns) / MILLISECOND_NS, 3)
        structlog.get_logger(PERFORMANCE_LOG).debug("order acknowledged", ms=ms, **ids)
