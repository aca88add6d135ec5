"""Every fault of the local Alpaca and every rule about an account: what is told, once, and nothing else.

`tests/process/test_alerts.py` has the rules about processes, leases, clocks and files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest

from holdfast import Bar, Context, Strategy
from holdfast.config.sections import ProtectionConfig
from holdfast.core.findings import OrderLost, Reconcile, Resolution, Resolve
from holdfast.core.messages import (
    Action,
    CancelOrders,
    Command,
    Halt,
    OrderFilled,
    PlaceOrder,
    Preserve,
    Resume,
    Signal,
)
from holdfast.core.milestones import StrategyStopped
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.protection.records import PositionLeft, ProtectionLate
from holdfast.core.session.causes import Cause
from holdfast.core.steering import StartStrategy, StopStrategy
from holdfast.core.types import Quantity, StrategyId
from holdfast.journal.reader import Reader
from holdfast.monitor.verdicts import Level
from holdfast.sim.alpaca.faults.catalogue import FaultName
from holdfast.views.pipeline import Pipelines
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import (
    FAR_BELOW,
    LONG_S,
    ask,
    becomes,
    bodies,
    cancel,
    idle_configuration,
    live_account_of,
    price_moves,
    started_engine,
    trade,
)
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_external import adopted, elsewhere
from tests.scenario.alpaca.test_faults import Spec, disarm, post
from tests.scenario.alpaca.test_protection_peers import price
from tests.scenario.alpaca.test_supervisor import take_cash
from tests.scenario.alpaca.watched import Watched, settled, watched, with_rules

ANYTHING = "/v2/"
GET = {"method": "GET", "path": ANYTHING}
OVER = (OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.NOT_SENT, OrderState.FAILED)


class Session:
    """An engine that trades as a test asks at a server, and the observer beside it."""

    def __init__(self, server: LocalAlpaca, running: Running, watch: Watched) -> None:
        self.server, self.running, self.watch = server, running, watch
        self._theirs = Theirs(server)

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        self.running.wait_for(condition, what)

    def plays_until(self, condition: Callable[[], Any], what: str) -> None:
        """Let the market go on until something is so."""

        def goes_on() -> bool:
            if condition():
                return True
            self.server.play()
            return False

        self.wait_for(goes_on, what)

    def calms_down(self) -> None:
        """No fault any more, market data, books that agree, and an observer that has seen it."""
        disarm(self.server)
        self.server.call(lambda: setattr(self.server.world.faults.connections, "_away_until_s", 0.0))
        self.plays_until(lambda: not self.running.state.stale, "market data")
        agree_in_the_end(self.running, self._theirs)
        settled(self.watch, self.running)


Act = Callable[[Session], object]


@contextmanager
def session(
    folder: Path,
    patch: pytest.MonkeyPatch,
    wait_s: float,
    waits_s: Mapping[str, float] = MappingProxyType({}),
    late_s: float = LONG_S,
    symbols: Sequence[str] = SYMBOLS,
    **risk: Any,
) -> Iterator[Session]:
    """A session in which rules that wait do so for ``wait_s``, or what ``waits_s`` says, and protection is late after ``late_s``."""
    with local_alpaca(symbols=symbols, requests_per_minute=0) as server:
        config = with_rules(idle_configuration(server, folder, feed={"symbols": list(symbols)}), wait_s, **waits_s)
        (account,), (strategy,) = config.accounts, config.strategies
        protection, limits = (
            ProtectionConfig(late_after_s=late_s),
            msgspec.structs.replace(account.risk, duplicate_window_s=0, **risk),
        )
        account = msgspec.structs.replace(account, protection=protection, risk=limits)
        strategy = msgspec.structs.replace(strategy, symbols=list(symbols))
        broken = msgspec.structs.replace(strategy, id="broken", class_path=f"{__name__}:Breaks", params={})
        config = msgspec.structs.replace(config, accounts=[account], strategies=[strategy, broken])
        with started_engine(config) as running:
            running.wait_for(lambda: running.state.account_state.takes_risk, "the market data to come")
            server.play(8)
            running.wait_for(lambda: set(symbols) <= running.state.marks.keys(), "prices")
            with watched(config, patch) as watch:
                settled(watch, running)
                yield Session(server, running, watch)


# --- what happens meanwhile ---------------------------------------------------------------------------------------------


def buys(running: Running, quantity: int, limit: str | None = None, symbol: str = "AVOR", **more: Any) -> Order:
    """An order, once it is in the books."""
    return trade(running, Action.BUY, quantity, limit, symbol, **more)


def nothing(_session: Session) -> None:
    """Nothing but what happens by itself."""


def fills(session: Session) -> None:
    """A buy at the market, until it is over."""
    order = buys(session.running, 3)
    session.plays_until(lambda: order.state in OVER, "the order to be over")


def rests(session: Session) -> None:
    """A bid that works, and its cancel."""
    order = buys(session.running, 3, FAR_BELOW)
    becomes(session.running, order, OrderState.SUBMITTED, *OVER)
    if order.is_live:
        cancel(session.running, order)
    session.server.play(2)
    becomes(session.running, order, *OVER)


def is_guarded(session: Session) -> None:
    """A buy with a stop and a target, until they work."""
    running = session.running
    mark = running.state.marks["BRYX"]
    order = buys(running, 3, symbol="BRYX", stop_loss=price(mark * 0.5), take_profit=price(mark * 2))
    session.plays_until(lambda: order.state in OVER, "the entry to fill")
    running.wait_for(lambda: not any(cover.since_ns for cover in running.state.covers.values()), "the exits")


def is_asked(session: Session) -> None:
    """Nothing but the questions that the engine asks by itself."""
    reconciler = live_account_of(session.running).reconciler
    before = reconciler.cycles
    session.wait_for(lambda: reconciler.cycles > before + 2, "the broker to be asked")


def bids(session: Session) -> None:
    """A bid that works from here on."""
    becomes(session.running, buys(session.running, 3, FAR_BELOW), OrderState.SUBMITTED)


def is_lost(session: Session) -> None:
    """It is noticed that an order is gone, and a person has it canceled."""
    session.wait_for(lambda: bodies(session.running, OrderLost), "the loss to be noticed")
    ask(session.running, CancelOrders())


# --- faults ---------------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """Faults, what happens ``first`` and while they are there, and the rules that tell of it, each as often as it is here."""

    faults: Sequence[Spec]
    act: Act
    told: Sequence[str] = ()
    first: Act = nothing


SHORT: dict[str, Case] = {
    "accepted then timeout": Case([{"name": "accepted_then_timeout", "seconds": 3}], rests),
    "accepted then 504": Case([{"name": "accepted_then_504"}], rests),
    "not accepted then 504": Case([{"name": "not_accepted_then_504"}], rests),
    "reset before": Case([{"name": "reset_before"}], rests),
    "reset after": Case([{"name": "reset_after"}], fills),
    "slow": Case([{"name": "slow", "seconds": 0.5}], fills),
    "unparsable": Case([{"name": "unparsable_200"}], fills),
    "429": Case([{"name": "storm_429", "seconds": 1}], fills),
    "401 to questions": Case([{"name": "unauthorized", "times": 2, **GET}], is_asked),
    "maintenance": Case([{"name": "maintenance_page", "seconds": 1, "path": ANYTHING}], is_asked),
    "invisible order": Case([{"name": "invisible_order", "seconds": 0.6}], rests),
    "duplicate id": Case([{"name": "duplicate_id_answer"}], rests),
    "rejected after all": Case([{"name": "reject_after_accept"}], rests),
    "filled before the answer": Case([{"name": "fill_before_ack"}], fills),
    "partial fills": Case([{"name": "partial_fills", "times": 2, "fraction": 0.5}], fills),
    "cancel races fill": Case([{"name": "cancel_races_fill"}], rests),
    "orders lost": Case([{"name": "restart_losing_orders", "seconds": 0.2}], is_lost, ["lost_order"], bids),
    "leg held": Case([{"name": "leg_dead"}], is_guarded),
    "leg missing": Case([{"name": "leg_missing"}], is_guarded),
    "another account": Case([{"name": "account_id_changed", "times": 2}], is_asked),
    "order events lost": Case([{"name": "stream_drop", "times": 2, "stream": "trade_updates"}], fills),
    "everything twice": Case([{"name": "stream_duplicate", "times": 8}], fills),
    "out of order": Case([{"name": "stream_reorder", "times": 3, "stream": "trade_updates"}], fills),
    "order events mute": Case([{"name": "stream_mute", "seconds": 0.5, "stream": "trade_updates"}], fills),
    "streams refused and a restart": Case(
        [
            {"name": "stream_refused_406"},
            {"name": "stream_refused_429"},
            {"name": "restart_keeping_orders", "seconds": 0.2},
        ],
        is_asked,
    ),
    "correction": Case([{"name": "correction", "price": "123.45"}], is_asked, ["undone_fill"], fills),
    "bust": Case([{"name": "bust"}], is_asked, ["undone_fill"], fills),
}
"""Over before a rule has waited: nobody is woken for what mends itself, and at once for what doesn't."""
HELD: dict[str, Case] = {
    "an order of which nobody can be asked": Case(
        [
            {"name": "accepted_then_504"},
            {"name": "reset_before", "method": "GET", "path": "/v2/orders", "times": None},
            {"name": "stream_mute", "seconds": LONG_S, "stream": "trade_updates"},
        ],
        lambda session: buys(session.running, 3, FAR_BELOW),
        ["broker", "unknown_order"],
    ),
    "429 to every question": Case([{"name": "storm_429", "seconds": LONG_S, **GET}], nothing, ["broker"]),
    "maintenance": Case([{"name": "maintenance_page", "seconds": LONG_S, "path": ANYTHING}], nothing, ["broker"]),
    "401 to every question": Case([{"name": "unauthorized", "times": None, **GET}], nothing, ["broker"]),
    "another account": Case([{"name": "account_id_changed", "times": None}], nothing, ["broker"]),
    "streams refused": Case(
        [
            {"name": "stream_refused_406", "seconds": LONG_S},
            {"name": "stream_refused_429", "seconds": LONG_S},
            {"name": "restart_keeping_orders", "seconds": 0.1},
        ],
        nothing,
        ["broker", "stale_feed"],
    ),
    "away": Case([{"name": "restart_keeping_orders", "seconds": LONG_S}], nothing, ["broker", "stale_feed"]),
}
"""There until they are told of."""


