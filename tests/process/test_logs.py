"""The log of real programs: whose lines they are, and readers that don't read."""

import fcntl
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.process.program import COMMAND, PATIENCE_S, environment, run, started, succeed, until
from tests.process.test_alpaca_run import KEY, SECRET, prepare
from tests.process.test_cli_run import CONFIG
from tests.process.test_sim import serving

pytestmark = pytest.mark.process

SMALLEST_PIPE = 4096


def test_outputs_that_nobody_reads_hold_nobody_up(tmp_path: Path) -> None:
    """Both are full pipes, and every line is logged: the day is traded to its end all the same."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    ends = [os.pipe() for _ in range(2)]
    for _, writing in ends:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    out, err = (writing for _, writing in ends)
    process = subprocess.Popen(
        [*COMMAND, "run"],
        cwd=tmp_path,
        env=environment(LOG_LEVEL="debug"),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
    )
    try:
        for writing in (out, err):
            os.close(writing)
        until(lambda: "the feed ended" in run(tmp_path, "audit", "tail", "-n", "3").out, "the end of the day")
        os.set_blocking(ends[0][0], True)
        said = b""
        while piece := os.read(ends[0][0], 1 << 16):  # what it has to say is there still
            said += piece
        assert process.wait(PATIENCE_S) == 0
        assert b"Ended: the feed ended." in said
    finally:
        process.kill()
        process.wait()
        for reading, _ in ends:
            os.close(reading)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_line_of_a_session_says_what_it_is_about(tmp_path: Path) -> None:
    """At a broker: orders and requests carry account, broker, strategy, order and trace, the trace is the journal's, and no key is there."""
    logs = '\n[logs]\nfile = "logs/hf.log"\nlevel = "debug"\n'
    with serving(tmp_path, "--symbols", "IBM,SPY", "--seed", "3", "--speed", "600", "--requests", "0") as (told, _):
        prepare(tmp_path, told)
        path = tmp_path / "holdfast.toml"
        path.write_text(path.read_text() + logs)
        with started(tmp_path, "run", errors=tmp_path / "said.txt") as engine:
            until(lambda: len(json.loads(run(tmp_path, "fills", "--json").out or "[]")) > 5, "some fills")
            engine.send_signal(signal.SIGTERM)
            assert engine.wait() == 0
        assert requests.get(told["control_url"], timeout=10).ok
    text = (tmp_path / "logs" / "hf.log").read_text()
    assert SECRET not in text
    assert KEY not in text
    lines = lines_of(tmp_path / "logs" / "hf.log")
    about = [line for line in lines if line["channel"] in ("trading", "broker")]
    assert [line for line in about if {"account", "broker"} - line.keys() and "feed" not in line] == []
    orders = [
        line
        for line in about
        if line["event"].startswith(("order ", "cancel ")) and line["event"] != "order refused by risk"
    ]
    assert [line for line in orders if {"strategy", "order", "trace"} - line.keys()] == []
    sent = [line for line in about if line["event"] == "request" and line["method"] in ("POST", "DELETE")]
    assert sent
    assert [line for line in sent if {"strategy", "order", "trace", "parameters", "status", "ms"} - line.keys()] == []
    asked = [line for line in lines if line["event"] == "request"]
    assert {line["channel"] for line in asked} == {"broker", "market"}
    fills = succeed(tmp_path, "fills", "--json").json
    assert {fill["client_order_id"] for fill in fills} == {
        line["order"] for line in lines if line["event"] == "order filled"
    }
    trail = (
        succeed(tmp_path, "audit", "trail", sent[0]["order"], "--json").json if sent[0]["method"] == "POST" else None
    )
    assert trail is None or sent[0]["trace"] in json.dumps(trail)
    (begun,) = (line for line in lines if line["event"] == "account trades on paper")
    assert begun["where"].startswith(f"paper account at {told['trading_url']}")
    assert begun["limits"][:1] == ["max_open_orders 200"]
