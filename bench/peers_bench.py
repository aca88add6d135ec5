"""Other backtesters beside ours: the same bars, the same rule, the same orders, each in a pinned environment of its own.

``bench/peers/NAME.py`` is a peer's script and ``bench/peers/NAME.txt`` what is installed for it, into ``.bench/NAME``, when it is first
needed. All engines take turns, so that a slow moment of the machine falls on all of them; each figure is the best of its rounds, in the
process's own time on the processor. The result is printed and written to ``bench/REPORT.md``. ``python -m bench.peers_bench --bars 100000
--rounds 1`` is a short look, which writes nothing unless it is given ``--report``.
"""

import argparse
import datetime as dt
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import holdfast
from bench.backtest_bench import TRADING, configuration, write_walk
from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.replay import Replay
from holdfast.core.messages import OrderFilled
from holdfast.core.turn import Turn

HERE = Path(__file__).parent
SCRIPTS = HERE / "peers"
ENVIRONMENTS = HERE.parent / ".bench"
REPORT = HERE / "REPORT.md"
BARS, ROUNDS = 1_000_000, 3
MOST_S = 3600
"""Longer than the slowest peer takes for a million bars on a busy machine."""
OURS = "holdfast"
WORDS = {
    OURS: "calls the strategy bar by bar; exact decimals, risk, books and every record of an audit trail",
    "backtesting_py": "calls the strategy bar by bar; floats, no risk checks, no records",
    "backtrader_py": "calls the strategy bar by bar; floats, no risk checks, no records",
    "nautilus_py": "calls the strategy bar by bar; a compiled engine with exact numbers, risk checks and message bus",
    "vectorbt_py": "calls no strategy: whole columns at once, compiled beforehand (not timed)",
}
Measured = dict[str, Any]


def ours(path: Path) -> Measured:
    """The same run of ours, in this process."""
    began_s = time.process_time()
    config = configuration(path, TRADING)
    feed = build_feed(config)
    account = config.accounts[0]
    state = build_state(config, account, feed, None)
    fills: list[tuple[int, float]] = []

    def take(turn: Turn) -> None:
        bodies = (record.body for record in turn.records)
        found = (body for body in bodies if isinstance(body, OrderFilled))
        fills.extend((int(body.quantity) * body.side.sign, float(body.price)) for body in found)

    replay = Replay(state, build_exchange(config, account, state), take)
    replay.begin(account.deposit, "bench")
    loaded_s, wall_s = time.process_time(), time.perf_counter()
    replay.run(feed.events(), feed.trading_from_ns)
    ran_s, ran_wall_s = time.process_time(), time.perf_counter()
    told = "\n".join(f"{quantity:+d} {price:.4f}" for quantity, price in fills)
    return {
        "version": holdfast.__version__,
        "load_s": loaded_s - began_s,
        "cpu_s": ran_s - loaded_s,
        "wall_s": ran_wall_s - wall_s,
        "whole_cpu_s": time.process_time(),
        "peak_mb": next(
            int(line.split()[1]) / 1024 for line in _text("/proc/self/status").splitlines() if "VmHWM" in line
        ),
        "orders": len(fills),
        "equity": round(float(state.equity), 2),
        "fills": hashlib.sha256(told.encode()).hexdigest()[:12],
        "first": fills[:2],
    }


