"""What an answer to an order or a cancel means for whoever sent it; what is known of it says `connection.failures.meaning_of`."""

from holdfast.adapters.zerodha.connection.failures import ErrorAnswer, Meaning, meaning_of
from holdfast.adapters.zerodha.connection.limits import COOL_DOWN_S
from holdfast.brokers.http.failures import RequestFailed
from holdfast.brokers.outcome import CancelOutcome, Outcome, RateLimited, Rejected, Unauthorized, Unknown

RETRY_S = 1.0
"""After what was never sent."""


def outcome_of(error: RequestFailed) -> Outcome:
    """The outcome of an order that was answered with an error, or not at all."""
    match meaning_of(error):
        case Meaning.NOT_SENT:
            return RateLimited(RETRY_S, str(error))
        case Meaning.WAIT:
            return RateLimited(COOL_DOWN_S, str(error))
        case Meaning.NO_ACCESS:
            return Unauthorized(str(error))
        case Meaning.REFUSED:
            return Rejected(words_of(error))
        case Meaning.UNKNOWN:
            return Unknown(str(error))


def cancel_outcome_of(error: RequestFailed) -> CancelOutcome:
    """The outcome of a cancel that was answered with an error, or not at all: Kite's own no, or it may be sent again."""
    return Rejected(words_of(error)) if meaning_of(error) is Meaning.REFUSED else Unknown(str(error))


def words_of(error: RequestFailed) -> str:
    """What Kite says, without what was asked."""
    return error.message if isinstance(error, ErrorAnswer) else str(error)
