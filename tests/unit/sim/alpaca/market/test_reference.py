"""Assets, clock and calendar, through the official client and plain HTTP."""

import datetime as dt
import uuid
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import AssetClass, AssetExchange, AssetStatus
from alpaca.trading.requests import GetAssetsRequest, GetCalendarRequest

from holdfast.sim.alpaca.market.assets import Assets, canonical_symbol
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
    assert symbols(exchange=AssetExchange.NASDAQ) == []
    assert symbols(attributes="has_options") == []


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
