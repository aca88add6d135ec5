"""Whatever bots do, in whatever order: nothing breaks the server, and the books come out."""

import random
from collections import Counter, defaultdict
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import requests

from holdfast.sim.alpaca.trading.limit import RateLimit
from tests.budget import in_a_campaign
from tests.contract.alpaca import shapes
from tests.contract.alpaca.sdk import Bot, trade_updates
from tests.contract.alpaca.shapes import holds
from tests.local_alpaca import local_alpaca

OPEN = {"new", "partially_filled", "accepted", "pending_new", "pending_cancel", "pending_replace", "held"}
PRICES = {"AVOR": 100.0, "BRYX": 50.0, "BTC/USD": 40_000.0}


class Trader:
    """Does at random what bots do, well or badly, and looks at the books after it."""

    def __init__(self, bot: Bot, seed: int) -> None:
        self.bot = bot
        self.random = random.Random(seed)
        self.prices = dict(PRICES)
        self.answers: Counter[str] = Counter()
        self._session = requests.Session()
        self._session.headers.update({"APCA-API-KEY-ID": bot.key, "APCA-API-SECRET-KEY": bot.secret})
        bot.trading.limit = RateLimit(0)  # not what this is about

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """One request; its JSON. Refusals are counted, errors of the server fail the test."""
        response = self._session.request(method, f"{self.bot.server.trading_url}/v2{path}", timeout=20, **more)
        assert response.status_code < 500, f"{method} {path} {more}: {response.text}"
        body: Any = response.json() if response.text else None
        if response.status_code >= 400:
            holds(body["code"], "integer")
            holds(body["message"], "text")
            self.answers[body["message"]] += 1
        elif method != "GET":
            self.answers[f"{method} {response.status_code}"] += 1
        return body

    def act(self) -> None:
        """One thing, whatever comes to mind."""
        deeds = (
            (self.order,) * 6 + (self.move,) * 5 + (self.cancel,) * 2 + (self.replace,) * 2 + (self.close, self.sweep)
        )
        self.random.choice(deeds)()

    def move(self) -> None:
        symbol = self.random.choice(list(self.prices))
        self.prices[symbol] = round(self.prices[symbol] * self.random.uniform(0.97, 1.03), 2)
        self.bot.market(symbol, self.prices[symbol])

    def look(self) -> None:
        """Learn the prices from the market."""
        for symbol in self.prices:
            price = self.bot.server.call(partial(self.bot.server.world.market.price, symbol))
            assert price is not None
            self.prices[symbol] = round(price, 2)

    def order(self) -> None:
        symbol = self.random.choice(list(self.prices))
        price, is_coin = self.prices[symbol], "/" in symbol
        body: dict[str, Any] = {
            "symbol": symbol,
            "side": self.random.choice(["buy", "sell"]),
            "type": self.random.choice(["market", "limit", "stop", "stop_limit", "trailing_stop"]),
            "time_in_force": self.random.choice(["gtc", "ioc"] if is_coin else ["day", "gtc", "ioc", "fok"]),
            "qty": self.random.choice([0.001, 0.25] if is_coin else [1, 2, 5, 7, 2.5]),
        }
        near = round(price * self.random.uniform(0.97, 1.03), 2)
        if body["type"] in ("limit", "stop_limit"):
            body["limit_price"] = near
        if body["type"] in ("stop", "stop_limit"):
            body["stop_price"] = round(price * self.random.uniform(0.98, 1.02), 2)
        if body["type"] == "trailing_stop":
            body["trail_percent"] = "1"
        if body["type"] == "market" and self.random.random() < 0.3:
            body["notional"] = str(round(self.random.uniform(0.5, 500), 2))
            del body["qty"]
        if not is_coin and self.random.random() < 0.4:
            up = 1 if body["side"] == "buy" else -1
            body["order_class"] = self.random.choice(["bracket", "oto", "oco"])
            body["take_profit"] = {"limit_price": round(price * (1 + 0.02 * up), 2)}
            if body["order_class"] != "oto":
                body["stop_loss"] = {"stop_price": round(price * (1 - 0.02 * up), 2)}
            if body["order_class"] == "oco":
                body |= {"type": "limit", "take_profit": {"limit_price": round(price * (1 - 0.02 * up), 2)}}
                body["stop_loss"] = {"stop_price": round(price * (1 + 0.02 * up), 2)}
                body.pop("stop_price", None)
                body.pop("limit_price", None)
        self.ask("POST", "/orders", json=body)

    def cancel(self) -> None:
        self.ask("DELETE", f"/orders/{self._some_order('all')}")

    def replace(self) -> None:
        price = self.prices[self.random.choice(list(self.prices))]
        changes: list[dict[str, Any]] = [
            {"qty": self.random.randint(1, 9)},
            {"limit_price": round(price, 2)},
            {"stop_price": round(price, 2)},
            {"trail": "2"},
            {"time_in_force": "gtc"},
        ]
        self.ask("PATCH", f"/orders/{self._some_order('open')}", json=self.random.choice(changes))

    def close(self) -> None:
        symbol = self.random.choice(["AVOR", "BRYX", "BTCUSD"])
        self.ask("DELETE", f"/positions/{symbol}", params=self.random.choice([{}, {"percentage": 50}, {"qty": 1}]))

    def sweep(self) -> None:
        if self.random.random() < 0.5:
            self.ask("DELETE", "/orders")
        else:
            self.ask("DELETE", "/positions", params={"cancel_orders": self.random.choice(["True", "False"])})

    def _some_order(self, status: str) -> str:
        orders = self.ask("GET", "/orders", params={"status": status, "limit": 20})
        order_id: str = self.random.choice(orders)["id"] if orders else "00000000-0000-4000-8000-000000000000"
        return order_id

    # --- the books -----------------------------------------------------------------------------------------------

    def orders(self, status: str) -> list[dict[str, Any]]:
        """All of them, page by page, oldest first."""
        rows: list[dict[str, Any]] = []
        while True:
            page = {"status": status, "limit": 500, "direction": "asc"}
            if rows:
                page["after_order_id"] = rows[-1]["id"]
            found = self.ask("GET", "/orders", params=page)
            rows += found
            if len(found) < 500:
                return rows

    def fills(self) -> list[dict[str, Any]]:
        """All fills, page by page, oldest first."""
        rows: list[dict[str, Any]] = []
        while True:
            page = {"direction": "asc", "page_token": rows[-1]["id"] if rows else None}
            found = self.ask("GET", "/account/activities/FILL", params=page)
            rows += found
            if len(found) < 100:
                return rows

    def check(self) -> None:
        """Account, positions, orders and fills tell one story."""
        orders, fills = self.orders("all"), self.fills()
        holds(orders, [shapes.ORDER])
        holds(fills, [shapes.FILL])
        assert (
            len({order["id"] for order in orders}) == len({order["client_order_id"] for order in orders}) == len(orders)
        )
        cash, held = Decimal(100_000), defaultdict[str, Decimal](Decimal)
        filled = defaultdict[str, Decimal](Decimal)
        for fill in fills:
            quantity = Decimal(fill["qty"]) * (1 if fill["side"] == "buy" else -1)
            cash -= quantity * Decimal(fill["price"])
            held[fill["symbol"].replace("/", "")] += quantity
            filled[fill["order_id"]] += abs(quantity)
            assert filled[fill["order_id"]] == Decimal(fill["cum_qty"])
        assert Decimal(self.ask("GET", "/account")["cash"]) == cash
        self._check_positions({symbol: quantity for symbol, quantity in held.items() if quantity})
        for order in orders:
            assert Decimal(order["filled_qty"]) == filled[order["id"]]
            assert (order["status"] == "filled") <= (order["qty"] is None or order["filled_qty"] == order["qty"])
        working = [order["id"] for order in orders if order["status"] in OPEN and order["status"] != "held"]
        assert [order["id"] for order in self.orders("open")] == working

    def _check_positions(self, held: dict[str, Decimal]) -> None:
        positions = self.ask("GET", "/positions")
        holds(positions, [shapes.POSITION])
        assert {row["symbol"]: Decimal(row["qty"]) for row in positions} == held
        for row in positions:
            assert 0 <= Decimal(row["qty_available"]) * (1 if row["side"] == "long" else -1) <= abs(Decimal(row["qty"]))
            worth = Decimal(row["market_value"]) - Decimal(row["cost_basis"])
            assert abs(worth - Decimal(row["unrealized_pl"])) < Decimal("0.000001")