def environment(name: str) -> Path:
    """The Python of a peer's environment, made when it isn't there or its list has changed. Raises CalledProcessError."""
    folder, wanted = ENVIRONMENTS / name, SCRIPTS / f"{name}.txt"
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not stamp.is_file() or stamp.read_bytes() != wanted.read_bytes():
        print(f"installing {name} into {folder} (once)", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--only-binary", ":all:"]
        _run([*install, "-r", str(wanted)])
        stamp.write_bytes(wanted.read_bytes())
    return python


def _run(command: list[str]) -> str:
    """What a program prints; how it failed, in its own last line."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=MOST_S, cwd=HERE.parent, env=clean
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise RuntimeError(f"{Path(command[0]).name} {' '.join(command[1:3])}: {last}")
    return done.stdout


def measure(bars: int, rounds: int) -> tuple[dict[str, Measured], dict[str, str]]:
    """The best of each engine, and why there is nothing of others."""
    found: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    commands: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        table, columns = Path(temporary) / "bars.parquet", Path(temporary) / "bars.npz"
        write_walk(table, bars)
        write_columns(table, columns)
        commands[OURS] = [sys.executable, "-m", "bench.peers_bench", "--ours", str(table)]
        for script in sorted(SCRIPTS.glob("*_py.py")):
            try:
                commands[script.stem] = [str(environment(script.stem)), str(script), str(columns)]
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed[script.stem] = f"not installed: {error}"
        for turn in range(rounds):
            for name, command in commands.items():
                if name in failed:
                    continue
                print(f"round {turn + 1} of {rounds}: {name}", flush=True)
                try:
                    run = json.loads(_run(command).splitlines()[-1])
                except (RuntimeError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
                    failed[name] = str(error)
                    continue
                if name not in found or run["cpu_s"] < found[name]["cpu_s"]:
                    found[name] = run
    return found, failed


def write_columns(table: Path, columns: Path) -> None:
    """The same bars for engines that read no Parquet."""
    data = pq.read_table(table)
    names = ("open", "high", "low", "close", "volume")
    numbers = {name: data.column(name).to_numpy() for name in names}
    np.savez(columns, ts=data.column("ts").to_numpy().astype("int64"), **numbers)


def lines_of(found: dict[str, Measured], failed: dict[str, str], bars: int) -> list[str]:
    """The table, and what differs."""
    base = found[OURS]
    lines = [
        "| engine | bars/s | ours is so fast | whole process, CPU s | peak MB | orders | same fills | equity at the end |",
        "|---|---:|---:|---:|---:|---:|---|---:|",
    ]
    for name, run in sorted(found.items(), key=lambda item: item[1]["cpu_s"]):
        ratio = "" if name == OURS else f"{run['cpu_s'] / base['cpu_s']:.2f} x"
        same = "" if name == OURS else "yes" if run["fills"] == base["fills"] else "no"
        lines.append(
            f"| {name.removesuffix('_py')} {run['version']} | {bars / run['cpu_s']:,.0f} | {ratio} | {run['whole_cpu_s']:.1f} "
            f"| {run['peak_mb']:.0f} | {run['orders']:,} | {same} | {run['equity']:,.2f} |"
        )
    lines += ["", *(f"- {name.removesuffix('_py')}: {WORDS.get(name, '')}" for name in found)]
    lines += [f"- {name.removesuffix('_py')} is missing: {why}" for name, why in failed.items()]
    for name, run in found.items():
        if run["fills"] != base["fills"]:
            lines.append(
                f"- {name.removesuffix('_py')} differs: {run['orders'] - base['orders']:+,} orders, {run['equity'] - base['equity']:+,.2f} of "
                f"equity; its first fills are {_fills(run)}, ours {_fills(base)}"
            )
    return lines


def _fills(run: Measured) -> str:
    return ", ".join(f"{quantity:+d} at {price:g}" for quantity, price in run["first"])


def machine() -> list[str]:
    """What it was measured on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in _text("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = next((line.split()[1] for line in _text("/proc/meminfo").splitlines() if line.startswith("MemTotal")), "0")
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    return [
        f"- {model}, {os.cpu_count()} processors, {int(memory) / 1e6:.0f} GB; {platform.platform()}",
        f"- Python {platform.python_version()} ({platform.python_compiler()}) for all of them",
        f"- load when it was over (1, 5, 15 minutes): {load}"
        + ("" if os.getloadavg()[2] < 1 else ". **The machine was busy: believe the ratios alone.**"),
    ]


def _text(path: str) -> str:
    file = Path(path)
    return file.read_text() if file.is_file() else ""


def main(bars: int = BARS, rounds: int = ROUNDS, report: Path | None = REPORT) -> None:
    """Measure, print, and write the report."""
    found, failed = measure(bars, rounds)
    if OURS not in found:
        raise SystemExit(f"our own run failed: {failed[OURS]}")
    lines = lines_of(found, failed, bars)
    print("\n".join(lines))
    if report is not None:
        day = dt.datetime.now(dt.UTC).date()
        text = [
            "# Beside other backtesters",
            "",
            f"Written by `python -m bench.peers_bench --bars {bars} --rounds {rounds} --report` on {day}:",
            f"{bars:,} one-minute bars of a random walk (`bench/backtest_bench.py`), the crossing of two",
            f"exponential averages (10, 30), always 100 long or short, market orders at the close that decided them; best of {rounds} in turns.",
            "Bars/s are by the process's own time on the processor, for the run alone: data are loaded and programs are compiled before.",
            "",
            *machine(),
            f"- `{Path(sys.executable).name} bench/peers/NAME_py.py bars.npz` in `.bench/NAME_py`, as `bench/peers/NAME_py.txt` pins it",
            "",
            *lines,
            "",
        ]
        report.write_text("\n".join(text))
        print(f"written to {report}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.peers_bench", description="A short look.")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--report", action="store_true", help=f"write {REPORT.name} all the same")
    chosen = parser.parse_args()
    if chosen.ours:
        print(json.dumps(ours(chosen.ours)))
    else:
        main(chosen.bars, chosen.rounds, REPORT if chosen.report else None)
