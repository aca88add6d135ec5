"""Assets, clock and calendar, through the official client and plain HTTP."""

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import AssetClass, AssetExchange, AssetStatus
from alpaca.trading.requests import GetAssetsRequest, GetCalendarRequest

from holdfast.calendars import trading_calendar
from holdfast.sim.alpaca.market.assets import Assets, canonical_symbol, make_asset
from holdfast.sim.alpaca.market.markets import MARKETS, clock_row
from tests.unit.sim.alpaca.market.conftest import Bot

SHARES = ["AVOR", "BRYX"]


def test_assets_are_listed_by_class(made_up: Bot) -> None:
    """Shares unless coins are asked for, as at Alpaca; filters leave out what doesn't match."""

    def symbols(**asked: Any) -> list[str]:
        return [asset.symbol for asset in made_up.trading.get_all_assets(GetAssetsRequest(**asked))]

    assert [asset.symbol for asset in made_up.trading.get_all_assets()] == SHARES
    assert symbols(asset_class=AssetClass.CRYPTO) == ["BTC/USD"]
    assert symbols(status=AssetStatus.ACTIVE) == SHARES
    assert symbols(status=AssetStatus.INACTIVE) == []
    assert symbols(exchange=AssetExchange.NASDAQ) == SHARES
    assert symbols(exchange=AssetExchange.NYSE) == []
    assert symbols(attributes="fractional_eh_enabled") == SHARES
    assert symbols(attributes="has_options") == []


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [("IBM", "NYSE"), ("T", "NYSE"), ("BRK.B", "NYSE"), ("AAPL", "NASDAQ"), ("QQQ", "NASDAQ"), ("SPY", "ARCA")],
)
def test_shares_are_listed_somewhere(symbol: str, exchange: str) -> None:
    """Each has the exchange it really has, as far as its symbol shows."""
    assert make_asset(symbol).exchange == exchange


@pytest.mark.parametrize("name", ["BTC/USD", "BTC%2FUSD", "BTCUSD"])
def test_a_coin_is_found_however_it_is_written(made_up: Bot, name: str) -> None:
    """With its slash raw, escaped or left out."""
    asset = made_up.trading.get_asset(name)
    assert (asset.symbol, asset.asset_class, asset.exchange) == ("BTC/USD", AssetClass.CRYPTO, AssetExchange.CRYPTO)
    assert asset.price_increment == 1e-9


def test_an_asset_is_found_by_its_id_which_never_changes(made_up: Bot) -> None:
    """The id is a function of the symbol: another server, another day, the same id."""
    share = made_up.trading.get_asset("AVOR")
    assert made_up.trading.get_asset(str(share.id)) == share
    assert share.id == Assets(["AVOR"]).all()[0].id
    assert isinstance(share.id, uuid.UUID)


def test_an_asset_there_is_not_is_404(made_up: Bot) -> None:
    """With a code and a message, as Alpaca's errors have them."""
    with pytest.raises(APIError) as error:
        made_up.trading.get_asset("NOPE")
    assert (error.value.status_code, error.value.code) == (404, 40410000)


def test_an_asset_has_all_documented_keys(made_up: Bot) -> None:
    """The deprecated one that the official client requires included."""
    keys = set(made_up.get("/v2/assets/AVOR").json())
    assert keys == {
        "id", "class", "exchange", "symbol", "name", "status", "tradable", "marginable", "shortable", "easy_to_borrow",
        "borrow_status", "fractionable", "maintenance_margin_requirement", "margin_requirement_long",
        "margin_requirement_short", "attributes",
    }  # fmt: skip


def test_symbols_of_files_become_alpacas() -> None:
    """Known coins get their slash; whatever else ends in a currency's name stays a share."""
    assert [canonical_symbol(name) for name in ("BTCUSD", "ETHBTC", "SOLUSDT", "BTC/USD", "MUSD", "USD", "IBM")] == [
        "BTC/USD",
        "ETH/BTC",
        "SOL/USDT",
        "BTC/USD",
        "MUSD",
        "USD",
        "IBM",
    ]