@pytest.mark.parametrize("seed", [0, *map(in_a_campaign, range(1, 4))])
def test_the_books_come_out(bot: Bot, seed: int) -> None:
    """After hundreds of things bots do, cash, positions, orders, fills and the stream tell one story, exactly."""
    trader = Trader(bot, seed)
    with trade_updates(bot) as heard:
        for _ in range(10):
            for _ in range(40):
                trader.act()
            trader.check()
        fills = trader.fills()
        told = [heard.next(lambda one: "fill" in one["data"]["event"])["data"] for _ in fills]
    assert [one["execution_id"] for one in told] == [fill["id"].partition("::")[2] for fill in fills]
    assert [one["qty"] for one in told] == [fill["qty"] for fill in fills]
    assert len(fills) > 20
    assert trader.answers["POST 200"] > 20


def test_the_books_come_out_over_days() -> None:
    """They do so too when markets close and open in between, orders expire, and fills come in parts."""
    with local_alpaca() as server:
        bot = Bot(server)
        trader = Trader(bot, seed=5)
        bot.put_on("partial_fills", probability=0.4, seed=5)
        patient = Trader(Bot(server), seed=0)
        body = {"symbol": "AVOR", "side": "buy", "qty": 1, "type": "limit", "limit_price": 1, "time_in_force": "day"}
        patient.ask("POST", "/orders", json=body)
        for _ in range(14):
            for _ in range(30):
                trader.act()
            trader.check()
            server.play(2_500)
            trader.look()
            trader.check()
        assert trader.ask("GET", "/clock")["timestamp"] > "2024-07-11T10:00"
        assert Counter(fill["type"] for fill in trader.fills())["partial_fill"] > 2
        assert [order["status"] for order in patient.orders("all")] == ["expired"]
