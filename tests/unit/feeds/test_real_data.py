"""File feeds: real market data, as it is, comes through whole."""

from pathlib import Path

import pytest

from holdfast.core.messages import Bar, FeedEvent
from holdfast.core.types import DAY_NS, HOUR_NS, MINUTE_NS
from holdfast.errors import DataError
from holdfast.feeds.files import FileFeed

US_SYMBOLS = ["AIG", "BAC", "IBM", "SPY"]
FILES = [
    ("us_minute_trades", "bars", MINUTE_NS, 11_374, US_SYMBOLS),
    ("us_hour", "bars", HOUR_NS, 163_294, ["AAPL", "BAC", "IBM", "SPY"]),
    ("us_daily", "bars", DAY_NS, 47_881, ["AAPL", "AIG", "BAC", "EEM", "GOOG", "IBM", "IWM", "QQQ", "SPY"]),
    ("crypto_minute", "bars", MINUTE_NS, 17_752, ["BTCUSD", "ETHUSD"]),
    ("india_minute", "bars", MINUTE_NS, 3_422, ["JUNIORBEES", "NIFTY50", "YESBANK"]),
    ("us_tick_trades_ibm", "trades", None, 126_395, ["IBM"]),
    ("us_tick_trades_spy", "trades", None, 451_545, ["SPY"]),
    ("us_tick_quotes_ibm", "quotes", None, 575_589, ["IBM"]),
]


@pytest.mark.parametrize(("name", "data", "bar_ns", "rows", "symbols"), FILES, ids=[name for name, *_ in FILES])
def test_every_row_is_an_event_in_order(
    shared_data: Path, name: str, data: str, bar_ns: int | None, rows: int, symbols: list[str]
) -> None:
    """As many events as the file has rows, in order of time; kind, bar length and symbols are told from the data."""
    feed = FileFeed(shared_data / f"{name}.parquet")
    count, last_ns = 0, 0
    for event in feed.events():
        assert event.time_ns >= last_ns
        last_ns = event.time_ns
        count += 1
    assert count == feed.total == feed.check() == rows
    assert (feed.data, feed.bar_ns, list(feed.symbols)) == (data, bar_ns, symbols)


def test_the_first_hourly_bar_is_as_in_the_file(shared_data: Path) -> None:
    """AAPL's first hour of 1998, at the hour's end."""
    first: FeedEvent = next(FileFeed(shared_data / "us_hour.parquet").events())
    start_ns = 883_749_600_000_000_000  # 1998-01-02T14:00:00Z
    assert first == Bar("AAPL", start_ns + HOUR_NS, start_ns, 13.63, 13.75, 13.5, 13.63, 540_700.0)


def test_one_symbol_of_many_is_as_long_as_alone(shared_data: Path) -> None:
    """The filter gives each symbol's rows once: together they are all."""
    path = shared_data / "us_minute_trades.parquet"
    counts = [FileFeed(path, symbols=[symbol]).check() for symbol in US_SYMBOLS]
    assert sum(counts) == 11_374
    assert min(counts) > 0


def test_other_columns_are_refused(shared_data: Path) -> None:
    """Bars of quotes are not quotes: the error says what is missing."""
    with pytest.raises(DataError, match=r"us_minute_quotes\.parquet: columns bid, ask not found; quotes need"):
        FileFeed(shared_data / "us_minute_quotes.parquet")


def test_a_table_without_times_is_refused(shared_data: Path) -> None:
    """Corporate actions are not market data."""
    with pytest.raises(DataError, match=r"us_factors\.parquet: columns ts, .* not found"):
        FileFeed(shared_data / "us_factors.parquet")
