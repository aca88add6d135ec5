"""The audit: whether a journal proves itself.

Everything is read once, as it stood at one moment, so an engine may go on meanwhile. The records are checked against
their own chain, and every other table against what the records say: each is computed anew and compared row by row. What is
held in memory is some 1 kB for each order.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

import msgspec

from holdfast.core.adjustments import AccountAdjusted
from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import (
    CancelRefused,
    CancelReleased,
    CashDeposited,
    Envelope,
    FillBusted,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderExpired,
    OrderFailed,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderReplaced,
    OrderUnknown,
    PositionAdopted,
)
from holdfast.core.orders.book import OrderBook
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.ledger import Ledger
from holdfast.core.portfolio.portfolio import Portfolio, reversal
from holdfast.core.types import many
from holdfast.errors import HoldfastError, JournalCorrupt
from holdfast.journal.anchor import Anchor
from holdfast.journal.chain import GENESIS, HASHED, link
from holdfast.journal.database import open_database
from holdfast.journal.reader import AccountRow, FillRow, OrderRow, Reader, RecordRow, to_envelope
from holdfast.journal.rows import fill_row, order_row

MAX_PROBLEMS = 100
"""After this many the audit stops: the journal is not to be trusted, and the first of them say why."""

Progress = Callable[[int, int], None]

ORDER_RECORDS = (
    OrderPrepared,
    OrderAdopted,
    OrderReleased,
    OrderAccepted,
    OrderRejected,
    OrderUnknown,
    OrderFilled,
    FillBusted,
    CancelReleased,
    CancelRefused,
    OrderCanceled,
    OrderReplaced,
    OrderExpired,
    OrderFailed,
    OrderNotSent,
)


class AccountCheck(msgspec.Struct):
    """What was found of an account."""

    account: str
    records: int = 0
    orders: int = 0
    fills: int = 0


class Verification(msgspec.Struct):
    """The audit's result. ``problems`` has one line each, at most `MAX_PROBLEMS`."""

    accounts: list[AccountCheck] = []
    problems: list[str] = []

    @property
    def ok(self) -> bool:
        """Nothing was found to be wrong."""
        return not self.problems


def verify(url: str, progress: Progress | None = None) -> Verification:
    """Audit the journal at ``url``; ``progress`` is called with the records done and their total.

    Raises :class:`~holdfast.errors.JournalError` when there is no journal to audit, or it can't be opened for a reason other
    than damage.
    """
    result = Verification()
    try:
        open_database(url).check()
        with Reader.open(url) as reader:
            noted = _noted(reader)  # before the moment that is audited: an engine may go on meanwhile
            with reader.snapshot():
                _audit(reader, result, noted, progress or _silent)
    except JournalCorrupt as error:
        result.problems.append(str(error))
    except _Enough:
        result.problems.append(f"the audit stopped at {MAX_PROBLEMS} problems")
    return result


def _silent(_done: int, _total: int) -> None:
    """For those who don't watch."""


class _Enough(Exception):
    """There is nothing to gain from finding more."""


def _noted(reader: Reader) -> dict[str, int]:
    """How far the records of each account went at least, as its anchor has it."""
    folder = reader.database.anchor_directory
    found = {row.account: Anchor(folder, row.account).read() for row in reader.accounts()}
    return {account: anchor[0] for account, anchor in found.items() if anchor is not None}


def _audit(reader: Reader, result: Verification, noted: Mapping[str, int], progress: Progress) -> None:
    report = _Report(result.problems)
    for text in reader.page_problems():
        report(f"the database file is damaged: {text}")
    _check_accounts(reader, report)
    total = reader.count("records")
    done = 0
    for row in reader.accounts():
        audit = _AccountAudit(reader, row, report, noted.get(row.account, 0))
        result.accounts.append(audit.check)
        for records in audit.run():
            done += records
            progress(done, total)


class _Report:
    """Takes problems down, as long as it makes sense."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems

    def __call__(self, text: str) -> None:
        self._problems.append(" ".join(text.split()))
        if len(self._problems) >= MAX_PROBLEMS:
            raise _Enough


def _check_accounts(reader: Reader, report: _Report) -> None:
    """Rows of an account that the accounts table doesn't have."""
    for table in ("records", "orders", "fills", "positions"):
        for account in reader.unknown_accounts(table):
            report(f"table {table} has rows of account {account!r}, which the journal doesn't have")


