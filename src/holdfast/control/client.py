"""Files commands for the engine of one account, and awaits what comes of them."""

import time

import msgspec

from holdfast.control.lives import lives_ns as usual_lives_ns
from holdfast.control.lives import until
from holdfast.core.findings import BooksCompared, Reconcile
from holdfast.core.messages import Command, Flatten, Flattened
from holdfast.core.types import Quantity
from holdfast.errors import Refused
from holdfast.journal.commands import answer_of, file_command
from holdfast.journal.holder import is_running
from holdfast.journal.reader import AccountPosition, CommandRow, OrderRow, Reader

POLL_S, LONGEST_POLL_S = 0.05, 0.5
DONE, PENDING, FILED = "done", "pending", "filed"
"""Statuses of an `Outcome` besides the engine's own ``refused`` and ``expired``."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a command so far."""

    account: str
    """For which account it was filed."""
    command_id: str
    """By this it can be asked for."""
    status: str
    """``done``, ``refused`` or ``expired`` as the engine said; ``pending`` without an answer in time; ``filed`` for its next start."""
    text: str
    """The answer in words."""
    client_order_ids: tuple[str, ...] = ()
    """The orders that were made for it."""

    @property
    def is_done(self) -> bool:
        """Whether the engine did what was asked."""
        return self.status == DONE


def outcome_of(row: CommandRow, *, is_running: bool) -> Outcome:
    """What became so far of a command that was filed; ``is_running``: whether an engine trades the account now."""
    answer = row.answer
    if answer is not None:
        return Outcome(row.account, row.id, answer.status, answer.text, answer.client_order_ids)
    if is_running:
        return Outcome(row.account, row.id, PENDING, f"the engine of account {row.account} has not answered yet")
    return Outcome(row.account, row.id, FILED, f"no engine trades account {row.account} now: its next start answers")


class Flattening(msgspec.Struct, frozen=True):
    """How far a flatten has got."""

    over: bool
    """Whether the engine says that it goes on no longer."""
    verified: bool | None
    """Whether the broker holds nothing; None while the flatten goes on or the broker has not been asked."""
    at_broker: dict[str, Quantity]
    """What the broker holds still, in units of each symbol."""
    orders: list[OrderRow]
    """Orders that may still trade."""
    positions: list[AccountPosition]
    """What strategies hold still."""

    @property
    def is_flat(self) -> bool:
        """Whether the books have no open order and no position."""
        return not self.orders and not self.positions


class Comparison(msgspec.Struct, frozen=True):
    """The books beside the broker's, as the engine recorded them."""

    time_ns: int
    """When they were compared, in nanoseconds since 1970."""
    body: BooksCompared
    """The record."""


class Client:
    """Asks the engine of ``account`` for something, through the journal at ``url``.

    ``source`` says who asks (``cli:alice``). ``is_elsewhere``: the account is at a broker that goes on without its engine. An answer is
    awaited for ``timeout_s`` seconds.
    """

    def __init__(self, url: str, account: str, source: str, timeout_s: float, *, is_elsewhere: bool) -> None:
        self.account = account
        self.url = url
        self._source = source
        self._timeout_s = timeout_s
        self._is_elsewhere = is_elsewhere

    @property
    def is_running(self) -> bool:
        """Whether an engine trades the account now."""
        return is_running(self.url, self.account)

    def require_engine(self) -> None:
        """Raise :class:`~holdfast.errors.Refused` unless an engine runs."""
        if not self.is_running:
            raise Refused(f"no engine trades account {self.account}; start it first (`holdfast run`)")

    def ask(self, command: Command, lives_ns: int | None = None) -> Outcome:
        """File a command and await its answer. ``lives_ns``: how long an engine may take it, in nanoseconds; None is as `control.lives` says."""
        return self._answer(self._file(command, lives_ns), time.monotonic() + self._timeout_s)

    def ask_or_leave(self, command: Command, effect: str) -> Outcome:
        """File a command that an engine carries out now, or where none runs the next start; ``effect`` is what happens then."""
        if self.is_running:
            return self.ask(command)
        text = f"no engine trades account {self.account} now: {effect} at the next start{until(command)}"
        return Outcome(self.account, self._file(command), FILED, text)

    def flatten(self, reason: str) -> tuple[Outcome, Flattening | None]:
        """Halt, cancel all and close all, until it is done or the time is over; None where the engine didn't take it."""
        deadline_s = time.monotonic() + self._timeout_s
        with Reader.open(self.url) as reader:
            before = reader.account(self.account).last_sequence
            outcome = self._answer(self._file(Flatten(reason)), deadline_s)
            if not outcome.is_done:
                return outcome, None
            while (left := self._left(reader, before)).verified is None and time.monotonic() < deadline_s:
                time.sleep(POLL_S)
        return outcome, left

    def compare(self, accept: bool, reason: str) -> tuple[Outcome, Comparison | None]:
        """Have the engine compare its books with the broker's; None where it didn't in time.

        ``accept``: take over what the broker has, for a ``reason`` that stands in the journal.
        """
        deadline_s = time.monotonic() + self._timeout_s
        with Reader.open(self.url) as reader:
            before = reader.account(self.account).last_sequence
            outcome = self._answer(self._file(Reconcile(accept, reason)), deadline_s)
            if not outcome.is_done:
                return outcome, None
            while (found := self._compared(reader, before, accept)) is None and time.monotonic() < deadline_s:
                time.sleep(POLL_S)
        return outcome, found

    def _file(self, command: Command, lives_ns: int | None = None) -> str:
        now_ns, lives_ns = time.time_ns(), lives_ns or usual_lives_ns(command)
        expires_ns = None if lives_ns is None else now_ns + lives_ns
        return file_command(self.url, self.account, command, self._source, expires_ns, now_ns)

    def _answer(self, command_id: str, deadline_s: float) -> Outcome:
        pause_s = POLL_S
        while (answer := answer_of(self.url, command_id)) is None and time.monotonic() < deadline_s:
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, LONGEST_POLL_S)  # fifty who wait must not keep the engine from its work
        if answer is None:
            text = f"no answer from the engine of account {self.account} yet; the command stays filed as {command_id}"
            return Outcome(self.account, command_id, PENDING, text)
        return Outcome(self.account, command_id, answer.status, answer.text, answer.client_order_ids)

    def _left(self, reader: Reader, since: int) -> Flattening:
        """What is still open, whether the engine says that the flatten is over, and what a broker elsewhere has then."""
        account = self.account
        with reader.snapshot():
            orders = reader.orders(account, live_only=True)
            held = [row for row in reader.positions(account) if row.strategy and row.quantity]
            last = reader.last_record(account, Flattened.__name__)
            compared = reader.last_record(account, BooksCompared.__name__)
        over = last is not None and last.sequence > since
        if not over or not self._is_elsewhere:
            return Flattening(over, True if over else None, {}, orders, held)
        if last is None or compared is None or compared.sequence <= last.sequence:
            return Flattening(over, None, {}, orders, held)
        lines = compared.body.lines if isinstance(compared.body, BooksCompared) else ()
        there = {line.symbol: line.theirs for line in lines if line.theirs}
        return Flattening(over, not there, there, orders, held)

    def _compared(self, reader: Reader, since: int, accept: bool) -> Comparison | None:
        """The first comparison made for this command, once it is there."""
        last = reader.last_record(self.account, BooksCompared.__name__)
        if last is None or last.sequence <= since or not isinstance(last.body, BooksCompared):
            return None
        return Comparison(last.time_ns, last.body) if last.body.accepted is accept else None