def test_the_whole_catalogue_is_here() -> None:
    """No fault that the local Alpaca knows is left out."""
    assert {spec["name"] for case in SHORT.values() for spec in case.faults} == {name.value for name in FaultName}


@pytest.mark.proves("W1")
def test_what_is_over_soon_is_told_only_where_something_is_to_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault of the catalogue in one session: what the engine explains by itself wakes nobody, what it can't is told once."""
    with session(tmp_path, monkeypatch, LONG_S) as there:
        for name, case in SHORT.items():
            case.first(there)
            post(there.server, case.faults)
            case.act(there)
            there.wait_for(lambda case=case: has_fired(there, case), f"{name} to fire")  # type: ignore[misc]
            there.calms_down()
            assert (name, there.watch.told()) == (name, list(case.told))


def has_fired(there: Session, case: Case) -> bool:
    counts = there.server.call(there.server.world.faults.fired.copy)
    return all(counts[FaultName(spec["name"])] for spec in case.faults)


@pytest.mark.proves("W1")
def test_what_lasts_is_told_once_and_is_over_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults that stay, and rules that wait for nothing: one alert for an outage, however much of the broker it takes."""
    with session(tmp_path, monkeypatch, 0) as there:
        for name, case in HELD.items():
            case.first(there)
            post(there.server, case.faults)
            case.act(there)
            there.wait_for(lambda case=case: set(case.told) <= there.watch.rules(), f"{name} to be told")  # type: ignore[misc]
            there.calms_down()
            there.wait_for(lambda: not there.watch.lasting(), f"{name} to be over")
            assert (name, there.watch.told()) == (name, list(case.told))


@pytest.mark.proves("W1")
def test_a_silent_market_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of each symbol beside the account; and it lasts until the last of them is heard again."""
    with session(tmp_path, monkeypatch, 0, symbols=["AVOR"]) as there:
        post(there.server, [{"name": "stream_mute", "seconds": LONG_S, "stream": "data"}])
        there.plays_until(lambda: Cause.STALE_DATA in there.running.state.impairments, "the silence to be noticed")
        there.wait_for(there.watch.rules, "it to be told")
        there.calms_down()
        there.wait_for(lambda: not there.watch.lasting(), "it to be over")
        assert there.watch.told() == ["stale_feed"]


