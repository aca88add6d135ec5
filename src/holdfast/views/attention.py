"""What needs a person, worst first: one list of all that is wrong or about to be, each with since when and where to look."""

import time
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from holdfast.config import AccountConfig, Config
from holdfast.core.milestones import AccountStateChanged, Impaired, StrategyStarted, StrategyStopped
from holdfast.core.session.account import AccountState
from holdfast.core.session.causes import NOT_YET, rule_of
from holdfast.core.types import many, plain
from holdfast.journal.reader import AccountRow, Reader
from holdfast.views.board import silent_s
from holdfast.views.books import Books, Scratch
from holdfast.views.numbers import ago
from holdfast.views.protection import protection
from holdfast.views.risk import LimitView, limits
from holdfast.views.status import DIED, LEFT_OUT, AccountStatus, account_status
from holdfast.views.unresolved import comparison, unresolved

CRITICAL, WARNING = "critical", "warning"
UNKNOWN_AFTER_S = 5.0
"""An order without an answer for longer is shown; most are explained within a second or two."""
NEAR, FULL = Decimal("0.8"), Decimal(1)
"""A limit on losses is shown once more than so much of it is used, any other when it is exceeded."""
_LOSSES = ("daily_loss", "drawdown", "loss_streak")
NOT_RUNNING = "the engine is not running"
"""The title where an engine ended in order; other titles of the kind ``engine`` are about one that died, stands still or goes on without the account."""
TITLES = {DIED: "the engine died", LEFT_OUT: "the account can't go on"}
"""Other titles, by words of how the last run ended."""
_ORDER = (
    "engine",
    "unknown_order",
    "unprotected",
    "halted",
    "preservation",
    "books",
    "strategy",
    "external_order",
    "stale",
    "limit",
    "reading",
)
"""Of the same level what comes first."""


class Attention(msgspec.Struct, frozen=True):
    """Something that needs a person."""

    level: str
    """``critical``: money is at risk or nothing works; ``warning``."""
    account: str
    """Of which account."""
    kind: str
    """What it is about: ``engine``, ``halted``, ``preservation``, ``unknown_order``, ``unprotected``, ``books``, ``strategy``, ``external_order``,
    ``stale``, ``limit``, ``reading``; the web process adds ``alerts``."""
    title: str
    """In a few words."""
    text: str
    """What happened, to what, and what to do."""
    since_ns: int | None
    """Since when, in nanoseconds since 1970; None when that isn't known."""
    link: str
    """What it is about: an order's id, a symbol, a strategy, a rule; empty for the account."""


def attention(reader: Reader, config: Config, books: Books) -> list[Attention]:
    """What needs a person, of all accounts, the worst first. Raises JournalError when the journal can't be read."""
    found = [item for account in config.accounts for item in _account(reader, config, books, account)]
    return sorted(found, key=lambda item: (item.level != CRITICAL, _ORDER.index(item.kind), item.since_ns or 0))


def _account(reader: Reader, config: Config, books: Books, account: AccountConfig) -> Iterator[Attention]:
    with reader.snapshot():  # an account's state and what it is missing change together
        row = next((row for row in reader.accounts() if row.account == account.name), None)
        if row is None:
            return  # it was never started: nothing is at risk, and the overview says so
        status = account_status(config, account, row, reader)
    if not row.last_sequence:
        if LEFT_OUT in (status.ended or ""):
            yield from _engine(reader, status, row, is_exposed=False)
        return
    scratch = books.glance(reader, account.name)
    held = any(scratch.state.portfolio.open_ledgers())
    yield from _engine(reader, status, row, is_exposed=held or bool(scratch.state.orders.live))
    yield from _state(reader, status)
    yield from _unresolved(reader, account.name)
    yield from _books(reader, account.name)
    yield from _strategies(reader, status)
    yield from _market(status)
    if scratch.behind:
        text = f"{many(scratch.behind, 'record')} of {account.name} are still being read; limits and protection are shown when they are"
        yield Attention(WARNING, account.name, "reading", "still being read", text, None, "")
        return
    yield from _unprotected(scratch)
    for limit in limits(scratch.state):
        yield from _near(limit)


def _engine(reader: Reader, status: AccountStatus, row: AccountRow, *, is_exposed: bool) -> Iterator[Attention]:
    if status.running:
        still_s = silent_s(reader, status.account, time.time_ns())
        if still_s is not None:
            text = (
                f"the engine of {status.account} has its process and has not turned for {ago(still_s)}: what is asked of it waits. Look at its log; "
                "stop it and start it again if it does not come back"
            )
            yield Attention(CRITICAL, status.account, "engine", "the engine stands still", text, None, "")
        return
    ended = status.ended or "it isn't running"
    title = next((title for words, title in TITLES.items() if words in ended), NOT_RUNNING)
    what = "positions and orders are unattended" if is_exposed else "it holds nothing and no order is open"
    text = f"no engine trades {status.account}: {ended}; {what}. `holdfast run` starts it"
    level = CRITICAL if title != NOT_RUNNING or is_exposed else WARNING
    yield Attention(level, status.account, "engine", title, text, row.renewed_ns or None, "")


