"""The account's state machine: one table.

IDLE: nothing is under way. ANALYZING: an intent is being judged. PENDING_ORDER: at least one order may still trade.
RECOVERING: the books are being brought back; nothing is decided. PRESERVATION: no new risk is taken until the cause is gone.
HALTED: no new risk is taken until a person resumes; it outlives restarts, as PRESERVATION does.
"""

from enum import StrEnum


class AccountState(StrEnum):
    """What the account may do now."""

    RECOVERING = "RECOVERING"
    IDLE = "IDLE"
    ANALYZING = "ANALYZING"
    PENDING_ORDER = "PENDING_ORDER"
    PRESERVATION = "PRESERVATION"
    HALTED = "HALTED"

    @property
    def takes_risk(self) -> bool:
        """Whether an order that raises risk may be sent."""
        return self in _TAKES_RISK


_TAKES_RISK = frozenset({AccountState.IDLE, AccountState.ANALYZING, AccountState.PENDING_ORDER})


class AccountEvent(StrEnum):
    """What moves the account."""

    STARTED = "started"  # a process took the account
    RECOVERED = "recovered"  # every order is explained
    ASKED = "asked"  # a signal came
    REFUSED = "refused"  # and came to nothing
    ORDERED = "ordered"  # an order may be on its way
    SETTLED = "settled"  # no order may trade any more
    PRESERVED = "preserved"  # a limit of the account was hit
    RELIEVED = "relieved"  # and its cause is gone
    HALTED = "halted"
    RESUMED = "resumed"


A = AccountState
E = AccountEvent

_SAME_STARTED = {E.STARTED: A.RECOVERING}
_STOPS = {E.PRESERVED: A.PRESERVATION, E.HALTED: A.HALTED}

ACCOUNT: dict[AccountState, dict[AccountEvent, AccountState]] = {
    A.RECOVERING: {E.STARTED: A.RECOVERING, E.RECOVERED: A.IDLE, **_STOPS},
    A.IDLE: {E.ASKED: A.ANALYZING, E.ORDERED: A.PENDING_ORDER, **_SAME_STARTED, **_STOPS},
    A.ANALYZING: {E.REFUSED: A.IDLE, E.ORDERED: A.PENDING_ORDER, **_SAME_STARTED, **_STOPS},
    A.PENDING_ORDER: {E.SETTLED: A.IDLE, **_SAME_STARTED, **_STOPS},
    A.PRESERVATION: {E.RELIEVED: A.IDLE, E.RESUMED: A.IDLE, E.HALTED: A.HALTED},
    A.HALTED: {E.RESUMED: A.IDLE},
}
"""Where an event leads. What isn't listed leaves the account where it is: a halted account stays halted whatever orders do."""


def next_state(state: AccountState, event: AccountEvent) -> AccountState:
    """The state after an event."""
    return ACCOUNT[state].get(event, state)
