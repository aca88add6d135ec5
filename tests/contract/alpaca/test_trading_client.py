"""Every method of the SDK's TradingClient that a bot for stocks or coins uses: raw answers field by field, and as models."""

import datetime as dt
import uuid
import warnings
from decimal import Decimal
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading import requests as ask
from alpaca.trading.enums import (
    AccountStatus,
    AssetClass,
    AssetStatus,
    CorporateActionType,
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    QueryOrderStatus,
    TimeInForce,
)

from tests.contract.alpaca import shapes
from tests.contract.alpaca.sdk import Bot
from tests.contract.alpaca.shapes import holds

BUY = {"symbol": "AVOR", "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY}
SELL = {**BUY, "side": OrderSide.SELL}


def limit(price: float = 90.0, qty: float = 2, **more: Any) -> ask.LimitOrderRequest:
    return ask.LimitOrderRequest(**(BUY | {"qty": qty, "limit_price": price} | more))


def market(qty: float | None = 2, **more: Any) -> ask.MarketOrderRequest:
    return ask.MarketOrderRequest(**(BUY | {"qty": qty} | more))


def bought(bot: Bot, qty: float = 2, **more: Any) -> dict[str, Any]:
    order_id: str = bot.raw.submit_order(market(qty, **more))["id"]
    return bot.order_when(order_id, "filled")


def refused(call: Any) -> APIError:
    with pytest.raises(APIError) as raised:
        call()
    return raised.value


# --- the account -----------------------------------------------------------------------------------------------------


def test_get_account(bot: Bot) -> None:
    """An account has every field, as strings where they are money, and is a model."""
    holds(bot.raw.get_account(), shapes.ACCOUNT)
    account = bot.typed.get_account()
    assert (account.status, account.cash, account.equity) == (AccountStatus.ACTIVE, "100000", "100000")


def test_account_configurations(bot: Bot) -> None:
    """Settings are read, changed and read again; the SDK sends all of them, with nulls."""
    holds(bot.raw.get_account_configurations(), shapes.CONFIGURATION)
    settings = bot.typed.get_account_configurations()
    settings.no_shorting = True
    settings.suspend_trade = True
    assert bot.typed.set_account_configurations(settings).no_shorting is True
    assert bot.raw.get_account_configurations()["suspend_trade"] is True
    holds(bot.raw.get_account_configurations(), shapes.CONFIGURATION)
    assert refused(lambda: bot.typed.submit_order(limit())).status_code == 403


def test_portfolio_history(bot: Bot) -> None:
    """The history is numbers against whole seconds, with lists of one length, by default and with every parameter."""
    bought(bot)
    holds(bot.raw.get_portfolio_history(), shapes.HISTORY)
    wanted = ask.GetPortfolioHistoryRequest(
        period="1D", timeframe="5Min", intraday_reporting="market_hours", pnl_reset="no_reset"
    )
    history = bot.raw.get_portfolio_history(wanted)
    holds(history, shapes.HISTORY)
    assert history["timeframe"] == "5Min"
    lengths = {len(history[name]) for name in ("timestamp", "equity", "profit_loss", "profit_loss_pct")}
    assert len(lengths) == 1
    assert all(stamp < 10_000_000_000 for stamp in history["timestamp"])
    assert bot.typed.get_portfolio_history(wanted).timeframe == "5Min"


def test_activities(bot: Bot) -> None:
    """Fills are listed by the plain get of the SDK, which has no method for them; pages go on after the last id."""
    bought(bot, 2)
    bought(bot, 3)
    rows = bot.raw.get("/account/activities/FILL")
    holds(rows, [shapes.FILL])
    assert [row["qty"] for row in rows] == ["3", "2"]
    assert bot.raw.get("/account/activities", {"activity_types": "FILL", "direction": "asc"}) == rows[::-1]
    first = bot.raw.get("/account/activities/FILL", {"page_size": 1})
    second = bot.raw.get("/account/activities/FILL", {"page_size": 1, "page_token": first[0]["id"]})
    assert [*first, *second] == rows
    assert bot.raw.get("/account/activities/FILL", {"page_token": rows[-1]["id"]}) == []


# --- the market ------------------------------------------------------------------------------------------------------


def test_get_all_assets(bot: Bot) -> None:
    """Assets have every field the SDK needs; filters by class and status work."""
    stocks = bot.raw.get_all_assets(ask.GetAssetsRequest(asset_class=AssetClass.US_EQUITY, status=AssetStatus.ACTIVE))
    coins = bot.raw.get_all_assets(ask.GetAssetsRequest(asset_class=AssetClass.CRYPTO))
    holds(stocks, [shapes.ASSET])
    holds(coins, [shapes.COIN])
    assert {asset["symbol"] for asset in stocks} == {"AVOR", "BRYX"}
    assert [asset["symbol"] for asset in coins] == ["BTC/USD"]
    assert {asset.symbol for asset in bot.typed.get_all_assets()} >= {"AVOR", "BRYX"}
    assert bot.typed.get_all_assets(ask.GetAssetsRequest(status=AssetStatus.INACTIVE)) == []


def test_get_asset(bot: Bot) -> None:
    """One asset is found by symbol, by a coin's symbol with a slash, encoded or not, or without one, and by id."""
    holds(bot.raw.get_asset("AVOR"), shapes.ASSET)
    coin = bot.raw.get_asset("BTC/USD")
    holds(coin, shapes.COIN)
    assert bot.raw.get_asset("BTC%2FUSD") == bot.raw.get_asset("BTCUSD") == bot.raw.get_asset(coin["id"]) == coin
    assert bot.typed.get_asset(uuid.UUID(coin["id"])).symbol == "BTC/USD"
    error = refused(lambda: bot.typed.get_asset("NOSUCH"))
    assert (error.status_code, error.code) == (404, 40410000)


def test_get_clock(bot: Bot) -> None:
    """The clock is the market's, in New York's time."""
    holds(bot.raw.get_clock(), shapes.CLOCK)
    clock = bot.typed.get_clock()
    assert clock.is_open
    assert clock.timestamp < clock.next_close < clock.next_open


def test_get_calendar(bot: Bot) -> None:
    """The calendar has sessions between two dates, both included, and early closes."""
    wanted = ask.GetCalendarRequest(start=dt.date(2024, 7, 2), end=dt.date(2024, 7, 5))
    rows = bot.raw.get_calendar(wanted)
    holds(rows, [shapes.CALENDAR_DAY])
    assert [(row["date"], row["close"]) for row in rows] == [
        ("2024-07-02", "16:00"),
        ("2024-07-03", "13:00"),
        ("2024-07-05", "16:00"),
    ]
    assert bot.typed.get_calendar(wanted)[0].open == dt.datetime(2024, 7, 2, 9, 30)  # noqa: DTZ001  the SDK's is naive
    assert len(bot.typed.get_calendar()) > 5_000


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        limit(),
        market(),
        market(qty=0.5),
        market(qty=None, notional=25.5),
        ask.StopOrderRequest(**BUY, qty=1, stop_price=110),
        ask.StopLimitOrderRequest(**BUY, qty=1, stop_price=110, limit_price=111.5),
        ask.TrailingStopOrderRequest(**BUY, qty=1, trail_percent=1.5),
        ask.TrailingStopOrderRequest(**BUY, qty=1, trail_price=2),
        limit(extended_hours=True),
        limit(time_in_force=TimeInForce.GTC),
        limit(time_in_force=TimeInForce.IOC),
        limit(time_in_force=TimeInForce.FOK),
        limit(symbol="BTC/USD", price=30_000, qty=0.001, time_in_force=TimeInForce.GTC),
        market(symbol="BTCUSD", qty=0.001, time_in_force=TimeInForce.IOC),
    ],
    ids=lambda request: f"{request.type.value}-{request.time_in_force.value}-{request.qty or request.notional}",
)
def test_submit_order(bot: Bot, request_: Any) -> None:
    """Every kind of order is taken, answered field by field and as a model, and can be read again under both ids."""
    answer = bot.raw.submit_order(request_)
    holds(answer, shapes.ORDER)
    assert answer["status"] in ("accepted", "pending_new")
    assert (answer["filled_qty"], answer["filled_avg_price"]) == ("0", None)
    holds(bot.raw.get_order_by_id(answer["id"]), shapes.ORDER)
    assert bot.typed.get_order_by_client_id(answer["client_order_id"]).id == uuid.UUID(answer["id"])