def test_the_clock_shows_market_time_in_new_york(made_up: Bot) -> None:
    """At the open: open, with the next day's open and today's close."""
    clock = made_up.trading.get_clock()
    assert clock.is_open
    assert clock.timestamp == dt.datetime(2024, 7, 10, 13, 30, tzinfo=dt.UTC)
    assert clock.next_open == dt.datetime(2024, 7, 11, 13, 30, tzinfo=dt.UTC)
    assert clock.next_close == dt.datetime(2024, 7, 10, 20, 0, tzinfo=dt.UTC)
    assert clock.timestamp.utcoffset() == dt.timedelta(hours=-4)


def test_the_calendar_has_early_closes_and_settlement(made_up: Bot) -> None:
    """Both ends included; times of New York; settled two trading days later until May 2024, then one."""
    asked = GetCalendarRequest(start=dt.date(2024, 7, 3), end=dt.date(2024, 7, 5))
    days = made_up.trading.get_calendar(asked)
    assert [(str(day.date), day.close.hour) for day in days] == [("2024-07-03", 13), ("2024-07-05", 16)]
    rows = made_up.get("/v2/calendar", start="2024-05-24", end="2024-05-28").json()
    assert rows[0] == {
        "date": "2024-05-24",
        "open": "09:30",
        "close": "16:00",
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": "2024-05-29",
    }
    assert rows[1]["settlement_date"] == "2024-05-29"
    (half,) = made_up.get("/v2/calendar", start="2026-11-27", end="2026-11-27").json()
    assert (half["close"], half["session_open"], half["session_close"]) == ("13:00", "0400", "1700")


def test_the_whole_calendar_is_what_alpaca_has(made_up: Bot) -> None:
    """Every trading day from 1970 to 2029; by settlement date on request."""
    days = made_up.trading.get_calendar()
    assert (days[0].date, days[-1].date) == (dt.date(1970, 1, 2), dt.date(2029, 12, 31))
    settled = made_up.get("/v2/calendar", start="2024-05-29", end="2024-05-29", date_type="SETTLEMENT").json()
    assert [row["date"] for row in settled] == ["2024-05-24", "2024-05-28"]


@pytest.mark.parametrize("query", [{"start": "soon"}, {"date_type": "OTHER"}])
def test_a_calendar_that_can_not_be_is_refused(made_up: Bot, query: dict[str, str]) -> None:
    """422 with a message that names the parameter."""
    answer = made_up.get("/v2/calendar", **query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.json()["message"]


@pytest.mark.parametrize("feed", ["otc", "boats", "overnight"])
def test_other_markets_want_another_plan(made_up: Bot, feed: str) -> None:
    """They have other data than the exchanges: 403, not the same bars again."""
    for path in ("/v2/stocks/bars?timeframe=1Min&symbols=AVOR", "/v2/stocks/AVOR/trades/latest?"):
        answer = made_up.get(f"{path}&feed={feed}")
        assert (answer.status_code, answer.json().keys()) == (403, {"message"})


@pytest.mark.parametrize(
    ("now", "phase", "until", "is_market_day"),
    [
        ("2024-07-03T03:59:00", "closed", "2024-07-03T04:00:00-04:00", True),
        ("2024-07-03T04:00:00", "pre", "2024-07-03T09:30:00-04:00", True),
        ("2024-07-03T12:59:59", "core", "2024-07-03T13:00:00-04:00", True),
        ("2024-07-03T16:30:00", "post", "2024-07-03T17:00:00-04:00", True),
        ("2024-07-03T17:00:00", "closed", "2024-07-05T04:00:00-04:00", True),
        ("2024-07-04T12:00:00", "closed", "2024-07-05T04:00:00-04:00", False),
    ],
)
def test_the_phases_of_a_half_day(now: str, phase: str, until: str, is_market_day: bool) -> None:
    """Pre-market, core and post-market around the early close of 3 July, and the holiday after it."""
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("America/New_York"))
    row = clock_row(trading_calendar("XNYS"), int(moment.timestamp()) * 1_000_000_000, MARKETS["NYSE"])
    assert (row["phase"], row["phase_until"], row["is_market_day"]) == (phase, until, is_market_day)
    assert row["next_market_open"] == ("2024-07-03" if now < "2024-07-03T09:30" else "2024-07-05") + "T09:30:00-04:00"
