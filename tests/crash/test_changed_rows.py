"""A table that was changed beside the records: the start finds it, as the audit does."""

import asyncio
from pathlib import Path

import pytest

from holdfast.config import Config, parse_config
from holdfast.errors import JournalCorrupt
from holdfast.runtime.compose import open_engine
from tests.databases import run_in


def configuration(folder: Path) -> Config:
    ema = {"id": "ema", "class": "holdfast.strategies:EmaCross", "account": "one", "symbols": ["AVOR"]}
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {"kind": "synthetic", "seed": 2, "symbols": ["AVOR"], "days": 1, "history_days": 0},
        "accounts": [{"name": "one"}],
        "strategies": [ema | {"params": {"fast": 3, "slow": 8}}],
    }
    return parse_config(data, "test", folder)


def run(config: Config) -> None:
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())


@pytest.mark.proves("D5")
def test_a_changed_table_is_found_by_the_start(tmp_path: Path) -> None:
    """Cash, a position or an order that isn't what the records make it: refused; put back, it starts again."""
    config = configuration(tmp_path)
    run(config)
    run(config)
    url = config.journal.url
    ((cash,),) = map(tuple, run_in(url, "SELECT cash FROM accounts"))
    changes = [
        ("UPDATE accounts SET cash = '5'", f"UPDATE accounts SET cash = '{cash}'", "cash is 5"),
        (
            "UPDATE positions SET strategy = 'x' WHERE strategy = 'ema'",
            "UPDATE positions SET strategy = 'ema' WHERE strategy = 'x'",
            "AVOR",
        ),
        (
            "UPDATE orders SET state = 'SUBMITTED' WHERE client_order_id = (SELECT min(client_order_id) FROM orders)",
            "UPDATE orders SET state = 'FILLED' WHERE state = 'SUBMITTED'",
            "is live in its row",
        ),
    ]
    for change, undo, text in changes:
        run_in(url, change)
        with pytest.raises(JournalCorrupt, match=text):
            run(config)
        run_in(url, undo)
    run(config)
