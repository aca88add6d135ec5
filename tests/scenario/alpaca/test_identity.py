"""Names in a configuration that mean something else than they did: refused before anything is sent, where it could be bought again."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from holdfast.config import Config
from holdfast.core.orders.order import OrderState
from holdfast.errors import Refused
from holdfast.journal.reader import Reader
from holdfast.journal.rename import rename_account
from holdfast.journal.rename_strategy import rename_strategy
from holdfast.runtime.compose import open_engine
from holdfast.runtime.identity import Beginning
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import becomes, buy, idle_configuration, idle_engine
from tests.scenario.alpaca.engine import SYMBOLS, requests_at


def renamed(config: Config, account: str = "one", strategy: str = "all") -> Config:
    (old,), (row,) = config.accounts, config.strategies
    return msgspec.structs.replace(
        config,
        accounts=[msgspec.structs.replace(old, name=account)],
        strategies=[msgspec.structs.replace(row, id=strategy, account=account)],
    )


def refused(config: Config, beginning: Beginning | None = None) -> str:
    with pytest.raises(Refused) as raised, open_engine(config, beginning=beginning) as engine:
        asyncio.run(asyncio.wait_for(engine.loop.run(), 30))
    return str(raised.value)


def starts(config: Config, beginning: Beginning) -> None:
    """It gets through its recovery."""

    async def run() -> None:
        async def stop() -> None:
            await engine.loop.recovered.wait()
            engine.loop.stop("enough")

        await asyncio.wait_for(asyncio.gather(engine.loop.run(), stop()), 60)

    with open_engine(config, beginning=beginning) as engine:
        asyncio.run(run())


def test_names_that_would_buy_everything_again(tmp_path: Path) -> None:
    """The account or its strategy under a new name, a new journal, an account going back: each refused, and nothing was sent.

    What a person says begins anew does.
    """
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        hold_something(server, tmp_path)
        config = idle_configuration(server, tmp_path)
        sent = len([row for row in requests_at(server) if row["method"] != "GET"])

        text = refused(renamed(config, account="two"))
        assert "has 5 AVOR on account one" in text  # its strategy is known
        assert "holdfast rename-account one two" in text
        text = refused(renamed(config, account="two", strategy="every"))
        assert "is account one in this journal" in text
        assert "holdfast rename-account one two" in text
        assert "is account one in this journal" in refused(renamed(config, account="two"), Beginning(new_journal=True))

        text = refused(renamed(config, strategy="every"))
        assert "strategy all has 5 AVOR" in text
        assert "holdfast rename-strategy all every" in text
        assert "--new-strategy every" in text

        elsewhere = msgspec.structs.replace(
            config, journal=msgspec.structs.replace(config.journal, url=f"sqlite:///{tmp_path / 'new.db'}")
        )
        assert "--new-journal" in refused(renamed(elsewhere, account="two"))
        assert "not the latest journal" in refused(elsewhere, Beginning(new_journal=True))
        assert len([row for row in requests_at(server) if row["method"] != "GET"]) == sent

        starts(renamed(config, strategy="every"), Beginning(new_strategies=frozenset({"every"})))
        starts(renamed(elsewhere, account="two"), Beginning(new_journal=True))

        rename_account(config.journal.url, "one", "two")
        starts(renamed(config, account="two"), Beginning())
        with Reader.open(config.journal.url) as reader:
            held = {row.strategy: row.quantity for row in reader.positions("two")}
        assert held == {"": 5, "all": 5}
        rename_strategy(config.journal.url, None, "all", "every")
        starts(renamed(config, account="two", strategy="every"), Beginning())
        with Reader.open(config.journal.url) as reader:
            held = {row.strategy: row.quantity for row in reader.positions("two")}
        assert held == {"": 5, "every": 5}
        assert len([row for row in requests_at(server) if row["method"] != "GET"]) == sent


def hold_something(server: LocalAlpaca, folder: Path) -> None:
    with idle_engine(server, folder) as running:
        becomes(running, buy(running), OrderState.FILLED)
