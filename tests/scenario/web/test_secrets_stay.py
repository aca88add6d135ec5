"""No password, token, key or second factor gets into a log, an answer that was not asked for it, an event, or the journal."""

import logging
from collections.abc import Iterator

import pyotp
import pytest

from holdfast.config import Config
from holdfast.core.types import SECOND_NS
from holdfast.journal.reader import Reader
from holdfast.telemetry.redact import REDACTOR
from tests.scenario.web.serving import API, PASSWORD, SECRET, Answer, Served, bearer, signed

WRONG = "wrong-password-of-somebody-7"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that is logged, by anybody."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_no_secret_is_written_down(served: Served, config: Config, logged: pytest.LogCaptureFixture) -> None:
    """Everything is done once rightly and once wrongly, with each secret also where it doesn't belong; then it is looked for."""
    answers: list[Answer] = []
    tokens = served.token("trader")
    session = served.log_in("trader")
    bearing, signing = served.key("trader", "read", "signal")[1], served.key("trader", "trade", signing=True)
    totp = served.api("POST", "/totp", {}, session).json["secret"]
    code = pyotp.TOTP(totp).at(served.clock.ns // SECOND_NS)
    recovery = served.api("POST", "/totp/confirm", {"code": code}, session).json["recovery_codes"]
    secrets = [
        PASSWORD,
        WRONG,
        SECRET,
        tokens["access_token"],
        tokens["refresh_token"],
        bearing,
        signing[1],
        totp,
        *recovery,
    ]
    secrets += [session["Cookie"].partition("=")[2], session["X-CSRF-Token"]]
    for secret in secrets:
        body = {"name": secret[:64], "password": secret, "code": secret[:64]}
        answers += [
            served.api("POST", "/login", body),
            served.api("POST", "/login", {"name": "trader", "password": secret, secret: secret}),
            served.api("POST", "/token/refresh", {"refresh_token": secret[:10]}),
            served.api("POST", "/hooks/ema", {"action": secret, "symbol": "AVOR"}, bearer(bearing)),
            served.api("POST", "/hooks/ema", {"action": "buy", "symbol": "AVOR", "quantity": secret}, bearer(bearing)),
            served.api("GET", "/orders", headers={"Authorization": f"Bearer {secret}x"}),
            served.api("GET", "/orders", headers={"Authorization": secret}),
        ]
    path = f"{API}/accounts/house/halt"
    good = signed(served.clock, *signing, "POST", path, b"{}") | {"Content-Type": "application/json"}
    answers.append(served.ask("POST", path, headers=good | {"Idempotency-Key": "x"}, raw=b"{}"))
    assert answers[-1].status == 202
    told = [event for _, _, event in served.access.store.events(1000)]
    with Reader.open(config.journal.url) as reader:
        journal = repr(reader.unanswered("house")) + repr(list(reader.records("house")))
    written = repr(told) + journal + logged.text + "".join(f"{record.__dict__}" for record in logged.records)
    found = [secret for secret in secrets if secret in written]
    assert not found
    assert told, "there is something to look in"


def test_logs_hide_our_keys_wherever_they_stand() -> None:
    """The forms of our keys and tokens are known to whatever writes logs."""
    for secret in ("hf_abcdefgh_" + "A" * 43, "whsec_" + "B" * 44, "eyJhbGciOi." + "C" * 40):
        assert secret not in REDACTOR.text(f"something about {secret} here")