def test_an_order_fills(bot: Bot) -> None:
    """A market order fills at the quote; order, position and account say so exactly."""
    order = bought(bot, 3)
    holds(order, shapes.ORDER)
    assert (order["filled_qty"], order["filled_avg_price"]) == ("3", "100.01")
    assert bot.raw.get_account()["cash"] == "99699.97"
    model = bot.typed.get_order_by_id(order["id"])
    assert (model.status, model.order_class) == (OrderStatus.FILLED, OrderClass.SIMPLE)


def test_bracket(bot: Bot) -> None:
    """A bracket is answered with two held legs; the stop stays so at work and out of the list, and one ends the other."""
    exits: dict[str, Any] = {
        "take_profit": {"limit_price": 105.0},
        "stop_loss": {"stop_price": 95.0, "limit_price": 94.0},
    }
    order = bot.raw.submit_order(market(order_class=OrderClass.BRACKET, **exits))
    holds(order, shapes.NESTED_ORDER)
    assert [leg["status"] for leg in order["legs"]] == ["held", "held"]
    bot.order_when(order["id"], "filled")
    take_profit, stop_loss = sorted(order["legs"], key=lambda leg: leg["type"] != "limit")
    bot.order_when(take_profit["id"], "new")
    nested = bot.typed.get_order_by_id(order["id"], ask.GetOrderByIdRequest(nested=True))
    assert nested.legs is not None
    assert bot.raw.get_order_by_id(stop_loss["id"])["status"] == "held"
    assert [row["id"] for row in bot.raw.get_orders()] == [take_profit["id"]]
    assert {leg.order_type for leg in nested.legs} == {OrderType.LIMIT, OrderType.STOP_LIMIT}
    bot.market("AVOR", 106.0)
    bot.order_when(take_profit["id"], "filled")
    bot.order_when(stop_loss["id"], "canceled")
    assert bot.raw.get_all_positions() == []


