"""``holdfast parity``: a recorded session against a backtest of the same time."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from holdfast.assembly import build_feed
from holdfast.backtesting.rerun import Rerun
from holdfast.cli import terminal
from holdfast.cli.backtest import check_data, with_data
from holdfast.cli.place import config_for_reading, the_account
from holdfast.cli.progress import watched
from holdfast.cli.target import STDOUT, target_of, written
from holdfast.cli.terminal import (
    BAD,
    DIM,
    GOOD,
    WARN,
    Cell,
    Column,
    count,
    facts,
    many,
    money,
    price,
    signed,
    table,
    when,
)
from holdfast.config import AccountConfig, Config
from holdfast.core.adjustments import CashDeposited
from holdfast.core.messages import PAPER, Envelope, PositionAdopted
from holdfast.core.milestones import FeedOpened
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import SECOND_NS, ZERO, plain
from holdfast.errors import InvalidValue, Refused
from holdfast.feeds.port import Feed
from holdfast.journal.reader import Reader
from holdfast.parity.asks import SIGNAL, Asks, difference_of
from holdfast.parity.prices import Day, find
from holdfast.parity.report import DayScore, Line, Outcome, Parity, Terms, compare, moments
from holdfast.runtime.changes import begun_fill
from holdfast.views.encode import Json, as_json

SHOWN = 50
"""So many trades are shown to people unless they ask for all; programs get all."""


class Asked(NamedTuple):
    """What a person wants compared: from when to when (ISO), and how far apart in time asks may be and still be the same."""

    account: str | None = None
    data: Path | None = None
    since: str | None = None
    until: str | None = None
    within_s: float = 60
    all_trades: bool = False


class Session(NamedTuple):
    """What is recorded of an account up to a time: its asks, the last record, and the last feed."""

    asks: Asks
    last: Envelope
    feed: FeedOpened | None


def parity(config_file: Path | None, asked: Asked, json_to: str | None) -> int:
    """Compare, and report. Raises HoldfastError."""
    target = target_of(json_to)
    config = config_for_reading(config_file)
    account = the_account(config, asked.account)
    since_ns, until_ns = (_time_ns(asked.since, "--from"), _time_ns(asked.until, "--to"))
    if since_ns is not None and until_ns is not None and since_ns >= until_ns:
        raise InvalidValue(f"--from {asked.since} must be before --to {asked.until}")
    with Reader.open(config.journal.url) as reader:
        session = _session(reader, account, until_ns)
        if until_ns is None:
            _prove_cash(session.asks, reader.account(account).cash, account)
        settings = next(row for row in config.accounts if row.name == account)
        begun = begun_fill(account, reader) if settings.broker == PAPER else None
    config = with_data(_only(config, account), asked.data)
    (settings,) = config.accounts
    feed = build_feed(config)
    check_data(feed)
    backtest = Asks()
    again = _again(Rerun(config, settings, feed, begun, _until(session, feed, backtest)), session, backtest)
    from_ns = feed.trading_from_ns
    if asked.data is not None:
        from_ns = (session.asks.started_ns or 0) + 1
    end_ns = session.last.time_ns if until_ns is None else min(until_ns, session.last.time_ns)
    with watched(f"backtest {account}", "bars", feed.total, lambda: again.done):
        again.run(from_ns, end_ns)
    found = _compare(again, session, backtest, asked, since_ns or 0, end_ns)
    notes = list(_notes(session, feed, asked))
    if json_to == STDOUT:
        terminal.print_json(_json(found, notes))
        return 0
    if target is not None:
        import msgspec

        with written(target) as file:
            file.write(msgspec.json.format(msgspec.json.encode(_json(found, notes)), indent=2).decode() + "\n")
    _print(terminal.console(), found, notes, all_trades=asked.all_trades)
    return 0


def _session(reader: Reader, account: str, until_ns: int | None) -> Session:
    reader.account(account)
    asks, last, feed = Asks(), None, None
    for record in reader.records(account):
        if until_ns is not None and record.time_ns > until_ns:
            break
        asks.take(record)
        if isinstance(record.body, FeedOpened):
            feed = record.body
        last = record
    if last is None or asks.started_ns is None:
        raise InvalidValue(f"nothing is recorded of account {account} up to then: there is no session to compare")
    return Session(asks, last, feed)


def _prove_cash(asks: Asks, cash: Decimal, account: str) -> None:
    """Raises Refused when the trades don't make the cash that there is: then something is not compared that should be."""
    deposits = [body for body in (*asks.opening, *asks.later) if isinstance(body, CashDeposited)]
    made = sum((body.amount for body in deposits), ZERO) + sum((row.amount for row in asks.bookings), ZERO)
    made -= sum((body.quantity * body.price for body in asks.opening if isinstance(body, PositionAdopted)), ZERO)
    fills = [fill for ask in asks.all for fill in ask.fills]
    if any(body.currency for body in deposits):
        raise Refused(f"account {account} has cash in several currencies, and parity compares one")
    traded = sum((fill.side.sign * fill.quantity * fill.price + fill.fee for fill in fills), ZERO)
    if made - traded != cash:
        raise Refused(
            f"account {account} has cash of {plain(cash)}, and its deposits and trades make it {plain(made - traded)}: it can't be compared to "
            "the cent (instruments with a multiplier or in another currency are not yet)"
        )


