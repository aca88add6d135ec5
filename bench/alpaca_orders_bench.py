"""What an order costs: at the local Alpaca beside a bare handler, and through our broker beside bare alpaca-py.

The bare handler is of the same HTTP server; it reads the same JSON and answers with an order's worth of it. Servers are processes of their own; requests
come over kept connections, one after the other and eight at a time. Our broker and alpaca-py send the same limit orders to
the same server, one after the other. Each figure is the best of three rounds.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from statistics import median, quantiles
from typing import Any

import aiohttp
from aiohttp import web
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide
from alpaca.trading.enums import TimeInForce as TheirTimeInForce
from alpaca.trading.requests import LimitOrderRequest

from holdfast.adapters.alpaca.connection.rest import AlpacaRest
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings, Mode
from holdfast.adapters.alpaca.trading.broker import AlpacaBroker
from holdfast.core.messages import OrderAccepted, OrderTerms, Report, SubmitOrder
from holdfast.core.types import ClientOrderId, OrderType, Price, Quantity, Side, StrategyId, TimeInForce
from holdfast.sim.alpaca.server import Settings, build_world, serving
from holdfast.telemetry.secret import Secret

ROUNDS = 3
SERVER_ORDERS, CLIENT_ORDERS = 2_000, 500
AT_ONCE = 8
SYMBOL = "AVOR"
KEY, SECRET = "PKBENCH", "a-made-up-secret"
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
START_NS = 1_720_618_200_000_000_000
"""The open of a regular session: the market stands still there, so that orders rest and nothing else happens."""
ANSWER = {f"field_{number}": "0123456789abcdef" for number in range(35)}


def body(number: int) -> dict[str, str]:
    return {
        "symbol": SYMBOL,
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": "1.00",
        "client_order_id": f"bench{number}-{time.time_ns()}",
    }


# --- servers ---------------------------------------------------------------------------------------------------------


async def serve_ours() -> None:
    world = build_world(Settings(symbols=(SYMBOL,), start_ns=START_NS, requests_per_minute=0)).world
    world.clock.pause()
    async with serving(world) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


async def serve_bare() -> None:
    async def handle(request: web.Request) -> web.Response:
        await request.json()
        return web.json_response(ANSWER)

    app = web.Application()
    app.router.add_post("/v2/orders", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def server(kind: str) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.alpaca_orders_bench", "--serve", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


# --- the server's cost -----------------------------------------------------------------------------------------------


async def load(url: str, at_once: int) -> tuple[float, float]:
    """Orders a second, and the 99th percentile of an answer's time in milliseconds."""
    times_s: list[float] = []
    numbers = iter(range(SERVER_ORDERS))
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def send() -> None:
            for number in numbers:
                began_s = time.perf_counter()
                async with session.post(f"{url}/v2/orders", json=body(number)) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.read()
                times_s.append(time.perf_counter() - began_s)

        began_s = time.perf_counter()
        await asyncio.gather(*[send() for _ in range(at_once)])
        took_s = time.perf_counter() - began_s
    return SERVER_ORDERS / took_s, quantiles(times_s, n=100)[98] * 1_000


def server_cost() -> None:
    print(f"server: {SERVER_ORDERS:,} limit orders, best of {ROUNDS}")
    for at_once in (1, AT_ONCE):
        found = {}
        for kind in SERVERS:
            rounds = []
            for _ in range(ROUNDS):
                with server(kind) as url:
                    rounds.append(asyncio.run(load(url, at_once)))
            found[kind] = max(rate for rate, _ in rounds), min(p99 for _, p99 in rounds)
        (ours, ours_p99), (bare, bare_p99) = found["ours"], found["bare"]
        print(
            f"  {at_once} at once: {ours:,.0f} orders/s, p99 {ours_p99:.1f} ms; a bare handler {bare:,.0f}/s, p99 "
            f"{bare_p99:.1f} ms; ratio {ours / bare:.2f}"
        )


# --- the client's cost -----------------------------------------------------------------------------------------------


def through_sdk(url: str) -> list[float]:
    client = TradingClient(KEY, SECRET, url_override=url)
    times_s = []
    for number in range(CLIENT_ORDERS):
        began_s = time.perf_counter()
        client.submit_order(
            LimitOrderRequest(
                symbol=SYMBOL,
                qty=1,
                side=OrderSide.BUY,
                time_in_force=TheirTimeInForce.DAY,
                limit_price=1.0,
                client_order_id=f"sdk{number}-{time.time_ns()}",
            )
        )
        times_s.append(time.perf_counter() - began_s)
    return times_s


def through_broker(url: str) -> list[float]:
    settings = AlpacaSettings(
        mode=Mode.PAPER,
        api_key=Secret(KEY),
        api_secret=Secret(SECRET),
        trading_url=url,
        data_url=url,
        requests_per_minute=900_000,
    )
    return asyncio.run(_through_broker(AlpacaBroker(settings, AlpacaRest(settings))))


async def _through_broker(broker: AlpacaBroker) -> list[float]:
    answered = asyncio.Event()
    told: list[Report] = []

    def sink(report: Report) -> None:
        told.append(report)
        answered.set()

    broker.open(sink, lambda _effect: None, lambda _key, _filled: None, lambda: 0)
    times_s = []
    for number in range(CLIENT_ORDERS):
        terms = OrderTerms(
            ClientOrderId(f"h{number}-{time.time_ns()}"),
            StrategyId("bench"),
            SYMBOL,
            Side.BUY,
            Quantity(Decimal(1)),
            OrderType.LIMIT,
            TimeInForce.DAY,
            Price(Decimal("1.00")),
        )
        answered.clear()
        began_s = time.perf_counter()
        broker.submit(SubmitOrder(terms, 0, raises_risk=True))
        await answered.wait()
        times_s.append(time.perf_counter() - began_s)
    assert all(isinstance(report.body, OrderAccepted) for report in told)
    broker.close()
    return times_s


CLIENTS: dict[str, Callable[[str], list[float]]] = {"broker": through_broker, "alpaca-py": through_sdk}


def client_cost() -> None:
    rounds: dict[str, list[list[float]]] = {name: [] for name in CLIENTS}
    for _ in range(ROUNDS):
        for name, client in CLIENTS.items():
            with server("ours") as url:
                rounds[name].append(client(url))
    p50 = {name: min(median(times) for times in all_of) * 1_000 for name, all_of in rounds.items()}
    p99 = {name: min(quantiles(times, n=100)[98] for times in all_of) * 1_000 for name, all_of in rounds.items()}
    print(f"order to answer, {CLIENT_ORDERS} one after the other, best of {ROUNDS}")
    for name in CLIENTS:
        print(f"  {name:<10} p50 {p50[name]:.2f} ms, p99 {p99[name]:.2f} ms")
    print(f"  ratio p50 {p50['broker'] / p50['alpaca-py']:.2f}, p99 {p99['broker'] / p99['alpaca-py']:.2f}")


SERVERS: dict[str, Callable[[], Any]] = {"ours": serve_ours, "bare": serve_bare}


def main() -> None:
    """Measure and print."""
    server_cost()
    client_cost()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", choices=SERVERS)
    chosen = parser.parse_args().serve
    if chosen is None:
        main()
    else:
        asyncio.run(SERVERS[chosen]())