def test_oco_and_oto(bot: Bot) -> None:
    """An OCO exits a position either way; an OTO brings one exit with its entry."""
    bought(bot, 2)
    exits: dict[str, Any] = {"take_profit": {"limit_price": 105.0}, "stop_loss": {"stop_price": 95.0}}
    oco = ask.LimitOrderRequest(**SELL, qty=2, order_class=OrderClass.OCO, **exits)
    answer = bot.raw.submit_order(oco)
    holds(answer, shapes.NESTED_ORDER)
    assert (answer["order_class"], answer["limit_price"], len(answer["legs"])) == ("oco", "105", 1)
    (shown,) = bot.raw.get_orders(ask.GetOrdersRequest(nested=True))
    assert [leg["stop_price"] for leg in shown["legs"]] == ["95"]
    bot.typed.cancel_order_by_id(answer["id"])
    bot.order_when(answer["legs"][0]["id"], "canceled")
    oto = bot.raw.submit_order(limit(order_class=OrderClass.OTO, stop_loss={"stop_price": 80.0}))
    holds(oto, shapes.NESTED_ORDER)
    assert [leg["status"] for leg in oto["legs"]] == ["held"]


def test_get_orders(bot: Bot) -> None:
    """Lists are newest first and hold what every filter asks for."""
    first, second, third = (bot.raw.submit_order(limit(price))["id"] for price in (90, 91, 92))
    other = bot.raw.submit_order(limit(30, symbol="BRYX"))["id"]
    bot.typed.cancel_order_by_id(first)
    bot.order_when(first, "canceled")

    def listed(**filters: Any) -> list[str]:
        rows = bot.raw.get_orders(ask.GetOrdersRequest(**filters))
        holds(rows, [shapes.ORDER])
        return [row["id"] for row in rows]

    assert [row["id"] for row in bot.raw.get_orders()] == [other, third, second]
    assert listed(status=QueryOrderStatus.CLOSED) == [first]
    assert listed(status=QueryOrderStatus.ALL, direction="asc") == [first, second, third, other]
    assert listed(symbols=["BRYX", "BTC/USD"]) == [other]
    assert listed(limit=2) == [other, third]
    assert listed(side=OrderSide.SELL) == []
    assert listed(status=QueryOrderStatus.ALL, after=dt.datetime(2030, 1, 1, tzinfo=dt.UTC)) == []
    assert len(listed(until=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))) == 3
    assert [str(order.id) for order in bot.typed.get_orders()] == [other, third, second]


