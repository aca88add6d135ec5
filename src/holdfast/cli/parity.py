"""``holdfast parity``: a recorded session against a backtest of the same time."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from holdfast.assembly import build_feed
from holdfast.backtesting.rerun import Rerun
from holdfast.cli import terminal
from holdfast.cli.backtest import check_data, with_data
from holdfast.cli.place import JOURNAL, config_for_reading, the_account
from holdfast.cli.progress import watched
from holdfast.cli.side_by_side import Heading, as_values, show
from holdfast.cli.target import STDOUT, target_of, written
from holdfast.cli.terminal import (
    many,
    money,
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
from holdfast.parity.asks import Asks, difference_of
from holdfast.parity.prices import Day, find
from holdfast.parity.report import Parity, Terms, compare, moments
from holdfast.runtime.changes import begun_fill

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
    config = config_for_reading(config_file, JOURNAL)
    account = the_account(config, asked.account)
    since_ns, until_ns = (time_ns_of(asked.since, "--from"), time_ns_of(asked.until, "--to"))
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
        terminal.print_json(as_values(found, notes))
        return 0
    if target is not None:
        import msgspec

        with written(target) as file:
            file.write(msgspec.json.format(msgspec.json.encode(as_values(found, notes)), indent=2).decode() + "\n")
    heading = Heading(account, "the session against its backtest", ("session", "backtest"))
    show(terminal.console(), found, heading, notes, all_trades=asked.all_trades)
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
    day_of = days_of(state.calendar)
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


def days_of(calendar: TradingCalendar) -> Callable[[int], Day]:
    """Which trading day a time is of."""

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


def time_ns_of(text: str | None, option: str) -> int | None:
    """An option's time, in nanoseconds since 1970. Raises InvalidValue for what is none."""
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
