"""How far the chain of an account's records was proven, a piece at a time, so that a page can show it and nobody waits for it."""

import threading
import time

import msgspec

from holdfast.errors import JournalCorrupt
from holdfast.journal.chain import GENESIS
from holdfast.journal.reader import Reader, check_link

BUDGET_S = 0.2
"""So long one look goes on proving."""


class ChainView(msgspec.Struct, frozen=True):
    """How far an account's records prove themselves."""

    account: str
    """Whose they are."""
    verified: int
    """Up to which record every hash fits."""
    last: int
    """The last record there is."""
    problem: str
    """What doesn't fit, and what to do; empty while all does."""
    checked_s: float
    """How long it has been at it, in seconds of work."""


class _Proof:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.verified = 0
        self.hash = GENESIS
        self.problem = ""
        self.spent_s = 0.0


class Chain:
    """Proves the records of all accounts, a piece at each look: one of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._proofs: dict[str, _Proof] = {}

    def look(self, reader: Reader, account: str, budget_s: float = BUDGET_S) -> ChainView:
        """Go on from where the last look ended. What was found once stays found until the process ends.

        Raises :class:`~holdfast.errors.InvalidValue` when the journal has no such account, JournalError when it can't be read.
        """
        last = reader.account(account).last_sequence
        with self._lock:
            proof = self._proofs.setdefault(account, _Proof())
        with proof.lock:
            begun_s = time.monotonic()
            try:
                self._go_on(reader, account, proof, begun_s + budget_s)
            except JournalCorrupt as error:
                proof.problem = str(error)
            if not proof.problem and last < proof.verified:
                proof.problem = f"account {account!r}: records {last + 1} to {proof.verified} were there and are gone; restore a backup"
            proof.spent_s += time.monotonic() - begun_s
            return ChainView(account, proof.verified, last, proof.problem, round(proof.spent_s, 3))

    @staticmethod
    def _go_on(reader: Reader, account: str, proof: _Proof, ends_s: float) -> None:
        while not proof.problem and (page := reader.page(account, proof.verified)):
            for row in page:
                proof.hash = check_link(proof.hash, proof.verified + 1, row)
                proof.verified += 1
            if time.monotonic() > ends_s:
                return
