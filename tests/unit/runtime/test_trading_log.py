"""What is recorded is told: each order, fill and refusal has its line, with the ids by which it is found again."""

import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
import structlog

from holdfast.core.messages import Action, OrderFilled, OrderReleased, PlaceOrder, Request, RiskRefused, Signal
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.types import MANUAL, Money, Quantity
from holdfast.runtime.trading_log import ASKED, NAMES, TABLE, TradingLog
from holdfast.telemetry.logs import LogFormat, set_up_logs
from tests.scenario.account import Account, Scripted, bar


@pytest.fixture
def log() -> Iterator[StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = StringIO()
    set_up_logs(LogFormat.JSON, logging.DEBUG, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_the_table_names_fields_that_there_are() -> None:
    """A record that has lost a field would be told by an error otherwise."""
    for kind, told in TABLE.items():
        missing = set(told.fields) - set(kind.__struct_fields__)  # type: ignore[attr-defined]
        assert not missing, (kind.__name__, missing)


def test_no_field_is_called_as_a_part_of_every_line() -> None:
    """It could not be told otherwise: an anomaly's ``event`` is `told`."""
    for kind, told in TABLE.items():
        names = kind.__struct_fields__ if told.event == ASKED else told.fields  # type: ignore[attr-defined]
        assert not {NAMES.get(name, name) for name in names} & {"event", "level", "at", "time"}, kind.__name__


def traded() -> Account:
    """A strategy that buys, one that is refused, and a person who sells."""
    limits = RiskLimits(max_position_value=Money(Decimal(2000)))
    script = Scripted({1: lambda context, _: context.buy("ABC", 10), 2: lambda context, _: context.buy("ABC", 1000)})
    account = Account(script, limits=limits)
    account.run(bar(1, 100), bar(2, 100), bar(3, 100))
    signal = Signal(strategy=MANUAL, symbol="ABC", action=Action.SELL, quantity=Quantity(Decimal(5)))
    account.take(Request(account.state.now_ns, "c-1", "cli:alice", PlaceOrder(signal)))
    return account


def test_every_order_fill_refusal_and_command_has_its_line(log: StringIO) -> None:
    """One for each record of the table, in their order, with account, broker, trace, strategy and order, as the record has them."""
    account = traded()
    tell = TradingLog()
    for turn in account.turns:
        tell(turn)
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.getvalue().splitlines()]
    lines = [line for line in lines if line["channel"] in ("trading", "audit", "market")]
    records = [record for record in account.records if type(record.body) in TABLE]
    assert {OrderReleased, OrderFilled, RiskRefused, PlaceOrder} <= {type(record.body) for record in records}
    assert len(lines) == len(records)
    for line, record in zip(lines, records, strict=True):
        assert line["event"] == TABLE[type(record.body)].event
        assert (line["account"], line["broker"], line["trace"]) == ("main", "paper", record.correlation_id)
        key = getattr(record.body, "client_order_id", None)
        assert line.get("order") == (key or line.get("order"))
        if key is not None:
            order = account.state.orders.find(key)
            assert order is not None
            assert line["strategy"] == order.terms.strategy
    asked = next(line for line in lines if line["event"] == ASKED)
    assert (asked["by"], asked["command"], asked["symbol"]) == ("cli:alice", "PlaceOrder", "ABC")
    refused = next(line for line in lines if line["event"] == "order refused by risk")
    assert refused["rule"] == "position_value"


def test_what_can_t_be_told_stops_nobody(log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine goes on, and the log says that something is missing in it."""
    monkeypatch.setitem(TABLE, OrderReleased, TABLE[OrderReleased]._replace(fields=("nonsense",)))
    for turn in traded().turns:
        TradingLog()(turn)
    assert "what was recorded could not be told" in log.getvalue()
