"""``holdfast reload`` and SIGHUP: one process, two accounts, a file that is changed while it trades."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import Config, load_config
from holdfast.config.rereading import WEB, Rereader
from holdfast.core.messages import CommandDone
from holdfast.core.settings import Reload, SettingsChanged, read
from holdfast.journal.reader import Reader
from holdfast.web.reading import WebReader
from holdfast.web.reloading import Reloading
from tests.process.program import proves_itself, run, started, succeed, trading, until

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 5
speed = 60
symbols = ["AVOR", "BRYX"]
stale_after_s = {stale}

[logs]
file = "hf.log"
level = "{level}"

[observer]
every_s = 0.1

[alerts]
per_minute = {per_minute}

[[accounts]]
name = "one"
calendar = "24/7"

[[accounts]]
name = "two"
calendar = "24/7"
cash = {cash}
risk = {{ max_position_pct = {most} }}

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
accounts = ["one", "two"]
symbols = ["AVOR", "BRYX"]
params = {{ fast = 3, slow = 8, allow_short = true }}
"""


def write(
    folder: Path, *, stale: int = 300, level: str = "info", cash: int = 100_000, most: str = "90", per_minute: int = 10
) -> None:
    values = {"stale": stale, "level": level, "cash": cash, "most": most, "per_minute": per_minute}
    (folder / "holdfast.toml").write_text(CONFIG.format(**values))


def records(folder: Path, account: str, kind: type) -> list[Any]:
    with Reader.open(f"sqlite:///{folder / 'holdfast.db'}") as reader:
        return reader.records_of(account, (kind,))


def after(record: Any) -> Any:
    return read(record.body.after).limits.max_position_pct


def limit(folder: Path, account: str = "two") -> str:
    """What the newest record says of the largest position, in percent."""
    return str(after(records(folder, account, SettingsChanged)[-1]))


def test_who_observes_and_the_page_take_what_is_theirs(tmp_path: Path) -> None:
    """When the engine has taken a reload, and by SIGHUP; a file that the engine refuses, or that is wrong, is taken by nobody."""
    write(tmp_path)
    url, said = f"sqlite:///{tmp_path / 'holdfast.db'}", tmp_path / "hf.observe.log"

    def logged(text: str) -> Callable[[], bool]:
        return lambda: said.exists() and text in said.read_text()

    with started(tmp_path, "run") as engine, started(tmp_path, "observe") as observer:
        until(lambda: trading(url), "the market")
        until(logged("observing one, two"), "the observer")
        before = load_config(tmp_path / "holdfast.toml")
        write(tmp_path, per_minute=5)
        answer = succeed(tmp_path, "reload").out
        assert "alerts.per_minute is for holdfast observe, which takes it likewise" in answer
        until(logged("read again: alerts.per_minute 10 -> 5"), "what it took by the engine's reload")
        write(tmp_path, per_minute=6)
        observer.send_signal(signal.SIGHUP)
        until(logged("read again: alerts.per_minute 5 -> 6"), "what it took by SIGHUP")
        write(tmp_path, per_minute=7, cash=5)
        assert run(tmp_path, "reload").status == 3
        observer.send_signal(signal.SIGHUP)
        until(logged("nothing was taken: accounts.two.cash needs a restart of holdfast observe"), "the refusal")
        write(tmp_path, per_minute=0)
        observer.send_signal(signal.SIGHUP)
        until(lambda: said.read_text().count("nothing was taken") == 2, "the other refusal")
        for process in (observer, engine):
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
    assert "-> 7" not in said.read_text()

    write(tmp_path, per_minute=8)
    taken: list[Config] = []
    rereader = Rereader(WEB, before, lambda: load_config(tmp_path / "holdfast.toml"))
    reloading = Reloading(rereader, taken.append)
    with WebReader.open(url) as reader:
        reloading.look(reader)
        reloading.look(reader)
        assert [config.alerts.per_minute for config in taken] == [8]
        write(tmp_path, per_minute=9)
        reloading.ask()
        reloading.look(reader)
    assert taken[-1].alerts.per_minute == 9


