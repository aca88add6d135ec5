"""Signatures by the Standard Webhooks scheme."""

import pytest

from holdfast.core.types import SECOND_NS
from holdfast.errors import InvalidValue
from holdfast.web.auth.keys import signing_bytes
from holdfast.web.auth.signatures import TOLERANCE_S, BadSignature, check, read, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIME_S, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The example that the scheme's own libraries are tested with."""


def headers(**other: str) -> dict[str, str]:
    found = {"webhook-id": ID, "webhook-timestamp": str(TIME_S), "webhook-signature": SIGNATURE}
    return found | {f"webhook-{name}": value for name, value in other.items()}


def test_the_schemes_own_example_comes_out() -> None:
    """The signature of the published example, to the letter."""
    assert sign(signing_bytes(SECRET), ID, TIME_S, BODY) == SIGNATURE


@pytest.mark.parametrize("off_s", [-TOLERANCE_S, 0, TOLERANCE_S])
def test_a_good_one_is_taken_within_the_tolerance(off_s: int) -> None:
    """It says until when its id has to be kept: past the time at which its time stamp keeps it out."""
    until_ns = check(read(headers()), signing_bytes(SECRET), BODY, (TIME_S + off_s) * SECOND_NS)
    assert until_ns > (TIME_S + TOLERANCE_S) * SECOND_NS


@pytest.mark.parametrize("off_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1, 10**9])
def test_another_time_is_refused(off_s: int) -> None:
    """Either way."""
    with pytest.raises(BadSignature, match="seconds off"):
        check(read(headers()), signing_bytes(SECRET), BODY, (TIME_S + off_s) * SECOND_NS)


def test_one_of_several_signatures_is_enough() -> None:
    """A sender that changes its key signs with both."""
    both = headers(signature=f"v1,AAAA v1a,whatever {SIGNATURE}")
    check(read(both), signing_bytes(SECRET), BODY, TIME_S * SECOND_NS)


@pytest.mark.parametrize(
    "other",
    [
        {"id": ID[:-1]},
        {"timestamp": str(TIME_S + 1)},
        {"signature": SIGNATURE[:-2] + "A="},
        {"signature": SIGNATURE[3:]},
    ],
    ids=str,
)
def test_what_was_changed_is_refused(other: dict[str, str]) -> None:
    """Every part is signed."""
    with pytest.raises(BadSignature, match="does not match"):
        check(read(headers(**other)), signing_bytes(SECRET), BODY, TIME_S * SECOND_NS)


@pytest.mark.parametrize("secret", ["whsec_!", "whsec_AAA", "ä"])
def test_what_is_no_key_says_so(secret: str) -> None:
    """And doesn't repeat it."""
    with pytest.raises(InvalidValue) as caught:
        signing_bytes(secret)
    assert secret not in str(caught.value)
