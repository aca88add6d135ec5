"""What is delivered is protected by a trigger at Zerodha: when it fires into nothing, and over a night."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast import Bar, Context, Exits, Strategy
from holdfast.adapters.zerodha.trading.triggers import is_leg
from holdfast.core.messages import OrderAccepted, OrderFilled, OrderRejected, Quote, Trade
from holdfast.core.orders.order import Order
from holdfast.core.protection.records import PositionClosing, ProtectionComplete, ProtectionFailed, StopPassed
from holdfast.core.types import MINUTE_NS, SECOND_NS, OrderRole
from holdfast.sim.kite.times import ist
from tests.local_kite import START_NS, SYMBOLS, LocalKite, local_kite
from tests.scenario.alpaca.engine import Running
from tests.scenario.zerodha.bench import post
from tests.scenario.zerodha.engine import OURS, Theirs, agree_in_the_end, check_no_twins, engine_on, log_in

SYMBOL = OURS[0]
EVENING_MINUTES = 360
"""From 09:15 to 15:15."""


class Hold(Strategy):
    """Buys once, to keep, with a stop two percent below."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.symbol == SYMBOL and not context.position(SYMBOL).quantity and not context.orders(SYMBOL):
            context.buy(SYMBOL, 10, exits=Exits(stop_loss=round(bar.close * 0.98, 1)))


@contextmanager
def holding(folder: Path, minutes: int = 40) -> Iterator[tuple[LocalKite, Running]]:
    """A position that a trigger protects. The market stands."""
    strategy = {"class": f"{__name__}:Hold", "params": {}}
    instruments = {SYMBOL: {"tick": "0.05", "lot": 1, "product": "CNC"}}
    with local_kite(speed=600.0, start_ns=START_NS + minutes * MINUTE_NS) as server:
        server.play(20)
        feed = {"streams": ["bars", "trades"]}
        with engine_on(server, folder, strategy=strategy, instruments=instruments, feed=feed) as running:
            play_until(server, running, lambda: bool(of(running, ProtectionComplete)))
            yield server, running


def play_until(server: LocalKite, running: Running, is_so: Any) -> None:
    """Let the market go on until something is so."""
    clock = server.world.clock
    server.call(clock.resume)
    running.wait_for(is_so, "the market to bring it")
    server.call(clock.pause)


def move(server: LocalKite, percent: float) -> None:
    """The market goes so many percent from where it is, and trades there twice."""
    price: float = server.call(lambda: server.world.market.price(SYMBOLS[0]) or 0.0)
    now_ns = server.call(lambda: server.world.clock.now_ns)
    to = round(price * (1 + percent / 100), 1)
    quote = Quote(SYMBOLS[0], now_ns + SECOND_NS, to, 100.0, to + 0.1, 100.0)
    server.take(quote, *(Trade(SYMBOLS[0], now_ns + seconds * SECOND_NS, to, 100.0) for seconds in (1, 2)))


def stops(running: Running) -> list[Order]:
    """The stop-losses so far, the latest last."""
    orders = [*running.state.orders.finished.values(), *running.state.orders.live.values()]
    return [order for order in orders if order.terms.role is OrderRole.STOP_LOSS]


def test_a_trigger_that_fires_into_a_rejection_leaves_nothing_naked(tmp_path: Path) -> None:
    """The rejected stop is heard of, and as the market is beyond it the position is closed at once."""
    with holding(tmp_path) as (server, running):
        post(server, [{"name": "gtt_order_rejected", "times": 1}])
        move(server, -3)
        running.wait_for(lambda: not held(running), "the position to be closed")
        (rejected,) = [one for one in of(running, OrderRejected) if "RMS" in one.reason]
        assert rejected.client_order_id == stops(running)[0].terms.client_order_id
        assert "has reached its stop" in of(running, PositionClosing)[0].reason
        settle(server, running)


def test_one_that_is_rejected_while_the_market_turns_is_replaced(tmp_path: Path) -> None:
    """Back above the stop another trigger is placed for all of the position, and that is told."""
    with holding(tmp_path) as (server, running):
        post(server, [{"name": "gtt_order_rejected", "times": 1}])
        (first,) = stops(running)
        price = float(first.terms.stop_price or 0)
        now_ns = server.call(lambda: server.world.clock.now_ns)
        back = round(price * 1.01, 1)
        server.take(*(Trade(SYMBOLS[0], now_ns + SECOND_NS + n, to, 100.0) for n, to in enumerate((price, back))))
        running.wait_for(lambda: len(of(running, ProtectionComplete)) == 2, "another trigger")
        assert held(running) == 10
        last = stops(running)[-1]
        assert last.is_live
        assert is_leg(last.broker_order_id)
        settle(server, running)


def test_one_whose_order_rests_behind_the_market_is_an_alarm_and_is_closed(tmp_path: Path) -> None:
    """The market has jumped over its limit: told as passed, then given up, and the position closed at the market."""
    with holding(tmp_path) as (server, running):
        move(server, -9)
        running.wait_for(lambda: of(running, StopPassed), "the stop to be passed")
        running.wait_for(lambda: not held(running), "the position to be closed")
        assert "beyond" in of(running, ProtectionFailed)[0].reason
        assert not stops(running)[0].filled_quantity
        settle(server, running)


def test_it_stands_through_the_night_and_fires_the_next_day(tmp_path: Path) -> None:
    """The token dies at six, a person logs in again, the position is a holding: the trigger is the one of the day before, and its fill is booked once."""
    with holding(tmp_path, EVENING_MINUTES) as (server, running):
        (before,) = stops(running)
        day = ist(server.call(lambda: server.world.clock.now_ns)).date()
        play_until(server, running, lambda: ist(server.world.clock.now_ns).date() > day)
        log_in(server, running.config)
        running.wait_for(lambda: running.state.account_state.takes_risk, "the account to trade again")
        (after,) = stops(running)
        assert (after.broker_order_id, after.is_live) == (before.broker_order_id, True)
        play_until(server, running, lambda: ist(server.world.clock.now_ns).time() >= dt.time(9, 18))
        move(server, -3)
        running.wait_for(lambda: not held(running), "the trigger to fire")
        fills = [one for one in of(running, OrderFilled) if one.client_order_id == after.terms.client_order_id]
        assert sum(fill.quantity for fill in fills) == 10
        accepted = [one for one in of(running, OrderAccepted) if is_leg(one.broker_order_id or "")]
        assert len(accepted) == 1
        theirs = Theirs(server)
        running.wait_for(lambda: running.state.portfolio.cash == theirs.cash(), "the charges of both days")
        assert not theirs.positions()
        check_no_twins(theirs)


def of(running: Running, kind: type) -> list[Any]:
    """What was recorded of a kind."""
    return [record.body for _, record in running.records if isinstance(record.body, kind)]


def held(running: Running) -> Any:
    """What the strategy holds."""
    return running.state.portfolio.quantity(SYMBOL)


def settle(server: LocalKite, running: Running) -> None:
    """The books are the server's, and no intent has two orders."""
    theirs = Theirs(server)
    agree_in_the_end(running, theirs)
    check_no_twins(theirs)
