"""A strategy at the local Alpaca is told of its orders, and after a restart of the same in the same order."""

from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from holdfast import Bar, Context, Limit, OrderStatus, OrderUpdate, Strategy
from holdfast.config import Config
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import started_engine
from tests.scenario.alpaca.engine import SYMBOLS, Theirs, agree_in_the_end, configuration


class Ears(Strategy):
    """Asks for what fills, what risk refuses, and what it cancels, one a bar; keeps ids and updates."""

    told: ClassVar[list[OrderUpdate]] = []
    given: ClassVar[list[str]] = []

    def on_start(self, context: Context) -> None:
        Ears.told, Ears.given = [], []

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.symbol != SYMBOLS[0]:
            return
        turn = bar.time_ns // 60_000_000_000 % 4
        if turn == 0:
            self.given.append(context.buy(bar.symbol, 3))
        elif turn == 1:
            self.given.append(context.buy(bar.symbol, 10_000_000))
        elif turn == 2:
            self.given.append(context.buy(bar.symbol, 2, order=Limit(round(bar.close * 0.95, 2))))
        else:
            for order in context.orders():
                context.cancel(order.intent_id)

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        self.told.append(update)


def with_ears(server: LocalAlpaca, folder: Path) -> Config:
    config = configuration(server, folder)
    ears = msgspec.structs.replace(
        config.strategies[0], class_path="tests.scenario.alpaca.test_order_updates:Ears", params={}
    )
    return msgspec.structs.replace(config, strategies=[ears])


def facts(updates: list[OrderUpdate]) -> list[tuple[Any, ...]]:
    return [
        (one.status, one.intent_id, one.client_order_id, one.filled_quantity, one.quantity, one.time_ns, one.rule)
        for one in updates
    ]


@pytest.mark.parametrize("snapshot_every", [15, 100_000], ids=["from a snapshot", "from the records"])
def test_a_restart_tells_the_same_updates_under_the_same_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot_every: int
) -> None:
    """Accepted, filled, refused and canceled come by the broker's stream; the second engine shows them from the journal."""
    monkeypatch.setattr("holdfast.runtime.live.live_account.SNAPSHOT_EVERY", snapshot_every)
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0, speed=2400) as server:
        config = with_ears(server, tmp_path)
        wanted = {OrderStatus.ACCEPTED, OrderStatus.FILLED, OrderStatus.REFUSED, OrderStatus.CANCELED}
        with started_engine(config) as running:
            for _ in range(100):
                if wanted <= {update.status for update in Ears.told}:
                    break
                server.play(10)  # the market waits for the engine, however slow the machine is
                agree_in_the_end(running, Theirs(server))
        told, given = facts(Ears.told), list(Ears.given)
        assert wanted <= {status for status, *_ in told}
        assert {intent for _, intent, *_ in told} <= set(given)
        with started_engine(config):
            again = facts(Ears.told)
            assert again
            assert again == told[-len(again) :]  # it is shown what has been since its history begins
            first = Ears.given[0]
            assert {intent for _, intent, *_ in again if intent >= first} <= set(Ears.given)
