"""`holdfast secrets`, and `holdfast audit key`, `export`, `verify` and `anchor`, as people type them."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.process.program import COMMAND, PATIENCE_S, Done, environment, run, succeed

pytestmark = pytest.mark.process

VALUE, OTHER = "a-key-that-nobody-may-see-0815", "another-key-that-nobody-may-see"
CONFIG = """
[feed]
kind = "synthetic"
seed = 5
days = 1
symbols = ["AVOR"]
[secrets]
key_file = "../master.key"
[audit]
anchor_file = "../anchors.txt"
[tracing]
headers = { x-key = "secret:collector" }
[[accounts]]
name = "house"
[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR"]
params = { fast = 2, slow = 4, quantity = 10, allow_short = true }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration that names a secret there isn't yet."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "holdfast.toml").write_text(CONFIG)
    return tmp_path / "run"


def type_in(folder: Path, value: str, *arguments: str) -> Done:
    """Run a command that reads a value."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(),
        input=value + "\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_secret_from_its_setting_to_its_removal(folder: Path) -> None:
    """Nothing starts without it; kept, listed, used, rotated and removed, it is shown nowhere and no file has it."""
    said = [succeed(folder, "secrets", "init"), run(folder, "run")]
    assert (said[-1].status, "collector" in said[-1].error) == (2, True)
    said.append(type_in(folder, VALUE, "secrets", "set", "collector"))
    assert said[-1].status == 0, said[-1]
    said += [succeed(folder, "secrets", "list"), succeed(folder, "run")]
    (row,) = succeed(folder, "secrets", "list", "--json").json["secrets"]
    said.append(succeed(folder, "secrets", "rotate"))
    (rotated,) = succeed(folder, "secrets", "list", "--json").json["secrets"]
    assert (row["name"], row["key"] != rotated["key"]) == ("collector", True)
    said.append(succeed(folder, "check"))
    said.append(type_in(folder, OTHER, "secrets", "set", "collector"))
    refused = run(folder, "secrets", "rm", "collector")
    assert (refused.status, "tracing" in refused.error) == (3, True)
    said += [refused, succeed(folder, "secrets", "rm", "collector", "--yes")]
    assert run(folder, "check").status == 2
    written = [path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()]
    everything = "".join(done.out + done.err for done in said).encode() + b"".join(written)
    assert VALUE.encode() not in everything
    assert OTHER.encode() not in everything
    assert (folder / "holdfast.secrets").stat().st_mode & 0o077 == 0
    assert (folder.parent / "master.key").stat().st_mode & 0o077 == 0


def test_what_is_exported_and_anchored_is_proven_and_a_change_is_named(folder: Path) -> None:
    """A signed export is checked without anything of the one who made it; a changed record, another key and a lost end are told."""
    succeed(folder, "secrets", "init")
    assert type_in(folder, VALUE, "secrets", "set", "collector").status == 0
    succeed(folder, "run")
    key = succeed(folder, "audit", "key").out.strip()
    assert succeed(folder, "audit", "key").out.strip() == key
    succeed(folder, "audit", "export", "--sign", "--to", "month.jsonl")
    succeed(folder, "audit", "anchor", "--sign")
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    lines = (folder / "month.jsonl").read_text().splitlines(keepends=True)
    (elsewhere / "month.jsonl").write_text("".join(lines))
    succeed(elsewhere, "audit", "verify", "month.jsonl", "--key", key)
    assert run(elsewhere, "audit", "verify", "month.jsonl").status == 2
    number = next(at for at, line in enumerate(lines) if "OrderFilled" in line)
    lines[number] = lines[number].replace("OrderFilled", "OrderFulled")
    (elsewhere / "changed.jsonl").write_text("".join(lines))
    found = run(elsewhere, "audit", "verify", "changed.jsonl", "--key", key)
    sequence = json.loads(lines[number])
    assert (found.status, "doesn't fit" in found.out) == (1, True)
    assert str(sequence[0] if isinstance(sequence, list) else "") in found.out
    other = "ed25519:" + "A" * 43 + "="
    assert run(elsewhere, "audit", "verify", "month.jsonl", "--key", other).status == 1
    assert succeed(folder, "audit", "verify").status == 0
    with closing(sqlite3.connect(folder / "holdfast.db")) as journal, journal:
        journal.execute("UPDATE records SET body = replace(body, '100000', '900000') WHERE type = 'CashDeposited'")
    found = run(folder, "audit", "verify")
    assert found.status == 1
    assert "hash" in found.out + found.err, found
