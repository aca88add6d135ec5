"""``holdfast backtest``: every account over the past, then a report."""

import heapq
import tempfile
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

from holdfast.adapters.registry import nearest
from holdfast.assembly import build_feed, calendar_of, tick_notes, timeframe_notes
from holdfast.backtesting.fine_print import fine_print
from holdfast.backtesting.folder import check_folder
from holdfast.backtesting.recorder import Recorder
from holdfast.backtesting.results import AccountResult, FillEntry, OrderEntry
from holdfast.backtesting.run import Backtest
from holdfast.cli import report, terminal
from holdfast.cli.place import config_for_reading
from holdfast.cli.progress import progress, watched
from holdfast.cli.report_page import check_page, write_page
from holdfast.cli.target import STDOUT, target_of, written
from holdfast.config import AccountConfig, Config
from holdfast.core.types import ZERO, iso_time, plain
from holdfast.data.kinds import CATALOGUE_MARK
from holdfast.errors import InvalidValue
from holdfast.feeds.port import Feed
from holdfast.views.encode import Json, as_json
from holdfast.views.orders import fill_view, order_view
from holdfast.views.positions import holding

if TYPE_CHECKING:
    from holdfast.feeds.files import FileFeed
    from holdfast.statistics import Benchmark, Statistics

Run = tuple[AccountResult, Recorder, Feed, Backtest]
HOLD = "hold"
"""The benchmark that is every symbol the account's strategies trade."""


class Shown(NamedTuple):
    """What a person wants to see beside the usual."""

    monthly: bool = False
    benchmark: str | None = None
    trials: int = 1


USUAL = Shown()


class Numbers(NamedTuple):
    """An account's statistics, and what they rest on."""

    statistics: "Statistics"
    fine_print: list[str]


MOST_JUMPS = 10
"""Jumps that look like splits are told one by one up to here."""


def backtest(
    config_file: Path | None,
    data: Path | None,
    json_to: str | None,
    only: str | None = None,
    save: Path | None = None,
    shown: Shown = USUAL,
    page: Path | None = None,
) -> int:
    """Check the data, run, prove what was kept, report. Exit status 0, or 1 where a strategy was stopped; raises HoldfastError.

    Each account goes over its own feed; ``only`` names one feed, whose accounts are run and no others.
    """
    target = target_of(json_to)
    if save is not None:
        check_folder(save)
    if page is not None:
        check_page(page)
    config = with_data(_on_feed(config_for_reading(config_file, ()), only), data)
    feeds = {source.name: build_feed(config, source) for source in config.sources}
    for source in config.sources:
        strategies = config.strategies_on(*(account.name for account in config.accounts_on(source)))
        for note in (*data_notes(feeds[source.name]), *timeframe_notes(strategies, feeds[source.name])):
            terminal.say(note)
    for note in tick_notes(config):
        terminal.say(note)
    totals = {name: check_data(feed) for name, feed in feeds.items()}
    for note in (*_notes(feeds), *_outside(config, feeds)):
        terminal.say(note)
    with tempfile.TemporaryDirectory(prefix="holdfast-backtest-") as folder:
        runs = []
        for account in config.accounts:
            name = config.feed_of(account).name
            runs.append(_run(config, account, feeds[name], totals[name], Path(folder)))
        for note in _guessed_days(config, runs):
            terminal.say(note)
        stopped = [row for result, *_ in runs for row in result.strategies if row.stopped]
        for row in stopped:
            terminal.say(f"strategy {row.strategy} was stopped, and what it held was kept to the end: {row.stopped}")
        _keep(runs, shown, save, page)
        numbers = [_numbers(run, shown) for run in runs]
        if json_to == STDOUT:
            _write_json(runs, numbers, feeds, print_piece)
        elif target is not None:
            with written(target) as file:
                _write_json(runs, numbers, feeds, _writer(file))
        if json_to != STDOUT:
            _report(runs, numbers, shown)
    return 1 if stopped else 0


def _numbers(run: Run, shown: Shown) -> Numbers:
    from holdfast.backtesting.numbers import numbers_of

    outcome, recorder, feed, made = run
    config, account = made.config, made.account
    statistics = numbers_of(account, outcome, recorder, benchmark=_compared(run, shown), trials=shown.trials)
    file = _file(feed)
    source, jumps = (None, 0) if file is None else (config.feed_of(account), len(file.jumps))
    return Numbers(statistics, fine_print(outcome, config.venue, source, jumps=jumps, trials=shown.trials))


def _compared(run: Run, shown: Shown) -> "Benchmark | None":
    from holdfast.backtesting.api import compared_with

    _, _, feed, made = run
    config, account = made.config, made.account
    symbols = sorted({symbol for row in config.strategies_on(account.name) for symbol in row.symbols})
    return compared_with(symbols if shown.benchmark == HOLD else shown.benchmark, feed, calendar_of(account))


