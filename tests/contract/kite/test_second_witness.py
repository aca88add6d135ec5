"""Zerodha's client for JavaScript, unmodified, can't tell the local Kite from Zerodha either."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.local_kite import LOGIN, SYMBOLS, LocalKite
from tests.local_server import PATIENCE_S
from tools.client.vendor import MODULES, npm

WITNESS = Path(__file__).with_name("witness.cjs")
SYMBOL = SYMBOLS[0].partition(":")[2]


@pytest.mark.process
def test_a_day_of_the_client_for_javascript(server: LocalKite) -> None:
    """Login, instruments, quotes, orders and their life, ticks and order updates, books, a trigger, and the end of the session."""
    account = server.world.accounts.all()[0]
    request_token = server.call(lambda: account.tokens.ask(account.now_ns))
    node = shutil.which("node") or npm()[0]
    command = [node, str(WITNESS), str(MODULES), server.url, server.socket_url, request_token, LOGIN.api_key, LOGIN.api_secret, SYMBOL]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=10 * PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["user"], float(told["tick_size"]), told["same_id"], told["quantity"]) == ("AB1234", 0.05, True, 4)
    assert told["statuses"][:4] == ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN"]
    assert told["statuses"][-2:] == ["CANCEL PENDING", "CANCELLED"]
    assert "market protection" in told["refused"]["message"]
    assert told["refused"]["error_type"] == "InputException"
    assert (told["tick"]["mode"], told["tick"]["depth"]) == ("full", 5)
    assert told["update"]["filled"] == 3
    assert {"witness", "mktp"} <= set(told["update"]["tags"])
    assert told["traded"] == [3]
    assert told["net"] == [[SYMBOL, "MIS", 3]]
    assert (told["cash"], told["gtt"], told["after"]) == (1_000_000, "active", "TokenException")
