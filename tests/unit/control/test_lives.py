"""What was asked for while no engine ran, once one does."""

import time
from pathlib import Path

from holdfast.cli.session import Session
from holdfast.config import load_config
from holdfast.control.client import FILED, Client
from holdfast.control.lives import RELEASE_LIVES_NS, lives_ns
from holdfast.core.messages import Flatten, Halt, Preserve, Resume
from holdfast.core.steering import StartStrategy, StopStrategy
from holdfast.core.types import HOUR_NS, StrategyId
from holdfast.journal.commands import file_command
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine
from tests.unit.views.conftest import CONFIG


def test_a_halt_holds_and_an_old_resume_surprises_nobody(tmp_path: Path) -> None:
    """Hours later a halt is carried out, and the resume that came after it is answered as too late; one that was filed just now is carried out."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    with open_engine(config):
        pass
    url, now_ns = config.journal.url, time.time_ns()
    for account in ("house", "idle"):
        file_command(url, account, Halt("lunch"), "test", lives_ns(Halt()), now_ns - 3 * HOUR_NS)
    asked_ns = now_ns - 2 * HOUR_NS
    old = file_command(url, "house", Resume("back"), "test", asked_ns + (lives_ns(Resume()) or 0), asked_ns)
    new = Client(url, "idle", "test", 1.0, is_elsewhere=False).ask_or_leave(Resume("back"), "trading resumes")
    assert new.status == FILED
    assert new.text.endswith("at the next start, if that is within 10 minutes; later it has to be asked for again")
    session = Session(config)
    with open_engine(config, session.watch) as engine:
        session.run(engine, None, session.news.clear)
    with Reader.open(url) as reader:
        states = {row.account: row.state for row in reader.accounts()}
        late, done = reader.command(old).answer, reader.command(new.command_id).answer
    assert states == {"house": "HALTED", "idle": "IDLE"}
    assert late is not None
    assert done is not None
    assert (late.status, done.status) == ("expired", "done")
    assert late.text.startswith("it came too late: asked for at ")


def test_only_what_lets_risk_out_grows_old() -> None:
    """Whatever takes risk away is meant whenever the engine comes back."""
    one = StrategyId("one")
    assert [lives_ns(command) for command in (Halt(), Preserve(), Flatten(), StopStrategy(one, "why"))] == [None] * 4
    assert [lives_ns(command) for command in (Resume(), StartStrategy(one))] == [RELEASE_LIVES_NS] * 2
