"""``holdfast compare``: two accounts that the same strategies trade, trade by trade: paper beside a broker, or one broker beside another."""

import heapq
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from holdfast.cli import terminal
from holdfast.cli.parity import days_of, time_ns_of
from holdfast.cli.place import JOURNAL, config_for_reading, known_account
from holdfast.cli.side_by_side import Heading, as_values, show
from holdfast.cli.target import STDOUT, target_of, written
from holdfast.cli.terminal import many, when
from holdfast.config import Config
from holdfast.core.messages import Bar, Quote, Trade
from holdfast.core.state import EngineState
from holdfast.core.types import SECOND_NS, ZERO
from holdfast.errors import InvalidValue, Refused
from holdfast.journal.reader import Reader
from holdfast.parity.asks import Asks
from holdfast.parity.prices import find
from holdfast.parity.report import Line, Parity, Terms, compare, moments
from holdfast.views.books import Books
from holdfast.views.encode import Json

BPS = 10_000


class Asked(NamedTuple):
    """What a person wants compared: from when to when (ISO), and how far apart in time decisions may be and still be the same."""

    first: str
    other: str
    since: str | None = None
    until: str | None = None
    within_s: float = 60
    all_trades: bool = False


class Side(NamedTuple):
    """One account: what was asked for in it, and its state now."""

    name: str
    asks: Asks
    state: EngineState


def compare_accounts(config_file: Path | None, asked: Asked, json_to: str | None) -> int:
    """Compare, and report. Raises HoldfastError."""
    target = target_of(json_to)
    config = config_for_reading(config_file, JOURNAL)
    for name in (asked.first, asked.other):
        known_account(config, name)
    if asked.first == asked.other:
        raise InvalidValue(f"{asked.first} is compared with another account, not with itself; name two")
    common = _common(config, asked)
    with Reader.open(config.journal.url) as reader:
        sides = tuple(_side(config, reader, name, common) for name in (asked.first, asked.other))
        found = _compare(reader, (sides[0], sides[1]), asked)
    notes = list(_notes(config, sides, common))
    if json_to == STDOUT:
        terminal.print_json(_json(found, asked, notes))
        return 0
    if target is not None:
        with written(target) as file:
            file.write(msgspec.json.format(msgspec.json.encode(_json(found, asked, notes)), indent=2).decode() + "\n")
    heading = Heading(
        f"{asked.first} and {asked.other}", "the same strategies on two accounts", (asked.first, asked.other)
    )
    bps = price_bps(found.lines)
    if bps is not None:
        notes.insert(
            0, f"prices of what both traded: {abs(bps):.2f} bps {'worse' if bps > 0 else 'better'} in {asked.first}"
        )
    show(terminal.console(), found, heading, notes, all_trades=asked.all_trades)
    return 0


def price_bps(lines: list[Line]) -> Decimal | None:
    """How much dearer the first side bought, and cheaper it sold, than the other, of what both traded; in basis points. None of nothing."""
    worse = whole = ZERO
    for line in lines:
        ours, theirs = line.live, line.backtest
        if ours is None or theirs is None or ours.price is None or theirs.price is None:
            continue
        quantity = min(ours.filled, theirs.filled)
        sign = 1 if line.side == "buy" else -1
        worse += sign * quantity * (ours.price - theirs.price)
        whole += quantity * theirs.price
    return worse / whole * BPS if whole else None


def _common(config: Config, asked: Asked) -> set[str]:
    """The strategies that trade both accounts. Raises InvalidValue where there is none."""
    first, other = ({str(row.id) for row in config.strategies_on(name)} for name in (asked.first, asked.other))
    if not first & other:
        raise InvalidValue(
            f"no strategy trades both {asked.first} ({', '.join(sorted(first)) or 'none'}) and {asked.other} "
            f'({", ".join(sorted(other)) or "none"}); `accounts = ["{asked.first}", "{asked.other}"]` lets one trade both'
        )
    return first & other


def _side(config: Config, reader: Reader, name: str, common: set[str]) -> Side:
    asks = Asks()
    asks.take_all(reader.records(name))
    if asks.started_ns is None or asks.last is None:
        raise InvalidValue(f"nothing is recorded of account {name}: it was never started")
    asks.all = [ask for ask in asks.all if ask.strategy in common]
    asks.bookings = []  # money that came or went without a trade is no strategy's
    return Side(name, asks, Books(config).whole(reader, name).state)


