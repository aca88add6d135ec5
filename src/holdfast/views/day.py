"""The numbers of one trading day of one account, out of the journal: orders, fills, profit, slippage, refusals, incidents.

A day is the account's own: from the record with which it begins to the one with which the next begins.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import NamedTuple

import msgspec

from holdfast.core.adjustments import AccountAdjusted, CashDeposited
from holdfast.core.arithmetic import EXACT, use_exact
from holdfast.core.listings import CurrencyRate
from holdfast.core.messages import (
    Envelope,
    FillBusted,
    OrderFilled,
    OrderPrepared,
    OrderRejected,
    PnlSnapshot,
    PositionAdopted,
    RiskApproved,
    RiskRefused,
)
from holdfast.core.milestones import EngineStarted, TradingDayStarted
from holdfast.core.types import ZERO, OrderType, Side
from holdfast.errors import InvalidValue
from holdfast.journal.reader import FillRow, Reader
from holdfast.views.incidents import INCIDENTS, Incident, incidents
from holdfast.views.trips import trips
from holdfast.views.worth import Worth

READ = (RiskApproved, RiskRefused, OrderPrepared, OrderRejected, OrderFilled, FillBusted)
"""What a day's numbers are counted from, beside its valuations and its incidents."""
MOVES = (CashDeposited, AccountAdjusted, PositionAdopted, CurrencyRate)
"""What changes an account's worth without a valuation being made."""
BPS = 10_000
"""Hundredths of a percent of a whole."""


class DayPnl(msgspec.Struct, frozen=True):
    """What a day has earned, in the account's currency: ``total`` = ``realised`` + ``unrealised`` - ``fees``."""

    start_equity: Decimal
    """What the account was worth as the day began; what was paid in since counts as if it had been there."""
    end_equity: Decimal
    """What it was worth when last valued, or as the next day began."""
    total: Decimal
    """What it won or lost."""
    total_pct: Decimal
    """The same in percent of its worth as the day began."""
    realised: Decimal
    """Of that: profit of what was closed, dividends and interest included."""
    unrealised: Decimal
    """Of that: by how much the profit of what is open has changed, other currencies' rates included."""
    fees: Decimal
    """What trading has cost."""
    valued_ns: int
    """When it was last valued, in nanoseconds since 1970."""


class DaySlippage(msgspec.Struct, frozen=True):
    """By how much fills were worse (above zero) than the prices that they were meant at.

    That is, of a market order, the last price as risk judged it; of a stop order, its stop price. Orders with a limit name their
    price and aren't counted.
    """

    fills: int
    """How many executions are counted."""
    amount: Decimal
    """What it has cost, in the account's currency."""
    bps: Decimal | None
    """The same in hundredths of a percent of what they were meant to be worth; None when nothing is counted."""


class DayTrades(msgspec.Struct, frozen=True):
    """Round trips that ended on the day."""

    count: int
    """How many."""
    wins: int
    """How many made something, fees paid."""
    losses: int
    """How many lost something."""
    best: Decimal | None
    """What the best has come to, in the account's currency; None without one."""
    worst: Decimal | None
    """What the worst has come to."""


class Refused(msgspec.Struct, frozen=True):
    """What was refused for one reason."""

    why: str
    """Risk's rule, or the broker's own words."""
    count: int
    """How often; a strategy's refusal that is the one before once more is not recorded, and isn't counted."""
    text: str
    """What was said the last time."""


class Day(msgspec.Struct, frozen=True):
    """One trading day of one account."""

    account: str
    """Whose day it is."""
    date: str
    """The trading day, ISO, by the account's calendar."""
    currency: str
    """The account's own; empty where it has no name."""
    is_over: bool
    """Whether the next day has begun."""
    began_ns: int
    """When it was begun, in nanoseconds since 1970."""
    last_ns: int
    """The time of its last record."""
    placed: int
    """How many orders were made, those that protect included."""
    orders: dict[str, int]
    """In which state they are now."""
    fills: int
    """How many executions there were, those left out that were undone the same day."""
    bought: Decimal
    """What was bought, in the account's currency."""
    sold: Decimal
    """What was sold."""
    symbols: list[str]
    """What was traded."""
    pnl: DayPnl | None
    """What it earned; None when it was never valued."""
    strategies: dict[str, Decimal]
    """What each strategy has earned, fees paid, by the hourly valuations."""
    trades: DayTrades
    """Round trips that ended."""
    slippage: DaySlippage
    """What executions cost against what they were meant at."""
    refused: list[Refused]
    """What risk refused, by rule, the most frequent first."""
    rejected: list[Refused]
    """What the broker refused, by its words."""
    incidents: dict[str, int]
    """What went wrong, by kind."""
    latest_incidents: list[Incident]
    """The latest of them, the newest last."""


class _Window(NamedTuple):
    """A day's records: after sequence ``first``, that of its begin, and before ``end``, that of the next day's (None: it goes on)."""

    account: str
    first: int
    end: int | None


