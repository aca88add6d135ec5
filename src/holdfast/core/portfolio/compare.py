"""The books beside what a broker has: where they differ, what can be told of why, and what makes them the same."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from msgspec.structs import replace

from holdfast.core.findings import BookLine, Comparison, ExternalExecution
from holdfast.core.messages import CashDeposited, PositionAdopted
from holdfast.core.orders.order import Order
from holdfast.core.portfolio.portfolio import Portfolio
from holdfast.core.types import NO_MONEY, NO_QUANTITY, ZERO, Money, Price, Quantity, StrategyId, plain

CENT = Decimal("0.01")
"""Cash may differ by less: a broker's is rounded to it."""
SPLIT_TERMS = 50
"""The largest number in a ratio that is taken for a split's; what is larger is hardly one."""
SAME_COST = Decimal("0.01")
"""By so much of itself the cost of a position may differ and still be the same: brokers round average prices."""


class Compared(NamedTuple):
    """``lines`` are every symbol that is held on either side, by name. ``cause`` is that of a difference in cash.

    ``agree``: positions are the same, and cash is but for what rounding hides. ``passes``: what differs are executions that the
    broker lists and that are about to be booked, and nothing else.
    """

    lines: tuple[BookLine, ...]
    cause: str
    agree: bool
    passes: bool


def compare(portfolio: Portfolio, live: Iterable[Order], comparison: Comparison) -> Compared:
    """Compare the sum of the strategies' ledgers with the broker's positions, and cash with its cash."""
    ledgers: defaultdict[str, list[tuple[StrategyId, Quantity]]] = defaultdict(list)
    for strategy, symbol, ledger in portfolio.open_ledgers():
        ledgers[symbol].append((strategy, ledger.quantity))
    theirs: dict[str, tuple[Quantity, Price | None]] = {
        symbol: (quantity, price) for symbol, quantity, price in comparison.positions
    }
    lines = []
    for symbol in sorted({*ledgers, *theirs}):
        ours = Quantity(sum((quantity for _, quantity in ledgers[symbol]), ZERO))
        quantity, price = theirs.get(symbol, (NO_QUANTITY, None))
        line = BookLine(symbol, ours, quantity, price, tuple(ledgers[symbol]))
        lines.append(
            line if line.agrees else replace(line, cause=_cause(line, portfolio, live, comparison.external_executions))
        )
    owed = comparison.cash - portfolio.cash
    cash_agrees = abs(owed) < CENT
    agrees = cash_agrees and all(line.agrees for line in lines)
    passes = not agrees and _is_of_external_executions(portfolio, lines, Money(owed), comparison.external_executions)
    return Compared(tuple(lines), "" if cash_agrees else _cash_cause(lines, passes=passes), agrees, passes)


def _is_of_external_executions(
    portfolio: Portfolio, lines: Sequence[BookLine], owed: Money, external_executions: Sequence[ExternalExecution]
) -> bool:
    """Whether executions that wait to be booked are the whole difference, in every symbol and in cash."""
    moved: defaultdict[str, Decimal] = defaultdict(Decimal)
    for execution in external_executions:
        moved[execution.symbol] += execution.quantity
    paid = cost_by_currency(portfolio, ((each.symbol, each.quantity, each.price) for each in external_executions)).get(
        "", NO_MONEY
    )
    differing = {line.symbol: line.theirs - line.ours for line in lines if not line.agrees}
    return differing == {symbol: by for symbol, by in moved.items() if by} and abs(owed + paid) <= CENT * len(
        external_executions
    )


def _cause(
    line: BookLine, portfolio: Portfolio, live: Iterable[Order], external_executions: Sequence[ExternalExecution]
) -> str:
    """What can be told of why a position differs; the likeliest first, and honestly nothing where nothing fits."""
    missing = line.theirs - line.ours
    found = [execution for execution in external_executions if execution.symbol == line.symbol]
    if found and sum((execution.quantity for execution in found), ZERO) == missing:
        orders = ", ".join(sorted({execution.broker_order_id for execution in found}))
        return f"executions of order {orders}, which is not ours, are not booked yet"
    for order in live:
        terms = order.terms
        if terms.symbol == line.symbol and terms.side.sign * missing > 0 and abs(missing) <= order.remaining:
            key = terms.client_order_id
            return f"order {key} may have filled {plain(abs(missing))}: the broker lists no such execution yet"
    ratio = _split(line, portfolio)
    if ratio is not None:
        return f"as after a split or stock dividend of {ratio.numerator} for {ratio.denominator}: its cost is unchanged"
    if not line.theirs:
        return "unknown: it is gone at the broker, and no order or execution there explains it"
    return "unknown: no order or execution at the broker explains it"


def _split(line: BookLine, portfolio: Portfolio) -> Fraction | None:
    """The ratio of a split, if one would make this difference: another quantity for the same cost."""
    if line.price is None or line.ours * line.theirs <= 0:
        return None
    cost = portfolio.lines[line.symbol].cost
    if abs(portfolio.worth(line.symbol, line.theirs, line.price) - cost) > abs(cost) * SAME_COST:
        return None
    ratio = Fraction(line.theirs) / Fraction(line.ours)
    return ratio if max(ratio.numerator, ratio.denominator) <= SPLIT_TERMS else None


def _cash_cause(lines: Sequence[BookLine], *, passes: bool) -> str:
    if passes:
        return "executions that are not booked yet"
    if all(line.agrees for line in lines):
        return "money moved without a trade: a deposit, a withdrawal, a dividend, interest or a fee"
    return "unknown: positions differ too"


def take_over(
    portfolio: Portfolio,
    comparison: Comparison,
    lines: Sequence[BookLine],
    price_of: Callable[[str], Price | None],
) -> Iterator[CashDeposited | PositionAdopted]:
    """The records that bring the books to what the broker has, to the last digit.

    A difference in a position is taken over at the last price, so that it is neither a gain nor a loss of the day; where none is
    known at the broker's average price, or at what it cost here.
    """
    missing = [(line, Quantity(line.theirs - line.ours)) for line in lines if not line.agrees]
    priced = [(line.symbol, quantity, _price(portfolio, line, price_of)) for line, quantity in missing]
    costs = cost_by_currency(portfolio, priced)
    amount = Money(comparison.cash - portfolio.cash + costs.pop("", NO_MONEY))
    if amount:
        yield CashDeposited(amount, comparison.reason)
    for currency, cost in costs.items():
        yield CashDeposited(cost, comparison.reason, currency)
    for symbol, quantity, price in priced:
        yield PositionAdopted(symbol, quantity, price, comparison.reason)


def cost_by_currency(portfolio: Portfolio, held: Iterable[tuple[str, Quantity, Price]]) -> dict[str, Money]:
    """What positions cost at these prices, each in what it is paid in; the account's own currency is under an empty name."""
    costs: dict[str, Money] = {}
    for symbol, quantity, price in held:
        currency = portfolio.currency_of(symbol)
        costs[currency] = Money(costs.get(currency, NO_MONEY) + portfolio.worth(symbol, quantity, price))
    return costs


def _price(portfolio: Portfolio, line: BookLine, price_of: Callable[[str], Price | None]) -> Price:
    known = price_of(line.symbol) or line.price
    return known if known is not None else Price(portfolio.lines[line.symbol].average_price)
