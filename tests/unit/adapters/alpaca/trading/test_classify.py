"""What each kind of answer to an order means: the whole table."""

import pytest

from holdfast.adapters.alpaca.connection.failures import ErrorAnswer
from holdfast.adapters.alpaca.trading.classify import cancel_outcome_of, is_absent, outcome_of
from holdfast.brokers.http.failures import NeverSent, NoAnswer, RequestFailed, Throttled, UnreadableAnswer
from holdfast.brokers.outcome import RateLimited, Rejected, Unauthorized, Unknown


def answer(status: int, code: int = 0, message: str = "words") -> ErrorAnswer:
    return ErrorAnswer(f"POST /orders: {status}", status, code, message, {})


TABLE: list[tuple[RequestFailed, type]] = [
    (NeverSent("no connection"), RateLimited),
    (Throttled("held back here"), RateLimited),
    (answer(429), RateLimited),
    (answer(429, 42910000), RateLimited),
    (answer(401), Unauthorized),
    (answer(401, 40110000), Unauthorized),
    (answer(403), Unauthorized),
    (answer(403, 40310000), Rejected),
    (answer(400, 40010000), Rejected),
    (answer(422, 42210000), Rejected),
    (answer(422, 40010001, "client_order_id must be unique"), Unknown),
    (answer(400), Unknown),
    (answer(422), Unknown),
    (answer(404), Unknown),
    (answer(404, 40410000), Unknown),
    (answer(408), Unknown),
    (answer(409, 40910000), Unknown),
    (answer(500), Unknown),
    (answer(500, 50010000), Unknown),
    (answer(502), Unknown),
    (answer(503), Unknown),
    (answer(504), Unknown),
    (answer(0), Unknown),
    (NoAnswer("reset"), Unknown),
    (UnreadableAnswer("half a JSON"), Unknown),
]


@pytest.mark.proves("A4", "A6")
@pytest.mark.parametrize(("error", "meaning"), TABLE, ids=repr)
def test_every_row_of_the_table(error: RequestFailed, meaning: type) -> None:
    """Only what says so itself is a no; everything else may be an order."""
    assert type(outcome_of(error)) is meaning


@pytest.mark.parametrize(("error", "meaning"), TABLE, ids=repr)
def test_a_cancel_is_refused_by_alpacas_own_no_only(error: RequestFailed, meaning: type) -> None:
    """Everything else, a 429 or a 500 with a code too, may be sent again."""
    is_used_id = isinstance(error, ErrorAnswer) and "unique" in error.message  # which no cancel is answered with
    assert type(cancel_outcome_of(error)) is (Rejected if meaning is Rejected or is_used_id else Unknown)


def test_absence_is_alpacas_own_word_only() -> None:
    """A 404 of something in between has no code and proves nothing."""
    assert is_absent(answer(404, 40410000))
    assert not is_absent(answer(404))
    assert not is_absent(answer(500, 40410000))
    assert not is_absent(NoAnswer("reset"))


def test_an_outcome_says_what_was_answered() -> None:
    """A rejection is in Alpaca's words, an unknown one names the request."""
    rejected, unknown = outcome_of(answer(403, 40310000, "insufficient buying power")), outcome_of(answer(504))
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "insufficient buying power"
    assert isinstance(unknown, Unknown)
    assert "504" in unknown.reason
