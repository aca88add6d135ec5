"""Exits that Alpaca doesn't hold for any quantity or asset, at the local Alpaca: protected as it does hold, or refused before a buy."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast.core.exits import Exits
from holdfast.core.messages import Action, Bar, OrderPrepared, OrderRejected, PlaceOrder, Quote, RiskRefused, Signal
from holdfast.core.orders.order import Order, OrderState
from holdfast.core.protection.records import PositionClosing, ProtectionFailed, StopMoved, StopPassed
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS, Price, Quantity, StrategyId
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import ask, becomes, bodies, idle_configuration
from tests.scenario.alpaca.engine import Running, Theirs, agree_in_the_end
from tests.scenario.alpaca.test_protection_peers import at_broker

SHARE, COIN = "AVOR", "BTC/USD"
SYMBOLS = [SHARE, COIN]


@contextmanager
def engine(folder: Path, symbol: str, *, has_fees: bool = False) -> Iterator[tuple[LocalAlpaca, Running]]:
    """An idle engine on an account of shares or of coins, which has a price of the symbol."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, has_fees=has_fees) as server:
        config = idle_configuration(server, folder, feed={"symbols": SYMBOLS})
        (account,), (strategy,) = config.accounts, config.strategies
        account = msgspec.structs.replace(account, calendar="24/7" if symbol == COIN else "XNYS")
        strategy = msgspec.structs.replace(strategy, symbols=SYMBOLS)
        running = Running(msgspec.structs.replace(config, accounts=[account], strategies=[strategy]))
        running.begin()
        try:
            server.play(12)
            running.wait_for(lambda: symbol in running.state.marks, "a price")
            running.wait_for(lambda: running.state.account_state.takes_risk, "the market data to come")
            yield server, running
        finally:
            running.stop()


def near(running: Running, symbol: str, share: float) -> Price:
    """A price at this share of the market's."""
    return Price(Decimal(str(round(running.state.marks[symbol] * share, 2))))


def place(running: Running, symbol: str, quantity: str, **terms: Any) -> None:
    """Ask for a buy at the market."""
    ask(
        running,
        PlaceOrder(Signal(StrategyId("all"), symbol, Action.BUY, quantity=Quantity(Decimal(quantity)), **terms)),
    )


def bought(server: LocalAlpaca, running: Running, symbol: str, quantity: str, **terms: Any) -> Order:
    """A buy that has filled, exits and all."""
    place(running, symbol, quantity, **terms)
    running.wait_for(lambda: bodies(running, OrderPrepared), "the order to be made")
    entry = running.state.orders.find(bodies(running, OrderPrepared)[0].terms.client_order_id)
    assert entry is not None
    becomes(running, entry, OrderState.SUBMITTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED)
    goes(server, running, symbol, 1.0)
    becomes(running, entry, OrderState.FILLED)
    covered(running)
    return entry


def covered(running: Running) -> None:
    """Wait until the broker has confirmed all exits."""
    running.wait_for(lambda: not any(cover.since_ns for cover in running.state.covers.values()), "the exits")


def goes(server: LocalAlpaca, running: Running, symbol: str, share: float, after_ns: int = 0) -> None:
    """A minute in which the market went to this share of its price, quotes first."""
    to = float(near(running, symbol, share))
    begin_ns = server.call(lambda: server.world.clock.now_ns) + after_ns
    server.take(
        Quote(symbol, begin_ns + 1, bid=round(to - 0.01, 2), bid_size=1e6, ask=round(to + 0.01, 2), ask_size=1e6),
        Bar(symbol, begin_ns + MINUTE_NS, begin_ns, open=to, high=to, low=to, close=to, volume=1e6),
    )


def exits(server: LocalAlpaca) -> list[tuple[str, str, str]]:
    """Type, quantity and time in force of the exits at work at the server."""
    return [(row["type"], row["qty"], row["time_in_force"]) for row in at_broker(server)]


def nothing_failed(running: Running) -> bool:
    return not any(bodies(running, kind) for kind in (OrderRejected, ProtectionFailed, PositionClosing))


