"""Names with a slash, as pairs of currencies have one, are found under their addresses like any other."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from holdfast.config import Config, load_config
from holdfast.runtime.compose import open_engine
from tests.scenario.web.conftest import CONFIG
from tests.scenario.web.serving import API, Served, serving, signed, with_access

ACCOUNT, STRATEGY, SYMBOL = "eu/house", "ema/fast slow%2F", "BTC/USD"


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """An account, a strategy and a symbol with such names."""
    folder = tmp_path_factory.mktemp("named")
    text = CONFIG.replace('"house"', json.dumps(ACCOUNT)).replace('id = "ema"', f"id = {json.dumps(STRATEGY)}")
    (folder / "holdfast.toml").write_text(text.replace("AVOR", SYMBOL))
    config = load_config(folder / "holdfast.toml")
    with open_engine(config, lambda *_: None):
        pass
    return config


@pytest.fixture(scope="module")
def named(configured: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server over it, without any user."""
    with serving(with_access(configured, tmp_path_factory.mktemp("users"))) as served:
        yield served


def at(*parts: str) -> str:
    """An address of these parts."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


@pytest.mark.parametrize(
    ("path", "field", "wanted"),
    [
        (at("accounts", ACCOUNT), "account", ACCOUNT),
        (at("accounts", ACCOUNT, "performance"), "account", ACCOUNT),
        (at("strategies", ACCOUNT, STRATEGY), "account", ACCOUNT),
        (at("candles", SYMBOL) + f"?account={quote(ACCOUNT, safe='')}", "symbol", SYMBOL),
        (at("candles", "BTC", "USD"), "symbol", SYMBOL),
        (at("indicators", SYMBOL), "symbol", SYMBOL),
    ],
)
def test_what_is_asked_for_is_found(named: Served, path: str, field: str, wanted: str) -> None:
    """Of each subject; a symbol also where its slash is not encoded, as it was from the beginning."""
    answer = named.api("GET", path)
    assert answer.status == 200, answer.body
    assert answer.json[field] == wanted


def test_what_is_asked_to_be_done_is_filed(named: Served) -> None:
    """A halt of such an account; no other account and no page answers in its place."""
    key = {"Idempotency-Key": "once"}
    answer = named.api("POST", at("accounts", ACCOUNT, "halt"), {"reason": "by name"}, key)
    assert (answer.status, answer.json["account"]) == (202, ACCOUNT)
    wrong = named.api("POST", at("accounts", "eu", "house", "halt"), {"reason": "by name"}, {"Idempotency-Key": "two"})
    assert wrong.status in (404, 405)
    assert "eu/nobody" in named.api("GET", at("accounts", "eu/nobody")).error


def test_a_signature_is_over_the_name(configured: Config, tmp_path: Path) -> None:
    """Who signs a request signs the path decoded, as before."""
    with serving(with_access(configured, tmp_path)) as served:
        served.add_user("admin", "admin")
        prefix, secret = served.key("admin", "trade", signing=True)
        path, body = f"{API}/accounts/{ACCOUNT}/halt", b'{"reason":"signed"}'
        headers = signed(served.clock, prefix, secret, "POST", path, body) | {"Content-Type": "application/json"}
        answer = served.ask(
            "POST", API + at("accounts", ACCOUNT, "halt"), None, headers | {"Idempotency-Key": "three"}, body
        )
        assert answer.status == 202, answer.body
