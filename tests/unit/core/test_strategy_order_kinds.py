"""Orders and exits as values: what they mean, what they refuse, and that the single keywords mean the same."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from holdfast import Context, Exits, InvalidValue, Limit, Market, Stop, StopLimit, TrailingStop
from holdfast.core.messages import Signal
from tests.scenario.account import bar
from tests.unit.core.test_strategy_host import Stage, Watcher, asked

Ask = Callable[..., Any]


READS: tuple[Ask, ...] = (
    lambda c, symbol: c.history(symbol, 1),
    lambda c, symbol: c.price(symbol),
    lambda c, symbol: c.orders(symbol),
    lambda c, symbol: c.position(symbol),
    lambda c, symbol: c.close(symbol),
)
WRONG_SYMBOLS = [
    ("ABD", "did you mean ABC"),
    ("abc", "did you mean ABC"),
    ("", "its symbols are"),
    (["ABC"], "does not have the symbol"),
]
WRONG_OF_TARGETS: list[tuple[dict[str, Any], str]] = [
    ({"confidence": 5}, "confidence must be above 0 and at most 1, not 5"),
    ({"confidence": float("nan")}, "confidence must be a finite number"),
    ({"confidence": "high"}, "confidence must be a number"),
    ({"tag": 7}, "a tag must be a text, not 7"),
    ({"order": Limit(5)}, "it takes no Limit"),
    ({"limit_price": 5}, "it takes no Limit"),
    ({"stop_loss": -1}, "stop_loss must be above zero"),
    ({"stoploss": 1}, "did you mean stop_loss"),
    ({"exits": 95}, "exits can't be 95"),
]
"""What is asked for is there already: it is refused all the same."""


def both(values: Ask, keywords: Ask) -> Signal:
    """What is asked for by values, which has to be what is asked for by keywords."""
    (first,), (second,) = asked(values), asked(keywords)
    assert first == second
    assert isinstance(first, Signal)
    return first


def test_values_and_keywords_mean_the_same() -> None:
    """There is one way inside."""
    both(lambda c: c.buy("ABC", 1, order=Market()), lambda c: c.buy("ABC", 1))
    both(lambda c: c.buy("ABC", 1, order=Limit(95)), lambda c: c.buy("ABC", 1, limit_price=95))
    both(lambda c: c.sell("ABC", 1, order=Stop("90.5")), lambda c: c.sell("ABC", 1, stop_price="90.5"))
    both(
        lambda c: c.buy("ABC", 1, order=StopLimit(stop=105, limit=106)),
        lambda c: c.buy("ABC", 1, stop_price=105, limit_price=106),
    )
    both(lambda c: c.sell("ABC", 1, order=TrailingStop(percent=1)), lambda c: c.sell("ABC", 1, trail_percent=1))
    both(lambda c: c.sell("ABC", 1, order=TrailingStop(amount=2)), lambda c: c.sell("ABC", 1, trail_amount=2))
    both(
        lambda c: c.buy("ABC", 1, order=Limit(95, time_in_force="gtc", time_to_live_s=5)),
        lambda c: c.buy("ABC", 1, limit_price=95, time_in_force="gtc", time_to_live_s=5),
    )
    signal = both(
        lambda c: c.target("ABC", 1, exits=Exits(stop_loss=90, take_profit=110, trail_stop=2, hold_s=60)),
        lambda c: c.target("ABC", 1, stop_loss=90, take_profit=110, trail_stop=2, hold_s=60),
    )
    assert (signal.stop_loss, signal.take_profit) == (Decimal(90), Decimal(110))
    both(lambda c: c.buy("ABC", 1), lambda c: c.buy("ABC", 1, stop_loss=None, limit_price=None))
    both(lambda c: c.target("ABC", direction="sell"), lambda c: c.target("ABC", direction="sell", order=Market()))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Limit(float("nan")), "limit_price must be a finite number"),
        (lambda: Limit(0), "limit_price must be above zero"),
        (lambda: Stop("a"), "stop_price must be a number"),
        (TrailingStop, "either an amount or a percentage"),
        (lambda: TrailingStop(amount=1, percent=1), "either an amount or a percentage"),
        (lambda: Market(time_in_force="dya"), "time_in_force can't be 'dya'; did you mean 'day'?"),
        (lambda: Market(time_in_force="?"), "it is one of day, gtc, ioc"),
        (lambda: Limit(1, time_to_live_s=float("nan")), "time_to_live_s must be a finite number"),
        (lambda: Exits(stop_loss=-1), "stop_loss must be above zero"),
        (lambda: Exits(hold_s=float("inf")), "hold_s must be a finite number"),
        (lambda: Limit(95, time_to_live_s=0), "time_to_live_s must be above zero, not 0"),
        (lambda: Market(time_to_live_s=-1), "time_to_live_s must be above zero, not -1"),
        (lambda: Exits(trail_stop=1, trail_stop_percent=1), "not both"),
        (lambda: TrailingStop(percent=150), "trail_percent must be above 0 and below 100, not 150"),
        (lambda: TrailingStop(percent=100), "trail_percent must be above 0 and below 100, not 100"),
        (lambda: TrailingStop(percent=0), "trail_percent must be above zero, not 0"),
        (lambda: Exits(trail_stop_percent=150), "trail_stop_percent must be above 0 and below 100, not 150"),
    ],
)
def test_a_value_that_can_not_be_is_refused_where_it_is_made(make: Callable[[], object], text: str) -> None:
    """One sentence, at the line that made it."""
    with pytest.raises(InvalidValue, match=text.replace("?", r"\?").replace("(", r"\(")):
        make()


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda c: c.buy("ABD", 1), "the symbol 'ABD'; did you mean ABC"),
        (lambda c: c.buy("abc", 1), "the symbol 'abc'; did you mean ABC"),
        (lambda c: c.buy(["ABC"], 1), "does not have the symbol"),
        (lambda c: c.buy("ABC", 1, stoploss=5), "no 'stoploss'; did you mean stop_loss"),
        (lambda c: c.buy("ABC", 1, quux=5), "no 'quux'; orders take quantity, notional"),
        (lambda c: c.buy("ABC", 1, order=Limit(5), limit_price=5), "limit_price is part of the order: give it as order=Limit"),
        (lambda c: c.buy("ABC", 1, exits=Exits(hold_s=5), stop_loss=5), "stop_loss is one of the exits"),
        (lambda c: c.buy("ABC", 1, order="limit"), "order can't be 'limit'; it is Market"),
        (lambda c: c.buy("ABC", 1, exits=95), "exits can't be 95; it is Exits"),
        (lambda c: c.target("ABC", 1, order=Limit(5)), "a target is reached by market orders; it takes no Limit"),
        (lambda c: c.target("ABC", direction="up"), "direction can't be 'up'; it is one of buy, sell"),
        (lambda c: c.buy("ABC", 1, order=Limit(95), exits=Exits(stop_loss=96)), "a buy's stop_loss must be below its limit of 95"),
        (lambda c: c.buy("ABC", 1, exits=Exits(stop_loss=96, take_profit=95)), "a buy's stop_loss must be below its take_profit"),
        (lambda c: c.sell("ABC", 1, exits=Exits(stop_loss=95, take_profit=96)), "a sale's stop_loss must be above its take_profit"),
        (lambda c: c.buy("ABC", 1, order=Stop(105), exits=Exits(take_profit=104)), "a buy's take_profit must be above its stop of 105"),
        (lambda c: c.target("ABC", -5, exits=Exits(stop_loss=95, take_profit=96)), "a sale's stop_loss must be above"),
        (lambda c: c.every(float("nan")), "a timer's interval must be a finite number"),
        (lambda c: c.cancel(None), "an order's id must be a text"),
        *[(partial(name, symbol=symbol), hint) for name in READS for symbol, hint in WRONG_SYMBOLS],
        *[(lambda c, count=count: c.history("ABC", count), "a whole number above zero") for count in (0, -1, 2.5, 2.0, True, None, "2", 1e99)],
        (lambda c: c.history("ABC", 10**9), "at most the strategy's history_bars, 500, not 1000000000; write history_bars = 1000000000"),
        (lambda c: c.every(60, name=5), "a timer's name must be a text, not 5"),
        (lambda c: c.every(60, name=None), "a timer's name must be a text, not None"),
        (lambda c: c.every(60, name=b"a"), "a timer's name must be a text, not b'a'"),
        (lambda c: c.at(c.time_ns + 1, name=("a",)), "a timer's name must be a text"),
        *[(lambda c, when=when: c.at(when), "a timer's time is a whole number of nanoseconds")
          for when in (float("inf"), float("nan"), -float("inf"), Decimal("NaN"), 1.5, dt.datetime.now(dt.UTC), "2024-01-02", None, True)],
        (lambda c: c.at(c.time_ns), "the time must lie ahead"),
        (lambda c: c.at(2**70), "the time must lie ahead, before"),
        (lambda c: c.at(10**400), "the time must lie ahead, before"),
        (lambda c: c.buy("ABC", 1, trail_percent=150), "trail_percent must be above 0 and below 100"),
        (lambda c: c.buy("ABC", 1, exits=Exits(stop_loss=95, break_even_at=94)), "a buy's break_even_at must be above its stop_loss of 95"),
        (lambda c: c.buy("ABC", 1, order=Stop(105), break_even_at=105), "a buy's break_even_at must be above its stop of 105"),
        (lambda c: c.sell("ABC", 1, exits=Exits(stop_loss=95, break_even_at=96)), "a sale's break_even_at must be below its stop_loss"),
        *[(lambda c, kwargs=kwargs: c.target("ABC", 0, **kwargs), text) for kwargs, text in WRONG_OF_TARGETS],
        (lambda c: c.target("ABC", 5, direction="sell"), "takes a quantity, whose sign is its direction, or a direction, not both"),
        (lambda c: c.close("ABC", tag=5), "a tag must be a text"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_at_the_call_also_while_nothing_may_be_asked(ask: Ask, text: str) -> None:
    """A strategy that catches it does the same in a recovery, where its asks are dropped."""
    seen: list[str] = []

    def act(context: Context, _bar: Any) -> None:
        try:
            ask(context)
        except InvalidValue as error:
            seen.append(str(error))

    for muted in (False, True):
        stage = Stage(Watcher(on_bar=act))
        stage.host.muted = muted
        stage.show(bar(1, 100.0))
        assert not stage.intents()
    assert len(seen) == 2
    assert all(text in one for one in seen)


def test_an_id_is_the_same_whether_it_may_be_asked_or_not() -> None:
    """So a restart, which shows the same events, gives the same ids."""
    given: list[list[str]] = []
    for muted in (False, True):
        ids: list[str] = []

        def act(context: Context, _bar: Any, ids: list[str] = ids) -> None:
            ids.extend([context.buy("ABC", 1), context.target("XYZ", 3), context.close("ABC")])

        stage = Stage(Watcher(on_bar=act))
        stage.host.muted = muted
        stage.show(bar(1, 100.0), bar(2, 100.0))
        given.append(ids)
    assert given[0] == given[1]
    assert len(set(given[0])) == 6