def day(reader: Reader, account: str, date: str | None = None) -> Day:
    """The numbers of a trading day (ISO date; None: the account's newest).

    Raises :class:`~holdfast.errors.InvalidValue` for a date that is none or of which the account has no records,
    :class:`~holdfast.errors.JournalError` when the journal can't be read.
    """
    use_exact()  # this thread may never have computed for an account
    begins, ends = _bounds(reader, account, date)
    window = _Window(account, begins.sequence, None if ends is None else ends.sequence)
    last = reader.last_records(account, 1, before=window.end)[0]
    span = begins.time_ns, last.time_ns + 1 if ends is None else ends.time_ns
    records = reader.records_of(account, READ, window.first, window.end)
    fills = _fills(records)
    rows = reader.fills_between(account, window.first, window.end or last.sequence)
    worth = Worth(reader, account, {row.symbol for row in rows}, window.end)
    found = incidents(reader, account, window.first, window.end)
    started = reader.last_record(account, EngineStarted.__name__)
    sides = {side: sum((_value(fill, worth) for fill in fills if fill.side is side), ZERO) for side in Side}
    return Day(
        account=account,
        date=_date_of(begins),
        currency=started.body.currency if started and isinstance(started.body, EngineStarted) else "",
        is_over=ends is not None,
        began_ns=begins.time_ns,
        last_ns=last.time_ns,
        placed=sum(isinstance(record.body, OrderPrepared) for record in records),
        orders=_states(reader, account, records, *span),
        fills=len(fills),
        bought=sides[Side.BUY],
        sold=sides[Side.SELL],
        symbols=sorted({fill.symbol for fill in fills}),
        pnl=_pnl(reader, window, ends),
        strategies=_strategies(reader, window, begins, ends),
        trades=_trades(reader, window, rows, worth, span),
        slippage=_slippage(reader, account, records, fills, worth),
        refused=_refused(records),
        rejected=_rejected(records),
        incidents=dict(Counter(incident.kind for incident in found).most_common()),
        latest_incidents=found[-INCIDENTS:],
    )


def trading_days(reader: Reader, account: str) -> list[str]:
    """The dates of which an account has records, in order. Raises :class:`~holdfast.errors.InvalidValue` when there is no such account."""
    reader.account(account)
    return [_date_of(record) for record in reader.records_of(account, (TradingDayStarted,))]


# --- which records ----------------------------------------------------------------------------------------------------


def _date_of(begins: Envelope) -> str:
    return begins.body.trading_day if isinstance(begins.body, TradingDayStarted) else ""


def _bounds(reader: Reader, account: str, date: str | None) -> tuple[Envelope, Envelope | None]:
    """The records with which the day and the one after it begin; None for that when it hasn't."""
    reader.account(account)
    begun = reader.records_of(account, (TradingDayStarted,))
    if not begun:
        raise InvalidValue(f"account {account} has no trading day yet: nothing of a market was seen")
    if date is None:
        return begun[-1], None
    dates = [_date_of(record) for record in begun]
    if date not in dates:
        raise InvalidValue(_no_day(account, date, dates))
    place = dates.index(date)
    return begun[place], begun[place + 1] if place + 1 < len(begun) else None


def _no_day(account: str, date: str, dates: Sequence[str]) -> str:
    try:
        dt.date.fromisoformat(date)
    except ValueError:
        return f"{date!r} is no date; write it as {dates[-1]}"
    near = get_close_matches(date, dates, n=1)
    hint = f"the nearest is {near[0]}" if near else f"there are {dates[0]} to {dates[-1]}"
    return f"account {account} has no records of the trading day {date}; {hint}"


# --- orders -----------------------------------------------------------------------------------------------------------


def _states(reader: Reader, account: str, records: Iterable[Envelope], since_ns: int, until_ns: int) -> dict[str, int]:
    """The states of the day's orders, the most frequent first."""
    made = {record.body.terms.client_order_id for record in records if isinstance(record.body, OrderPrepared)}
    rows = reader.orders_made(account, since_ns, until_ns) if made else []
    return dict(Counter(row.state for row in rows if row.client_order_id in made).most_common())


def _fills(records: Sequence[Envelope]) -> list[OrderFilled]:
    """The executions; neither those that were undone on the day nor what undid them."""
    undone = {record.body.execution_id for record in records if isinstance(record.body, FillBusted)}
    filled = [record.body for record in records if isinstance(record.body, OrderFilled)]
    return [fill for fill in filled if fill.execution_id not in undone]


def _value(fill: OrderFilled, worth: Worth) -> Decimal:
    return worth.in_base(fill.symbol, fill.quantity * fill.price * worth.unit(fill.symbol))