def _state(reader: Reader, status: AccountStatus) -> Iterator[Attention]:
    changed = reader.last_record(status.account, AccountStateChanged.__name__)
    since_ns, reason = None, ""
    if changed is not None and isinstance(changed.body, AccountStateChanged):
        since_ns, reason = changed.time_ns, changed.body.reason
    if status.state == AccountState.HALTED:
        text = f"{status.account} is HALTED: {reason}. Nothing that raises risk is sent until `holdfast resume`"
        yield Attention(CRITICAL, status.account, "halted", "halted", text, since_ns, "")
    elif status.state == AccountState.PRESERVATION:
        newest = {
            record.body.cause: record.time_ns
            for record in reader.records_of(status.account, (Impaired,))
            if isinstance(record.body, Impaired)
        }
        for cause, why in status.missing.items() or [("", reason)]:
            is_start = why == NOT_YET
            text = (
                f"{status.account} takes no new risk: {cause or 'PRESERVATION'}: {why}. It ends {rule_of(cause).ends}"
            )
            level = WARNING if is_start else CRITICAL
            yield Attention(
                level, status.account, "preservation", cause or "preservation", text, newest.get(cause), cause
            )


def _unresolved(reader: Reader, account: str) -> Iterator[Attention]:
    found = unresolved(reader, account)
    for each in found.orders:
        if each.age_s < UNKNOWN_AFTER_S and not each.overdue:
            continue
        order = each.order
        what = f"{order.side} {plain(order.quantity)} {order.symbol} of {order.strategy}"
        todo = each.overdue or "the broker is being asked"
        text = (
            f"{order.client_order_id} ({what}) may be at the broker or not for {ago(each.age_s)}: {each.reason}; {todo}. Look there, and if you "
            f"know: `holdfast resolve {order.client_order_id}`"
        )
        yield Attention(CRITICAL, account, "unknown_order", "UNKNOWN order", text, each.since_ns, order.client_order_id)
    for external in found.external:
        what = f"{external.side} {plain(external.quantity)} {external.symbol}"
        text = f"somebody else has ordered {what} at the broker; here it is {external.client_order_id}"
        yield Attention(
            WARNING, account, "external_order", "external order", text, external.created_ns, external.client_order_id
        )


def _books(reader: Reader, account: str) -> Iterator[Attention]:
    found = comparison(reader, account)
    if found.agree is not False or found.accepted:
        return
    apart = [line for line in found.lines if not line.agrees]
    said = ", ".join(f"{line.symbol} {plain(line.ours)} here, {plain(line.theirs)} there" for line in apart)
    text = f"the broker has other books: {said or f'cash {found.cash} here, {found.broker_cash} there'}. `holdfast reconcile` shows both"
    yield Attention(CRITICAL, account, "books", "books differ", text, found.time_ns, "")


def _strategies(reader: Reader, status: AccountStatus) -> Iterator[Attention]:
    stopped = [strategy for strategy in status.strategies if strategy.stopped]
    if not stopped:
        return
    since: dict[str, int] = {}
    for record in reader.records_of(status.account, (StrategyStarted, StrategyStopped)):
        if isinstance(record.body, StrategyStopped):
            since[record.body.strategy] = record.time_ns
    for strategy in stopped:
        text = f"{strategy.strategy} gets no more events: {strategy.why}. `holdfast strategy start {strategy.strategy}` starts it again"
        yield Attention(
            WARNING,
            status.account,
            "strategy",
            "strategy stopped",
            text,
            since.get(strategy.strategy),
            strategy.strategy,
        )


def _market(status: AccountStatus) -> Iterator[Attention]:
    for symbol in status.stale if status.running else ():
        text = f"nothing is heard of {symbol} while its market is open; entries in it are refused"
        yield Attention(WARNING, status.account, "stale", f"{symbol} is stale", text, None, symbol)


def _unprotected(scratch: Scratch) -> Iterator[Attention]:
    for view in protection(scratch.state):
        if view.unprotected_since_ns is None and not view.alarm:
            continue
        what = f"{plain(view.protected)} of {plain(view.wanted)} {view.symbol} of {view.strategy} are protected"
        stop = "" if view.stop_loss is None else f"; the stop is to be at {plain(view.stop_loss)}"
        text = f"{what}{stop}. `holdfast protect` gives a position a stop, `holdfast close` closes it"
        level = CRITICAL if view.alarm else WARNING
        yield Attention(
            level, view.account, "unprotected", "unprotected position", text, view.unprotected_since_ns, view.symbol
        )


def _near(limit: LimitView) -> Iterator[Attention]:
    if limit.ratio is None or limit.ratio <= (NEAR if limit.rule in _LOSSES else FULL):
        return
    whose = f"strategy {limit.strategy}" if limit.strategy else limit.account
    unit = "%" if limit.unit == "percent" else ""
    of = f" ({limit.what})" if limit.what else ""
    text = f"{whose} uses {plain(limit.used)}{unit} of {plain(limit.limit)}{unit} of {limit.rule}{of}; beyond it entries are refused"
    level = CRITICAL if limit.rule in _LOSSES and limit.ratio >= 1 else WARNING
    yield Attention(level, limit.account, "limit", f"{limit.rule} near or beyond its limit", text, None, limit.rule)
