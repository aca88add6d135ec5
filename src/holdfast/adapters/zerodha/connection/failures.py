"""Kite's own no, and what a failed request says of what happened there."""

import re
from enum import StrEnum

from holdfast.brokers.http.failures import NeverSent, RequestFailed

TOO_MANY, FORBIDDEN, BAD_REQUEST = 429, 403, 400
TOKEN, PERMISSION = "TokenException", "PermissionException"
DEFINITE = ("InputException", "OrderException", "MarginException", "HoldingException", "UserException")
"""With status 400 the order management system's own no, before an order was made (Kite Connect, "Exceptions and errors")."""
_UNSURE = re.compile(r"(?i)timed? ?out|order ?book|confirm before placing")
"""A 400 that was placed all the same: "Order request timed out. Please check the order book and confirm before placing again."""
_WRONG_ADDRESS = re.compile(r"(?i)\bIP\b.{0,80}\bnot allowed\b|not allowed to place orders for this app")
"""The exchanges' rule of static addresses since 1 April 2026; which status and type it has is told nowhere."""
_USED_UP = re.compile(r"(?i)maximum allowed order (requests|modifications) exceeded")


class ErrorAnswer(RequestFailed):
    """Kite answered with an error. ``kind`` is its error_type ("" if it gave none), ``message`` what it says."""

    def __init__(self, text: str, status: int, kind: str, message: str) -> None:
        super().__init__(text)
        self.status = status
        self.kind = kind
        self.message = message


class TokenDead(NeverSent):
    """There is no access token of today: nothing was sent. A person has to log in."""


class Meaning(StrEnum):
    """What is known of a request that failed."""

    NOT_SENT = "not sent"  # not a byte has left, or it was held back here
    WAIT = "wait"  # refused at the door for its rate: not looked at, may be sent again later
    REFUSED = "refused"  # a definite no to what was asked
    NO_ACCESS = "no access"  # refused, and everything will be until a person has looked: the token, or the address
    UNKNOWN = "unknown"  # it may have been carried out


def meaning_of(error: RequestFailed) -> Meaning:
    """What is known, for requests that change something as for questions.

    Where Kite doesn't say that a request was not carried out, it may have been: so a status alone is never a no (a 400 was placed after
    eight seconds: Zerodha's forum, 35732), and neither is an error without a type.
    """
    if isinstance(error, TokenDead):
        return Meaning.NO_ACCESS
    if isinstance(error, NeverSent):
        return Meaning.NOT_SENT
    if not isinstance(error, ErrorAnswer):
        return Meaning.UNKNOWN
    if error.status == TOO_MANY:
        return Meaning.WAIT
    if (error.status == FORBIDDEN and error.kind in (TOKEN, PERMISSION)) or _WRONG_ADDRESS.search(error.message):
        return Meaning.NO_ACCESS
    if _UNSURE.search(error.message):
        return Meaning.UNKNOWN
    if error.status == BAD_REQUEST and (error.kind in DEFINITE or _USED_UP.search(error.message)):
        return Meaning.REFUSED
    return Meaning.UNKNOWN


def is_token_dead(error: RequestFailed) -> bool:
    """Whether it says that the access token is not, or no longer, good."""
    if isinstance(error, ErrorAnswer):
        return error.status == FORBIDDEN and error.kind == TOKEN
    return isinstance(error, TokenDead)
