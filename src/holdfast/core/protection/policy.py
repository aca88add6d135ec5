"""How an account's positions are protected: what is configured, and the bounds that are not."""

from enum import StrEnum

import msgspec

from holdfast.core.protection.records import OnFailure
from holdfast.core.types import MINUTE_NS, SECOND_NS

LEG_TRIES = 5
"""How many protective orders may come to nothing one after the other before protection has failed."""
PAUSES_NS = (0, SECOND_NS, 2 * SECOND_NS, 4 * SECOND_NS)
"""How long is waited after the first, second ... of them. Seven seconds in all: less than an alarm takes by default."""
CLEAR_AFTER = 2
"""After so many of them the entries that work on the other side are canceled: what is held goes before what is wanted."""
LONGEST_PAUSE_NS = MINUTE_NS
"""Between two tries that go on for ever."""
NOT_SENT_PAUSE_NS = SECOND_NS
"""Before an order that never left is made anew: what kept it (a lease that ran out) is seldom over at once."""
HELD_NS = MINUTE_NS
"""A protective order that has worked this long was good: its end is no failure in a row with the one before."""
PASSED_NS = 5 * SECOND_NS
"""A stop-limit that is open still when the market has been beyond its limit for so long has failed. Its fill would be known by then."""
MOVE_EVERY_NS = 15 * SECOND_NS
"""A stop is moved no more often than this. Each move takes a cancel and one order (or one linked pair)."""
MOVE_SHARE = 10
"""A trailing stop is moved by at least this part of its distance (a tenth), and at least by one tick."""
LOOK_NS = MINUTE_NS
"""How often a flatten, a close or PRESERVATION looks for orders in its way whose cancel nobody asks for (any more): it was refused, or they were
thought gone. Longer than it takes to prove one absent: each ask, and its refusal, has that begin anew."""
CLOSE_TRIES = 3
"""How many orders may be made to close a position before it is left to a person."""


class Preservation(StrEnum):
    """What PRESERVATION closes."""

    HOLD = "hold"
    CLOSE_UNPROTECTED = "close_unprotected"
    CLOSE_ALL = "close_all"


class OnBlocked(StrEnum):
    """What is done with an order of somebody else because of which the broker takes no closing order."""

    WAIT = "wait"  # it is named in an alarm, and its end is waited for
    CANCEL = "cancel"  # it is named, and canceled


class ProtectionPolicy(msgspec.Struct, frozen=True):
    """What is configured for an account.

    ``on_failure``: what is done with a position whose protection fails. ``late_after_ns``: from when on a gap is an alarm.
    ``on_blocked``: what becomes of an order of somebody else that is in the way of a reduce-only order.
    ``preservation``: what PRESERVATION closes; when its cause is only a connection, not before ``preservation_after_ns``.
    """

    on_failure: OnFailure = OnFailure.FLATTEN
    late_after_ns: int = 10 * SECOND_NS
    preservation: Preservation = Preservation.HOLD
    preservation_after_ns: int = 15 * SECOND_NS
    on_blocked: OnBlocked = OnBlocked.WAIT


def pause_ns(failures: int) -> int:
    """How long is waited after so many failures in a row."""
    if failures <= len(PAUSES_NS):
        return PAUSES_NS[failures - 1]
    return min(PAUSES_NS[-1] << (failures - len(PAUSES_NS)), LONGEST_PAUSE_NS)
