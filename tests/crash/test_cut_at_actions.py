"""A crash before, in the midst of and after splits and dividends: the books come out as if there had been none."""

import math
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import Config, parse_config
from holdfast.core.adjustments import AccountAdjusted
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from tests.budget import by_tier
from tests.crash.test_every_cut import EASY, NEXT_OPEN, books, count_batches, run, run_cut

DAYS, A_DAY = range(2, 12), 3
"""The days of January 2024 and the hours of each."""
EVERY = by_tier(test=40, campaign=1)
LATE = {"latency_ms": 50, "commission": {"type": "per_share", "rate": "0.005"}}


def bars() -> str:
    """Hourly bars of two symbols, falling by what goes ex."""
    rows = ["symbol,ts,open,high,low,close,volume"]
    for day in DAYS:
        for hour in range(A_DAY):
            number = (day - 2) * A_DAY + hour
            scale = 1 if day < 4 else 1 / 4 if day < 9 else 1 / 4 * 10
            for symbol, price in (
                ("SPL", (400 + 20 * math.sin(2 * number)) * scale),
                ("DIV", 100 + 5 * math.cos(2 * number)),
            ):
                low, high = price * 0.99, price * 1.01
                rows.append(
                    f"{symbol},2024-01-{day:02}T{15 + hour}:00:00Z,{price:.2f},{high:.2f},{low:.2f},{price:.2f},5000"
                )
    return "\n".join(rows) + "\n"


ACTIONS = """symbol,ex_date,split,dividend
SPL,2024-01-04,4:1,
DIV,2024-01-05,,1.25
SPL,2024-01-09,1:10,
DIV,2024-01-10,3:2,0.5
"""


def configuration(folder: Path, venue: dict[str, Any]) -> Config:
    """Two strategies that are always in the market, with stops."""
    (folder / "bars.csv").write_text(bars())
    (folder / "actions.csv").write_text(ACTIONS)
    ema = {"fast": 2, "slow": 3, "allow_short": True, "quantity": 55}
    reversion = {"window": 3, "entry": 0.5, "stop_pct": 4, "allow_short": True, "quantity": 33}
    both = {"account": "cut", "symbols": ["SPL", "DIV"], "timeframe": "1Hour"}
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {"path": "bars.csv", "actions": "actions.csv"},
        "venue": venue,
        "accounts": [{"name": "cut", "calendar": "XNYS", "risk": {"leverage": 20}}],
        "strategies": [
            {"id": "ema", "class": "holdfast.strategies:EmaCross", "params": ema} | both,
            {"id": "mr", "class": "holdfast.strategies:MeanReversion", "params": reversion} | both,
        ],
    }
    return parse_config(data, "test", folder)


@pytest.mark.parametrize("venue", [EASY, LATE, NEXT_OPEN], ids=["easy", "late", "next_open"])
def test_a_journal_cut_around_an_action_leads_to_the_same_books(
    tmp_path: Path, venue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the journal ends, each split and each dividend is booked once, and orders and exits are those of a run never cut."""
    whole = tmp_path / "whole"
    whole.mkdir()
    config = configuration(whole, venue)
    batches = count_batches(config, monkeypatch)
    expected = books(config)
    with Reader.open(config.journal.url) as reader:
        adjusted = {
            record.sequence: record.body for record in reader.records("cut") if isinstance(record.body, AccountAdjusted)
        }
    assert len(adjusted) >= 3
    for cut in range(batches % EVERY, batches, EVERY):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        config = configuration(folder, venue)
        run_cut(config, cut, monkeypatch)
        run(config)
        assert books(config) == expected, f"after a cut at batch {cut} of {batches}"
        with Reader.open(config.journal.url) as reader:
            again = [body for record in reader.records("cut") if isinstance(body := record.body, AccountAdjusted)]
        assert again == list(adjusted.values())
        assert verify(config.journal.url).problems == []