# --- shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("which", "kind"), [("stop_loss", "stop"), ("take_profit", "limit")])
def test_one_exit_of_a_fraction_is_held_for_the_day_and_is_there_again_for_the_next(
    tmp_path: Path, which: str, kind: str
) -> None:
    """The server ends it at the close; another takes its place within seconds, and no try came to nothing."""
    with engine(tmp_path, SHARE) as (server, running):
        share = 0.9 if which == "stop_loss" else 1.1
        bought(server, running, SHARE, "10.5", **{which: near(running, SHARE, share)})
        assert exits(server) == [(kind, "10.5", "day")]
        (first,) = at_broker(server)
        goes(server, running, SHARE, 1.0, after_ns=8 * HOUR_NS)
        running.wait_for(lambda: [row["id"] for row in at_broker(server)] not in ([], [first["id"]]), "the next one")
        covered(running)
        assert exits(server) == [(kind, "10.5", "day")]
        assert nothing_failed(running)
        agree_in_the_end(running, Theirs(server))


def test_a_stop_for_the_next_day_closes_the_fraction_there(tmp_path: Path) -> None:
    """What was placed anew after the close works in the session that follows."""
    with engine(tmp_path, SHARE) as (server, running):
        bought(server, running, SHARE, "10.5", stop_loss=near(running, SHARE, 0.9))
        (first,) = at_broker(server)
        goes(server, running, SHARE, 1.0, after_ns=8 * HOUR_NS)
        running.wait_for(lambda: [row["id"] for row in at_broker(server)] not in ([], [first["id"]]), "the next one")
        covered(running)
        goes(server, running, SHARE, 0.8, after_ns=DAY_NS - 8 * HOUR_NS)
        running.wait_for(lambda: not running.state.portfolio.quantity(SHARE), "the stop to fill")
        agree_in_the_end(running, Theirs(server))


@pytest.mark.parametrize("quantity", ["10.5", "0.5"])
def test_both_exits_of_a_fraction_are_refused_before_a_byte_leaves(tmp_path: Path, quantity: str) -> None:
    """The server never hears of it; whole shares have both."""
    with engine(tmp_path, SHARE) as (server, running):
        prices = {"stop_loss": near(running, SHARE, 0.9), "take_profit": near(running, SHARE, 1.1)}
        place(running, SHARE, quantity, **prices)
        running.wait_for(lambda: bodies(running, RiskRefused), "the refusal")
        (refused,) = bodies(running, RiskRefused)
        assert (refused.rule, refused.figure, refused.limit) == ("protectable", quantity, "multiples of 1")
        assert Theirs(server).orders() == {}
        bought(server, running, SHARE, "10", **prices)
        assert sorted(exits(server)) == [("limit", "10", "gtc"), ("stop", "10", "gtc")]


def test_refusals_are_counted_by_rule(tmp_path: Path) -> None:
    """The metric of a live account has each rule by its name, as often as it refused."""
    with engine(tmp_path, SHARE) as (_, running):
        prices = {"stop_loss": near(running, SHARE, 0.9), "take_profit": near(running, SHARE, 1.1)}
        for quantity, terms in (("1.5", prices), ("2.5", prices), ("1000000", {})):
            place(running, SHARE, quantity, **terms)
        running.wait_for(lambda: len(bodies(running, RiskRefused)) == 3, "the refusals")
        metrics = running.engine.metrics["one"]
        counts = {
            rule: metrics.registry.get_sample_value("holdfast_risk_refusals_total", {"rule": rule})
            for rule in ("protectable", "buying_power", "position_pct")
        }
        assert counts == {"protectable": 2, "buying_power": 1, "position_pct": None}


