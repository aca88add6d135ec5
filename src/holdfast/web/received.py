"""Signals that came, so that each becomes one order: kept with the command that each became."""

from typing import NamedTuple

import sqlalchemy as sa

from holdfast.core.types import DAY_NS
from holdfast.journal.commands import new_id
from holdfast.web.auth import schema
from holdfast.web.auth.store import Store, StoreError
from holdfast.web.errors import Conflict

KEPT_NS = 7 * DAY_NS
"""For so long an id is known."""
_TABLE = schema.signals


class Came(NamedTuple):
    """A signal as it came: by which it is told from others (``alert``), and a digest of what it says."""

    account: str
    strategy: str
    alert: str
    body: str
    window_ns: int | None
    """For how long the same is the same one; None for as long as it is kept, where the sender gave an id."""


class Taken(NamedTuple):
    """The command that a signal became, or becomes now."""

    command_id: str
    received_ns: int
    is_new: bool


class Received:
    """The signals of a web process, in its own database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, came: Came) -> Taken:
        """The command of a signal: that of the first time it came. Raises `Conflict` when its id had another content then."""
        try:
            return self._take(came)
        except StoreError:
            return self._take(came)  # another process may have taken it at the same moment

    def _take(self, came: Came) -> Taken:
        now_ns = self._store.now_ns()
        same = sa.and_(
            _TABLE.c.account == came.account, _TABLE.c.strategy == came.strategy, _TABLE.c.alert == came.alert
        )
        with self._store.begin() as connection:
            connection.execute(sa.delete(_TABLE).where(_TABLE.c.received_ns <= now_ns - KEPT_NS))
            row = connection.execute(sa.select(_TABLE).where(same)).one_or_none()
            if row is not None and came.window_ns is not None and row.received_ns <= now_ns - came.window_ns:
                connection.execute(sa.delete(_TABLE).where(same))
                row = None
            if row is not None and row.body != came.body:
                raise Conflict(
                    "a signal with this id came before and said something else; each signal needs an id of its own"
                )
            if row is not None:
                return Taken(row.command_id, row.received_ns, False)
            taken = Taken(new_id(now_ns), now_ns, True)
            values = came._asdict() | {"received_ns": now_ns, "command_id": taken.command_id}
            del values["window_ns"]
            connection.execute(sa.insert(_TABLE).values(values))
            return taken