# --- what is no fault of the broker ---------------------------------------------------------------------------------------


def loses_five_times(there: Session) -> None:
    """Its stop is refused five times and its close three times: it is left to a person."""
    mark = there.running.state.marks["BRYX"]
    post(there.server, [{"name": "reject_after_accept", "symbol": "BRYX", "after": 1, "times": 8}])
    order = buys(there.running, 3, symbol="BRYX", stop_loss=price(mark * 0.5))
    there.plays_until(lambda: order.state in OVER, "the entry to fill")
    there.plays_until(lambda: bodies(there.running, PositionLeft), "the position to be left")


def is_barred(there: Session) -> None:
    """Somebody else's bid keeps a position from being sold; it is gone in the end."""
    running = there.running
    order = buys(running, 10, stop_loss=price(1.0), take_profit=price(9000.0))
    there.plays_until(lambda: order.state in OVER, "the entry to fill")
    there.wait_for(lambda: len(running.state.legs(StrategyId("all"), "AVOR")) == 2, "the exits")
    adopted(running, elsewhere(there.server, limit=FAR_BELOW))
    ask(running, PlaceOrder(Signal(StrategyId("all"), "AVOR", Action.SELL, quantity=Quantity(Decimal(10)))))


def is_wrong(there: Session) -> None:
    """A person says that an order never came, and it did."""
    post(there.server, [*HELD["an order of which nobody can be asked"].faults])
    order = buys(there.running, 3, FAR_BELOW)
    there.wait_for(lambda: order.state is OrderState.UNKNOWN, "the order to be UNKNOWN")
    ask(there.running, Resolve(order.terms.client_order_id, Resolution.NOT_SENT, "it isn't there"))
    there.wait_for(lambda: order.state is OrderState.NOT_SENT, "it to be believed")
    disarm(there.server)