def test_a_file_is_taken_whole_or_not_at_all_and_a_start_takes_it_anew(tmp_path: Path) -> None:
    """By command from anywhere, by SIGHUP, by many at once; refused where any of it is wrong or needs a restart; killed in the middle."""
    write(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    away = f'[journal]\nurl = "sqlite:///{tmp_path / "holdfast.db"}"\n[feed]\nkind = "synthetic"\n[[accounts]]\nname = "two"\n'
    (elsewhere / "holdfast.toml").write_text(away)
    url = f"sqlite:///{tmp_path / 'holdfast.db'}"
    with started(tmp_path, "run", errors=tmp_path / "said.txt") as engine:
        until(lambda: trading(url), "the market")
        assert "nothing has changed" in succeed(tmp_path, "reload").out

        write(tmp_path, most="5", stale=120, level="debug")
        done = succeed(elsewhere, "reload", "--reason", "less", "--json").json
        assert (done["account"], done["status"]) == ("two", "done")
        assert done["text"].startswith(
            "taken: accounts.two.risk.max_position_pct 90 -> 5, feed.stale_after_s 300 -> 120, logs.level info -> debug"
        )
        (asked,) = records(tmp_path, "two", Reload)
        assert asked.source.startswith("cli:")
        until(lambda: records(tmp_path, "one", SettingsChanged), "the other account's change")
        (one,), (two,) = (records(tmp_path, name, SettingsChanged) for name in ("one", "two"))
        assert [change.key for change in one.body.changes] == ["feed.stale_after_s", "logs.level"]
        assert [change.key for change in two.body.changes][:1] == ["accounts.two.risk.max_position_pct"]
        assert (one.source, two.source) == (asked.source, asked.source)
        assert str(read(two.body.before).limits.max_position_pct) == "90"
        until(lambda: '"level": "debug"' in (tmp_path / "hf.log").read_text(), "a line at debug")

        write(tmp_path, most="6", cash=5)
        refused = run(tmp_path, "reload")
        assert (refused.status, "accounts.two.cash needs a restart" in refused.err) == (3, True), refused
        write(tmp_path, most='"wide"')
        refused = run(elsewhere, "reload")
        assert (refused.status, "accounts[1].risk.max_position_pct" in refused.err) == (3, True), refused
        (tmp_path / "holdfast.toml").unlink()
        refused = run(elsewhere, "reload")
        assert (refused.status, "there is no configuration file" in refused.err) == (3, True), refused
        assert limit(tmp_path) == "5"

        write(tmp_path, most="7")
        engine.send_signal(signal.SIGHUP)
        until(lambda: limit(tmp_path) == "7", "SIGHUP's change")
        write(tmp_path, most="8")
        for _ in range(3):
            engine.send_signal(signal.SIGHUP)
        succeed(elsewhere, "reload")
        until(lambda: limit(tmp_path) == "8", "the change")
        assert [after(change) for change in records(tmp_path, "two", SettingsChanged)] == [
            5,
            7,
            8,
        ]
        answers = [each.body for each in records(tmp_path, "two", CommandDone)]
        assert [answer.accepted for answer in answers].count(False) == 2

        write(tmp_path, most="9")
        engine.send_signal(signal.SIGHUP)
        engine.kill()  # at any moment of it: whole, or not at all
    assert proves_itself(tmp_path, "holdfast.toml")
    assert limit(tmp_path) in ("8", "9")
    write(tmp_path, most="50")
    result = json.loads(succeed(tmp_path, "run", "--for", "1s", "--json").out)
    assert result["chain_verified"]
    assert limit(tmp_path) == "50"
    assert records(tmp_path, "two", SettingsChanged)[-1].body.reason == "the configuration file of this start"