def _slippage(
    reader: Reader, account: str, records: Sequence[Envelope], fills: Sequence[OrderFilled], worth: Worth
) -> DaySlippage:
    approved = {r.body.terms.client_order_id: r.body for r in records if isinstance(r.body, RiskApproved)}
    count, cost, meant = 0, ZERO, ZERO
    for fill in fills:
        known = approved.get(fill.client_order_id) or _approved_before(reader, account, fill.client_order_id)
        price = None if known is None else _meant_at(known)
        if price is None:
            continue
        per_price = fill.quantity * worth.unit(fill.symbol)
        count += 1
        cost += worth.in_base(fill.symbol, (fill.price - price) * fill.side.sign * per_price)
        meant += worth.in_base(fill.symbol, price * per_price)
    return DaySlippage(count, cost, round(EXACT.divide(cost * BPS, meant), 4) if meant else None)


def _meant_at(approved: RiskApproved) -> Decimal | None:
    terms = approved.terms
    if terms.order_type is OrderType.MARKET:
        return approved.reference_price
    return terms.stop_price if terms.order_type is OrderType.STOP else None


def _approved_before(reader: Reader, account: str, client_order_id: str) -> RiskApproved | None:
    """What risk said of an order of an earlier day; None for one from elsewhere."""
    created_ns = reader.order(client_order_id).created_ns
    for record in reader.records_at(account, created_ns, RiskApproved):
        if isinstance(record.body, RiskApproved) and record.body.terms.client_order_id == client_order_id:
            return record.body
    return None


def _refused(records: Iterable[Envelope]) -> list[Refused]:
    said = [(record.body.rule, record.body.text) for record in records if isinstance(record.body, RiskRefused)]
    return _counted(said)


def _rejected(records: Iterable[Envelope]) -> list[Refused]:
    said = [(record.body.reason, record.body.reason) for record in records if isinstance(record.body, OrderRejected)]
    return _counted(said)


def _counted(said: Sequence[tuple[str, str]]) -> list[Refused]:
    last = dict(said)
    return [Refused(why, count, last[why]) for why, count in Counter(why for why, _ in said).most_common()]


# --- money ------------------------------------------------------------------------------------------------------------


def _pnl(reader: Reader, window: _Window, ends: Envelope | None) -> DayPnl | None:
    account = window.account
    newest = reader.last_records(account, 1, PnlSnapshot.__name__, after=window.first, before=window.end)
    if not newest or not isinstance(newest[0].body, PnlSnapshot):
        return None
    last, body = newest[0], newest[0].body
    before = reader.last_records(account, 1, PnlSnapshot.__name__, before=window.first)
    old = before[0].body if before else None
    realised, fees = (old.realised, old.fees) if isinstance(old, PnlSnapshot) else (ZERO, ZERO)
    start, end, valued_ns = body.day_start_equity, body.equity, last.time_ns
    if ends is not None and isinstance(ends.body, TradingDayStarted):
        moved = reader.last_records(
            account, 1, *(kind.__name__ for kind in MOVES), after=last.sequence, before=window.end
        )
        if not moved:  # it is the worth at the last prices of all, and nothing else has changed it
            end, valued_ns = ends.body.day_start_equity, ends.time_ns
    total, closed, paid = end - start, body.realised - realised, body.fees - fees
    return DayPnl(
        start_equity=start,
        end_equity=end,
        total=total,
        total_pct=round(EXACT.divide(total * 100, start), 6) if start else ZERO,
        realised=closed,
        unrealised=total - closed + paid,
        fees=paid,
        valued_ns=valued_ns,
    )


def _strategies(reader: Reader, window: _Window, begins: Envelope, ends: Envelope | None) -> dict[str, Decimal]:
    """What each strategy has earned, by the begin of the next day or the last hourly valuation."""
    if not isinstance(begins.body, TradingDayStarted):
        return {}
    end = ends.body.strategy_pnl if ends is not None and isinstance(ends.body, TradingDayStarted) else None
    if end is None:
        found = reader.records_of(window.account, (PnlSnapshot,), window.first, window.end)
        each = (record.body.strategy_pnl for record in found if isinstance(record.body, PnlSnapshot))
        end = next((pnl for pnl in reversed(list(each)) if pnl), {})
    start = begins.body.strategy_pnl
    return {str(strategy): pnl - start.get(strategy, ZERO) for strategy, pnl in sorted(end.items())}


def _trades(
    reader: Reader, window: _Window, fills: Iterable[FillRow], worth: Worth, span: tuple[int, int]
) -> DayTrades:
    """The round trips that ended within a span of time, of the strategies that have traded."""
    profits = [
        worth.in_base(trip.symbol, trip.profit)
        for strategy, symbol in sorted({(fill.strategy, fill.symbol) for fill in fills})
        for trip in trips(reader, window.account, strategy, symbol, worth.unit(symbol))
        if trip.exit_ns is not None and span[0] <= trip.exit_ns < span[1]
    ]
    return DayTrades(
        count=len(profits),
        wins=sum(profit > 0 for profit in profits),
        losses=sum(profit < 0 for profit in profits),
        best=max(profits, default=None),
        worst=min(profits, default=None),
    )