def is_late(there: Session) -> None:
    """No exit gets through."""
    mark = there.running.state.marks["BRYX"]
    post(there.server, [{"name": "not_accepted_then_504", "after": 1, "times": None}])
    order = buys(there.running, 3, symbol="BRYX", stop_loss=price(mark * 0.5))
    there.plays_until(lambda: order.state in OVER, "the entry to fill")
    there.plays_until(lambda: bodies(there.running, ProtectionLate), "the alarm")


def falls(there: Session, to: float) -> None:
    """The market falls to this part of its price."""
    price_moves(there.server, there.running.state.marks["AVOR"] * to)


class Breaks(Strategy):
    """Raises at the next bar as soon as a test says so."""

    is_due = False

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Raise when it is due."""
        if Breaks.is_due:
            raise ArithmeticError("it was due")


def breaks(there: Session, patch: pytest.MonkeyPatch) -> None:
    """A strategy raises."""
    patch.setattr(Breaks, "is_due", True)
    there.plays_until(lambda: bodies(there.running, StrategyStopped), "the strategy to stop")


def asks(command: Command) -> Act:
    """Somebody asks for something."""
    return lambda there: ask(there.running, command)


class Told(NamedTuple):
    """What happens, the rules that tell of it, and what ends it."""

    act: Act
    told: Sequence[str]
    last: Act = nothing


OF_AN_ACCOUNT: dict[str, Told] = {
    "somebody else's order": Told(
        lambda there: adopted(there.running, elsewhere(there.server, limit=FAR_BELOW)),
        ["external_order"],
        asks(CancelOrders()),
    ),
    "an order that appears after all": Told(is_wrong, ["anomaly"], asks(CancelOrders())),
    "cash that left": Told(
        lambda there: take_cash(there.server, "10"), ["reconciliation"], asks(Reconcile(accept=True, reason="a test"))
    ),
    "halted": Told(asks(Halt("a test")), ["halted"], asks(Resume())),
    "preserved": Told(asks(Preserve("a test")), ["preservation"], asks(Resume())),
    "a strategy switched off": Told(asks(StopStrategy(StrategyId("all"))), [], asks(StartStrategy(StrategyId("all")))),
    "late protection": Told(is_late, ["late_protection"]),
}
"""Each is over before the next."""


@pytest.mark.proves("W1")
def test_what_is_no_fault_of_the_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People, money, strategies and losses: each is told by its own rule, once, and is over when it is."""
    waits = {"reconciliation": 0.0}
    with session(tmp_path, monkeypatch, LONG_S, waits, late_s=1.0, daily_loss_pct=Decimal(2)) as there:
        for name, case in OF_AN_ACCOUNT.items():
            case.act(there)
            there.wait_for(lambda case=case: set(case.told) <= there.watch.rules(), f"{name} to be told")  # type: ignore[misc]
            settled(there.watch, there.running)
            case.last(there)
            there.calms_down()
            there.wait_for(lambda: not there.watch.lasting(), f"{name} to be over")
            assert (name, there.watch.told()) == (name, list(case.told))
        breaks(there, monkeypatch)
        there.wait_for(there.watch.rules, "the strategy")
        becomes(there.running, buys(there.running, 100), OrderState.FILLED)
        for to, rule in ((0.94, "loss_limit_near"), (0.97, "loss_limit")):
            falls(there, to)
            there.wait_for(lambda rule=rule: rule in there.watch.rules(), rule)  # type: ignore[misc]
        settled(there.watch, there.running)
        assert there.watch.told() == ["loss_limit", "loss_limit_near", "strategy_stopped"]