def test_a_sale_that_leaves_a_fraction_of_a_pair_leaves_it_with_a_stop(tmp_path: Path) -> None:
    """Half of five shares stays: it has a stop for the day, and is not sold as well."""
    with engine(tmp_path, SHARE) as (server, running):
        bought(server, running, SHARE, "5", stop_loss=near(running, SHARE, 0.9), take_profit=near(running, SHARE, 1.1))
        half = Quantity(Decimal("2.5"))
        ask(running, PlaceOrder(Signal(StrategyId("all"), SHARE, Action.SELL, quantity=half)))
        running.wait_for(lambda: len(bodies(running, OrderPrepared)) >= 4, "the sale")
        sale = running.state.orders.find(bodies(running, OrderPrepared)[3].terms.client_order_id)
        assert sale is not None
        becomes(running, sale, OrderState.SUBMITTED, OrderState.FILLED)
        goes(server, running, SHARE, 1.0)
        becomes(running, sale, OrderState.FILLED)
        covered(running)
        assert exits(server) == [("stop", "2.5", "day")]
        assert nothing_failed(running)
        agree_in_the_end(running, Theirs(server))


# --- coins ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("which", "share", "kind"), [("stop_loss", 0.9, "stop_limit"), ("take_profit", 1.1, "limit")])
def test_one_exit_of_a_coin_is_held_until_canceled_and_closes_it(
    tmp_path: Path, which: str, share: float, kind: str
) -> None:
    """The stop is a stop-limit, five percent beyond, and fills as the market goes there."""
    with engine(tmp_path, COIN) as (server, running):
        bought(server, running, COIN, "0.75", **{which: near(running, COIN, share)})
        assert exits(server) == [(kind, "0.75", "gtc")]
        assert nothing_failed(running)
        goes(server, running, COIN, 0.88 if share < 1 else 1.12)
        running.wait_for(lambda: not running.state.portfolio.quantity(COIN), "the exit to fill")
        assert bodies(running, PositionClosing) == []
        agree_in_the_end(running, Theirs(server))


@pytest.mark.parametrize("stop", ["stop_loss", "trail"])
def test_both_exits_of_a_coin_are_refused_before_a_byte_leaves(tmp_path: Path, stop: str) -> None:
    """There is no pair for coins, and one order holds them all."""
    with engine(tmp_path, COIN) as (server, running):
        terms: dict[str, Any] = {"take_profit": near(running, COIN, 1.1)}
        terms |= {"exits": Exits(trail_percent=Decimal(5))} if stop == "trail" else {stop: near(running, COIN, 0.9)}
        place(running, COIN, "0.75", **terms)
        running.wait_for(lambda: bodies(running, RiskRefused), "the refusal")
        assert [refused.rule for refused in bodies(running, RiskRefused)] == ["protectable"]
        assert Theirs(server).orders() == {}


def test_the_stop_of_a_coin_trails(tmp_path: Path) -> None:
    """It is moved up, its limit with it, and covers all again."""
    with engine(tmp_path, COIN) as (server, running):
        bought(server, running, COIN, "0.75", exits=Exits(trail_percent=Decimal(5)))
        (first,) = at_broker(server)
        goes(server, running, COIN, 1.1)
        running.wait_for(lambda: bodies(running, StopMoved), "the stop to move")
        running.wait_for(lambda: [row["id"] for row in at_broker(server)] not in ([], [first["id"]]), "the new stop")
        covered(running)
        (second,) = at_broker(server)
        stop, limit = Decimal(second["stop_price"]), Decimal(second["limit_price"])
        assert stop > Decimal(first["stop_price"])
        assert limit == stop * Decimal("0.95")
        assert nothing_failed(running)


def test_a_coin_that_falls_through_the_limit_is_sold(tmp_path: Path) -> None:
    """The market opens beyond the stop's limit: the stop-limit can't fill, and the position is closed at the market instead."""
    with engine(tmp_path, COIN) as (server, running):
        bought(server, running, COIN, "0.75", stop_loss=near(running, COIN, 0.9))
        goes(server, running, COIN, 0.7)
        running.wait_for(lambda: bodies(running, StopPassed), "the limit to be passed")
        goes(server, running, COIN, 1.0)
        running.wait_for(lambda: bodies(running, ProtectionFailed), "the failure")
        running.wait_for(lambda: not at_broker(server), "the stop to be canceled")
        running.wait_for(lambda: len(bodies(running, OrderPrepared)) == 3, "the close")
        goes(server, running, COIN, 1.0)
        running.wait_for(lambda: not running.state.portfolio.quantity(COIN), "the close to fill")
        agree_in_the_end(running, Theirs(server))
