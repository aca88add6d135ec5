"""A difference in money between two sides of one trade, split into parts that add up to it exactly.

All trades are valued at the same last prices, so the account's whole difference is the sum of its trades'. Only sums and products of
exact decimals are taken, never a quotient, so nothing is rounded. docs/parity.md has the formulas.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from holdfast.core.types import ZERO
from holdfast.parity.asks import EXTERNAL, SIGNAL, Fill
from holdfast.parity.pairs import Pair
from holdfast.parity.prices import Moment


class Part(StrEnum):
    """What a difference comes from."""

    MISSED = "missed"  # asked for in the backtest only
    EXTRA = "extra"  # asked for in the session only
    REFUSED = "refused"  # by risk or by the broker, on one side only
    PARTIAL = "partial"  # not filled, filled in part, or filled in pieces later
    SIZE = "size"  # another quantity was ordered, for the account stood otherwise
    DATA = "data"  # the session saw another price at the decision than the data have
    LATENCY = "latency"  # the market moved between the two sides' executions
    SLIPPAGE = "slippage"  # the rest of the difference in price
    FEES = "fees"
    BOOKINGS = "bookings"  # money that came or went without a trade


Parts = dict[Part, Decimal]
Piece = tuple[Fill, Decimal]
"""A fill, and how much of it."""


class Marks(NamedTuple):
    """Prices of the data: at the moments of fills, and the last of each symbol; and what a price of 1 for one unit is worth."""

    at: Mapping[Moment, Decimal]
    last: Mapping[str, Decimal]
    unit: Mapping[str, Decimal]


def moment_of(fill: Fill) -> Moment:
    """The moment at which a fill's market price is looked up."""
    return Moment(fill.symbol, fill.time_ns, fill.at_open, fill.side)


def worth(fills: Sequence[Fill], last: Mapping[str, Decimal], unit: Mapping[str, Decimal]) -> Decimal:
    """What fills have earned by the last price, less their fees."""
    return sum((_worth((fill, fill.quantity), last, unit) - fill.fee for fill in fills), ZERO)


def _worth(piece: Piece, last: Mapping[str, Decimal], unit: Mapping[str, Decimal]) -> Decimal:
    fill, quantity = piece
    return fill.side.sign * quantity * (last[fill.symbol] - fill.price) * unit[fill.symbol]


class Splitter:
    """Splits pair after pair, in the order of time.

    Where one side has traded more, the other lacks a position from then on, and what closes it later differs too, for no reason of its own:
    that is put to what opened the gap.
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._gaps: defaultdict[tuple[str, str], list[tuple[Part, Decimal]]] = defaultdict(list)

    def split(self, pair: Pair) -> Parts:
        """The parts of a pair's difference, what the session earned more than the backtest. Those of nothing are left out."""
        parts: defaultdict[Part, Decimal] = defaultdict(lambda: ZERO)
        live = list(pair.live.fills) if pair.live is not None else []
        backtest = list(pair.backtest.fills) if pair.backtest is not None else []
        opposite = _are_opposite(live, backtest)  # a target may lie on either side of what is held
        common_live, more_live = _cut(live, ZERO if opposite else _total(backtest))
        common_backtest, more_backtest = _cut(backtest, ZERO if opposite else _total(live))
        fees = _fees(backtest) - _fees(live)
        surplus = [(piece, 1) for piece in more_live] + [(piece, -1) for piece in more_backtest]
        if surplus:
            parts[self._put_surplus(pair, surplus, parts)] += fees
        else:
            parts[Part.FEES] += fees
        if common_live:
            self._compare_prices(pair, common_live, common_backtest, parts)
        return {part: parts[part] for part in Part if parts.get(part)}

    # --- another quantity ---

    def _put_surplus(self, pair: Pair, surplus: list[tuple[Piece, int]], parts: defaultdict[Part, Decimal]) -> Part:
        """Put what only one side has traded to its causes; gives back the first of them."""
        ask = pair.either
        gaps = self._gaps[ask.strategy, ask.symbol]
        own = _causes(pair, sum((quantity for (_, quantity), _ in surplus), ZERO))
        first: Part | None = None
        for (fill, quantity), sign in surplus:
            value = _worth((fill, Decimal(1)), self._marks.last, self._marks.unit) * sign
            rest, direction = quantity, fill.side.sign * sign
            while rest:
                cause, taken = _next_cause(gaps, own, rest, direction)
                parts[cause] += value * taken
                rest -= taken
                first = first or cause
        assert first is not None  # noqa: S101 - a surplus is of something
        return first

    # --- other prices ---

    def _compare_prices(
        self, pair: Pair, live: list[Piece], backtest: list[Piece], parts: defaultdict[Part, Decimal]
    ) -> None:
        """The same quantity at other prices: what the session paid less is above zero."""
        fill = live[0][0]
        scale = fill.side.sign * self._marks.unit[fill.symbol]
        whole = (_notional(backtest) - _notional(live)) * scale
        if pair.either.is_priced:  # it names its price, and the market's matters less than when it came there
            same = [each[0].time_ns for each in live] == [each[0].time_ns for each in backtest]
            parts[Part.SLIPPAGE if same else Part.LATENCY] += whole
            return
        quantity = _quantity(live)
        moved = (self._price(backtest[0][0]) - self._price(fill)) * quantity * scale
        later = (self._later(backtest) - self._later(live)) * scale
        seen = self._seen_otherwise(pair) * -quantity * scale
        parts[Part.DATA] += seen
        parts[Part.LATENCY] += moved
        parts[Part.PARTIAL] += later
        parts[Part.SLIPPAGE] += whole - seen - moved - later

    def _price(self, fill: Fill) -> Decimal:
        return self._marks.at.get(moment_of(fill), fill.price)

    def _later(self, pieces: list[Piece]) -> Decimal:
        """What the market had moved by until each piece, from the first on."""
        first = self._price(pieces[0][0])
        return sum((quantity * (self._price(fill) - first) for fill, quantity in pieces), ZERO)

    @staticmethod
    def _seen_otherwise(pair: Pair) -> Decimal:
        """How much higher the price was that the session decided by, at the same market time."""
        live, backtest = pair
        if live is None or backtest is None or live.seen is None or backtest.seen is None:
            return ZERO
        return live.seen - backtest.seen if live.time_ns == backtest.time_ns else ZERO