@pytest.mark.proves("W1")
def test_exits_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protection that can't be had, a position that won't close, and one that somebody's order keeps: each once, beside the counts of what failed."""
    with session(tmp_path, monkeypatch, LONG_S) as there:
        loses_five_times(there)
        there.wait_for(lambda: len(there.watch.rules()) > 2, "it to be told")
        settled(there.watch, there.running)
        assert there.watch.told() == ["failed_orders", "failed_protection", "position_left"]
        post(there.server, [{"name": "reject_after_accept", "times": 2}])
        rests(there)
        rests(there)
        there.wait_for(there.watch.rules, "it to be told")
        settled(there.watch, there.running)
        assert there.watch.told() == ["rejections"]
        is_barred(there)
        there.wait_for(lambda: len(there.watch.rules()) > 1, "it to be told")
        settled(there.watch, there.running)
        assert there.watch.told() == ["blocked_exit", "external_order"]


@pytest.mark.proves("W1")
def test_a_quiet_session_raises_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders of every kind with nothing going wrong, and rules that wait for nothing; by the market's own time, years ago, it is open."""
    with session(tmp_path, monkeypatch, 0.0) as there:
        for _ in range(3):
            for act in (fills, rests, is_guarded, is_asked):
                act(there)
        there.calms_down()
        assert len(bodies(there.running, OrderFilled)) >= 6
        assert there.watch.told() == []
        with Reader.open(there.running.config.journal.url) as reader:
            stages = Pipelines(there.running.config).stages(reader)
        assert not [stage for stage in stages if "closed" in stage.reason or stage.level is Level.CRITICAL]


def rules_met() -> set[str]:
    """Those that something in this file is told by."""
    faults = [case.told for case in (*SHORT.values(), *HELD.values())]
    silent = ["stale_feed"]
    others = [case.told for case in OF_AN_ACCOUNT.values()]
    losses = ["loss_limit", "loss_limit_near", "strategy_stopped"]
    refused = ["failed_orders", "failed_protection", "position_left", "rejections", "blocked_exit"]
    return {rule for told in (*faults, *others, losses, refused, silent) for rule in told}