def test_replace_order(bot: Bot) -> None:
    """A replacement is a new order with a new id; each of the two names the other."""
    old = bot.raw.submit_order(limit())["id"]
    bot.order_when(old, "new")
    new = bot.raw.replace_order_by_id(old, ask.ReplaceOrderRequest(qty=5, limit_price=91.25, client_order_id="mine"))
    holds(new, shapes.ORDER)
    assert (new["qty"], new["limit_price"], new["replaces"], new["client_order_id"]) == ("5", "91.25", old, "mine")
    assert bot.order_when(old, "replaced")["replaced_by"] == new["id"]
    bot.order_when(new["id"], "new")
    later = bot.typed.replace_order_by_id(new["id"], ask.ReplaceOrderRequest(time_in_force=TimeInForce.GTC))
    assert (later.time_in_force, later.qty) == (TimeInForce.GTC, "5")


def test_cancel_order(bot: Bot) -> None:
    """A cancel is silent; what has ended can't be canceled, what is not there isn't found."""
    order_id = bot.raw.submit_order(limit())["id"]
    bot.typed.cancel_order_by_id(order_id)
    assert bot.order_when(order_id, "canceled")["canceled_at"] is not None
    error = refused(lambda: bot.typed.cancel_order_by_id(order_id))
    assert (error.status_code, error.code, error.message) == (422, 42210000, 'order is already in "canceled" state')
    error = refused(lambda: bot.typed.cancel_order_by_id(bought(bot)["id"]))
    assert (error.status_code, error.code, error.message) == (422, 42210000, 'order is already in "filled" state')
    error = refused(lambda: bot.typed.cancel_order_by_id(uuid.uuid4()))
    assert (error.status_code, error.code) == (404, 40410000)


def test_cancel_orders(bot: Bot) -> None:
    """Canceling all names each order that was open, and none is left."""
    ids = {bot.raw.submit_order(limit(price))["id"] for price in (90, 91)}
    answer = bot.raw.cancel_orders()
    holds(answer, [shapes.CANCELED])
    assert {item["id"] for item in answer} == ids
    assert bot.raw.get_orders() == []
    bot.raw.submit_order(limit())
    assert [item.status for item in bot.typed.cancel_orders()] == [200]


# --- positions -------------------------------------------------------------------------------------------------------


