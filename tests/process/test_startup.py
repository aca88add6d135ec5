"""A command loads what it needs: what it does not load costs nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.config import load_config
from holdfast.journal.database import open_database

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 1
symbols = ["AVOR"]
days = 1
history_days = 0

[[accounts]]
name = "house"
"""
LOADED = """
import os, sys
from holdfast.cli import app

end, sys.argv = os._exit, ["holdfast", *sys.argv[1:]]

def told(status):
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr, flush=True)
    end(status)

os._exit = told
app.main()
"""
HEAVY = {
    "alembic",
    "alpaca",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "requests",
    "sqlalchemy",
    "structlog",
    "aiohttp",
}
"""Libraries that take longer to load than a look at a journal."""
ONLY_TO_TRADE = {"asyncio", "prometheus_client"}


def loaded(folder: Path, *arguments: str) -> set[str]:
    """The libraries that the process of a command has loaded when it ends."""
    command = [sys.executable, "-c", LOADED, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.splitlines()[-1].split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration, and a journal in which nothing is."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    open_database(load_config(tmp_path / "holdfast.toml").journal.url).create()
    return tmp_path


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """It reads no configuration and no journal."""
    assert (HEAVY | ONLY_TO_TRADE).isdisjoint(loaded(tmp_path, "--help"))


@pytest.mark.parametrize("command", [["status"], ["orders"], ["audit", "verify"]], ids=" ".join)
def test_a_look_at_a_file_needs_the_driver_alone(folder: Path, command: list[str]) -> None:
    """A journal in SQLite is read by Python's own driver."""
    found = loaded(folder, *command)
    assert "sqlite3" in found
    assert (HEAVY | ONLY_TO_TRADE).isdisjoint(found)


def test_a_paper_engine_loads_no_live_broker_and_no_migrations(tmp_path: Path) -> None:
    """On a made-up market it needs no Arrow either; its new journal is made without running migrations."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    found = loaded(tmp_path, "run", "--json")
    assert {"sqlalchemy", "structlog"} <= found
    assert {"alembic", "alpaca", "pandas", "pyarrow", "pydantic", "requests", "aiohttp", "websockets"}.isdisjoint(found)