def _keep(runs: list[Run], shown: Shown, folder: Path | None, page: Path | None) -> None:
    """One account's result goes into the folder, several into one of each account's name; a page has all of them."""
    if folder is None and page is None:
        return
    from holdfast.backtesting.api import result_of

    results = {}
    for run in runs:
        outcome, _, feed, made = run
        notes = [*timeframe_notes(made.config.strategies_on(outcome.account), feed), *split_notes(feed)]
        results[outcome.account] = result_of(made, outcome, notes, _compared(run, shown))
    for name, result in results.items():
        if folder is not None:
            result.save(folder if len(runs) == 1 else folder / name)
    if page is not None:
        write_page(results, page, trials=shown.trials)


def check_data(feed: Feed) -> int | None:
    """Read a file from end to end before anything is done with it; how many events there are, as far as that is known."""
    file = _file(feed)
    if file is None:
        return feed.total
    with progress(f"checking {Path(feed.name).name}", "rows", feed.total) as update:
        return file.check(update)


def _file(feed: Feed) -> "FileFeed | None":
    """The feed, if it is a file. Nothing is loaded to find out that it is none."""
    if feed.kind != "file":
        return None
    from holdfast.feeds.files import FileFeed

    return feed if isinstance(feed, FileFeed) else None


def data_notes(feed: Feed) -> tuple[str, ...]:
    """What is to be known of how files were read."""
    file = _file(feed)
    return () if file is None else file.notes[:MOST_JUMPS]


def _outside(config: Config, feeds: Mapping[str, Feed]) -> Iterator[str]:
    """Feeds whose bars lie outside the sessions of the calendar of an account on them."""
    from holdfast.feeds.outside import outside_note

    for source in config.sources:
        file = _file(feeds[source.name])
        calendars = {account.calendar: calendar_of(account) for account in config.accounts_on(source)}
        for calendar in calendars.values():
            note = "" if file is None else outside_note(file, calendar)
            if file is not None and note:
                yield f"{file.name}: {note}"


def split_notes(feed: Feed) -> list[str]:
    """What looks like a split in data that was checked, once for each symbol and date; the first of them, and how many there are."""
    file = _file(feed)
    jumps = () if file is None else file.jumps
    notes = [jump.words for jump in jumps[:MOST_JUMPS]]
    return notes + ([f"{len(jumps) - MOST_JUMPS} more jumps look like splits"] if len(jumps) > MOST_JUMPS else [])


def with_data(config: Config, data: Path | None) -> Config:
    """The configuration with a file in place of its feeds."""
    if data is None:
        return config
    kind = "catalogue" if (data / CATALOGUE_MARK).exists() else "file"
    feed = msgspec.structs.replace(config.sources[0], name="", kind=kind, path=str(data.resolve()), paths=None)
    accounts = [msgspec.structs.replace(account, feed=None) for account in config.accounts]
    return msgspec.structs.replace(config, feed=feed, feeds=[], accounts=accounts)


def _on_feed(config: Config, name: str | None) -> Config:
    """The configuration of one feed's accounts; all of it where none is named. Raises InvalidValue."""
    if name is None:
        return config
    names = [source.name for source in config.feeds]
    if name not in names:
        hint = nearest(name, names) if names else "only [[feeds]] have names"
        raise InvalidValue(f"there is no feed {name!r}; {hint}")
    source = config.sources[names.index(name)]
    accounts = config.accounts_on(source)
    mine = {account.name for account in accounts}
    strategies = [
        msgspec.structs.replace(row, account="", accounts=tuple(on for on in row.on if on in mine))
        for row in config.strategies_on(*mine)
    ]
    return msgspec.structs.replace(config, feeds=[source], accounts=list(accounts), strategies=strategies)


def _notes(feeds: Mapping[str, Feed]) -> list[str]:
    return [note for feed in feeds.values() for note in split_notes(feed)]


def _run(config: Config, account: AccountConfig, feed: Feed, total: int | None, folder: Path) -> Run:
    run = Backtest(config, account, feed, folder)
    with watched(f"backtest {account.name}", "bars", total, lambda: run.done):
        result = run.run()
    return result, run.recorder, feed, run


def _guessed_days(config: Config, runs: list[Run]) -> Iterator[str]:
    """What to say of accounts whose data went beyond the days that their calendar knows."""
    for account, (result, *_) in zip(config.accounts, runs, strict=True):
        calendar = calendar_of(account)
        if iso_time(result.end_ns)[:10] > calendar.known_until:
            yield f"{account.name}: the trading days of {calendar.name} after {calendar.known_until} are a guess by weekday"


def _report(runs: list[Run], numbers: list[Numbers], shown: Shown) -> None:
    console = terminal.console()
    for (result, recorder, feed, _), (statistics, rests_on) in zip(runs, numbers, strict=True):
        for spool in recorder.spools:
            for _ in spool.rows():  # the rows are counted in the result: they have to be there
                pass
        report.print_backtest(console, result, statistics, rests_on, feed.name)
        if shown.monthly:
            report.print_months(console, statistics)


# --- JSON, in pieces: a long backtest has more orders than fit well into memory ---------------------------------------


