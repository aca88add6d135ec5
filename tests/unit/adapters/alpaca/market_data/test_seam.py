"""Each event once, in order, whatever comes twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.adapters.alpaca.market_data.counts import Counts
from holdfast.adapters.alpaca.market_data.seam import SLACK_NS, Seam
from holdfast.adapters.alpaca.market_data.wire import Item, Kind
from holdfast.core.messages import Bar, Trade
from holdfast.core.types import MINUTE_NS

NOON_NS = 1_700_000_000_000_000_000


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def seam(counts: Counts) -> Seam:
    return Seam(counts)


def trade(time_ns: int, number: int, symbol: str = "IBM") -> Item:
    return Trade(symbol, NOON_NS + time_ns, 10.0, 1.0), (number, "V")


def test_same_time_other_id(seam: Seam, counts: Counts) -> None:
    """Trades of one time are told apart by their ids."""
    assert [seam.admit(*trade(0, number)) for number in (1, 2, 1, 3, 2)] == [True, True, False, True, False]
    assert counts == Counts(duplicates=2)


def test_symbols_and_kinds_have_their_own_order(seam: Seam) -> None:
    """An event may be older than one of another symbol or kind."""
    assert seam.admit(*trade(9, 1, "SPY"))
    assert seam.admit(*trade(5, 1, "IBM"))
    assert seam.admit(Bar("SPY", NOON_NS + 3, NOON_NS, 1, 1, 1, 1, 1), ())


def test_older_event_is_late_or_fetched_before(seam: Seam, counts: Counts) -> None:
    """What is older than the last one is a duplicate where the gap fetched reached, and else came late."""
    fetched = [trade(2, 1), trade(4, 2)]
    assert all(seam.admit(*item) for item in fetched)
    seam.note_filled(fetched)
    assert seam.admit(*trade(9, 5))
    assert not seam.admit(*trade(3, 7))
    assert not seam.admit(*trade(8, 4))
    assert counts == Counts(duplicates=1, late=1)


def test_missing_since_the_last_of_each(seam: Seam) -> None:
    """A gap begins with the symbol's last event, or shortly before the socket's last one for a symbol that was silent."""
    seam.open(Kind.TRADES, NOON_NS)
    assert seam.missing_since_ns(Kind.TRADES, "IBM") == NOON_NS
    seam.admit(*trade(5, 1, "IBM"))
    last_ns = 10 * MINUTE_NS
    seam.admit(*trade(last_ns, 1, "SPY"))
    assert seam.missing_since_ns(Kind.TRADES, "SPY") == NOON_NS + last_ns
    assert seam.missing_since_ns(Kind.TRADES, "IBM") == NOON_NS + last_ns - SLACK_NS
    assert seam.missing_since_ns(Kind.TRADES, "AIG") == NOON_NS + last_ns - SLACK_NS


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_once_and_in_order(events: list[tuple[int, int]]) -> None:
    """Whatever comes in, in whichever order: what goes out is in order and has nothing twice, and all else is counted."""
    counts = Counts()
    seam = Seam(counts)
    out = [event for event in events if seam.admit(*trade(*event))]
    assert [time for time, _ in out] == sorted(time for time, _ in out)
    assert len(set(out)) == len(out)
    assert len(out) + counts.duplicates + counts.late == len(events)
