"""What an answer to an order or a cancel means. Where Alpaca doesn't say that an order was not taken, it may have been."""

from holdfast.adapters.alpaca.connection.rest import ErrorAnswer, NeverSent, RequestFailed
from holdfast.brokers.outcome import CancelOutcome, Outcome, RateLimited, Rejected, Unauthorized, Unknown

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, UNPROCESSABLE, TOO_MANY = 400, 401, 403, 422, 429
DUPLICATE = "client_order_id must be unique"
"""Observed, HTTP 422 with code 40010001."""
NOT_FOUND = 404

RETRY_S = 1.0
"""After what was never sent."""
THROTTLED_S = 5.0
"""After a 429; the limiter knows better when the headers say more."""


def outcome_of(error: RequestFailed) -> Outcome:
    """The outcome of an order that was answered with an error, or not at all.

    * no connection, or held back by our own limiter: not a byte left, so not taken;
    * 429: refused at the door (documented: requests over the limit are rejected), so not taken;
    * 401, and 403 without a code ("forbidden.", observed for keys of the other environment): not taken, keys are wrong;
    * 400, 403 and 422 with one of Alpaca's codes: its own definite no, except for a used id, which says that an order of
      this id exists: maybe this very one;
    * all else (5xx, no answer, an unreadable one, an error without a code, which may come from something in between): unknown.
    """
    if isinstance(error, NeverSent):
        return RateLimited(RETRY_S, str(error))
    if not isinstance(error, ErrorAnswer):
        return Unknown(str(error))
    if error.status == TOO_MANY:
        return RateLimited(THROTTLED_S, str(error))
    if error.status == UNAUTHORIZED or (error.status == FORBIDDEN and not error.code):
        return Unauthorized(str(error))
    if is_duplicate(error):
        return Unknown(f"{error}: an order of this id is there already")
    return Rejected(error.message) if _is_definite(error) else Unknown(str(error))


def cancel_outcome_of(error: RequestFailed) -> CancelOutcome:
    """The outcome of a cancel that was answered with an error, or not at all.

    Alpaca's own no is definite: the order has filled, or ended already. All else may be sent again: also 404, as what was just accepted
    may be shown a little later.
    """
    if isinstance(error, ErrorAnswer) and _is_definite(error):
        return Rejected(error.message)
    return Unknown(str(error))


def _is_definite(error: ErrorAnswer) -> bool:
    """Whether it is Alpaca's own no to what was asked for."""
    return error.status in (BAD_REQUEST, FORBIDDEN, UNPROCESSABLE) and bool(error.code)


def is_duplicate(error: RequestFailed) -> bool:
    """Whether it says that the id was used before."""
    return isinstance(error, ErrorAnswer) and error.status == UNPROCESSABLE and DUPLICATE in error.message


def is_absent(error: RequestFailed) -> bool:
    """Whether it is Alpaca's own word that there is no such order (a 404 from something in between has no code)."""
    return isinstance(error, ErrorAnswer) and error.status == NOT_FOUND and bool(error.code)