def _only(config: Config, account: str) -> Config:
    """The configuration of one account alone, and its feed."""
    import msgspec

    settings: AccountConfig = next(row for row in config.accounts if row.name == account)
    strategies = [msgspec.structs.replace(row, account=account, accounts=()) for row in config.strategies_on(account)]
    alone = msgspec.structs.replace(settings, feed=None)
    source = config.feed_of(settings)
    return msgspec.structs.replace(config, feed=source, feeds=[], accounts=[alone], strategies=strategies)


def _until(session: Session, feed: Feed, asks: Asks) -> Callable[[Envelope], None]:
    """Takes the backtest's records, no further than the session is recorded where both go over the same data."""
    is_same = session.feed is not None and session.feed.fingerprint == feed.fingerprint()
    last_cursor = session.last.cursor if is_same else None

    def take(record: Envelope) -> None:
        if last_cursor is None or record.cursor <= last_cursor:
            asks.take(record)

    return take


def _again(again: Rerun, session: Session, backtest: Asks) -> Rerun:
    """The backtest, begun as the session began. Raises Refused where it would be another."""
    again.begin(session.asks.opening)
    backtest.started_ns = 0
    name = again.state.account
    difference = difference_of(session.asks, backtest)
    if difference:
        raise Refused(f"account {name}: {difference}; give parity the configuration that it ran with")
    if session.asks.calendar not in ("", backtest.calendar):
        raise Refused(
            f"account {name} ran on calendar {session.asks.calendar}, and the configuration says {backtest.calendar}"
        )
    return again


def _compare(again: Rerun, session: Session, backtest: Asks, asked: Asked, since_ns: int, end_ns: int) -> Parity:
    state = again.state
    sides = (session.asks, backtest)
    symbols = {fill.symbol for side in sides for ask in side.all for fill in ask.fills}
    for symbol in sorted(symbols):
        if state.portfolio.currency_of(symbol):
            raise Refused(
                f"{symbol} is paid in {state.portfolio.currency_of(symbol)}, and parity compares one currency"
            )
    day_of = _days_of(state.calendar)
    prices = find(again.events(end_ns), moments(sides), day_of)
    last = {symbol: found for symbol in symbols if (found := state.price(symbol)) is not None}
    unknown = sorted(symbols - last.keys())
    if unknown:
        raise Refused(
            f"the data have no price of {', '.join(unknown)}, which the session traded; --data PATH names data that do"
        )
    opening = sum((body.amount for body in session.asks.opening if isinstance(body, CashDeposited)), ZERO)
    unit = {symbol: state.portfolio.unit(symbol) for symbol in symbols}
    within_ns = int(asked.within_s * SECOND_NS)
    return compare(state.account, *sides, Terms(prices, last, unit, day_of, opening, within_ns, since_ns))


def _days_of(calendar: TradingCalendar) -> Callable[[int], Day]:
    def day_of(time_ns: int) -> Day:
        day = calendar.day_at(max(time_ns - 1, 0))  # what comes as a day ends is still of it
        return Day(day.date, day.close_ns)

    return day_of


def _notes(session: Session, feed: Feed, asked: Asked) -> Iterator[str]:
    asks = session.asks
    if asked.data is None and session.feed is not None and session.feed.fingerprint != feed.fingerprint():
        yield f"the session went over other data than {feed.name} is now"
    away = [gap for gap in asks.gaps if gap.until_ns > gap.since_ns]
    if away:
        yield f"no engine was there {many(len(away), 'time')}, first from {when(away[0].since_ns)} to {when(away[0].until_ns)}"
    if asks.later:
        amount = sum((body.amount for body in asks.later), ZERO)
        yield f"{money(amount)} came in by deposit after the beginning; the backtest doesn't have it, and sizes by equity differ for it"
    held = [body.symbol for body in asks.opening if isinstance(body, PositionAdopted)]
    if held:
        yield f"the account began with positions that no strategy had bought ({', '.join(held)}); so does the backtest"