def test_positions(bot: Bot) -> None:
    """A position has every field with fractions of one, not percent; a coin's symbol has no slash here."""
    bought(bot, 10)
    bought(bot, 0.5, symbol="BTC/USD", time_in_force=TimeInForce.GTC)
    bot.market("AVOR", 110.0)
    rows = bot.raw.get_all_positions()
    holds(rows, [shapes.POSITION])
    assert {row["symbol"] for row in rows} == {"AVOR", "BTCUSD"}
    stock = bot.raw.get_open_position("AVOR")
    assert (stock["qty"], stock["avg_entry_price"], stock["cost_basis"]) == ("10", "100.01", "1000.1")
    assert (stock["current_price"], stock["market_value"], stock["unrealized_pl"]) == ("110", "1100", "99.9")
    assert Decimal(stock["unrealized_plpc"]).quantize(Decimal("0.0001")) == Decimal("0.0999")
    for name in ("BTC/USD", "BTCUSD", "BTC%2FUSD", rows[1]["asset_id"]):
        assert bot.raw.get_open_position(name)["asset_id"] == bot.raw.get_asset(name)["id"]
    assert bot.typed.get_open_position("AVOR").side is PositionSide.LONG
    assert len(bot.typed.get_all_positions()) == 2


def test_no_position(bot: Bot) -> None:
    """A position there is not is 404, with a code."""
    error = refused(lambda: bot.typed.get_open_position("AVOR"))
    assert (error.status_code, error.code) == (404, 40410000)


def test_short_position(bot: Bot) -> None:
    """Selling what one doesn't have is a short: quantity, value and side say so."""
    order_id = bot.raw.submit_order(ask.MarketOrderRequest(**SELL, qty=4))["id"]
    assert bot.order_when(order_id, "filled")["position_intent"] == "sell_to_open"
    position = bot.raw.get_open_position("AVOR")
    holds(position, shapes.POSITION)
    assert (position["side"], position["qty"], position["market_value"]) == ("short", "-4", "-400")


def test_close_position(bot: Bot) -> None:
    """A position is closed by quantity, by percentage, and whole."""
    bought(bot, 10)
    answer = bot.raw.close_position("AVOR", ask.ClosePositionRequest(qty="4"))
    holds(answer, shapes.ORDER)
    assert (answer["side"], answer["qty"], answer["position_intent"]) == ("sell", "4", "sell_to_close")
    bot.order_when(answer["id"], "filled")
    half = bot.typed.close_position("AVOR", ask.ClosePositionRequest(percentage="50"))
    assert half.qty == "3"
    bot.order_when(str(half.id), "filled")
    bot.order_when(bot.raw.close_position(bot.raw.get_asset("AVOR")["id"])["id"], "filled")
    assert bot.raw.get_all_positions() == []


def test_close_all_positions(bot: Bot) -> None:
    """Closing all answers for each position: an order, or why not; with cancel_orders nothing stands in the way."""
    bought(bot, 10)
    bought(bot, 0.5, symbol="BTC/USD", time_in_force=TimeInForce.GTC)
    held = bot.raw.submit_order(ask.LimitOrderRequest(**SELL, qty=10, limit_price=200))["id"]
    stock, coin = sorted(bot.raw.close_all_positions(), key=lambda item: str(item["symbol"]))
    holds(stock, shapes.NOT_CLOSED)
    holds(coin, shapes.CLOSED)
    assert (stock["body"]["available"], stock["body"]["held_for_orders"]) == ("0", "10")
    (closed,) = bot.typed.close_all_positions(cancel_orders=True)
    assert (closed.symbol, closed.status) == ("AVOR", 200)
    bot.order_when(held, "canceled")
    bot.order_when(str(closed.body.id), "filled")
    assert bot.raw.get_all_positions() == []


# --- watchlists ------------------------------------------------------------------------------------------------------


