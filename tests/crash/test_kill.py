"""The real program, killed with SIGKILL at random moments and started again, against the same run left alone."""

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.core.messages import OrderAccepted, OrderFilled, OrderReleased
from holdfast.errors import JournalError
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.torture.processes.programs import Program, kill
from tests.budget import by_tier
from tests.spawning import shared_spawner

KILLS = by_tier(test=5, campaign=50)
DAYS = by_tier(test=2, campaign=4)
SEED = 20261121
PACE = str(750 * DAYS)
"""How fast market time goes by while kills fall: all of it in half a minute, so that the engine is not done before they are."""
PATIENCE_S = 120.0
"""How long one start may take to get anywhere: a bound that only a hang reaches."""

CONFIG = f"""
[feed]
kind = "synthetic"
seed = 7
days = {DAYS}
symbols = ["AVOR", "BRYX", "DELM", "KORU", "TYNE"]

[venue]
slippage_bps = 1
slippage_noise_bps = 2
volume_share = "0.1"
latency_ms = 50
latency_jitter_ms = 100000
commission = {{ type = "per_share", rate = "0.005", minimum = "1" }}

[[accounts]]
name = "trend"

[[accounts]]
name = "revert"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "trend"
symbols = ["AVOR", "BRYX", "DELM", "KORU", "TYNE"]
params = {{ fast = 3, slow = 8, allow_short = true }}

[[strategies]]
id = "reversion"
class = "holdfast.strategies:MeanReversion"
account = "revert"
symbols = ["AVOR", "BRYX"]
params = {{ window = 10, entry = 1.5, stop_pct = 0.3, allow_short = true }}

[[strategies]]
id = "momentum"
class = "holdfast.strategies:Momentum"
account = "revert"
symbols = ["AVOR", "KORU"]
params = {{ lookback = 15, threshold = 0.2, allow_short = true }}
"""

pytestmark = pytest.mark.process


def prepare(folder: Path) -> str:
    """A folder with a configuration in it; gives the journal's URL back."""
    folder.mkdir()
    (folder / "holdfast.toml").write_text(CONFIG)
    return f"sqlite:///{folder / 'holdfast.db'}"


def start(folder: Path, *options: str) -> Program:
    """An engine."""
    arguments = ["run", "-c", "holdfast.toml", *options]
    return shared_spawner().start(arguments, folder, folder / "output.txt", {})


def progress(url: str) -> int:
    """How many records the journal holds, all accounts together."""
    try:
        with Reader.open(url) as reader:
            return sum(account.last_sequence for account in reader.accounts())
    except JournalError:
        return 0  # not made yet


def run_with_kills(folder: Path, url: str, chance: random.Random, total: int) -> int:
    """Start and kill until `KILLS` have hit, then let it run to its end. Gives how many kills hit a trading engine."""
    hits = trading = 0
    while hits < KILLS:
        before = progress(url)
        process = start(folder, "--speed", PACE)
        if chance.random() < 0.2:  # anywhere in start-up and recovery
            time.sleep(chance.uniform(0, 0.6))
        else:
            wanted = before + chance.randint(1, total // (2 * KILLS))
            deadline_s = time.monotonic() + PATIENCE_S
            while progress(url) < wanted and process.ended() is None and time.monotonic() < deadline_s:
                time.sleep(chance.uniform(0, 0.01))
        if kill(process) == -signal.SIGKILL:
            hits += 1
            trading += progress(url) > before
        else:
            assert process.ended() == 0, output_of(folder)  # it came to its end: later kills meet it in recovery
    finish(folder)
    return trading


def finish(folder: Path) -> None:
    """Let the engine run to the end of its data."""
    assert start(folder).ended(PATIENCE_S) == 0, output_of(folder)


def output_of(folder: Path) -> str:
    return (folder / "output.txt").read_text(errors="replace")[-3000:]


def books(url: str) -> dict[str, object]:
    """All that must be the same: orders, fills, positions and cash of every account, without our own ids."""
    with Reader.open(url) as reader:
        return {
            account.account: {
                "orders": sorted(_orders(reader, account.account)),
                "fills": sorted(_fills(reader, account.account)),
                "positions": [
                    (row.strategy, row.symbol, row.quantity, row.cost, row.realised, row.fees)
                    for row in reader.positions(account.account)
                ],
                "cash": account.cash,
                "state": account.state,
            }
            for account in reader.accounts()
        }


def _orders(reader: Reader, account: str) -> Iterator[tuple[str, ...]]:
    for row in reader.orders(account):
        facts = (row.created_ns, row.strategy, row.symbol, row.side, row.order_type, row.role, row.quantity)
        ends = (row.state, row.filled_quantity, row.filled_notional, row.fees, row.released_ns)
        yield tuple(map(str, facts + ends))


def _fills(reader: Reader, account: str) -> Iterator[tuple[str, ...]]:
    for row in reader.fills(account):
        yield tuple(map(str, (row.time_ns, row.strategy, row.symbol, row.side, row.quantity, row.price, row.fee)))


def check_never_sent_before_durable(url: str) -> int:
    """Every order the venue answered has a release record before the answer; gives how many orders there were."""
    count = 0
    with Reader.open(url) as reader:
        for account in reader.accounts():
            released: set[str] = set()
            for record in reader.records(account.account):
                if isinstance(record.body, OrderReleased):
                    released.add(record.body.client_order_id)
                elif isinstance(record.body, OrderAccepted | OrderFilled):
                    assert record.body.client_order_id in released, record
            count += len(released)
    return count


@pytest.mark.proves("K1", "K6", "K8", "K9", "I2", "I3", "I4", "I10")
def test_a_run_killed_again_and_again_ends_with_the_books_of_one_left_alone(tmp_path: Path) -> None:
    """No order is lost, none doubled, the chain is whole and the books equal those of an uninterrupted run."""
    calm_url = prepare(tmp_path / "calm")
    finish(tmp_path / "calm")
    total = progress(calm_url)

    killed_url = prepare(tmp_path / "killed")
    trading = run_with_kills(tmp_path / "killed", killed_url, random.Random(SEED), total)

    assert trading >= KILLS // 2, f"seed {SEED}: only {trading} of {KILLS} kills hit an engine that had begun to trade"
    assert verify(killed_url).problems == []
    assert check_never_sent_before_durable(killed_url) > 125 * DAYS
    assert books(killed_url) == books(calm_url), f"seed {SEED}"
