"""A whole session with secrets of every kind planted in it, and everything that it writes searched for them."""

import base64
import gzip
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from urllib.request import urlopen

import pyotp
import pytest
import requests

from holdfast.journal.reader import Reader
from holdfast.vault.store import Place, Store
from holdfast.web.auth.signatures import sign
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.process.program import COMMAND, PATIENCE_S, environment, run, started, succeed, until
from tests.receiver import Received, Receiver, receiving

pytestmark = pytest.mark.process

PLANTED = {
    "alpaca-key": "PKPLANTEDKEYOFALPACA",
    "alpaca-secret": "planted-secret-of-alpaca-0123456789abcdef",
    "db-password": 'pl@nted/db:pass"w\u00f6rd',
    "redis-password": "planted+redis=password",
    "jwt": "planted-jwt-key-0123456789-abcdefghijklmnop-XYZ",
    "sentry-key": "5e47fedcba9876543210planted543210",
    "hook-token": "planted-token-of-a-webhook-4711",
    "otlp-key": "planted key of a collector 0815",
    "x-key": "planted-key-of-an-app-at-x",
    "x-key-secret": "planted-secret-of-an-app-at-x-09876",
    "x-token": "4711-planted-token-of-a-user-at-x",
    "x-secret": "planted-access-secret-of-x-1234567890",
}
KNOWN = ["alpaca-key", "alpaca-secret", "jwt", "sentry-key", "hook-token", "otlp-key", "x-token", "x-secret"]
"""Those that the engine's configuration names: a strategy that tells of others tells of what nobody but it has read."""
CLOSED = "127.0.0.1:1"
"""Where nobody listens."""
CONFIG = """
[feed]
kind = "alpaca"
symbols = ["AVOR"]
warm_up_minutes = 0
stale_after_s = 86400
[alpaca]
api_key = "secret:alpaca-key"
api_secret = "secret:alpaca-secret"
trading_url = "{url}"
data_url = "{url}"
data_stream_url = "{socket}"
requests_per_minute = 100000
data_requests_per_minute = 100000
settle_s = 0.5
[live]
check_every_s = 0.3
reconcile_every_s = 0.5
[metrics]
listen = "127.0.0.1:0"
[logs]
level = "debug"
file = "engine.log"
max_mb = 0.5
[secrets]
key_file = "{key_file}"
[audit]
anchor_file = "anchors.txt"
[sentry]
dsn = "http://{{secret:sentry-key}}@{outside}/7"
[tracing]
otlp = "http://{outside}"
headers = {{ x-key = "secret:otlp-key" }}
[[alerts.targets]]
name = "desk"
url = "json://{outside}/{{secret:hook-token}}?format=text"
[posts.x]
url = "http://{outside}"
api_key = "secret:x-key"
api_secret = "secret:x-key-secret"
access_token = "secret:x-token"
access_secret = "secret:x-secret"
[web.access]
token_secret = "secret:jwt"
password_memory_kib = 8
password_passes = 1
password_lanes = 1
[[accounts]]
name = "house"
broker = "alpaca"
[[strategies]]
id = "teller"
class = "teller:Teller"
account = "house"
symbols = ["AVOR"]
[[strategies]]
id = "hooked"
class = "teller:Quiet"
account = "house"
symbols = ["AVOR"]
"""
TELLER = """
import json, threading
from holdfast import Strategy

SECRETS = {{name: value for name, value in json.load(open({planted!r})).items() if name in {known!r}}}

class Quiet(Strategy):
    def on_start(self, context):
        pass

class Teller(Strategy):
    def on_start(self, context):
        self.bars = 0

    def on_bar(self, context, bar):
        self.bars += 1
        if self.bars == 1:
            context.buy(bar.symbol, 1)
            context.log("it was told " + json.dumps(SECRETS), **{{name.replace("-", "_"): value for name, value in SECRETS.items()}})
            thread = threading.Thread(target=self.fail)
            thread.start()
            thread.join()
        if self.bars == 3:
            self.fail()

    def fail(self):
        api_key, all_of_them = SECRETS["alpaca-key"], dict(SECRETS)
        raise RuntimeError(f"it failed with {{all_of_them}} and {{api_key}}")
"""
PASSWORD, WRONG = "correct planted horse 7", "wrong-planted-password-7"


class Said:
    """What was answered and printed, to be searched."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, str]] = []

    def command(self, folder: Path, *arguments: str, **extra: str) -> None:
        """Run one, whatever comes of it."""
        done = run(folder, *arguments, **extra)
        self.parts.append((" ".join(arguments), done.out + done.err))

    def get(
        self, url: str, headers: Mapping[str, str] | None = None, ask: str = "GET", **more: Any
    ) -> requests.Response:
        """Ask the web process."""
        answer = requests.request(ask, url, headers=headers, timeout=60, **more)
        self.parts.append((f"{ask} {url}", f"{answer.text} {answer.headers}"))
        return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the programs run: the store is in it, its key and the plain values are not."""
    (tmp_path / "run").mkdir()
    store = _store(tmp_path / "run")
    store.make()
    for name, value in PLANTED.items():
        store.set(name, value)
    (tmp_path / "planted.json").write_text(json.dumps(PLANTED))
    (tmp_path / "run" / "teller.py").write_text(TELLER.format(planted=str(tmp_path / "planted.json"), known=KNOWN))
    return tmp_path / "run"


