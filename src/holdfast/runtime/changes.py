"""What is another in the configuration than in an account's last run, and is not refused: told in one line each before anything is done.

What could put the same money to work twice is refused (`runtime/identity.py`). What is here takes effect, or has none, and a person should
not have to find that out by its consequences (docs/leases.md, "Names").
"""

from collections.abc import Iterator

from holdfast.config import AccountConfig, VenueConfig
from holdfast.core.codec import encode_params
from holdfast.core.lifecycle import OPENING_CASH
from holdfast.core.messages import PAPER, CashDeposited, Envelope
from holdfast.core.milestones import EngineStarted, FeedOpened, StrategyStarted
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.state import EngineState
from holdfast.core.steering import ParametersSet, StrategySwitched
from holdfast.core.types import MANUAL, iso_time, plain
from holdfast.feeds.port import Feed
from holdfast.journal.reader import Reader
from holdfast.venue.settings import FillAt

_FILLS = {FillAt.CLOSE: "the close of the bar that they were decided on", FillAt.NEXT_OPEN: "the next bar's open"}


def changes(
    config: AccountConfig, venue: VenueConfig, state: EngineState, feed: Feed | None, reader: Reader
) -> Iterator[str]:
    """A sentence for each change that matters; nothing for an account of which nothing is recorded. Raises JournalError.

    ``feed`` is one that can be played again, or None.
    """
    last = reader.last_record(state.account)
    if last is None:
        return
    yield from _calendar(state, reader)
    if config.broker == PAPER:
        yield from _fill(config.name, venue, reader)
        yield from _cash(config, reader)
    if feed is not None:
        yield from _feed(state.account, feed, last.time_ns, reader)
    yield from _classes(state, reader)
    yield from _steered(state, reader)
    yield from _left(state, reader)


def _calendar(state: EngineState, reader: Reader) -> Iterator[str]:
    started = reader.last_record(state.account, EngineStarted.__name__)
    former = started.body.calendar if started is not None and isinstance(started.body, EngineStarted) else ""
    if former not in ("", state.calendar.name):
        yield (
            f"account {state.account} was on calendar {former} and is on {state.calendar.name} now: trading days and their limits, hours, orders "
            "for the day and silence go by it from here on"
        )


def begun_fill(account: str, reader: Reader) -> FillAt | None:
    """How an account's orders have filled at the exchange in memory so far; None for one of which nothing is recorded. Raises JournalError.

    Journals from before it was recorded are of a time when orders filled at the close where nothing else was written.
    """
    begun = None
    for body in reader.newest_of(account, EngineStarted):
        if isinstance(body, EngineStarted):
            if body.fill:
                return FillAt(body.fill)
            begun = FillAt.CLOSE
    return begun


def _fill(account: str, venue: VenueConfig, reader: Reader) -> Iterator[str]:
    begun = begun_fill(account, reader)
    if begun is None:
        return
    now = venue.settings(begun).fill
    if now is not begun:
        yield f"account {account} had its orders filled at {_FILLS[begun]}, and has them filled at {_FILLS[now]} from here on (venue fill = {now})"
    elif now is not venue.settings().fill:
        yield (
            f"account {account} began with orders filled at {_FILLS[now]} and goes on so (venue fill = {now}); for {_FILLS[venue.settings().fill]}, the "
            f'default of today, write fill = "{venue.settings().fill}" in [venue]'
        )


def _cash(config: AccountConfig, reader: Reader) -> Iterator[str]:
    bodies = reader.newest_of(config.name, CashDeposited)
    opening = [body.amount for body in bodies if isinstance(body, CashDeposited) and body.reason == OPENING_CASH]
    if opening and opening[-1] != config.deposit:
        yield (
            f"account {config.name} began with {plain(opening[-1])} and goes on with what it has; cash = {plain(config.deposit)} in the "
            "configuration changes nothing of that"
        )


def _feed(account: str, feed: Feed, last_ns: int, reader: Reader) -> Iterator[str]:
    opened = reader.last_record(account, FeedOpened.__name__)
    former = None if opened is None else opened.body
    if not isinstance(former, FeedOpened) or former.fingerprint == feed.fingerprint():
        return
    yield (
        f"account {account} was on {former.kind} feed {former.name}; {feed.kind} feed {feed.name} has other data: what is held is valued at its "
        f"prices, and trading goes on after {iso_time(last_ns)}, where the journal ends"
    )


def _classes(state: EngineState, reader: Reader) -> Iterator[str]:
    started: dict[str, str] = {}
    for body in reader.newest_of(state.account, StrategyStarted):
        if isinstance(body, StrategyStarted):
            started.setdefault(body.strategy, body.class_name)
        if started.keys() >= state.host.runners.keys():
            break
    for runner in state.host.runners.values():
        former, name = started.get(runner.id), type(runner.strategy).__name__
        if former is not None and former != name:
            yield (
                f"strategy {runner.id} of account {state.account} was a {former} and is a {name} now: it goes on with what the other one has; if "
                "it is another strategy, give it another id"
            )


def _steered(state: EngineState, reader: Reader) -> Iterator[str]:
    """Which strategies people have switched off, or given other parameters than the configuration's."""
    last: dict[tuple[type, str], tuple[Envelope, ParametersSet | StrategySwitched]] = {}
    for record in reader.records_of(state.account, (ParametersSet, StrategySwitched)):
        if isinstance(record.body, ParametersSet | StrategySwitched):
            last[type(record.body), record.body.strategy] = record, record.body
    for record, body in last.values():
        runner = state.host.runners.get(body.strategy)
        who = f"by {record.source} at {iso_time(record.time_ns)}"
        if runner is None:
            continue
        if isinstance(body, StrategySwitched) and not body.on:
            yield (
                f"strategy {runner.id} of account {state.account} was switched off {who}, and stays so: `holdfast strategy start "
                f"{runner.id}` switches it on"
            )
        if isinstance(body, ParametersSet) and body.params:
            written = encode_params(runner.configured)
            yield (
                f"strategy {runner.id} of account {state.account} goes on with the parameters that were set {who}: {body.params}; the configuration's "
                f"are {written}. `holdfast strategy set {runner.id} --from-file` goes back to those"
            )


def _left(state: EngineState, reader: Reader) -> Iterator[str]:
    """What no strategy looks after any more."""
    for row in reader.positions(state.account):
        if not row.quantity or row.strategy in ("", EXTERNAL, MANUAL):
            continue
        runner = next((each for each in state.host.runners.values() if each.id == row.strategy), None)
        if runner is None or row.symbol not in runner.symbols:
            what = "is not in the configuration any more" if runner is None else f"doesn't trade {row.symbol} any more"
            yield (
                f"strategy {row.strategy} of account {state.account} {what}, and has {plain(row.quantity)} {row.symbol}: that stays, with its "
                "exits, until a person closes it"
            )
