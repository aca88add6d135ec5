"""Market events of one time are one instant."""

from collections.abc import Iterator

import pytest

from holdfast.core import instant
from holdfast.core.instant import in_order, instants
from holdfast.core.messages import Bar, MarketEvent, Quote, Trade
from holdfast.errors import DataError


def bar(symbol: str, end: int, start: int | None = None) -> Bar:
    return Bar(symbol, end, end - 10 if start is None else start, 1.0, 1.0, 1.0, 1.0, 1.0)


def trade(symbol: str, time: int, price: float = 1.0) -> Trade:
    return Trade(symbol, time, price, 1.0)


def quote(symbol: str, time: int) -> Quote:
    return Quote(symbol, time, 1.0, 1.0, 2.0, 1.0)


def test_events_of_one_time_come_together() -> None:
    """As many as there are, and alone where there is one."""
    events = [bar("A", 10), bar("B", 20), bar("C", 20), bar("A", 20), bar("A", 30)]
    assert [[event.symbol for event in group] for group in instants(events)] == [["A"], ["A", "B", "C"], ["A"]]


def test_the_order_is_by_symbol_then_what_began_first() -> None:
    """A day's bar comes before the minute that ends with it, and bars before quotes before trades."""
    day, minute = bar("A", 100, 0), bar("A", 100, 90)
    ticks: list[MarketEvent] = [quote("A", 100), trade("A", 100)]
    assert in_order([bar("B", 100), *reversed(ticks), minute, day]) == (day, minute, *ticks, bar("B", 100))


def test_ticks_of_one_symbol_keep_their_order() -> None:
    """It is the exchange's: the last of them is the last price."""
    first, second, third = trade("A", 5, 3.0), trade("A", 5, 1.0), trade("A", 5, 2.0)
    assert in_order([first, trade("B", 5), second, third])[:3] == (first, second, third)


def test_half_an_instant_is_not_shown() -> None:
    """Where the data break off, what had come of that time can't be taken for all there was."""

    def broken() -> Iterator[MarketEvent]:
        yield bar("A", 10)
        yield bar("A", 20)
        raise DataError("row 3 is bad")

    found = instants(broken())
    assert next(found) == (bar("A", 10),)
    with pytest.raises(DataError, match="row 3"):
        next(found)


def test_too_many_events_of_one_time_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose times are all the same must not fill the memory."""
    monkeypatch.setattr(instant, "MOST_EVENTS", 3)
    with pytest.raises(DataError, match="more than 3 market events have the time"):
        list(instants([bar("A", 10)] * 4))
