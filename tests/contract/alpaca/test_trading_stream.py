"""Every method of the SDK's TradingStream: an order's life as it is told, field by field, and as models."""

import json
import logging
import time
from typing import Any

import pytest
from alpaca.trading import requests as ask
from alpaca.trading.enums import OrderSide, TimeInForce, TradeEvent
from alpaca.trading.models import TradeUpdate
from websockets.sync.client import connect

from tests.contract.alpaca import shapes
from tests.contract.alpaca.sdk import Bot, Listening, TradingStream, trade_updates, wait_until_heard
from tests.contract.alpaca.shapes import holds
from tests.local_server import PATIENCE_S

BUY = {"symbol": "AVOR", "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY}


def events(heard: Listening, last: str) -> list[dict[str, Any]]:
    """What is told up to and with an event of this name, each checked field by field."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["event"] != last:
        message = heard.next()
        holds(message, shapes.FILL_UPDATE if "fill" in message["data"]["event"] else shapes.UPDATE)
        told.append(message["data"])
    return told


def names(told: list[dict[str, Any]]) -> list[str]:
    return [update["event"] for update in told]


def test_an_order_fills(bot: Bot) -> None:
    """A market order is told as pending_new, new and fill; the fill has its own price and quantity, the order's sums."""
    with trade_updates(bot) as heard:
        order = bot.raw.submit_order(ask.MarketOrderRequest(**BUY, qty=3))
        told = events(heard, "fill")
        assert names(told) == ["pending_new", "new", "fill"]
        assert {update["order"]["id"] for update in told} == {order["id"]}
        fill = told[-1]
        assert (fill["price"], fill["qty"], fill["position_qty"]) == ("100.01", "3", "3")
        assert (fill["order"]["status"], fill["order"]["filled_qty"]) == ("filled", "3")
        (activity,) = bot.raw.get("/account/activities/FILL")
        assert activity["id"].endswith("::" + fill["execution_id"])


def test_a_limit_order_waits_and_is_canceled(bot: Bot) -> None:
    """A cancel is told, with the order as it then is."""
    with trade_updates(bot) as heard:
        order_id = bot.raw.submit_order(ask.LimitOrderRequest(**BUY, qty=1, limit_price=90))["id"]
        assert names(events(heard, "new")) == ["pending_new", "new"]
        bot.raw.cancel_order_by_id(order_id)
        told = events(heard, "canceled")
        assert told[-1]["order"]["canceled_at"] is not None


def test_a_replacement(bot: Bot) -> None:
    """Replacing is told as replaced, of the old order, then new, of the new one."""
    with trade_updates(bot) as heard:
        old = bot.raw.submit_order(ask.LimitOrderRequest(**BUY, qty=1, limit_price=90))["id"]
        events(heard, "new")
        new = bot.raw.replace_order_by_id(old, ask.ReplaceOrderRequest(qty=2))["id"]
        told = events(heard, "new")
        replaced = next(update for update in told if update["event"] == "replaced")
        assert (replaced["order"]["id"], replaced["order"]["replaced_by"]) == (old, new)
        assert (told[-1]["order"]["id"], told[-1]["order"]["replaces"]) == (new, old)


def test_a_bracket(bot: Bot) -> None:
    """The entry's fill is told before its take-profit works; the stop is told when it fires, after its twin was replaced."""
    with trade_updates(bot) as heard:
        exits: dict[str, Any] = {"take_profit": {"limit_price": 105.0}, "stop_loss": {"stop_price": 95.0}}
        order = bot.raw.submit_order(ask.MarketOrderRequest(**BUY, qty=2, order_class="bracket", **exits))
        profit, stop = (leg["id"] for leg in sorted(order["legs"], key=lambda leg: leg["type"]))
        entry = events(heard, "fill")
        assert {update["order"]["id"] for update in entry} == {order["id"]}
        assert events(heard, "new")[-1]["order"]["id"] == profit
        bot.market("AVOR", 94.0)
        told = [heard.next()["data"] for _ in range(2)]
        assert names(told) == ["replaced", "fill"]
        assert [update["order"]["id"] for update in told] == [profit, stop]
        assert told[0]["order"]["replaced_by"] == stop


def test_models(bot: Bot) -> None:
    """Every update is a model to a bot that wants one."""
    with trade_updates(bot, raw=False) as heard:
        bot.raw.submit_order(ask.MarketOrderRequest(**BUY, qty=1))
        update = heard.next(lambda one: one.event == TradeEvent.FILL)
        assert isinstance(update, TradeUpdate)
        assert (update.price, update.qty, update.position_qty) == (100.01, 1.0, 1.0)
        assert update.order.symbol == "AVOR"


def test_subscribing_while_it_runs(bot: Bot) -> None:
    """A handler can be changed while the stream runs."""
    with trade_updates(bot) as heard:
        second = Listening(heard.stream)
        heard.stream.subscribe_trade_updates(second.hear)
        bot.raw.submit_order(ask.MarketOrderRequest(**BUY, qty=1))
        assert events(second, "fill")


def test_one_connection_an_account(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """A second stream of an account is turned away; the SDK tries again and gets in when the first has gone."""
    caplog.set_level(logging.WARNING, logger="alpaca.trading.stream")
    other = Listening(TradingStream(bot.key, bot.secret, raw_data=True, url_override=bot.server.stream_url))
    other.stream.subscribe_trade_updates(other.hear)
    with other:
        with trade_updates(bot):
            other.start()
            deadline_s = time.monotonic() + PATIENCE_S
            while not caplog.records:
                assert time.monotonic() < deadline_s, "the second stream was not refused"
                time.sleep(0.01)
        wait_until_heard(bot)
        bot.raw.submit_order(ask.MarketOrderRequest(**BUY, qty=1))
        assert events(other, "fill")


def test_wrong_secret(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """A stream with a wrong secret is told so; the SDK says that it failed to authenticate."""
    caplog.set_level(logging.ERROR, logger="alpaca.trading.stream")
    with Listening(TradingStream(bot.key, "wrong", url_override=bot.server.stream_url)) as heard:
        heard.stream.subscribe_trade_updates(heard.hear)
        heard.start()
        deadline_s = time.monotonic() + PATIENCE_S
        while "failed to authenticate" not in caplog.text:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        heard.stop()


def test_changing_the_account(bot: Bot) -> None:
    """A connection that authenticates again for another account gives up the first account's place."""
    other = Bot(bot.server)
    with connect(bot.server.stream_url) as socket:
        for one in (bot, other):
            keys = {"key_id": one.key, "secret_key": one.secret}
            socket.send(json.dumps({"action": "authenticate", "data": keys}))
            assert json.loads(socket.recv(20))["data"]["status"] == "authorized"
        assert not bot.trading.hub.is_taken
