"""A crash between any two commits: the journal ends after each of its batches in turn, and the run goes on from there.

A process killed with SIGKILL leaves a journal that ends after some batch, because a batch is committed whole or not at all.
Here every such end is tried in a campaign, and each tenth in every run. The engine, journal and venue are the real ones.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import Config, parse_config
from holdfast.journal.batch import Batch
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.journal.writer import Journal
from holdfast.runtime.compose import open_engine
from tests.budget import by_tier, in_a_campaign

HARD = {
    "slippage_bps": 1,
    "slippage_noise_bps": 2,
    "volume_share": "0.02",
    "latency_ms": 50,
    "latency_jitter_ms": 100_000,
    "commission": {"type": "per_share", "rate": "0.005", "minimum": "1"},
}
EASY: dict[str, Any] = {}
NEXT_OPEN = {"fill": "next_open", "volume_share": "0.02"}


EVERY = by_tier(test=10, campaign=1)
"""Every so manyth batch is where a journal ends."""


class Cut(Exception):
    """The process ends here."""


def configuration(folder: Path, venue: dict[str, Any]) -> Config:
    """Two strategies that trade often, with stops, on a few hours of one made-up day."""
    ema = {"fast": 2, "slow": 5, "allow_short": True}
    reversion = {"window": 6, "entry": 1.2, "stop_pct": 0.1, "allow_short": True, "quantity": 400}
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {
            "kind": "synthetic",
            "seed": 5,
            "symbols": ["AVOR", "BRYX"],
            "days": 1,
            "history_days": 1,
            "bar": "5Min",
        },
        "venue": venue,
        "accounts": [{"name": "cut", "risk": {"leverage": 20}}],
        "strategies": [
            {"id": "ema", "class": "holdfast.strategies:EmaCross", "account": "cut", "symbols": ["AVOR", "BRYX"]}
            | {"timeframe": "5Min", "params": ema},
            {"id": "mr", "class": "holdfast.strategies:MeanReversion", "account": "cut", "symbols": ["AVOR"]}
            | {"timeframe": "5Min", "params": reversion},
        ],
    }
    return parse_config(data, "test", folder)


def run(config: Config) -> None:
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())


def books(config: Config) -> dict[str, Any]:
    """All that must come out the same, without ids."""
    with Reader.open(config.journal.url) as reader:
        orders = [
            (row.created_ns, row.strategy, row.symbol, row.side, row.quantity, row.role, row.state, row.filled_notional)
            for row in reader.orders()
        ]
        fills = [(row.time_ns, row.strategy, row.symbol, row.side, row.quantity, row.price) for row in reader.fills()]
        positions = [(row.strategy, row.symbol, row.quantity, row.cost, row.fees) for row in reader.positions()]
        account = reader.account("cut")
        return {"orders": sorted(orders), "fills": sorted(fills), "positions": positions, "cash": account.cash}


def count_batches(config: Config, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run to the end, counting what is appended."""
    count = 0
    append = Journal.append

    def counting(journal: Journal, batch: Batch) -> None:
        nonlocal count
        count += 1
        append(journal, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", counting)
        run(config)
    return count


def run_cut(config: Config, batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run until so many batches are in the journal, and no further."""
    left = batches
    append = Journal.append

    def cutting(journal: Journal, batch: Batch) -> None:
        nonlocal left
        if left == 0:
            raise Cut
        left -= 1
        append(journal, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", cutting)
        with pytest.raises(Cut):
            run(config)


@pytest.mark.parametrize(
    "venue", [in_a_campaign(EASY), HARD, in_a_campaign(NEXT_OPEN)], ids=["easy", "hard", "next_open"]
)
@pytest.mark.proves("K1", "K2", "K6", "K8", "K9", "D4", "I9", "I12")
def test_a_journal_cut_after_any_batch_leads_to_the_same_books(
    tmp_path: Path, venue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the journal ends, the restarted run ends with the books of a run that was never cut."""
    whole = tmp_path / "whole"
    whole.mkdir()
    config = configuration(whole, venue)
    batches = count_batches(config, monkeypatch)
    expected = books(config)
    assert len(expected["fills"]) > 20
    for cut in range(batches % EVERY, batches, EVERY):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        config = configuration(folder, venue)
        run_cut(config, cut, monkeypatch)
        run(config)
        assert books(config) == expected, f"after a cut at batch {cut} of {batches}"
        assert verify(config.journal.url).problems == []
