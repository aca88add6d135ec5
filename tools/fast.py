"""The compiled form: the same source through mypyc, as a second wheel. Pure Python stays the reference and the default.

python -m tools.fast            build dist/fast/*.whl, and .venv-fast with it in: ``.venv-fast/bin/holdfast backtest ...``
python -m tools.fast --check    the same, then compare the digests of all records of `tools.same_records` with pure Python's

Needs a C compiler and Python's headers, and takes some two minutes of a core. What is compiled are the modules that compute and hold no
msgspec.Struct, which mypyc can't make: docs/adr/0028-a-compiled-form-is-a-second-wheel.md.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fast"
WHEELS = ROOT / "dist" / "fast"
PLACE = ROOT / ".venv-fast"
"""The environment that runs the compiled form."""
TOOLS = BUILD / "tools"
"""The environment that builds it: mypyc, setuptools, wheel."""

MODULES = (
    *(
        f"core/engine/{name}"
        for name in ("__init__", "bookings", "clock", "commands", "corporate", "market", "operations", "reports")
    ),
    *(
        f"core/engine/obligations/{name}"
        for name in (
            "__init__",
            "closing",
            "deadlines",
            "differences",
            "flattening",
            "preservation",
            "protection",
            "waiting_intents",
        )
    ),
    *(
        f"core/state/{name}"
        for name in ("__init__", "account", "market", "orders", "positions", "protection", "session")
    ),
    *(
        f"core/{name}"
        for name in ("codec", "drafts", "exposure", "instant", "intents", "register", "turn", "views", "waiting")
    ),
    *(f"core/risk/{name}" for name in ("caps", "check", "rules")),
    *("core/orders/book", "core/portfolio/portfolio", "core/strategy/host", "core/strategy/measuring"),
    *(f"venue/{name}" for name in ("book", "exchange", "market", "matching", "rules", "underway")),
    "backtesting/replay",
)
"""What is compiled, below ``src/holdfast``. None of them may define a msgspec.Struct (a test looks)."""

TYPES = """[mypy]
explicit_package_bases = true
ignore_missing_imports = true
[mypy-holdfast.backtesting.api,holdfast.bias.*,holdfast.sweeping.*,holdfast.indicators.*]
follow_imports = skip
"""
"""Enough for mypyc; `make types` checks the types."""

COMPILE = """
import sys
from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext
extensions = mypycify(["--config-file=mypy.ini", *sys.argv[1:]], opt_level="2", debug_level="0")
command = build_ext(Distribution({"name": "holdfast", "ext_modules": extensions}))
command.inplace = True
command.ensure_finalized()
command.run()
"""


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """Run a command; what it prints. Raises SystemExit, with what it said, when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  our own
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:6]))} ... failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def environment(place: Path, *locks: str) -> Path:
    """An environment with what these lock files name; its Python."""
    run(sys.executable, "-m", "venv", "--clear", place)
    python = place / "bin" / "python"
    install = (python, "-m", "pip", "install", "-qq", "--no-compile", "--require-hashes", "--only-binary", ":all:")
    for lock in locks:
        run(*install, "-r", ROOT / lock)
    return python


def wheel() -> Path:
    """The pure wheel, with the compiled modules beside their sources, as a wheel of this Python and machine."""
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        raise SystemExit(
            "a C compiler is needed to compile the core: on Debian and Ubuntu, apt-get install gcc python3-dev"
        )
    shutil.rmtree(BUILD, ignore_errors=True)
    shutil.rmtree(WHEELS, ignore_errors=True)
    python = environment(TOOLS, "requirements.lock", "requirements-fast.lock")
    run(sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "--wheel-dir", BUILD, ROOT)
    (pure,) = BUILD.glob("*.whl")
    run(python, "-m", "wheel", "unpack", "--dest", BUILD / "unpacked", pure)
    (folder,) = (BUILD / "unpacked").iterdir()
    _compile(python, folder)
    return _packed(python, folder)


def _packed(python: Path, folder: Path) -> Path:
    """A wheel of what an unpacked one has become."""
    (head,) = folder.glob("*.dist-info/WHEEL")
    head.write_text(head.read_text().replace("Root-Is-Purelib: true", "Root-Is-Purelib: false"))
    (BUILD / "packed").mkdir()
    run(python, "-m", "wheel", "pack", "--dest-dir", BUILD / "packed", folder)
    (packed,) = (BUILD / "packed").iterdir()
    tags = run(
        python, "-c", "from packaging.tags import sys_tags; print(*(str(next(sys_tags())).split('-', 2)))"
    ).split()
    run(
        python,
        "-m",
        "wheel",
        "tags",
        "--remove",
        f"--python-tag={tags[0]}",
        f"--abi-tag={tags[1]}",
        f"--platform-tag={tags[2]}",
        packed,
    )
    WHEELS.mkdir(parents=True)
    (made,) = (BUILD / "packed").iterdir()
    return Path(shutil.move(made, WHEELS / made.name))


def _compile(python: Path, folder: Path) -> None:
    (folder / "mypy.ini").write_text(TYPES)
    run(python, "-c", COMPILE, *(f"holdfast/{module}.py" for module in MODULES), folder=folder)
    for left in ("mypy.ini", "build", ".mypy_cache"):
        path = folder / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def install() -> Path:
    """`PLACE` with the compiled wheel in; its Python."""
    made = wheel()
    python = environment(PLACE, "requirements.lock")
    run(python, "-m", "pip", "install", "-qq", "--no-deps", made)
    print(f"{made.relative_to(ROOT)} is built, and {PLACE.name}/bin/holdfast runs it")
    return python


def check(python: Path) -> int:
    """Compare the digests of all records; 1 when they differ, or nothing compiled runs there."""
    where = run(python, "-c", "import holdfast.core.turn as turn; print(turn.__file__)").strip()
    if not where.endswith(".so"):
        print(f"{where} is not compiled")
        return 1
    script = ROOT / "tools" / "same_records.py"
    pure, compiled = (run(each, script).splitlines() for each in (sys.executable, python))
    for line, other in zip(pure, compiled, strict=True):
        print(line + ("" if line == other else f"  DIFFERS compiled: {other}"))
    return int(pure != compiled)


def main(arguments: Sequence[str]) -> int:
    """Build, and compare when that is asked for; the exit status."""
    if list(arguments) not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    python = install()
    return check(python) if arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