class _AccountAudit:
    """One account: reads its records, computes what the other tables should hold, and compares."""

    def __init__(self, reader: Reader, account: AccountRow, report: _Report, noted: int) -> None:
        self.check = AccountCheck(account.account)
        self._reader = reader
        self._account = account
        self._noted = noted
        self._tell = report
        self._sound = True
        self._end = (0, GENESIS, 0)  # sequence, hash, cursor
        self._epoch = 0
        self._book = OrderBook()
        self._portfolio = Portfolio()
        self._orders: dict[str, Order] = {}

    def _report(self, text: str) -> None:
        self._tell(f"account {self._account.account!r}: {text}")

    def run(self) -> Iterator[int]:
        """Audit it all; yields how many records were read, page by page."""
        try:
            while page := self._reader.page(self._account.account, after=self._end[0]):
                self._read(page)
                yield len(page)
            self._check_ids()
            self._check_end()
            if self._sound:
                self._check_orders()
                self._check_positions()
            else:
                self._report("orders, fills and positions were not compared with records that are not what was written")
        except JournalCorrupt as error:
            self._report(f"after record {self._end[0]}: {error}")

    # --- records ---

    def _read(self, page: list[RecordRow]) -> None:
        expected_fills: dict[int, tuple[object, ...]] = {}
        for row in page:
            self.check.records += 1
            self._check_link(row)
            self._end = (row.sequence, row.hash, row.cursor)
            if self._sound and (fill := self._apply(to_envelope(row))):
                expected_fills[row.sequence] = fill
        if self._sound:
            self._check_fills(page[0].sequence, page[-1].sequence, expected_fills)

    def _check_link(self, row: RecordRow) -> None:
        sequence, previous, _ = self._end
        if row.sequence != sequence + 1:
            self._broken(f"record {sequence + 1} is missing, {row.sequence} follows")
        if link(previous, row[: len(HASHED)]) != row.hash:
            self._broken(f"record {row.sequence} doesn't fit its hash: it, or the record before, was changed")
        if not self._epoch <= row.epoch <= self._account.epoch:
            self._broken(
                f"record {row.sequence} is of epoch {row.epoch}, after {self._epoch} and with the account in {self._account.epoch}"
            )
        self._epoch = row.epoch

    def _broken(self, text: str) -> None:
        self._sound = False
        self._report(text)

    def _apply(self, envelope: Envelope) -> tuple[object, ...] | None:
        """Fold a record in; gives back the row of ``fills`` that it calls for, if it is one."""
        body = envelope.body
        if isinstance(body, CashDeposited):
            self._portfolio.deposit(body.amount, body.currency)
        if isinstance(body, InstrumentListed):
            self._portfolio.list(body)
        if isinstance(body, PositionAdopted):
            self._portfolio.adopt(body)
        if isinstance(body, AccountAdjusted):
            self._portfolio.adjust(body)
        if not isinstance(body, ORDER_RECORDS):
            return None
        try:
            order = self._book.apply(envelope)
        except HoldfastError as error:
            self._report(str(error))
            return None
        self._orders[order.terms.client_order_id] = order
        if not isinstance(body, OrderFilled | FillBusted):
            return None
        fill = body if isinstance(body, OrderFilled) else reversal(body)
        self._portfolio.book(order.terms.strategy, fill)
        return fill_row(envelope, fill, order.terms.strategy)

    def _check_ids(self) -> None:
        for event_id, first in self._reader.repeated_ids(self._account.account):
            self._report(f"the id {event_id} of record {first} is used again by a later record")

    def _check_end(self) -> None:
        row = self._account
        named = {"last_sequence": row.last_sequence, "last_hash": row.last_hash, "cursor": row.cursor}
        for (name, stored), found in zip(named.items(), self._end, strict=True):
            if stored != found:
                self._report(f"{name} is {stored} in the account's row, but the records end with {found}")
        if self._noted > row.last_sequence:
            self._report(
                f"record {self._noted} was on the disk once, and the records end with {row.last_sequence}: its end is lost"
            )
        if self._sound and row.cash != self._portfolio.cash:
            self._report(f"cash is {row.cash}, but the records make it {self._portfolio.cash}")

    # --- the other tables ---

    def _check_fills(self, first: int, last: int, expected: dict[int, tuple[object, ...]]) -> None:
        stored = self._reader.fills_between(self._account.account, first, last)
        self.check.fills += len(stored)
        for row in stored:
            self._compare(f"fill {row.execution_id}", row, expected.pop(row.sequence, None))
        for sequence in expected:
            self._report(f"the fill of record {sequence} is missing from the table")

    def _check_orders(self) -> None:
        self.check.orders = self._reader.count("orders", self._account.account)
        after = ""
        while page := self._reader.orders_after(self._account.account, after):
            for row in page:
                after = row.client_order_id
                order = self._orders.pop(after, None)
                expected = None if order is None else order_row(self._account.account, order)
                self._compare(f"order {after}", row, expected)
        for missing in self._orders:
            self._report(f"order {missing} is missing from the table")

    def _check_positions(self) -> None:
        all_fills = self._reader.count("fills", self._account.account)
        if all_fills != self.check.fills:
            self._report(f"{many(all_fills - self.check.fills, 'fill')} in the table of which there is no record")
        lines = ((("", symbol), line) for symbol, line in self._portfolio.lines.items())
        ledgers: dict[tuple[str, str], Ledger] = dict(chain(lines, self._portfolio.ledgers.items()))
        for row in self._reader.positions(self._account.account):
            ledger = ledgers.pop((row.strategy, row.symbol), None) or Ledger()
            for name in ("quantity", "cost", "average_price", "realised", "fees"):
                stored, computed = getattr(row, name), getattr(ledger, name)
                if stored != computed:
                    self._report(
                        f"position {row.strategy or 'account'} {row.symbol}: {name} is {stored}, but the fills make it {computed}"
                    )
        for (strategy, symbol), ledger in ledgers.items():
            self._report(f"position {strategy or 'account'} {symbol} ({ledger.quantity}) is missing from the table")

    def _compare(self, what: str, row: FillRow | OrderRow, expected: tuple[object, ...] | None) -> None:
        if expected is None:
            self._report(f"{what} is in the table but not in the records")
            return
        for name, stored, text in zip(row.__struct_fields__, msgspec.structs.astuple(row), expected, strict=True):
            computed = type(stored)(text) if stored is not None and text is not None else text
            if stored != computed:
                self._report(f"{what}: {name} is {stored!s}, but the records make it {computed!s}")
