"""What a failed request says of what happened there."""

import pytest

from holdfast.adapters.zerodha.connection.failures import ErrorAnswer, Meaning, TokenDead, is_token_dead, meaning_of
from holdfast.brokers.http.failures import LeftAlone, NeverSent, NoAnswer, RequestFailed, Throttled, UnreadableAnswer

PLACED_ALL_THE_SAME = "Order request timed out. Please check the order book and confirm before placing again."


def said(status: int, kind: str, message: str = "no") -> ErrorAnswer:
    """An error that Kite gives."""
    return ErrorAnswer("", status, kind, message)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (NeverSent(""), Meaning.NOT_SENT),
        (Throttled(""), Meaning.NOT_SENT),
        (LeftAlone(""), Meaning.NOT_SENT),
        (TokenDead(""), Meaning.NO_ACCESS),
        (NoAnswer(""), Meaning.UNKNOWN),
        (UnreadableAnswer(""), Meaning.UNKNOWN),
        (said(429, "NetworkException", "Too many requests"), Meaning.WAIT),
        (said(403, "TokenException"), Meaning.NO_ACCESS),
        (said(403, "PermissionException"), Meaning.NO_ACCESS),
        (said(400, "InputException", "IP (1.2.3.4) is not allowed to place orders for this app"), Meaning.NO_ACCESS),
        (said(400, "InputException", "Tick size for this script is 0.05"), Meaning.REFUSED),
        (said(400, "OrderException"), Meaning.REFUSED),
        (said(400, "MarginException", "Insufficient funds"), Meaning.REFUSED),
        (said(400, "HoldingException"), Meaning.REFUSED),
        (said(400, "UserException"), Meaning.REFUSED),
        (said(400, "NetworkException", "Maximum allowed order requests exceeded."), Meaning.REFUSED),
        (said(400, "NetworkException", "Maximum allowed order modifications exceeded."), Meaning.REFUSED),
        (said(400, "InputException", PLACED_ALL_THE_SAME), Meaning.UNKNOWN),
        (said(400, "GeneralException"), Meaning.UNKNOWN),
        (said(400, ""), Meaning.UNKNOWN),
        (said(500, "OrderException"), Meaning.UNKNOWN),
        (said(500, ""), Meaning.UNKNOWN),
        (said(502, "DataException"), Meaning.UNKNOWN),
        (said(503, "NetworkException"), Meaning.UNKNOWN),
        (said(504, "GeneralException"), Meaning.UNKNOWN),
    ],
)
def test_what_is_known(error: RequestFailed, meaning: Meaning) -> None:
    """Only what says so outright is a no; a 400 that speaks of the order book may have been placed."""
    assert meaning_of(error) is meaning


def test_a_dead_token_is_told_apart() -> None:
    """From a wrong address, which another login doesn't mend."""
    assert is_token_dead(said(403, "TokenException"))
    assert is_token_dead(TokenDead(""))
    assert not is_token_dead(said(403, "PermissionException"))
    assert not is_token_dead(said(400, "TokenException"))