def _time_ns(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(
            f"{option} {text!r} is no ISO date or time; write 2024-03-04 or 2024-03-04T14:30:00Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000


# --- JSON ---


def _json(found: Parity, notes: list[str]) -> Json:
    return {
        "account": found.account,
        "score_pct": plain(round(found.score_pct, 6)),
        **{key: value for key, value in as_json(found).items() if key not in ("account", "days", "lines")},
        "notes": notes,
        "days": [{**as_json(day), "score_pct": plain(round(day.score_pct, 6))} for day in found.days],
        "trades": [as_json(line) for line in found.lines],
    }


# --- for people ---


def _print(console: Console, found: Parity, notes: list[str], *, all_trades: bool) -> None:
    whole = found.intents == found.agreeing
    score = Text(f"{_percent(found.score_pct)}", style=f"bold {GOOD if whole else WARN}")
    score.append(f"  {count(found.agreeing)} of {many(found.intents, 'intent')} agree", style="")
    rows: list[tuple[str, Cell]] = [
        ("parity", score),
        ("session earned", signed(found.live_profit)),
        ("backtest earned", signed(found.backtest_profit)),
        ("difference", _exact(found.difference)),
    ]
    rows += [(f"  {part}", _exact(amount)) for part, amount in found.parts.items()]
    if found.tracking_error_bps is not None:
        rows.append(("tracking error", f"{found.tracking_error_bps:.2f} bps a day"))
    console.print(Text(f"\n{found.account}", style="bold"), Text("the session against its backtest", style=DIM))
    console.print(facts(rows))
    if found.days:
        console.print(table(DAYS, map(_day, found.days), console.width))
    lines = [line for line in found.lines if all_trades or line.difference or not _agrees(line)]
    shown = lines if all_trades else lines[:SHOWN]
    if shown:
        console.print(table(TRADES, map(_trade, shown), console.width))
    if len(lines) > len(shown):
        console.print(Text(f"{len(lines) - len(shown):,} more trades differ; --all shows every one", style=DIM))
    for note in notes:
        console.print(Text(f"  - {note}", style=DIM), soft_wrap=True)


DAYS = [
    Column("day"),
    Column("score", right=True),
    Column("intents", right=True),
    Column("agree", right=True),
    Column("session", 1, right=True),
    Column("backtest", 1, right=True),
    Column("difference", right=True),
]
TRADES = [
    Column("decided (UTC)", 1),
    Column("strategy", 2),
    Column("side"),
    Column("symbol"),
    Column("session", right=True),
    Column("backtest", right=True),
    Column("difference", right=True),
    Column("by"),
    Column("why", 3),
]


def _agrees(line: Line) -> bool:
    """Whether there is nothing to show: an order that no intent asked for, such as a protective leg, and that traded on neither side."""
    has_traded = any(each is not None and each.filled for each in (line.live, line.backtest))
    return line.agrees or (line.kind != SIGNAL and not has_traded)


def _day(row: DayScore) -> list[Cell]:
    return [
        row.day,
        _percent(row.score_pct),
        count(row.intents),
        count(row.agreeing),
        signed(row.live_profit),
        signed(row.backtest_profit),
        _exact(row.difference),
    ]


def _trade(line: Line) -> list[Cell]:
    by = ", ".join(f"{part} {amount:+,.2f}" if len(line.parts) > 1 else part for part, amount in line.parts.items())
    kind = line.side if line.kind == SIGNAL else f"{line.side} ({line.kind})"
    return [
        when(line.time_ns),
        line.strategy,
        kind,
        line.symbol,
        _outcome(line.live),
        _outcome(line.backtest),
        _exact(line.difference),
        by,
        line.why,
    ]


def _outcome(outcome: Outcome | None) -> Cell:
    if outcome is None:
        return Text("nothing", style=WARN)
    if outcome.filled:
        part = "" if outcome.filled == outcome.ordered else f" of {count(outcome.ordered)}"
        return f"{count(outcome.filled)}{part} at {price(outcome.price)}"
    if outcome.rule:
        return Text(f"refused: {outcome.rule}", style=BAD)
    return "not filled" if outcome.ordered else "no order"


def _exact(amount: Decimal) -> Text:
    """Money to the cent; what is not zero is never shown as nothing."""
    if amount and abs(amount) < Decimal("0.005"):
        return Text(f"{amount.normalize():+f}", style=terminal.tone(amount))
    return signed(amount)


def _percent(value: Decimal) -> str:
    return f"{value:.1f}%" if value == 100 or value < Decimal("99.95") else "99.9%"
