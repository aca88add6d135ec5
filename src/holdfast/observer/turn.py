"""Whose turn it is: of several observers of one database one works, and the others wait until it is gone.

Two that worked at once would keep no record twice (`places.py`), but each sees what lasts by itself, and one that lags behind would call over what
the other has just found.
"""

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.alerting.takers import is_dead_here
from holdfast.journal.holder import process_name
from holdfast.journal.keeping import Keeping
from holdfast.observer.places import turns

RENEW_S, LOOK_S = 3.0, 1.0
"""How often who has it renews it, and who waits looks whether it is free."""
LOST_S = 15.0
"""One that hasn't renewed it for so long, by the clock of who waits, has lost it; a process that is gone from this machine, at once."""
ONLY = 1
FREE = ""


class _Row(NamedTuple):
    holder: str
    renewals: int


class Turn:
    """The turn of one observer. Its calls raise the error of ``kept`` when the database can't be used."""

    def __init__(self, kept: Keeping, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._kept, self._clock_s = kept, clock_s
        self._me = f"{process_name()} {secrets.token_hex(4)}"
        self._renewed_s: float | None = None
        self._looked_s: float | None = None
        self._seen: tuple[_Row, float] | None = None
        self.holder = ""
        """Who has it, while somebody else does."""

    def is_mine(self) -> bool:
        """Whether this one is to work now. It asks the database some times a minute."""
        now_s = self._clock_s()
        if self._renewed_s is not None and now_s - self._renewed_s < RENEW_S:
            return True
        if self._renewed_s is None and self._looked_s is not None and now_s - self._looked_s < LOOK_S:
            return False
        self._looked_s = now_s
        self._renewed_s = now_s if self._taken(now_s) else None
        return self._renewed_s is not None

    def give_back(self) -> None:
        """Let the next one work at once."""
        if self._renewed_s is not None:
            self._renewed_s = None
            with self._kept.begin() as kept:
                kept.execute(sa.update(turns).where(turns.c.holder == self._me).values(holder=FREE))

    def _taken(self, now_s: float) -> bool:
        with self._kept.begin() as kept:
            found = kept.execute(sa.select(turns.c.holder, turns.c.renewals).where(turns.c.id == ONLY)).first()
            if found is None:
                kept.execute(sa.insert(turns).values(id=ONLY, holder=self._me, renewals=1))
                return True
            row = _Row(found.holder, found.renewals)
            self.holder = row.holder
            if row.holder != self._me and not self._is_lost(row, now_s):
                return False
            mine = sa.update(turns).where(
                turns.c.id == ONLY, turns.c.holder == row.holder, turns.c.renewals == row.renewals
            )
            return kept.execute(mine.values(holder=self._me, renewals=row.renewals + 1)).rowcount == 1

    def _is_lost(self, row: _Row, now_s: float) -> bool:
        if row.holder == FREE or is_dead_here(row.holder):
            return True
        if self._seen is None or self._seen[0] != row:
            self._seen = row, now_s
        return now_s - self._seen[1] >= LOST_S
