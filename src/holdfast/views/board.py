"""The market as an account sees it this moment: from its engine's board, or where there is none from what the journal has.

A board counts while the process that writes it has the account and has written it lately. The journal has the market events that made a
strategy ask for something and the prices of fills: they are true, and may be hours old.
"""

import time
from decimal import Decimal

import msgspec

from holdfast.core.messages import Bar, OrderFilled, Quote, Trade
from holdfast.core.milestones import FeedOpened
from holdfast.core.types import SECOND_NS, from_float
from holdfast.journal.board import Board, Commits, FeedBoard, boards
from holdfast.journal.reader import Reader

OLD_S = 3.0
"""A board is written twice a second; one that is older than this, in seconds, is of an engine that stands still or is gone."""
SILENT_S = 10.0
"""An engine that runs and has written none for longer, in seconds, stands still: stopped, or its machine is, or its loop is stuck while threads live."""
READ = 500
"""So many of the journal's latest market events and fills are looked through for prices."""
ENGINE, JOURNAL = "engine", "journal"


class LastPrice(msgspec.Struct, frozen=True):
    """A symbol's last known price."""

    price: Decimal
    """In the symbol's currency."""
    time_ns: int | None
    """When it was heard of, in nanoseconds since 1970; None when that is not known."""


class MarketView(msgspec.Struct, frozen=True):
    """What an account knows of its market."""

    account: str
    """Whose view it is."""
    source: str
    """``engine``: as it is now; ``journal``: as far as the journal tells."""
    why: str
    """Why it is not the engine's; empty when it is."""
    feed: str
    """The feed's name in the configuration; empty for the only one, or when no engine says."""
    kind: str
    """Which feed it is: ``synthetic``, ``file``, or an adapter's name; empty when nothing was ever opened."""
    label: str
    """What people call it."""
    time_ns: int | None
    """The market's time, in nanoseconds since 1970."""
    is_back: bool
    """Whether the engine is through with its start; until then it sees again what it had seen before."""
    age_s: float | None
    """Seconds since the board was written; None without one."""
    prices: dict[str, LastPrice]
    """By symbol."""


def market(reader: Reader, account: str) -> MarketView:
    """What is known of an account's market now. Raises :class:`~holdfast.errors.InvalidValue` when the journal has no such account."""
    found = _newest(reader, account)
    row = reader.account(account)
    if found is None:
        return _recorded(reader, account, "no board: the engine is not running, or on another machine", None)
    board, feed = found
    age_s = (time.time_ns() - board.written_ns) / SECOND_NS
    if board.process != row.process or not reader.is_running(account):
        return _recorded(reader, account, "the engine that wrote the board is gone", age_s)
    if abs(age_s) > OLD_S:
        return _recorded(reader, account, f"the engine has not written its board for {age_s:.0f} s", age_s)
    still_s = (time.time_ns() - board.alive_ns) / SECOND_NS
    if still_s > SILENT_S:
        return _recorded(reader, account, f"the engine's loop has not turned for {still_s:.0f} s", still_s)
    prices = {symbol: LastPrice(from_float(price), time_ns or None) for symbol, (price, time_ns) in feed.prices.items()}
    return MarketView(
        account, ENGINE, "", feed.name, feed.kind, feed.label, feed.time_ns or None, feed.is_back, age_s, prices
    )


def commits(reader: Reader, account: str) -> Commits | None:
    """How the commits of an account's running engine have been; None where none runs on this machine.

    Raises :class:`~holdfast.errors.InvalidValue` when the journal has no such account.
    """
    found, row = _newest(reader, account), reader.account(account)
    if found is None or found[0].process != row.process or not reader.is_running(account):
        return None
    return found[0].commits


def silent_s(reader: Reader, account: str, now_ns: int) -> float | None:
    """Seconds for which an account's running engine has stood still at a time, by its board; None while it writes, or when it is gone or never wrote one.

    Raises :class:`~holdfast.errors.InvalidValue` when the journal has no such account.
    """
    found, row = _newest(reader, account), reader.account(account)
    if found is None or found[0].process != row.process or not reader.is_running(account):
        return None
    age_s = (now_ns - found[0].alive_ns) / SECOND_NS
    return age_s if age_s > SILENT_S else None


def failure(reader: Reader, account: str) -> str | None:
    """Why an account can't go on while its engine does with others; None when that isn't so, or no engine on this machine says it."""
    now_ns = time.time_ns()
    fresh = [board for board in boards(reader.database) if abs(now_ns - board.written_ns) <= OLD_S * SECOND_NS]
    found = [(board.written_ns, board.failures[account]) for board in fresh if account in board.failures]
    return max(found)[1] if found and not reader.is_running(account) else None


def _newest(reader: Reader, account: str) -> tuple[Board, FeedBoard] | None:
    """The latest board that has the account."""
    having = [(board, feed) for board in boards(reader.database) for feed in board.feeds if account in feed.accounts]
    return max(having, key=lambda pair: pair[0].written_ns, default=None)


def _recorded(reader: Reader, account: str, why: str, age_s: float | None) -> MarketView:
    opened = reader.last_record(account, FeedOpened.__name__)
    feed = opened.body if opened is not None and isinstance(opened.body, FeedOpened) else None
    last = reader.last_record(account)
    return MarketView(
        account,
        JOURNAL,
        why,
        "",
        feed.kind if feed else "",
        feed.name if feed else "",
        last.time_ns if last else None,
        False,
        age_s,
        recorded_prices(reader, account),
    )


def recorded_prices(reader: Reader, account: str) -> dict[str, LastPrice]:
    """By symbol the last price among the journal's latest market events and fills."""
    kinds = (Bar, Quote, Trade, OrderFilled)
    found: dict[str, LastPrice] = {}
    for record in reader.last_records(account, READ, *(kind.__name__ for kind in kinds)):
        body = record.body
        price: Decimal | None = None
        if isinstance(body, OrderFilled):
            price = body.price
        elif isinstance(body, Bar):
            price = from_float(body.close)
        elif isinstance(body, Trade):
            price = from_float(body.price)
        elif isinstance(body, Quote) and body.bid and body.ask:
            price = from_float((body.bid + body.ask) / 2)
        if price is not None:
            found.setdefault(str(getattr(body, "symbol", "")), LastPrice(price, record.time_ns))
    return found
