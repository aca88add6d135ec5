"""Every path that the local Alpaca has, asked once: its answers are as Alpaca describes them, but for what is listed."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.contract.alpaca import openapi
from tests.contract.alpaca.sdk import Bot
from tests.local_server import PATIENCE_S

TRADING = (
    "/v2/account",
    "/v2/account/configurations",
    "/v2/account/activities",
    "/v2/account/activities/FILL",
    "/v2/account/portfolio/history?period=1D&timeframe=1Min&intraday_reporting=continuous",
    "/v2/account/portfolio/history",
    "/v2/assets",
    "/v2/assets?asset_class=crypto",
    "/v2/assets/AVOR",
    "/v2/assets/BTC/USD",
    "/v2/calendar?start=2024-07-01&end=2024-07-09",
    "/v2/clock",
    "/v3/clock?markets=NYSE,NASDAQ",
    "/v3/calendar/NYSE?start=2024-07-01&end=2024-07-09",
    "/v2/positions",
    "/v2/positions/AVOR",
    "/v2/positions/BTCUSD",
    "/v2/orders?status=all",
    "/v2/orders?status=all&nested=true",
    "/v2/watchlists",
    "/v2/options/contracts",
    "/v2/corporate_actions/announcements?ca_types=Split&since=2024-07-01&until=2024-07-09",
)
STOCKS = ("bars?timeframe=1Min&limit=3", "quotes?limit=3", "trades?limit=3", "auctions?limit=3")
LATEST = ("bars", "quotes", "trades")
DATA = (
    *(f"/v2/stocks/{kind}&symbols=AVOR,BRYX" for kind in STOCKS),
    *(f"/v2/stocks/AVOR/{kind}" for kind in STOCKS),
    *(f"/v2/stocks/{kind}/latest?symbols=AVOR" for kind in LATEST),
    *(f"/v2/stocks/AVOR/{kind}/latest" for kind in LATEST),
    "/v2/stocks/snapshots?symbols=AVOR",
    "/v2/stocks/AVOR/snapshot",
    "/v2/stocks/meta/exchanges",
    "/v2/stocks/meta/conditions/trade",
    *(f"/v1beta3/crypto/us/{kind}&symbols=BTC/USD" for kind in STOCKS[:3]),
    *(f"/v1beta3/crypto/us/latest/{kind}?symbols=BTC/USD" for kind in (*LATEST, "orderbooks")),
    "/v1beta3/crypto/us/snapshots?symbols=BTC/USD",
    "/v1/corporate-actions?symbols=AVOR",
    "/v1beta1/fixed_income/latest/prices?isins=US0378331005",
    "/v1beta1/fixed_income/latest/quotes?isins=US0378331005",
    "/v1beta1/forex/latest/rates?currency_pairs=USDJPY",
    "/v1beta1/forex/rates?currency_pairs=USDJPY",
    "/v1beta1/news?symbols=AVOR",
    "/v1beta1/options/bars?symbols=AVOR261218C00100000&timeframe=1Day",
    "/v1beta1/options/meta/conditions/trade",
    "/v1beta1/options/meta/exchanges",
    "/v1beta1/options/quotes/latest?symbols=AVOR261218C00100000",
    "/v1beta1/options/snapshots?symbols=AVOR261218C00100000",
    "/v1beta1/options/snapshots/AVOR",
    "/v1beta1/options/trades?symbols=AVOR261218C00100000",
    "/v1beta1/options/trades/latest?symbols=AVOR261218C00100000",
    "/v1beta1/screener/stocks/movers",
    "/v1beta1/screener/crypto/movers",
    "/v1beta1/screener/stocks/most-actives",
)
NOT_HERE = frozenset(
    [
        "/v1/locates",
        "/v1/locates/quotes",
        "/v1/locates/{locate_id}",
        "/v1beta1/events/corporate-actions",
        "/v1beta1/logos/{symbol}",
        "/v2/corporate_actions/announcements/{id}",
        "/v2/options/contracts/{symbol_or_id}",
        "/v2beta1/events/activities",
    ]
)
"""Described by Alpaca and not answered here: events that are pushed, pictures, locates; and one of what there is none of."""
ELSEWHERE = ("/v2/tokenization/", "/v2/wallets")
"""What has to do with wallets and tokens, which no account here has."""


class Asking:
    """Requests of one account, and what in the answers is not as described."""

    def __init__(self, bot: Bot) -> None:
        self._url = bot.server.trading_url
        self._keys = {"APCA-API-KEY-ID": bot.key, "APCA-API-SECRET-KEY": bot.secret}
        self.asked: set[str] = set()
        self.deviations: set[openapi.Deviation] = set()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self._url + path, headers=self._keys, json=body, timeout=PATIENCE_S)
        bare = urlsplit(path).path
        assert answer.ok, f"{method} {path}: {answer.text}"
        if answer.content:
            assert openapi.is_described(method, bare), f"{method} {bare} is described nowhere"
        self.asked.add(f"{method} {bare}")
        self.deviations |= openapi.deviations(method, bare, answer.status_code, answer.content)
        return answer.json() if answer.content else None


def bodies() -> Iterator[dict[str, Any]]:
    """Orders of every kind."""
    buy = {"symbol": "AVOR", "qty": "4", "side": "buy", "type": "market", "time_in_force": "day"}
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
    yield buy
    yield {**buy, "qty": None, "notional": "50.25"}
    yield {**buy, "symbol": "BTC/USD", "qty": "0.5", "time_in_force": "gtc"}
    yield {**buy, "type": "limit", "limit_price": "90", "extended_hours": True}
    yield {**buy, "type": "stop_limit", "stop_price": "120", "limit_price": "121"}
    yield {**buy, "order_class": "bracket", **exits}
    yield {**buy, "type": "limit", "limit_price": "91", "order_class": "oto", "stop_loss": {"stop_price": "80"}}
    yield {**buy, "side": "sell", "type": "limit", "qty": "2", "order_class": "oco", **exits}
    yield {**buy, "side": "sell", "type": "trailing_stop", "qty": "1", "trail_percent": "5", "time_in_force": "gtc"}


@pytest.fixture
def asking(bot: Bot) -> Asking:
    return Asking(bot)


def test_every_answer_is_as_described(asking: Asking) -> None:
    """An account with every kind of order and position; what deviates is exactly what is listed, with its reason."""
    for body in bodies():
        order = asking.ask("POST", "/v2/orders", body)
    asking.ask("GET", f"/v2/orders/{order['id']}")
    asking.ask("GET", f"/v2/orders:by_client_order_id?client_order_id={order['client_order_id']}")
    asking.ask("PATCH", f"/v2/orders/{order['id']}", {"trail": "4"})
    asking.ask("PATCH", "/v2/account/configurations", {"no_shorting": True})
    watchlist = asking.ask("POST", "/v2/watchlists", {"name": "mine", "symbols": ["AVOR"]})["id"]
    for path in (*TRADING, *DATA):
        asking.ask("GET", path)
    _use_watchlist(asking, watchlist)
    asking.ask("DELETE", "/v2/positions")
    asking.ask("DELETE", "/v2/orders")
    asking.ask("DELETE", "/v2/positions/AVOR?qty=1")
    asking.ask("DELETE", "/v2/positions")
    assert asking.deviations == openapi.KNOWN.keys()


def _use_watchlist(asking: Asking, name: str) -> None:
    asking.ask("GET", f"/v2/watchlists/{name}")
    asking.ask("PUT", f"/v2/watchlists/{name}", {"name": "mine", "symbols": ["BRYX"]})
    asking.ask("POST", f"/v2/watchlists/{name}", {"symbol": "AVOR"})
    asking.ask("GET", "/v2/watchlists:by_name?name=mine")
    asking.ask("DELETE", f"/v2/watchlists/{name}/AVOR")
    asking.ask("DELETE", f"/v2/watchlists/{name}")


def test_every_question_that_alpaca_describes_is_answered() -> None:
    """Each GET of the descriptions is asked above, or stands among those that are not here."""
    asked = [urlsplit(path).path for path in (*TRADING, *DATA)]
    asked += ["/v2/orders/an-id", "/v2/orders:by_client_order_id", "/v2/watchlists/an-id", "/v2/watchlists:by_name"]
    unasked = {path for path, pattern in openapi.questions() if not any(pattern.fullmatch(one) for one in asked)}
    assert {path for path in unasked if not path.startswith(ELSEWHERE)} == NOT_HERE


def test_a_wrong_answer_is_found() -> None:
    """The check sees a number where text is described, a key that is missing, and a word that is none of the described."""
    clock = b'{"timestamp":"2024-07-10T09:30:00-04:00","is_open":"yes"}'
    assert openapi.deviations("GET", "/v2/clock", 200, clock)
    order = b'{"code":"40410000","message":7}'
    assert openapi.deviations("GET", "/v2/account", 200, b'{"id":"x","status":"NO SUCH STATUS"}')
    assert not openapi.deviations("GET", "/v2/nowhere", 200, order)
