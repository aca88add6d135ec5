"""Two real engines and one account: the second stays away, or takes over when the first has fallen silent, and never both send."""

import signal
import time
from functools import partial
from pathlib import Path

import pytest

from holdfast.errors import JournalError, Refused, StaleEpoch
from holdfast.torture.processes.engine import wait_until_ready
from holdfast.torture.processes.programs import Spawner, send
from holdfast.torture.processes.stores import SqliteStore, Store, open_store
from tests.databases import SERVERS, server_url
from tests.freezing import freeze
from tests.torture.arena import PATIENCE_S, arena

pytestmark = pytest.mark.process

ON_SERVERS = ["sqlite", *(pytest.param(kind, marks=pytest.mark.campaign) for kind in SERVERS)]
NOBODY_ANSWERS = {"name": "restart_keeping_orders", "seconds": 0.1}
"""What the broker does to a client that answers no pings, only sooner: it ends its connections. It allows one stream an account."""


def store_of(kind: str, folder: Path) -> Store:
    """A journal's database of this kind."""
    if kind not in SERVERS:
        return SqliteStore(folder)
    return open_store(kind.removesuffix("ql"), folder, server_url(kind).render_as_string(hide_password=False))


@pytest.mark.proves("L6")
@pytest.mark.parametrize("kind", ON_SERVERS)
def test_a_second_engine_stays_away(kind: str, tmp_path: Path, spawner: Spawner) -> None:
    """While one trades a second one is refused before it has asked the broker for anything, and the first goes on."""
    with arena(tmp_path, spawner, store_of(kind, tmp_path)) as there:
        engine = there.ready()
        there.trade(engine)
        epoch = there.watch.where()[0]
        second = there.start(output=tmp_path / "second.txt")
        assert second.ended(PATIENCE_S) == Refused.exit_status
        assert "stop that engine first" in (tmp_path / "second.txt").read_text()
        there.trade(engine)
        assert there.watch.where()[0] == epoch
        there.agree(engine)


@pytest.mark.proves("L1", "L2", "L3", "L4", "L8", "I11")
@pytest.mark.parametrize("kind", ON_SERVERS)
def test_a_frozen_engine_is_replaced_and_steps_down_when_it_wakes(kind: str, tmp_path: Path, spawner: Spawner) -> None:
    """Stopped for longer than its lease: the standby explains its orders and trades; woken, the old one ends and sends nothing."""
    with arena(tmp_path, spawner, store_of(kind, tmp_path)) as there:
        engine = there.ready()
        standby = there.start("--standby", output=tmp_path / "standby.txt")
        there.until(lambda: "standing by" in text_of(tmp_path / "standby.txt"), "the standby to stand by")
        there.trade(engine)
        sequence, epoch = there.watch.where()[1], there.watch.where()[0]
        freeze(engine.pid, partial(send, engine), there.store.url)
        there.broker.arm([NOBODY_ANSWERS])
        assert wait_until_ready(standby, there.watch, sequence, PATIENCE_S), text_of(tmp_path / "standby.txt")
        assert there.watch.where()[0] == epoch + 1
        woken_ns = time.time_ns()
        send(engine, signal.SIGCONT)
        assert there.ended(engine) in (JournalError.exit_status, StaleEpoch.exit_status), there.said()
        there.trade(standby)
        late = [row for row in there.requests() if row["wall_ns"] > woken_ns and is_of(row["client_order_id"], epoch)]
        assert late == []
        there.output = tmp_path / "standby.txt"
        there.check_sent()
        there.agree(standby)


@pytest.mark.proves("L6", "L8")
@pytest.mark.parametrize("kind", ON_SERVERS)
def test_a_killed_engine_is_replaced_at_once(kind: str, tmp_path: Path, spawner: Spawner) -> None:
    """Its death is proven by the kernel: the standby doesn't wait for the lease to lapse."""
    with arena(tmp_path, spawner, store_of(kind, tmp_path)) as there:
        longer_lease(tmp_path / "holdfast.toml")
        engine = there.ready()
        standby = there.start("--standby", output=tmp_path / "standby.txt")
        there.until(lambda: "standing by" in text_of(tmp_path / "standby.txt"), "the standby to stand by")
        there.trade(engine)
        sequence = there.watch.where()[1]
        there.die(engine)
        assert wait_until_ready(standby, there.watch, sequence, PATIENCE_S), text_of(tmp_path / "standby.txt")
        there.output = tmp_path / "standby.txt"
        there.agree(standby)


def longer_lease(config: Path) -> None:
    """One for which nobody here has the patience: who takes over all the same didn't wait for it."""
    text = config.read_text()
    assert "[lease]\nduration_s = 5.0\n" in text
    config.write_text(text.replace("[lease]\nduration_s = 5.0\n", f"[lease]\nduration_s = {10 * PATIENCE_S}\n"))


def text_of(path: Path) -> str:
    """What a program has said so far."""
    return path.read_text(errors="replace") if path.exists() else ""


def is_of(client_order_id: str | None, epoch: int) -> bool:
    """Whether an order was made under an epoch: its id says so, between the account's letters and the counter."""
    return client_order_id is not None and client_order_id[-12:-8] == f"{epoch:04d}"
