"""Users, keys and inbound signals with the real programs: typed, served, and carried out by an engine."""

import json
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from holdfast.journal.reader import Reader
from tests.process.program import (
    COMMAND,
    PATIENCE_S,
    Done,
    environment,
    proves_itself,
    run,
    started,
    succeed,
    trading,
    until,
)

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 2
speed = 60
symbols = ["AVOR", "BRYX"]

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "outside"
class = "outside:Outside"
account = "house"
symbols = ["AVOR"]
risk = { max_position_value = 5000, max_orders_per_minute = 6, sizing = { method = "percent_equity", max_pct = "2" } }

[web.access]
password_memory_kib = 8
password_passes = 1
password_lanes = 1
"""
STRATEGY = '''
from holdfast import Strategy

class Outside(Strategy):
    """Its signals come by webhook."""

    def on_start(self, context):
        """Asks for nothing itself."""
'''
PASSWORD = "correct horse 7 battery"
SECRET = "a-key-for-tests-alone-0123456789abcdef-XYZ-and-more-of-it-up-to-64-bytes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    (tmp_path / "outside.py").write_text(STRATEGY)
    return tmp_path


def typed(folder: Path, *arguments: str, told: str) -> Done:
    """A command that reads a password from stdin."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(),
        input=told,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_users_and_keys_are_typed(folder: Path) -> None:
    """A password comes from stdin and from nowhere else; what is wrong is said in a line; the database is its owner's alone."""
    assert "first user must be an admin" in typed(folder, "web", "user", "add", "bob", told=f"{PASSWORD}\n").error
    assert typed(folder, "web", "user", "add", "ada", "--role", "admin", told=f"{PASSWORD}\n").status == 0
    weak = typed(folder, "web", "user", "passwd", "ada", told="short\n")
    assert (weak.status, "10 to 256 characters" in weak.error) == (2, True)
    assert "a role is viewer, trader, admin" in run(folder, "web", "user", "role", "ada", "king").error
    assert "last admin" in run(folder, "web", "user", "role", "ada", "viewer").error
    assert succeed(folder, "web", "user", "list", "--json").json == [{"name": "ada", "role": "admin", "totp": False}]
    made = succeed(folder, "web", "key", "add", "a bot", "--user", "ada", "--scope", "read", "--json").json
    listed = succeed(folder, "web", "key", "list")
    assert made["prefix"] in listed.out
    assert made["secret"] not in listed.out
    assert made["secret"].startswith(f"hf_{made['prefix']}_")
    assert "no user 'eve'" in run(folder, "web", "key", "add", "x", "--user", "eve", "--scope", "read").error
    succeed(folder, "web", "key", "rm", made["prefix"])
    assert "no key" in run(folder, "web", "key", "rm", made["prefix"]).error
    succeed(folder, "web", "user", "rm", "ada")
    assert succeed(folder, "web", "user", "list", "--json").json == []
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.glob("holdfast-web.db*")} == {0o600}


def test_it_listens_to_others_only_with_a_user_and_a_key(folder: Path) -> None:
    """Otherwise it doesn't start, and says what to do."""
    refused = run(folder, "web", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - it is refused
    assert (refused.status, "web user add" in refused.error) == (3, True)
    weak = run(folder, "web", "--port", "0", JWT_SECRET_KEY="short")
    assert (weak.status, "needs 32 at least" in weak.error) == (2, True)


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """The address of a web process beside an engine that trades."""
    (folder / "served").mkdir()
    with started(folder, "run"):
        until(lambda: trading(f"sqlite:///{folder / 'holdfast.db'}"), "the engine to trade")
        settings = ("-c", str(folder / "holdfast.toml"))
        with started(folder / "served", "web", "--port", "0", *settings, JWT_SECRET_KEY=SECRET):
            yield until(lambda: _address(folder / "served" / "output.txt"), "the address")
    assert proves_itself(folder, "holdfast.toml")


def _address(output: Path) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", output.read_text()) if output.exists() else None
    return found[0] if found else ""


def test_an_alert_is_traded_within_its_strategys_limits(folder: Path, url: str) -> None:
    """From nothing: a user and a key are made, an alert is sent, the engine buys for the strategy; one beyond its limit is refused by risk.

    No password, key or token is in the journal, in the output, or in what the users' database tells of what was done.
    """
    api = f"{url}/api/v1"
    assert requests.post(f"{api}/users", json={"name": "ada", "password": PASSWORD, "role": "admin"}, timeout=60).ok
    tokens = requests.post(f"{api}/token", json={"name": "ada", "password": PASSWORD}, timeout=60).json()
    access = {"Authorization": f"Bearer {tokens['access_token']}"}
    wanted = {"label": "charts", "scopes": ["signal"], "strategy": "outside"}
    key = requests.post(f"{api}/keys", json=wanted, headers=access, timeout=60).json()["secret"]

    def send(**alert: Any) -> str:
        body = json.dumps({"token": key, "action": "buy", "ticker": "SIM:AVOR"} | alert)
        sent = requests.post(f"{api}/hooks/outside", data=body, headers={"Content-Type": "text/plain"}, timeout=60)
        assert sent.status_code == 202, sent.text
        return str(sent.json()["command_id"])

    def outcome(command_id: str) -> Any:
        found = requests.get(f"{api}/commands/{command_id}", headers=access, timeout=60).json()
        return found if found["status"] not in ("filed", "pending") else None

    bought = until(lambda: outcome(send(quantity="2", id="one")), "the buy")
    assert bought["status"] == "done", bought
    [order] = bought["client_order_ids"]
    assert requests.get(f"{api}/orders/{order}", headers=access, timeout=60).json()["strategy"] == "outside"
    beyond = until(lambda: outcome(send(quantity="100000", id="two")), "the refusal")
    assert (beyond["status"], "refused by" in beyond["text"]) == ("refused", True)
    held = until(lambda: succeed(folder, "positions", "--json").json, "the position")
    assert [(row["symbol"], row["quantity"]) for row in held] == [("AVOR", "2")]
    assert [share["strategy"] for share in held[0]["strategies"]] == ["outside"]

    [record] = succeed(folder, "audit", "trail", order, "--json").json[:1]
    assert (record["type"], record["source"]) == ("PlaceOrder", f"web:ada/{key.split('_')[1]}@127.0.0.1")
    events = requests.get(f"{api}/access/events", headers=access, timeout=60).text
    with Reader.open(f"sqlite:///{folder / 'holdfast.db'}") as reader:
        records = "".join(repr(envelope) for envelope in reader.records("house"))
    written = events + records + (folder / "output.txt").read_text() + (folder / "served" / "output.txt").read_text()
    written += "".join(path.read_bytes().decode("latin-1") for path in folder.glob("*.db*") if path.is_file())
    for secret in (PASSWORD, SECRET, key, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in written
