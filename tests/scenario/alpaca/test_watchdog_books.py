"""The watchdog where the books and the broker hold different positions, and no order or execution there says why."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.findings import BooksCompared
from holdfast.core.messages import PositionAdopted
from holdfast.core.orders.order import OrderState
from holdfast.core.types import Price
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.torture.processes.books import ACCOUNT
from holdfast.watchdog.news import Kind, News
from holdfast.watchdog.watchdog import Watchdog
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import becomes, buy, idle_configuration
from tests.scenario.alpaca.engine import ENDINGS, PATIENCE_S, SYMBOLS, Running, Theirs
from tests.scenario.alpaca.test_ledgers import change

LEASE = {"duration_s": 3.0, "margin_s": 1.2}
QUICK = {"connect_timeout_s": 0.5, "read_timeout_s": 0.6}
REASON = "the watchdog goes by the broker's positions"


class Watching:
    """A watchdog in a thread, and what it has said."""

    def __init__(self, config: Any) -> None:
        self.news: list[News] = []
        self._told = threading.Condition()
        self._watchdog = Watchdog(config, config.accounts[0], self._tell)
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="watchdog", daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._watchdog.run()

    def _tell(self, news: News) -> None:
        with self._told:
            self.news.append(news)
            self._told.notify_all()

    def hears(self, *kinds: Kind) -> None:
        """Wait until the last that was said is of these kinds, in a row."""

        def is_said() -> bool:
            return tuple(news.kind for news in self.news[-len(kinds) :]) == kinds

        with self._told:
            assert self._told.wait_for(is_said, PATIENCE_S), self.news

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._watchdog.stop)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@contextmanager
def left_alone(folder: Path, server: LocalAlpaca, watchdog: dict[str, Any]) -> Iterator[Watching]:
    """Five bought with a stop by an engine that has ended; then three more are there, which nobody ordered."""
    sections = {"silent_after_s": 3.5, "check_every_s": 0.3, **watchdog}
    config = idle_configuration(server, folder, lease=LEASE, alpaca=QUICK, watchdog=sections)
    running = Running(config)
    try:
        running.start()
        server.play(8)
        running.wait_for(lambda: "AVOR" in running.state.marks, "a price")
        order = buy(running, 5, stop_loss=Price(Decimal(10)))
        server.play(3)
        becomes(running, order, OrderState.FILLED)
        running.wait_for(lambda: running.state.legs(order.terms.strategy, "AVOR"), "its stop")
        becomes(running, running.state.legs(order.terms.strategy, "AVOR")[0], OrderState.SUBMITTED)
    finally:
        running.stop()

    def transfer(books: Any) -> None:
        books.ledgers["AVOR"].quantity += 3
        books.ledgers["AVOR"].cost += 3 * books.ledgers["AVOR"].cost / 5

    change(server, transfer)
    watching = Watching(config)
    try:
        yield watching
    finally:
        watching.stop()


def records(folder: Path, kind: type) -> list[Any]:
    with Reader.open(f"sqlite:///{folder / 'journal.db'}") as reader:
        return [record.body for record in reader.records(ACCOUNT) if isinstance(record.body, kind)]


def stops(server: LocalAlpaca) -> list[Decimal]:
    """What the stops that work there would sell."""
    rows = Theirs(server).orders().values()
    return [Decimal(row["qty"]) for row in rows if row["type"] == "stop" and row["status"] not in ENDINGS]


@pytest.mark.proves("I6")
@pytest.mark.parametrize("percent", [None, 5])
def test_what_the_broker_alone_has_is_taken_over_and_told(percent: int | None, tmp_path: Path) -> None:
    """The books are given what the broker has, under ``external``, with the reason; told; and with a default it gets its stop."""
    settings = {} if percent is None else {"default_stop_pct": percent}
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        left_alone(tmp_path, server, settings) as watching,
    ):
        watching.hears(Kind.GIVEN_BACK, Kind.UNPROTECTED if percent is None else Kind.PROTECTED)
        assert stops(server) == ([Decimal(5)] if percent is None else [Decimal(5), Decimal(3)])
    told = [news.text for news in watching.news]
    assert any("8 AVOR held, stops for 5 (5 in the books: what the broker has decides)" in text for text in told), told
    assert any("adopted 3 AVOR" in text and "the account has 8 now" in text for text in told), told
    (adopted,) = records(tmp_path, PositionAdopted)
    assert (adopted.symbol, adopted.quantity, adopted.reason) == ("AVOR", 3, REASON)
    assert [compared.accepted for compared in records(tmp_path, BooksCompared)].count(True) == 1
    assert verify(f"sqlite:///{tmp_path / 'journal.db'}").problems == []
