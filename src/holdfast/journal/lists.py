"""Lists of a journal in pages, filtered: for a reader that shows many rows and wants few at a time."""

from collections.abc import Iterable, Sequence

import msgspec

from holdfast.core.messages import Envelope
from holdfast.core.orders.order import TERMINAL
from holdfast.errors import InvalidValue
from holdfast.journal.reader import RECORD_COLUMNS, CommandRow, FillRow, OrderRow, Reader, RecordRow

OVER = frozenset(state.value for state in TERMINAL)
"""States of orders that can't trade any more."""
_TERMINAL = tuple(sorted(OVER))
AT_ONCE = 500
"""How many ids one question names."""

Place = tuple[int, str]
"""Where a page ends: the time of its last row, and the row's own id."""


class OrderFilter(msgspec.Struct, frozen=True):
    """Which orders; what is None is not asked for. ``since_ns`` is when they were made at the earliest."""

    account: str | None = None
    state: str | None = None
    symbol: str | None = None
    strategy: str | None = None
    live_only: bool = False
    since_ns: int | None = None

    def has(self, row: OrderRow) -> bool:
        """Whether the order is one of them."""
        pairs = (
            (self.account, row.account),
            (self.state, row.state),
            (self.symbol, row.symbol),
            (self.strategy, row.strategy),
        )
        is_so = all(asked in (None, given) for asked, given in pairs)
        return is_so and not (self.live_only and row.state in OVER) and row.created_ns >= (self.since_ns or 0)


def place_of(row: OrderRow) -> Place:
    """Where a page ends whose last order this is."""
    return row.created_ns, row.client_order_id


class FillFilter(msgspec.Struct, frozen=True):
    """Which executions; what is None is not asked for. ``since_ns`` is when they happened at the earliest."""

    symbol: str | None = None
    strategy: str | None = None
    client_order_id: str | None = None
    since_ns: int | None = None


class ListReader(Reader):
    """A reader that gives lists in pages, the newest first."""

    def orders_page(self, which: OrderFilter, most: int, after: Place | None = None) -> list[OrderRow]:
        """The next orders after a place, ``most`` of them at most."""
        where = _Where()
        if which.account is not None:
            where.add(
                "COALESCE(account, '') = ?", which.account
            )  # so that the index of times is used, not that of accounts
        for name in ("state", "symbol", "strategy"):
            where.equal(name, getattr(which, name))
        if which.live_only:
            where.add(f"state NOT IN ({', '.join('?' * len(_TERMINAL))})", *_TERMINAL)
        if which.since_ns is not None:
            where.add("created_ns >= ?", which.since_ns)
        where.before("created_ns", "client_order_id", after)
        order = "ORDER BY created_ns DESC, client_order_id DESC"
        return self._all(OrderRow, "orders", f"{where.text} {order}", *where.values, most=most)

    def fills_before(self, account: str, which: FillFilter, before: int, most: int) -> list[FillRow]:
        """The account's newest executions whose records are before a sequence, ``most`` of them at most."""
        where = _Where()
        where.add("account = ? AND sequence < ?", account, before)
        for name in ("symbol", "strategy", "client_order_id"):
            where.equal(name, getattr(which, name))
        if which.since_ns is not None:
            where.add("time_ns >= ?", which.since_ns)
        return self._all(FillRow, "fills", f"{where.text} ORDER BY sequence DESC", *where.values, most=most)

    def live_orders(self, account: str) -> list[OrderRow]:
        """The account's orders that may still trade, the newest first, as the rows themselves say."""
        return Reader.orders(self, account, live_only=True)

    def orders_of(self, account: str, ids: Sequence[str]) -> list[OrderRow]:
        """The account's orders of these ids, in no order."""
        found: list[OrderRow] = []
        for first in range(0, len(ids), AT_ONCE):
            some = ids[first : first + AT_ONCE]
            where = f"WHERE account = ? AND client_order_id IN ({', '.join('?' * len(some))})"
            found += self._all(OrderRow, "orders", where, account, *some)
        return found

    def records_but(self, account: str, kinds: Iterable[str], after: int, last: int) -> list[Envelope]:
        """The account's records of all types but some, after a sequence and up to another, in order: one question for all."""
        some = sorted(kinds)
        where = f"account = ? AND sequence > ? AND sequence <= ? AND type NOT IN ({', '.join('?' * len(some))})"
        return self._envelopes(f"{where} ORDER BY sequence", account, after, last, *some)

    def records_in(self, account: str, sequences: Sequence[int]) -> list[Envelope]:
        """The account's records of these sequences, in order."""
        found: list[Envelope] = []
        wanted = sorted(sequences)
        for first in range(0, len(wanted), AT_ONCE):
            some = wanted[first : first + AT_ONCE]
            where = f"account = ? AND sequence IN ({', '.join('?' * len(some))}) ORDER BY sequence"
            found += self._envelopes(where, account, *some)
        return found

    def records_before(self, account: str, before: int, kinds: Sequence[str] | None, most: int) -> list[RecordRow]:
        """The account's newest records before a sequence, of all types or of some: ``most`` of them at most."""
        where = f" AND type IN ({', '.join('?' * len(kinds))})" if kinds else ""
        sql = f"SELECT {RECORD_COLUMNS} FROM records WHERE account = ? AND sequence < ?{where} ORDER BY sequence DESC LIMIT ?"
        return [RecordRow._make(row) for row in self._fetch(sql, account, before, *(kinds or ()), most)]

    def of_chains(self, account: str, ids: Iterable[str], before: int) -> list[Envelope]:
        """The account's records of some chains, by their correlation ids, before a sequence; in order."""
        found: list[Envelope] = []
        wanted = sorted(ids)
        for first in range(0, len(wanted), AT_ONCE):
            some = wanted[first : first + AT_ONCE]
            where = (
                f"account = ? AND sequence < ? AND correlation_id IN ({', '.join('?' * len(some))}) ORDER BY sequence"
            )
            found += self._envelopes(where, account, before, *some)
        return found

    def end_of(self, account: str) -> tuple[int, str] | None:
        """The sequence and the hash of the account's last record; None when there is no such account."""
        rows = self._fetch("SELECT last_sequence, last_hash FROM accounts WHERE account = ?", account)
        return (int(rows[0][0]), str(rows[0][1])) if rows else None

    def command_or_none(self, command_id: str) -> CommandRow | None:
        """A command that was filed; None when there is none of that id."""
        try:
            return self.command(command_id)
        except InvalidValue:
            return None

    def data_version(self) -> int | None:
        """A number that changes when another connection has committed anything; None where the database has none."""
        if self.database.kind != "sqlite":
            return None
        return int(self._fetch("PRAGMA data_version")[0][0])


class _Where:
    """A condition that grows; values are bound, never written into it."""

    def __init__(self) -> None:
        self.text = "WHERE 1 = 1"
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        """One more that must hold."""
        self.text += f" AND {condition}"
        self.values += values

    def equal(self, column: str, value: object) -> None:
        """A column must have the value, unless that is None."""
        if value is not None:
            self.add(f"{column} = ?", value)

    def before(self, first: str, second: str, place: Place | None) -> None:
        """Only rows after a place, in falling order of two columns."""
        if place is not None:
            self.add(f"{first} <= ?", place[0])  # what an index can be used for
            self.add(f"({first} < ? OR {second} < ?)", place[0], place[1])
