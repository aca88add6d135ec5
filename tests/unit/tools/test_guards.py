"""The guards of the architecture stop what they are there to stop: each is shown a wrong it has to find."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Judge the package in ``tree`` by this repository's contracts."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    arguments = ["--no-logo", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(
        [*command, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package's source, to be spoilt."""
    return Path(shutil.copytree(ROOT / "src" / "holdfast", tmp_path / "holdfast"))


AGAINST_THE_ARROWS = [
    ("core", "holdfast.venue"),
    ("core", "holdfast.journal"),
    ("core", "pandas"),
    ("errors", "holdfast.core.types"),
    ("venue", "holdfast.brokers.port"),
    ("strategies", "holdfast.venue"),
    ("feeds", "holdfast.venue"),
    ("feeds", "holdfast.brokers.port"),
    ("journal", "holdfast.feeds.port"),
    ("strategies", "holdfast.journal"),
    ("brokers", "holdfast.venue"),
    ("brokers", "holdfast.config"),
    ("backtesting", "holdfast.journal"),
    ("backtesting", "holdfast.runtime"),
    ("runtime", "holdfast.backtesting"),
    ("runtime", "holdfast.cli"),
    ("cli", "sqlalchemy"),
    ("views", "holdfast.runtime"),
    ("views", "rich"),
    ("control", "holdfast.cli"),
    ("watchdog", "holdfast.cli"),
]


def test_an_import_against_the_arrows_is_found(package: Path) -> None:
    """Each import that the architecture does not allow breaks a contract, and the report names it."""
    wrong = set()
    for number, (room, imported) in enumerate(AGAINST_THE_ARROWS):
        single = package / f"{room}.py"
        importer = single if single.exists() else package / room / f"wrong_{number}.py"
        importer.write_text(f"import {imported}\n")
        name = ".".join(importer.relative_to(package.parent).with_suffix("").parts)
        wrong.add(f"{name} -> {imported}")
    result = lint_imports(package.parent)
    assert result.returncode == 1
    broken = result.stdout.partition("Broken contracts")[2]
    assert [one for one in sorted(wrong) if one not in broken] == []


def test_a_room_that_no_contract_names_is_found(package: Path) -> None:
    """A new room has to be given its place among the layers before it can be used."""
    (package / "attic").mkdir()
    (package / "attic" / "__init__.py").touch()
    result = lint_imports(package.parent)
    assert result.returncode == 1
    assert "attic" in result.stdout + result.stderr


def test_a_contract_for_a_room_that_is_gone_is_found(package: Path) -> None:
    """A layer that does not exist is an error, not a contract that holds because nothing is left to break it."""
    shutil.rmtree(package / "strategies")
    result = lint_imports(package.parent)
    assert result.returncode == 1
    assert "holdfast.strategies does not exist" in " ".join((result.stdout + result.stderr).split())


def ruff(path: str, source: str) -> set[str]:
    """The rules that ``source`` breaks when it stands at ``path``."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--stdin-filename", path, "-"]
    result = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False)
    assert result.returncode in {0, 1}, result.stderr
    return {line.split()[1] for line in result.stdout.splitlines() if line.startswith(path)}


AMBIENT = [
    "import time\n\nNOW = time.time_ns()\n",
    "from time import monotonic\n\nNOW = monotonic()\n",
    "import datetime as dt\n\nNOW = dt.datetime.now(dt.UTC)\n",
    "import random\n\nNUMBER = random.Random(7).random()\n",
    "import uuid\n\nNAME = uuid.uuid4()\n",
    "import secrets\n\nNAME = secrets.token_hex()\n",
    "import os\n\nNAME = os.urandom(8)\n",
]


@pytest.mark.parametrize("source", AMBIENT)
@pytest.mark.parametrize("room", ["core", "venue", "strategies"])
def test_ambient_time_chance_and_ids_are_banned_where_replay_must_repeat(room: str, source: str) -> None:
    """Clock, chance and made-up ids from the surroundings are found in the deterministic rooms."""
    assert "TID251" in ruff(f"src/holdfast/{room}/wrong.py", f'"""Wrong."""\n\n{source}')


@pytest.mark.parametrize("source", AMBIENT)
def test_the_shell_may_use_clocks_and_chance(source: str) -> None:
    """The ban ends where the shell begins: the runtime reads the clock."""
    assert "TID251" not in ruff("src/holdfast/runtime/right.py", f'"""Right."""\n\n{source}')