def _next_cause(
    gaps: list[tuple[Part, Decimal]], own: list[tuple[Part, Decimal]], rest: Decimal, direction: int
) -> tuple[Part, Decimal]:
    """The next cause of a surplus in a direction, and how much of the rest it explains: gaps that it closes first, the oldest first."""
    if gaps and gaps[0][1] * direction < 0:
        cause, open_quantity = gaps[0]
        taken = min(rest, abs(open_quantity))
        left = open_quantity + taken * direction
        gaps[:1] = [(cause, left)] if left else []
        return cause, taken
    cause, quantity = own[0]
    taken = min(rest, quantity) if len(own) > 1 else rest
    own[:1] = [(cause, quantity - taken)] if quantity > taken or len(own) == 1 else []
    gaps.append((cause, taken * direction))
    return cause, taken


def _causes(pair: Pair, surplus: Decimal) -> list[tuple[Part, Decimal]]:
    """Why one side has traded ``surplus`` more, in itself: causes and how much each explains; the last takes the rest."""
    live, backtest = pair
    if live is None or backtest is None:
        return [(_alone(pair), surplus)]
    if _are_opposite(live.fills, backtest.fills):
        return [(Part.SIZE, surplus)]
    less, more = (live, backtest) if live.filled < backtest.filled else (backtest, live)
    if (less.rules and not more.rules) or less.is_rejected:
        return [(Part.REFUSED, surplus)]
    smaller = max(ZERO, min(more.filled, more.ordered) - less.ordered)
    if smaller and not (less.ends and not less.ordered):
        return [(Part.SIZE, smaller), (Part.PARTIAL, surplus)]
    return [(Part.PARTIAL, surplus)]


def _alone(pair: Pair) -> Part:
    """The cause of an ask that only one side has. What the engine adds by itself belongs to no side's decision."""
    ask = pair.either
    if ask.parent is None or ask.kind in (SIGNAL, EXTERNAL):
        return Part.MISSED if pair.live is None else Part.EXTRA
    return Part.PARTIAL  # a leg whose entry did not trade there closes that gap; else it was not placed


def _are_opposite(live: Sequence[Fill], backtest: Sequence[Fill]) -> bool:
    """Whether one side has bought what the other has sold."""
    return bool(live and backtest) and live[0].side is not backtest[0].side


def _cut(fills: Sequence[Fill], quantity: Decimal) -> tuple[list[Piece], list[Piece]]:
    """The first fills up to a quantity, and what is beyond it."""
    within: list[Piece] = []
    beyond: list[Piece] = []
    for fill in fills:
        part = min(quantity, fill.quantity)
        quantity -= part
        if part:
            within.append((fill, part))
        if fill.quantity > part:
            beyond.append((fill, fill.quantity - part))
    return within, beyond


def _total(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.quantity for fill in fills), ZERO)


def _quantity(pieces: Sequence[Piece]) -> Decimal:
    return sum((quantity for _, quantity in pieces), ZERO)


def _notional(pieces: Sequence[Piece]) -> Decimal:
    return sum((quantity * fill.price for fill, quantity in pieces), ZERO)


def _fees(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.fee for fill in fills), ZERO)
