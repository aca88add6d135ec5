"""What an account is worth and what each strategy has earned, by the journal's own valuations."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from holdfast.core.messages import PnlSnapshot
from holdfast.core.types import MINUTE_NS, ZERO
from holdfast.journal.reader import AccountRow, Reader

CURVE = 10_000
"""How many of the latest valuations a curve has at most: one is made at every fill and every hour."""
STEP_BACK_NS = MINUTE_NS
"""A curve's time that goes back further than clocks are set is another market's."""


class Valuation(msgspec.Struct, frozen=True):
    """The account's newest valuation; one is made at every fill and every hour. Amounts are in its currency."""

    equity: Decimal
    """Cash and what positions are worth."""
    cash: Decimal
    """What is not in positions, of the account's own currency."""
    day_pnl: Decimal
    """Equity now less equity at the trading day's begin."""
    day_pnl_pct: Decimal
    """The same in percent of the equity at the day's begin."""
    valued_ns: int | None
    """When it was made, in nanoseconds since 1970; None for an account that has traded nothing yet."""
    realised: Decimal | None = None
    """Profit of what was closed."""
    unrealised: Decimal | None = None
    """Profit of what is open, at the last prices."""
    fees: Decimal | None = None
    """What trading has cost."""
    gross_exposure: Decimal | None = None
    """What all positions are worth together, short ones without their sign."""
    balances: dict[str, Decimal] = {}
    """The cash of other currencies, each in itself."""


class StrategyPerformance(msgspec.Struct, frozen=True):
    """What a strategy has earned so far. Amounts are in the account's currency."""

    strategy: str
    """Its id."""
    realised: Decimal
    """Profit of what it closed."""
    fees: Decimal
    """What its trades have cost."""
    fills: int
    """How many executions it had."""

    @property
    def net(self) -> Decimal:
        """Realised profit less fees."""
        return self.realised - self.fees


class Point(msgspec.Struct, frozen=True):
    """One valuation of a curve."""

    time_ns: int
    """When it was made, in nanoseconds since 1970."""
    equity: Decimal
    """What the account was worth, in its currency."""


class Performance(msgspec.Struct, frozen=True):
    """How an account did."""

    account: str
    """Its name."""
    valuation: Valuation | None
    """What it is worth; None before anything is known of its money."""
    strategies: list[StrategyPerformance]
    """By id."""
    curve: list[Point]
    """Its latest valuations, the oldest first, and never an earlier one after a later; `CURVE` of them unless fewer are asked for."""
    max_drawdown_pct: Decimal
    """The deepest fall from a peak of the curve, in percent of the peak; paying money out looks like one."""


def valuation(reader: Reader, row: AccountRow) -> Valuation | None:
    """What the account of ``row`` is worth; None while a start has yet to hear what the broker has."""
    if not row.last_sequence:
        return None
    last = reader.last_record(row.account, PnlSnapshot.__name__)
    if last is None or not isinstance(last.body, PnlSnapshot):
        return Valuation(row.cash, row.cash, ZERO, ZERO, None)
    body = last.body
    start = body.day_start_equity
    return Valuation(
        equity=body.equity,
        cash=row.cash,
        day_pnl=body.equity - start,
        day_pnl_pct=round((body.equity / start - 1) * 100, 6) if start else ZERO,
        valued_ns=last.time_ns,
        realised=body.realised,
        unrealised=body.unrealised,
        fees=body.fees,
        balances=dict(body.balances),
        gross_exposure=body.gross_exposure,
    )


def performance(reader: Reader, account: str, points: int = CURVE) -> Performance:
    """How an account did, by its latest so many valuations. Raises :class:`~holdfast.errors.InvalidValue` when the journal has no such account."""
    row = reader.account(account)
    newest = reader.last_records(account, points, PnlSnapshot.__name__)
    curve = in_order(
        Point(record.time_ns, record.body.equity) for record in reversed(newest) if isinstance(record.body, PnlSnapshot)
    )
    return Performance(account, valuation(reader, row), _strategies(reader, account), curve, _drawdown_pct(curve))


def in_order(points: Iterable[Point]) -> list[Point]:
    """A curve whose times never step back.

    A clock that was set back by moments lets points stand at the same time. Where the market's time goes back further, another market has
    begun (other data, an earlier day): one line can't show both, and shows what came last.
    """
    curve: list[Point] = []
    for point in points:
        last_ns = curve[-1].time_ns if curve else point.time_ns
        if last_ns - point.time_ns > STEP_BACK_NS:
            curve = [point]
        else:
            curve.append(Point(max(point.time_ns, last_ns), point.equity))
    return curve


def _strategies(reader: Reader, account: str) -> list[StrategyPerformance]:
    earned: dict[str, tuple[Decimal, Decimal]] = {}
    for row in reader.positions(account):
        if row.strategy:
            realised, fees = earned.get(row.strategy, (ZERO, ZERO))
            earned[row.strategy] = realised + row.realised, fees + row.fees
    fills = reader.fills_by_strategy(account)
    return [
        StrategyPerformance(strategy, realised, fees, fills.get(strategy, 0))
        for strategy, (realised, fees) in sorted(earned.items())
    ]


def _drawdown_pct(curve: list[Point]) -> Decimal:
    peak, deepest = ZERO, ZERO
    for point in curve:
        peak = max(peak, point.equity)
        if peak > 0:
            deepest = max(deepest, (peak - point.equity) / peak * 100)
    return round(deepest, 6)
