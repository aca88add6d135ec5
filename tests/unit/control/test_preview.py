"""An order that is only tried: what the engine says of it afterwards is what was said before."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import Config, parse_config
from holdfast.control.asks import close, set_parameters, written
from holdfast.control.preview import Preview, preview, preview_signal
from holdfast.control.ticket import Ticket
from holdfast.core import snapshot
from holdfast.core.engine import step
from holdfast.core.messages import CommandDone, PlaceOrder, Request, RiskApproved, RiskRefused
from holdfast.core.state import EngineState
from holdfast.core.steering import SetParameters
from holdfast.core.types import Side, TimeInForce
from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine
from holdfast.views.books import Books

RISK = {"max_position_value": "30000", "max_gross_pct": "150", "max_volume_pct": "50", "require_stop": True}


def configuration(folder: Path) -> Config:
    """An account with some limits, in which a strategy holds something at the end."""
    data: dict[str, Any] = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {"kind": "synthetic", "seed": 5, "symbols": ["AVOR", "BRYX"], "days": 1, "history_days": 0},
        "accounts": [{"name": "one", "calendar": "24/7", "risk": RISK}],
        "strategies": [
            {"id": "mean", "class": "holdfast.strategies:MeanReversion", "account": "one", "symbols": ["AVOR"]}
            | {"params": {"window": 5, "entry": 0.5, "stop_pct": 4, "quantity": 20}}
        ],
    }
    return parse_config(data, "test", folder)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, EngineState]:
    """A run that is over, and the state in which its engine ended."""
    config = configuration(tmp_path_factory.mktemp("preview"))
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())
        state = engine.accounts[0].state
    return config, state


def ticket(side: Side, quantity: str, **other: Any) -> Ticket:
    """An order for AVOR at the market."""
    given = {"limit": None, "stop": None, "tif": TimeInForce.GTC, "stop_loss": None, "take_profit": None} | other
    return Ticket(side, "AVOR", quantity, **given)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (ticket(Side.BUY, "10", stop_loss="1"), ""),
        (ticket(Side.BUY, "$2500", stop_loss="1", take_profit="100000"), ""),
        (ticket(Side.BUY, "10"), "require_stop"),
        (ticket(Side.BUY, "100000", stop_loss="1"), "position_value"),
        (ticket(Side.BUY, "10", stop_loss="0.5", limit="1"), ""),
        (ticket(Side.BUY, "10", stop_loss="1", limit="100000"), "price_collar"),
        (ticket(Side.BUY, "10.5", stop_loss="1"), ""),
        (ticket(Side.SELL, "10", stop_loss="100000"), ""),
    ],
)
def test_the_engine_says_the_same(ran: tuple[Config, EngineState], asked: Ticket, rule: str) -> None:
    """Answer, rule, figures, quantity and worth are those of the engine's own state; the journal is as it was."""
    config, state = ran
    with Reader.open(config.journal.url) as reader:
        before = reader.account("one").last_hash
        scratch = Books(config).whole(reader, "one").state
        for symbol in ("AVOR", "BRYX"):  # the engine is gone, and with it the last prices that the journal doesn't have
            price = state.price(symbol)
            assert price is not None
            scratch.mark(symbol, price)
        scratch.seen_ns.update(state.seen_ns)
        found = preview(scratch, asked)
        assert reader.account("one").last_hash == before
    own = copy_of(config, state)
    turn = step(own, Request(own.now_ns, "x", "cli:test", PlaceOrder(asked.signal())))
    assert turn is not None
    bodies = [record.body for record in turn.records]
    (done,) = [body for body in bodies if isinstance(body, CommandDone)]
    assert (found.accepted, found.rule, found.not_judged) == (done.accepted, rule, ["max_volume_pct"])
    refused = [body for body in bodies if isinstance(body, RiskRefused)]
    assert [(body.rule, body.figure, body.limit) for body in refused] == (
        [(found.rule, found.figure, found.limit)] if rule else []
    )
    approved = [body for body in bodies if isinstance(body, RiskApproved)]
    assert [(body.terms.quantity, body.notional, body.reference_price) for body in approved[:1]] == (
        [] if rule else [(found.quantity, found.worth, found.price)]
    )
    assert found.buying_power_after == own.buying_power
    assert (found.buying_power_after < found.buying_power) is (not rule and found.raises_risk)


def copy_of(config: Config, state: EngineState) -> EngineState:
    """A state to try things on."""
    books = Books(config)
    with Reader.open(config.journal.url) as reader:
        fresh = books.whole(reader, "one").state
    again = type(state)(
        state.account,
        state.broker,
        state.calendar,
        state.register.exchange,
        fresh.limits,
        state.stale_after_ns,
        rules=state.rules,
    )
    snapshot.restore(again, snapshot.take(state))
    again.register = fresh.register
    again.limits = type(fresh.limits)(
        **{name: getattr(fresh.limits, name) for name in fresh.limits.__struct_fields__ if name != "max_volume_pct"}
    )
    return again


def test_a_close_by_name(ran: tuple[Config, EngineState]) -> None:
    """It is of whoever holds the symbol, in full; nobody's, and one of several, is an error."""
    config, state = ran
    with Reader.open(config.journal.url) as reader:
        held = [row for row in reader.positions("one") if row.strategy == "mean" and row.quantity]
        assert held, "this seed leaves a position"
        command = close(reader, "one", "AVOR")
        found = preview_signal(Books(config).whole(reader, "one").state, command.signal)
        assert isinstance(found, Preview)
        assert (found.accepted, found.quantity) == (True, abs(held[0].quantity))
        assert found.held == held[0].quantity
        with pytest.raises(InvalidValue, match=r"manual holds no AVOR; .* of mean"):
            close(reader, "one", "AVOR", "manual")
        with pytest.raises(InvalidValue, match="nobody holds any"):
            close(reader, "one", "BRYX")
    assert state.portfolio.quantity("AVOR") == held[0].quantity


def test_parameters_as_people_type_them() -> None:
    """Numbers, truths, lists and texts; what is no pair is an error; none means those of the file."""
    assert written(["fast=5", "share=0.25", "short=true", 'names=["A"]', "word=up", "none=null"]) == {
        "fast": 5, "share": 0.25, "short": True, "names": ["A"], "word": "up", "none": None,
    }  # fmt: skip
    for wrong in ("fast", "=5", " =5"):
        with pytest.raises(InvalidValue, match="NAME=VALUE"):
            written([wrong])
    assert set_parameters("ema", {}) == SetParameters("ema", "")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "\ud800"], ids=["inf", "nan", "half a character"])
def test_what_json_can_not_tell_is_no_parameter(value: object) -> None:
    """A number without an end would become null, which is another thing than was asked."""
    with pytest.raises(InvalidValue, match="can't be kept as JSON"):
        set_parameters("ema", {"fast": value})