@pytest.fixture
def broker() -> Iterator[LocalAlpaca]:
    """A market that stands until it is moved."""
    with local_alpaca() as server:
        yield server


@pytest.fixture
def outside() -> Iterator[Receiver]:
    """A collector of traces, of errors, of alerts and of posts, which keeps what comes."""
    with receiving() as receiver:
        yield receiver


@pytest.mark.proves("W3")
def test_no_planted_secret_is_found_in_anything_that_a_session_writes(
    folder: Path, broker: LocalAlpaca, outside: Receiver
) -> None:
    """Engine, observer, web process, webhooks, exports, metrics, errors and tracebacks, and what is sent to others, all at debug: no secret in any form of it."""
    key_file = folder.with_name("master.key")
    config = CONFIG.format(
        url=broker.trading_url,
        socket=broker.data_stream_url,
        key_file=key_file,
        outside=outside.url.removeprefix("http://"),
    )
    (folder / "holdfast.toml").write_text(config)
    said, errors = Said(), folder / "errors.txt"
    loud = {"LOG_LEVEL": "DEBUG", "HOLDFAST_DEBUG": "1"}
    with started(folder, "run", errors=errors, **loud):
        metrics = until(lambda: re.search(r"metrics are served at (http://\S+)", errors.read_text()), "the metrics")[1]
        seen = folder / "seen"
        seen.mkdir()
        with started(seen, "observe", "-c", str(folder / "holdfast.toml"), errors=seen / "errors.txt", **loud):
            until(lambda: "observing house" in (seen / "errors.txt").read_text(), "the observer")
            until(lambda: _moved(folder, broker), "the strategy to fail")
            _hears(outside)
        said.parts.append(("metrics", urlopen(metrics, timeout=60).read().decode()))  # noqa: S310 - our own
        found = _use_web(folder, said, loud)
        _ask_commands(folder, said, loud)
    found["signing key"] = _store(folder).get("audit.signing-key").reveal()
    _fail_commands(folder, said, loud)
    planted = {**PLANTED, **found, "master key": key_file.read_text().strip(), "password": PASSWORD, "wrong": WRONG}
    written = [(name, text.encode()) for name, text in said.parts]
    written += [(f"sent to {request.path}", _unpacked(request)) for request in outside.received]
    written += [(path.name, path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
    assert {"holdfast.db", "errors.txt", "output.txt", "engine.log", "holdfast-web.db", "audit.csv"} <= {
        name for name, _ in written
    }
    leaks = [
        (what, name)
        for name, text in written
        for what, value in planted.items()
        for form in _forms(value)
        if form in text
    ]
    assert not leaks, leaks
    everything = b"".join(text for _, text in written)
    for proof in (
        b"it was told",
        b"it failed with",
        b"Traceback",
        b"secret:alpaca-key",
        b"StrategyStopped",
        b"holdfast_records",
        b"strategy stopped",
        b"audit export",
    ):
        assert proof in everything, f"{proof!r}: there is something to look in"


def _hears(outside: Receiver) -> None:
    """The engine has told of the strategy that failed, and the observer too, and of the order's trace."""
    for start in ("/api/7/envelope", "/v1/traces", f"/{PLANTED['hook-token']}"):
        outside.wait_for(lambda received, start=start: any(one.path.startswith(start) for one in received))  # type: ignore[misc]


def _unpacked(request: Received) -> bytes:
    return gzip.decompress(request.body) if request.headers.get("Content-Encoding") == "gzip" else request.body


def _store(folder: Path) -> Store:
    return Store(Place(folder / "holdfast.secrets", folder.with_name("master.key"), {}))


def _moved(folder: Path, broker: LocalAlpaca) -> bool:
    """Whether the strategy has failed; the market goes on meanwhile."""
    broker.play(20)
    with Reader.open(f"sqlite:///{folder / 'holdfast.db'}") as reader:
        return reader.last_record("house", "StrategyStopped") is not None


def _use_web(folder: Path, said: Said, loud: Mapping[str, str]) -> dict[str, str]:
    """Log in, make keys, send alerts rightly and wrongly, read everything; gives back the secrets that this has made."""
    subprocess.run(
        [*COMMAND, "web", "user", "add", "ada", "--role", "admin"], cwd=folder, env=environment(**loud), input=f"{PASSWORD}\n",
        text=True, check=True, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    served = folder / "served"
    served.mkdir()
    with started(
        served, "web", "--port", "0", "-c", str(folder / "holdfast.toml"), errors=served / "errors.txt", **loud
    ):
        url = until(lambda: _address(served), "the address")
        api = f"{url}/api/v1"
        tokens = requests.post(f"{api}/token", json={"name": "ada", "password": PASSWORD}, timeout=60).json()
        access = {"Authorization": f"Bearer {tokens['access_token']}"}
        wanted = {"label": "charts", "scopes": ["signal"], "strategy": "hooked"}
        key = requests.post(f"{api}/keys", json=wanted, headers=access, timeout=60).json()["secret"]
        for alert in (
            {"token": key, "action": "buy", "ticker": "SIM:AVOR", "quantity": "1", "id": "one"},
            {"token": key, "action": PLANTED["alpaca-secret"], "ticker": "SIM:AVOR"},
            {"token": WRONG, "action": "buy", "ticker": "SIM:AVOR"},
        ):
            said.get(f"{api}/hooks/hooked", {"Content-Type": "text/plain"}, "POST", data=json.dumps(alert))
        said.get(f"{api}/login", ask="POST", json={"name": "ada", "password": WRONG})
        said.get(f"{api}/login", ask="POST", json={"name": PASSWORD, "password": {"a": PLANTED["jwt"]}})
        said.get(f"{api}/orders", {"Authorization": f"Bearer {PLANTED['jwt']}"})
        said.get(
            f"{api}/orders", {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": sign(b"x", "1", 1, b"")}
        )
        for path in (
            "settings",
            "orders",
            "positions",
            "fills",
            "strategies",
            "alerts",
            "audit/records?limit=1000",
            "access/events",
            "keys",
            "health",
        ):
            said.get(f"{api}/{path}", access)
        for path in ("/health", "/ready", "/metrics", "/api/v1/openapi.json", "/"):
            said.get(f"{url}{path}", access)
        for form in ("csv", "parquet"):
            (folder / f"audit.{form}").write_bytes(
                requests.get(f"{api}/audit/records?format={form}", headers=access, timeout=60).content
            )
        made = _log_in(api, said)
    return {
        "bearer key": key,
        "access": tokens["access_token"],
        "refresh": tokens["refresh_token"],
        **made,
    }


def _log_in(api: str, said: Said) -> dict[str, str]:
    """As a browser does, with a second factor from then on; gives back the secrets of it."""
    browser = requests.Session()
    logged = browser.post(f"{api}/login", json={"name": "ada", "password": PASSWORD}, timeout=60).json()
    ours = {"x-csrf-token": logged["csrf"]}
    secret = browser.post(f"{api}/totp", json={}, headers=ours, timeout=60).json()["secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    codes = browser.post(f"{api}/totp/confirm", json=code, headers=ours, timeout=60).json()["recovery_codes"]
    (session,) = browser.cookies.values()
    for given in (codes[1], secret):  # one that is right, and where none is expected
        said.get(f"{api}/login", ask="POST", json={"name": "ada", "password": WRONG, "code": given})
        said.get(f"{api}/orders", {"Authorization": f"Bearer {given}"})
    again = browser.post(f"{api}/login", json={"name": "ada", "password": PASSWORD, "code": codes[0]}, timeout=60)
    assert again.status_code == 200, again.text
    (second,) = browser.cookies.values()
    said.get(f"{api}/orders", {"Authorization": f"Bearer {second}"})
    said.get(f"{api}/logout", {"Cookie": f"nonsense={session}"}, "POST")
    recovery = {f"recovery code {number}": each for number, each in enumerate(codes)}
    return {"second factor": secret, "session": session, "session after": second, "csrf": logged["csrf"], **recovery}


def _address(served: Path) -> str:
    found = re.search(
        r"http://127\.0\.0\.1:\d+", (served / "output.txt").read_text() if (served / "output.txt").exists() else ""
    )
    return found[0] if found else ""


def _ask_commands(folder: Path, said: Said, loud: Mapping[str, str]) -> None:
    """Those that look and ask."""
    for command in (
        "check",
        "status",
        "secrets list",
        "audit tail -n 500 --json",
        "alerts test",
        "alerts list --all --json",
        "alert text hello --send",
        "audit key",
        "audit anchor --sign",
        "audit export --sign --to signed.jsonl",
        "strategy start teller",
    ):
        said.command(folder, *command.split(), **loud)
    succeed(folder, "halt", "--reason", "the end")


def _fail_commands(folder: Path, said: Said, loud: Mapping[str, str]) -> None:
    """Those that can't do what they are asked, with passwords in what they are about, and where they stopped."""
    database = {"HOLDFAST_JOURNAL__URL": "postgresql://me:{secret:db-password}@" + f"{CLOSED}/x"}
    locks = {"HOLDFAST_LOCKS__URL": "redis://:{secret:redis-password}@" + CLOSED}
    said.command(folder, "status", **loud, **database)
    said.command(folder, "check", **loud, **locks)
    said.command(folder, "check", **loud, HOLDFAST_ALPACA__TRADING_URL="{secret:db-password}")
    said.command(folder, "check", **loud, HOLDFAST_ALPACA__CONNECT_TIMEOUT_S="secret:alpaca-secret")
    (folder / "holdfast.db").rename(folder / "moved.db")
    (folder / "holdfast.db").write_bytes(b"no database" * 1000)
    said.command(folder, "status", **loud)


def _forms(value: str) -> set[bytes]:
    """How a secret may be written."""
    texts = {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1]}
    return {text.encode() for text in texts} | {base64.b64encode(value.encode()).rstrip(b"=")[:-1]}