def _compare(reader: Reader, sides: tuple[Side, Side], asked: Asked) -> Parity:
    """Over the time that both have. Raises InvalidValue where there is none, Refused for what can't be compared in money."""
    first, other = sides
    began_ns, until_ns = _time(sides, asked)
    within_ns = int(asked.within_s * SECOND_NS)
    for side in sides:
        side.asks.all = [ask for ask in side.asks.all if began_ns - within_ns <= ask.time_ns <= until_ns]
    symbols = {fill.symbol for side in sides for ask in side.asks.all for fill in ask.fills}
    _check_money(sides, symbols)
    events = heapq.merge(*(_market(reader, side.name, until_ns) for side in sides), key=lambda event: event.time_ns)
    day_of = days_of(first.state.calendar)
    prices = find(events, moments([first.asks, other.asks]), day_of)
    last = _last_prices(sides, symbols)
    unit = {symbol: first.state.portfolio.unit(symbol) for symbol in symbols}
    names = (first.name, other.name)
    since_ns = time_ns_of(asked.since, "--from") or 0
    terms = Terms(prices, last, unit, day_of, ZERO, within_ns, since_ns, names)
    return compare(first.name, first.asks, other.asks, terms)


def _time(sides: tuple[Side, Side], asked: Asked) -> tuple[int, int]:
    """From when to when both were there."""
    began_ns = max(side.asks.started_ns or 0 for side in sides)
    ended_ns = min(side.asks.last.time_ns for side in sides if side.asks.last is not None)
    since_ns, asked_ns = time_ns_of(asked.since, "--from") or 0, time_ns_of(asked.until, "--to")
    until_ns = ended_ns if asked_ns is None else min(ended_ns, asked_ns)
    if max(began_ns, since_ns) >= until_ns:
        raise InvalidValue(
            f"there is no such time in which both {sides[0].name} and {sides[1].name} traded: both were there from {when(began_ns)}, "
            f"and both have records up to {when(ended_ns)}"
        )
    return began_ns, until_ns


def _check_money(sides: tuple[Side, Side], symbols: set[str]) -> None:
    first, other = (side.state.portfolio for side in sides)
    for symbol in sorted(symbols):
        if first.currency_of(symbol) != other.currency_of(symbol) or first.unit(symbol) != other.unit(symbol):
            raise Refused(
                f"{symbol} is another instrument in {sides[1].name} than in {sides[0].name}: it can't be compared in money"
            )


def _market(reader: Reader, account: str, until_ns: int) -> Iterator[Bar | Quote | Trade]:
    """The market events that the account recorded: those that made a strategy ask for something."""
    for record in reader.records(account):
        if isinstance(record.body, Bar | Quote | Trade) and record.body.time_ns <= until_ns:
            yield record.body


def _last_prices(sides: tuple[Side, Side], symbols: set[str]) -> dict[str, Decimal]:
    """Of each symbol one price, by which both sides are valued: what the first account knows, or the other, or the last fill's."""
    found: dict[str, Decimal] = {}
    for symbol in symbols:
        fills = [fill for side in sides for ask in side.asks.all for fill in ask.fills if fill.symbol == symbol]
        known = [price for side in sides if (price := side.state.price(symbol)) is not None]
        found[symbol] = known[0] if known else max(fills, key=lambda fill: fill.time_ns).price
    return found


def _notes(config: Config, sides: tuple[Side, ...], common: set[str]) -> Iterator[str]:
    for side in sides:
        alone = sorted({str(row.id) for row in config.strategies_on(side.name)} - common)
        if alone:
            yield f"only {side.name} has {', '.join(alone)}: not compared"
        away = [gap for gap in side.asks.gaps if gap.until_ns > gap.since_ns]
        if away:
            yield f"no engine was there for {side.name} {many(len(away), 'time')}, first from {when(away[0].since_ns)} to {when(away[0].until_ns)}"


def _json(found: Parity, asked: Asked, notes: list[str]) -> Json:
    """The sides by the accounts' names' places: ``first`` and ``other``."""
    bps = price_bps(found.lines)
    values = _renamed(as_values(found, notes))
    del values["account"]
    return {"first": asked.first, "other": asked.other, "price_bps": None if bps is None else f"{bps:.4f}", **values}


def _renamed(values: Json) -> Json:
    names = {
        "live": "in_first",
        "backtest": "in_other",
        "live_profit": "first_profit",
        "backtest_profit": "other_profit",
    }
    return {
        names.get(key, key): [_renamed(row) if isinstance(row, dict) else row for row in value]
        if isinstance(value, list)
        else value
        for key, value in values.items()
    }
