"""``holdfast login``: a person's login at a broker whose session ends by the clock, and what a check says before and after."""

import base64
import os
import re
import secrets
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.local_kite import LOGIN, LocalKite, local_kite
from tests.process.program import COMMAND, PATIENCE_S, Done, environment, run

pytestmark = pytest.mark.process


def write(folder: Path, server: LocalKite) -> None:
    """A configuration that trades there."""
    (folder / "holdfast.toml").write_text(f"""
[[accounts]]
name = "one"
broker = "zerodha"
calendar = "XBOM"
currency = "INR"
[feed]
kind = "zerodha"
symbols = ["AVANTI"]
[zerodha]
api_key = "{LOGIN.api_key}"
user_id = "{LOGIN.user_id}"
redirect_port = {_free_port()}
api_url = "{server.url}"
login_url = "{server.url}"
socket_url = "{server.socket_url}"
""")


def _free_port() -> int:
    """One that is free, and that nobody is given who asks for any: those are higher."""
    while True:
        port = secrets.randbelow(10_000) + 15_000
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def quiet(folder: Path, **more: str) -> dict[str, str]:
    """No variables of this machine, the store's key in this folder, and the app's secret where it is given."""
    named = {name: "" for name in os.environ if name.startswith("ZERODHA_")}
    return {**named, "XDG_CONFIG_HOME": str(folder), "HOME": str(folder), **more}


def login(folder: Path, press: bool) -> tuple[Done, str]:
    """Log in as a person does: the address is on stdout, a browser opens it and presses the button. With what was pasted, if anything."""
    more = quiet(folder, ZERODHA_API_SECRET=LOGIN.api_secret, LOG_LEVEL="debug")
    arguments = [*COMMAND, "login", "zerodha", "--no-open"] + ([] if press else ["--paste"])
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment(**more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    page = process.stdout.readline().strip()
    assert page.startswith("http://127.0.0.1"), process.communicate()
    pasted = ""
    if press:
        answer = requests.post(page, timeout=PATIENCE_S)
        assert (answer.status_code, "Logged in" in answer.text) == (200, True)
    else:
        pasted = re.findall(r'id="request_token">(\w+)<', requests.post(page, timeout=PATIENCE_S).text)[0]
    out, err = process.communicate(pasted + "\n", timeout=PATIENCE_S)
    return Done(process.returncode, out, err), pasted


@pytest.mark.parametrize("press", [True, False], ids=["browser", "paste"])
def test_a_person_logs_in_and_the_check_says_until_when(tmp_path: Path, press: bool) -> None:
    """Before, the check fails with what to type; after, it says when the session ends. What only the person and the broker may know is in no output and no file, at debug."""
    with local_kite() as server:
        write(tmp_path, server)
        before = run(tmp_path, "check", **quiet(tmp_path))
        assert before.status == 3, before
        assert "log in: `holdfast login zerodha`" in before.out
        done, pasted = login(tmp_path, press)
        assert done.status == 0, done
        assert "AB1234 is logged in at Zerodha; the session ends at" in done.out
        assert "the secret store" in done.err
        after = run(tmp_path, "check", **quiet(tmp_path, LOG_LEVEL="debug"))
        assert after.status == 0, after
        assert re.search(
            r"warn  login .*the session of AB1234 at Zerodha ends at .* 06:00 IST; log in again", after.out
        )
        token = str(server.call(lambda: server.world.accounts.all()[0].tokens.access_token))
        texts = [before.out, before.err, done.out, done.err, after.out, after.err]
        texts += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
        assert len(token) > 20
        for planted in (token, LOGIN.api_secret, *([pasted] if pasted else [])):
            forms = {planted, base64.b64encode(planted.encode()).decode().rstrip("=")[:-1]}
            assert not any(form in text for form in forms for text in texts), planted


def test_whose_logins_need_no_person(tmp_path: Path) -> None:
    """Is told with the brokers whose do; without the app's secret nothing is begun."""
    done = run(tmp_path, "login", "alpaca", **quiet(tmp_path))
    assert (done.status, "no person has to log in at 'alpaca'" in done.error) == (2, True)
    assert not (tmp_path / "holdfast.secrets").exists()
    done = run(tmp_path, "login", "zerodha", **quiet(tmp_path, ZERODHA_API_KEY="kitekey"))
    assert done.status == 2
    assert "ZERODHA_API_SECRET is not set" in done.err


def test_the_way_to_the_broker_and_back(tmp_path: Path) -> None:
    """Each step of ``holdfast check zerodha`` with its time; an order there and back with --send, and nothing left of it."""
    steps = ["session", "connection", "account", "instruments", "candles", "price", "order book", "market data"]
    with local_kite(is_paused=False, speed=1.0) as server:
        write(tmp_path, server)
        token = server.call(
            lambda: server.world.accounts.all()[0].tokens.put("token-of-a-test", server.world.clock.now_ns)
        )
        asked = ("check", "zerodha", "--symbol", "NSE:AVANTI", "--json")
        done = run(tmp_path, *asked, "--send", **quiet(tmp_path, ZERODHA_ACCESS_TOKEN=token))
        assert done.status == 0, done
        found = {row["check"]: row["verdict"] for row in done.json["checks"]}
        assert list(found) == [*steps, "round trip"]
        assert found["round trip"] == "ok"
        (account,) = server.call(server.world.accounts.all)
        assert [str(order.status) for order in server.call(lambda: list(account.orders.values()))] == ["CANCELLED"]
        dry = run(tmp_path, *asked, **quiet(tmp_path, ZERODHA_ACCESS_TOKEN=token))
        assert dry.json["checks"][-1]["verdict"] == "skip"
        server.call(account.tokens.kill)
        dead = run(tmp_path, *asked, **quiet(tmp_path, ZERODHA_ACCESS_TOKEN=token))
        assert dead.status == 1
        assert "log in again: `holdfast login zerodha`" in dead.json["checks"][-1]["text"]
        none = run(tmp_path, *asked, **quiet(tmp_path))
        assert [row["check"] for row in none.json["checks"]] == ["session"]
        assert token not in "".join(text for each in (done, dry, dead, none) for text in (each.out, each.err))