def print_piece(text: str) -> None:
    """To stdout, as it is."""
    print(text, end="")


def _writer(file: IO[str]) -> Callable[[str], None]:
    def write(text: str) -> None:
        file.write(text)

    return write


def _write_json(
    runs: list[Run], numbers: list[Numbers], feeds: Mapping[str, Feed], write: Callable[[str], None]
) -> None:
    """``chain_verified`` comes last: it is known when every row has been read."""
    head = _summary(runs, numbers, feeds)
    write("{\n" + ",\n".join(f"  {_dump(key)}: {_dump(value)}" for key, value in head.items()))
    for name, rows in (("orders_list", _orders(runs)), ("fills_list", _fills(runs))):
        write(f',\n  "{name}": [')
        for number, row in enumerate(rows):
            write(("," if number else "") + "\n    " + _dump(row))
        write("\n  ]")
    write(',\n  "chain_verified": true\n}\n')


def _summary(runs: list[Run], numbers: list[Numbers], feeds: Mapping[str, Feed]) -> Json:
    results = [result for result, *_ in runs]
    first, *others = feeds.values()
    several = {"feeds": {name: _feed(feed) for name, feed in feeds.items()}} if others else {}
    seconds = sum(result.seconds for result in results)
    bars = sum(result.bars for result in results)
    return {
        "bars": bars,
        "signals": sum(result.signals for result in results),
        "orders": sum(result.orders for result in results),
        "fills": sum(result.fills for result in results),
        "equity": plain(sum((result.value.equity for result in results), ZERO)),
        "seconds": round(seconds, 6),
        "bars_per_second": round(bars / seconds) if seconds else 0,
        "feed": _feed(first),
        **several,
        "notes": _notes(feeds),
        "accounts": [_account(result) | _figures(each) for result, each in zip(results, numbers, strict=True)],
    }


def _feed(feed: Feed) -> Json:
    return {"kind": feed.kind, "name": feed.name}


def _figures(numbers: Numbers) -> Json:
    return {"statistics": msgspec.to_builtins(numbers.statistics), "fine_print": numbers.fine_print}


def _account(result: AccountResult) -> Json:
    value = result.value
    figures = ("equity", "cash", "realised", "unrealised", "fees", "gross_exposure")
    return {
        "account": result.account,
        "balances": {currency: plain(cash) for currency, cash in value.balances.items()},
        "start": iso_time(result.start_ns),
        "end": iso_time(result.end_ns),
        "bars": result.bars,
        "signals": result.signals,
        "orders": result.orders,
        "open_orders": result.open_orders,
        "fills": result.fills,
        "decided_in_bars": result.decided_bars,
        "ambiguous_bars": result.ambiguous_bars,
        "anomalies": result.anomalies,
        "refusals": result.refusals,
        "orders_by_state": result.orders_by_state,
        "unfilled": result.unfilled,
        "fill": result.fill,
        "large_fills": result.large_fills,
        "bars_without_volume": result.bars_without_volume,
        "missing_sessions": result.missing_sessions,
        "shifted_days": result.shifted_days,
        "slippage": plain(result.slippage),
        "borrow": plain(result.borrow),
        "interest": plain(result.interest),
        "not_modelled": result.not_modelled,
        "deposit": plain(result.deposit),
        **{name: plain(getattr(value, name)) for name in figures},
        "return_pct": _percent(result.return_pct),
        "max_drawdown_pct": _percent(result.max_drawdown_pct),
        "seconds": round(result.seconds, 6),
        "positions": [as_json(holding(symbol, line)) for symbol, line in result.positions.items()],
        "strategies": [_strategy(row) for row in result.strategies],
    }


def _strategy(row: Any) -> Json:
    fields: Json = msgspec.structs.asdict(row)
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in fields.items()} | {
        "net": plain(row.net)
    }


def _percent(value: Decimal) -> str:
    return plain(round(value, 6))


def _orders(runs: list[Run]) -> Iterator[Json]:
    """In the order in which they ended; those still live last."""

    def of(result: AccountResult, rows: Iterator[OrderEntry]) -> Iterator[tuple[int, Json]]:
        return ((row.time_ns, as_json(order_view(result.account, row.order.terms, row.order))) for row in rows)

    return _merged([of(result, recorder.orders.rows()) for result, recorder, *_ in runs])


def _fills(runs: list[Run]) -> Iterator[Json]:
    def of(result: AccountResult, rows: Iterator[FillEntry]) -> Iterator[tuple[int, Json]]:
        return ((row.time_ns, as_json(fill_view(result.account, row.strategy, row.fill, row.time_ns))) for row in rows)

    return _merged([of(result, recorder.fills.rows()) for result, recorder, *_ in runs])


def _merged(lists: list[Iterator[tuple[int, Json]]]) -> Iterator[Json]:
    return (row for _, row in heapq.merge(*lists, key=lambda item: item[0]))


def _dump(value: Any) -> str:
    return msgspec.json.encode(value).decode()
