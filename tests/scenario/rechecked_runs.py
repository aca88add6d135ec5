"""Runs on real market data whose journals are judged again, and the table of what came of them.

HOLDFAST_SHARED_DATA=... python -m tests.scenario.rechecked_runs
"""

import asyncio
import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import structlog

from holdfast.config import load_config
from holdfast.core.risk.limits import PROFILES
from holdfast.runtime.compose import open_engine
from tools.recheck_limits import Recheck, recheck


class Data(NamedTuple):
    """A stretch of a file. ``unit`` is what the pushing strategies' quantities are multiples of."""

    file: str
    symbols: tuple[str, ...]
    calendar: str
    unit: float
    start: str
    end: str


REAL = {
    "us minutes": Data("us_minute_trades", ("SPY", "IBM", "AIG", "BAC"), "XNYS", 1.0, "2013-10-07T13:00Z", "2013-10-07T16:00Z"),
    "us ticks, IBM": Data("us_tick_trades_ibm", ("IBM",), "XNYS", 1.0, "2013-10-07T13:00Z", "2013-10-08T15:00Z"),
    "us ticks, SPY": Data("us_tick_trades_spy", ("SPY",), "XNYS", 1.0, "2013-10-08T13:00Z", "2013-10-08T14:30Z"),
    "us quotes, IBM": Data("us_tick_quotes_ibm", ("IBM",), "XNYS", 1.0, "2013-10-07T13:00Z", "2013-10-08T14:30Z"),
    "crypto minutes": Data("crypto_minute", ("BTCUSD", "ETHUSD"), "24/7", 0.05, "2017-09-03T00:00Z", "2017-09-03T06:00Z"),
    "india minutes": Data("india_minute", ("YESBANK", "JUNIORBEES"), "XBOM", 5.0, "2019-07-09T00:00Z", "2019-07-11T00:00Z"),
}  # fmt: skip
"""The American ones begin half an hour before their market opens."""


def configured(folder: Path, path: Path, data: Data, risk: str, own: str = "{}") -> Path:
    """A configuration file with two strategies that push, one of them with stops, and one that ships, at a costly, slow exchange.

    ``risk`` is the account's, ``own`` the second strategy's.
    """
    unit = data.unit
    strategies = [
        ("pushing", "tests.scenario.pushing:Pushing", f"{{ seed = 3, unit = {unit} }}", "{}", "{}"),
        ("second", "tests.scenario.pushing:Pushing", f"{{ seed = 4, unit = {unit} }}", own, "{ stop_loss_pct = 1 }"),
        (
            "reverts",
            "holdfast.strategies:MeanReversion",
            f'{{ window = 8, entry = 0.8, quantity = "{unit * 10}", allow_short = true, stop_pct = 0.5 }}',
            "{}",
            "{}",
        ),
    ]
    stretch = "".join(f'{name} = "{at}"\n' for name, at in (("start", data.start), ("end", data.end)) if at)
    text = f"""
[journal]
url = "sqlite:///journal.db"
[feed]
path = "{path}"
symbols = {json.dumps(data.symbols)}
{stretch}
[venue]
fill = "next_open"
slippage_bps = 2
volume_share = "0.3"
latency_ms = 200
[[accounts]]
name = "one"
cash = 60000
calendar = "{data.calendar}"
risk = {risk}
"""
    for name, strategy, params, limits, exits in strategies:
        text += f"""
[[strategies]]
id = "{name}"
class = "{strategy}"
account = "one"
symbols = {json.dumps(data.symbols)}
timeframe = "1Min"
params = {params}
risk = {limits}
exits = {exits}
"""
    file = folder / "holdfast.toml"
    file.write_text(text)
    return file


def run(file: Path) -> None:
    """The whole engine on paper, to the end of the data."""
    with open_engine(load_config(file)) as engine:
        asyncio.run(engine.loop.run())


def judged(folder: Path, shared_data: Path, what: str, profile: str) -> tuple[Path, Recheck]:
    """Run a profile on some real data and judge its journal again; the configuration, and what was found."""
    data = REAL[what]
    file = configured(folder, shared_data / f"{data.file}.parquet", data, f'{{ profile = "{profile}" }}')
    run(file)
    return file, recheck(file)


def main() -> int:
    """Print the table; the exit status is 1 for any breach."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    shared_data, breaches = Path(os.environ["HOLDFAST_SHARED_DATA"]), 0
    sys.stdout.write("| profile | data | entries judged | breaks | refused, by rule |\n|---|---|---|---|---|\n")
    for profile in sorted(PROFILES):
        for what in REAL:
            with tempfile.TemporaryDirectory() as folder:
                _, found = judged(Path(folder), shared_data, what, profile)
            breaches += len(found.breaches)
            refused = ", ".join(f"`{rule}` {count:,}" for rule, count in found.refused.most_common())
            sys.stdout.write(f"| {profile} | {what} | {found.entries:,} | {len(found.breaches)} | {refused} |\n")
            sys.stdout.flush()
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