def test_watchlists(bot: Bot) -> None:
    """A watchlist is made, found, changed, added to, taken from and deleted."""
    made = bot.raw.create_watchlist(ask.CreateWatchlistRequest(name="mine", symbols=["AVOR"]))
    holds(made, shapes.WATCHLIST)
    named = made["id"]
    holds(bot.raw.get_watchlists(), [shapes.WATCHLIST_IN_LIST])
    assert bot.raw.get_watchlist_by_id(named) == made
    added = bot.raw.add_asset_to_watchlist_by_id(named, "BTC/USD")
    assert [asset["symbol"] for asset in added["assets"]] == ["AVOR", "BTC/USD"]
    left = bot.typed.remove_asset_from_watchlist_by_id(named, "BTC/USD")
    assert [asset.symbol for asset in left.assets or []] == ["AVOR"]
    changed = bot.raw.update_watchlist_by_id(named, ask.UpdateWatchlistRequest(name="other", symbols=["BRYX"]))
    assert (changed["name"], [asset["symbol"] for asset in changed["assets"]]) == ("other", ["BRYX"])
    holds(changed, shapes.WATCHLIST)
    assert bot.typed.get_watchlist_by_id(named).name == "other"
    assert [one.name for one in bot.typed.get_watchlists()] == ["other"]
    bot.typed.delete_watchlist_by_id(named)
    assert refused(lambda: bot.typed.get_watchlist_by_id(named)).status_code == 404


def test_what_is_not_here_is_empty(bot: Bot) -> None:
    """There are no options and no announcements, and a bot that asks for them goes on; one of either is not found."""
    contracts = bot.typed.get_option_contracts(ask.GetOptionContractsRequest(underlying_symbols=["AVOR"]))
    assert (contracts.option_contracts, contracts.next_page_token) == ([], None)
    error = refused(lambda: bot.typed.get_option_contract("AVOR261218C00100000"))
    assert (error.status_code, error.code) == (404, 40410000)
    dates: dict[str, Any] = {"since": dt.date(2024, 7, 1), "until": dt.date(2024, 7, 9)}
    wanted = ask.GetCorporateAnnouncementsRequest(ca_types=[CorporateActionType.SPLIT], **dates)
    with pytest.warns(DeprecationWarning, match="announcement"):
        assert bot.typed.get_corporate_announcements(wanted) == []
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # one version of the SDK warns of this method, another doesn't
        error = refused(lambda: bot.typed.get_corporate_announcement_by_id(str(uuid.uuid4())))
    assert (error.status_code, error.code) == (404, 40410000)
    error = refused(lambda: bot.typed.exercise_options_position("AVOR261218C00100000"))
    assert (error.status_code, error.code) == (404, 40410000)
    order = market(1, symbol="AVOR261218C00100000")
    error = refused(lambda: bot.typed.submit_order(order))
    assert (error.status_code, error.code) == (403, 40310000)
    error = refused(lambda: bot.typed.get("/nowhere"))
    assert (error.status_code, error.code) == (404, 40410000)


def test_rate_limit(bot: Bot) -> None:
    """The 201st request of a minute is refused with 429; the headers count down to it, and say when it goes on."""
    keys = {"APCA-API-KEY-ID": bot.key, "APCA-API-SECRET-KEY": bot.secret}
    with requests.Session() as session:
        answers = [session.get(f"{bot.server.trading_url}/v2/clock", headers=keys, timeout=20) for _ in range(201)]
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers if answer.status_code == 200]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    assert answers[-1].status_code == 429
    holds(answers[-1].json(), shapes.REFUSAL)
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"200"}


def test_paging_by_time(bot: Bot) -> None:
    """Bots page through orders by the time of submission of the last they have; no order is left out."""
    ids = [bot.raw.submit_order(limit(price))["id"] for price in (90, 91, 92, 93)]
    page = {"limit": 2, "direction": "asc"}
    first = bot.raw.get("/orders", page)
    second = bot.raw.get("/orders", page | {"after": first[-1]["submitted_at"]})
    assert [row["id"] for row in (*first, *second)] == ids


def test_floats_of_coins(bot: Bot) -> None:
    """Alpaca (observed): a coin's quantity is cut to nine decimals, so that what floats add up to can be ordered."""
    order = bot.raw.submit_order(market(0.1 + 0.2, symbol="BTC/USD", time_in_force=TimeInForce.GTC))
    assert order["qty"] == "0.3"
