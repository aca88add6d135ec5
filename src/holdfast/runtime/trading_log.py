"""Lines of the log for what an engine records: orders and what became of them, the account's state, who asked for what (docs/logs.md).

A line is told as its record goes to the journal; the order that it is about leaves after that. Each carries the ids by which it is found again
in the journal: the chain's (``trace``), the account's and its broker's, the strategy's and the order's. The engine's thread only notes which
records are told, and the order as it is then; the line is made in the thread that writes it.
"""

import datetime as dt
import logging
import time
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
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
    OrderTerms,
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
from holdfast.core.types import SECOND_NS, ClientOrderId, iso_time, plain
from holdfast.telemetry.channels import AUDIT_LOG, MARKET_LOG, PERFORMANCE_LOG, TRADING_LOG
from holdfast.telemetry.logs import log_later

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

NAMES = {"client_order_id": "order", "event": "told"}
"""Fields that are called something else in a line."""
LOUD = (AccountState.HALTED, AccountState.PRESERVATION)


class _Line(NamedTuple):
    """A record to be told, and the order it is about as that was then."""

    told: Told
    record: Envelope
    terms: OrderTerms | None
    released_ns: int | None


class TradingLog:
    """Tells the log what was recorded: a watcher of an engine's turns."""

    def __init__(self) -> None:
        self._loggers = {told.logger: logging.getLogger(told.logger) for told in TABLE.values()}

    def __call__(self, turn: Turn) -> None:
        """Tell what a turn has recorded. What can't be told stops nobody."""
        try:
            lines = [
                _line(turn.state, told, record)
                for record in turn.records
                if (told := TABLE.get(type(record.body))) is not None
                and self._loggers[told.logger].isEnabledFor(told.level)
            ]
            if lines:
                log_later(partial(_tell_all, lines, time.time_ns()), len(lines))
        except Exception:  # noqa: BLE001  nothing that watches may end the engine
            _log.exception("what was recorded could not be told", account=turn.state.account)


def _line(state: EngineState, told: Told, record: Envelope) -> _Line:
    key = _key(record.body)
    order = state.orders.find(key) if key else None
    return _Line(told, record, None, None) if order is None else _Line(told, record, order.terms, order.released_ns)


def _key(body: Any) -> ClientOrderId | None:
    """The order that a record is about."""
    return getattr(body, "client_order_id", None) or getattr(getattr(body, "terms", None), "client_order_id", None)


def _tell_all(lines: Sequence[_Line], now_ns: int) -> None:
    now = (
        dt.datetime.fromtimestamp(now_ns / SECOND_NS, dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    )
    for line in lines:
        try:
            _tell(line, now)
        except Exception:  # noqa: BLE001  the others are told
            _log.exception("what was recorded could not be told", account=line.record.account)


def _tell(line: _Line, now: str) -> None:
    told, record, body = line.told, line.record, line.record.body
    level = WARNING if isinstance(body, AccountStateChanged) and body.new in LOUD else told.level
    ids = _ids(line)
    fields = ids | _fields(told, body)
    if told.logger == AUDIT_LOG:
        fields["by"] = record.source
    structlog.get_logger(told.logger).log(level, told.event, time=now, at=iso_time(record.time_ns), **fields)
    if type(body) is OrderAccepted and line.released_ns:
        ms = round((record.time_ns - line.released_ns) / MILLISECOND_NS, 3)
        structlog.get_logger(PERFORMANCE_LOG).debug("order acknowledged", time=now, ms=ms, **ids)


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


def _ids(line: _Line) -> Fields:
    """By what a record is found again, and which order it is about."""
    record, body, terms = line.record, line.record.body, line.terms
    found: Fields = {"account": record.account, "broker": record.broker, "trace": record.correlation_id}
    if key := _key(body):
        found["order"] = key
    named = terms or body
    strategy = getattr(named, "strategy", None) or getattr(getattr(body, "terms", None), "strategy", None)
    if strategy:
        found["strategy"] = strategy
    return found | (_order(terms) if terms is not None else {})


def _order(terms: OrderTerms) -> Fields:
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
