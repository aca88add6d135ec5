"""``holdfast data download``: a broker's history into a catalogue, month by month, so that one that was broken off goes on where it was."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.adapters import registry
from holdfast.brokers.adapter import Adapter, Watched
from holdfast.brokers.history import BarHistory, BarRequest, BarRow
from holdfast.cli import terminal
from holdfast.cli.progress import progress
from holdfast.config import DEFAULT_PATH, Config, load_config
from holdfast.config.secrets import KeptSessions
from holdfast.core.messages import PAPER
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import DAY_NS, iso_time
from holdfast.data.catalogue import About, Catalogue, read_about
from holdfast.data.kinds import BARS
from holdfast.data.zones import zone_of_calendar
from holdfast.errors import DataError, HoldfastError, InvalidValue, Refused
from holdfast.telemetry.metrics import ApiMetrics

MONTHS_AT_ONCE = 12
"""So many are asked for in one go where bars are of a day or longer; of shorter ones each by itself."""
ADJUSTED = {"raw": "not adjusted", "splits": "adjusted for splits", "all": "adjusted for splits and dividends"}


class DownloadRequest(msgspec.Struct, frozen=True):
    """What is wanted, as it was typed: ``start`` and ``end`` are dates of the exchange, both included; no ``broker`` is the only one there is."""

    symbols: tuple[str, ...]
    start: str
    end: str
    bar: str
    broker: str
    login: str
    adjustment: str
    folder: Path
    replace: bool
    as_json: bool


class Month(msgspec.Struct, frozen=True):
    """A month of UTC, or what is wanted of it: bars that begin in ``[start_ns, end_ns)``. It is written whole, or not."""

    start_ns: int
    end_ns: int

    def origin(self, source: str) -> str:
        """What is written beside its rows: by this a month that is there is known again."""
        return f"{source} {iso_time(self.start_ns)} to {iso_time(self.end_ns)}"


class Tally(msgspec.Struct):
    """What became of one symbol: bars that are new, or were there; months that were wanted, and those there from an earlier download."""

    symbol: str
    new: int = 0
    there: int = 0
    months: int = 0
    finished_before: int = 0


def _broker_of(config: Config) -> str:
    """The only broker beside paper that a configuration names. Raises InvalidValue where there are several, or none and several could be."""
    there = [name for name in registry.names() if name != PAPER]
    used = {*config.adapters, *(row.broker for row in config.accounts), *(row.kind for row in config.sources)}
    named = [name for name in there if name in used] or there
    if len(named) != 1:
        raise InvalidValue(f"several brokers have a history; say which: --broker {' or --broker '.join(named)}")
    return named[0]


def download(config_file: Path | None, request: DownloadRequest) -> int:
    """Ask for all months that aren't there. Exit status 1 where a symbol has no bars. Raises HoldfastError; what was finished stays."""
    path = config_file or DEFAULT_PATH
    config = load_config(path) if config_file is not None or path.exists() else Config()
    request = msgspec.structs.replace(request, broker=request.broker or _broker_of(config))
    adapter = registry.load(request.broker)
    if type(adapter).history is Adapter.history:
        raise Refused(f"broker {request.broker} offers no history to download; holdfast data import reads files")
    watched = Watched(ApiMetrics(), sessions=KeptSessions(config.secrets))
    login = adapter.log_in(config.section(request.broker), request.login, watched)
    try:
        history = adapter.history(login)
        if history is None:
            raise Refused(f"this login of {request.broker} offers no history; holdfast data import reads files")
        _check(request, history)
        tallies = _all(request, history)
        return _report(request, history, tallies)
    finally:
        login.close()


def _check(request: DownloadRequest, history: BarHistory) -> None:
    parse_timeframe(request.bar)
    for option, said, there in (
        ("--bar", request.bar, history.lengths),
        ("--adjustment", request.adjustment, history.adjustments),
    ):
        if said not in there:
            raise InvalidValue(f"{option} {said}: {request.broker} has {', '.join(there)}")
    if _date(request.end, "--to") < _date(request.start, "--from"):
        raise InvalidValue(f"--to {request.end} is before --from {request.start}")


def _date(text: str, option: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidValue(f"{option} {text!r} is no date, such as 2024-01-31") from None


def _all(request: DownloadRequest, history: BarHistory) -> list[Tally]:
    symbols = list(dict.fromkeys(history.symbol(text) for text in request.symbols))
    now_ns = history.now_ns()
    wanted = {symbol: list(months_of(request, history.calendar(symbol), now_ns)) for symbol in symbols}
    catalogue = Catalogue(request.folder)
    tallies, done, total = [], 0, sum(map(len, wanted.values()))
    with progress("downloading", "months", total) as update:
        for symbol, months in wanted.items():
            finished = set() if request.replace else _finished(catalogue, symbol, request)
            left = [month for month in months if month.origin(history.source) not in finished]
            tallies.append(Tally(symbol, months=len(months), finished_before=len(months) - len(left)))
            done += len(months) - len(left)
            at_once = MONTHS_AT_ONCE if parse_timeframe(request.bar) >= DAY_NS else 1
            for some in _spans(left, at_once):
                _fetch(catalogue, some, request, history, tallies[-1])
                done += len(some)
                update(done, total)
    return tallies


def months_of(request: DownloadRequest, calendar: str, now_ns: int) -> Iterator[Month]:
    """The wanted dates of an exchange, cut at months of UTC, up to the last bar that is over. Raises InvalidValue where there is none."""
    zone = ZoneInfo(zone_of_calendar(calendar))
    first, last = _date(request.start, "--from"), _date(request.end, "--to") + dt.timedelta(days=1)
    start_ns, end_ns = (int(dt.datetime.combine(day, dt.time(), zone).timestamp()) * 10**9 for day in (first, last))
    end_ns = min(end_ns, now_ns - parse_timeframe(request.bar) + 1)
    if end_ns <= start_ns:
        raise InvalidValue(
            f"--from {request.start}: no bar from then on is over; the broker's time is {iso_time(now_ns)}"
        )
    month = np.datetime64(start_ns, "ns").astype("datetime64[M]")
    while (begin := _ns(month)) < end_ns:
        month += 1
        yield Month(max(begin, start_ns), min(_ns(month), end_ns))


def _ns(month: np.datetime64) -> int:
    return int(month.astype("datetime64[ns]").astype(np.int64))


def _finished(catalogue: Catalogue, symbol: str, request: DownloadRequest) -> set[str]:
    """The origins that the files of a symbol name, adjusted as is wanted."""
    entries = catalogue.entries() if catalogue.folder.is_dir() else []
    files = [
        path
        for entry in entries
        if (entry.kind, entry.symbol, entry.length) == (BARS.name, symbol, request.bar)
        for path in entry.files
    ]
    abouts = [read_about(path) for path in files]
    return {source for about in abouts if about.adjustment == request.adjustment for source in about.sources}


def _spans(months: Sequence[Month], most: int) -> Iterator[list[Month]]:
    """Months that follow each other, some at a time."""
    span: list[Month] = []
    for month in months:
        if span and (len(span) == most or span[-1].end_ns != month.start_ns):
            yield span
            span = []
        span.append(month)
    if span:
        yield span


def _fetch(
    catalogue: Catalogue, months: Sequence[Month], request: DownloadRequest, history: BarHistory, tally: Tally
) -> None:
    """Ask for some months at once and write each: one that is there is whole."""
    wanted = BarRequest(tally.symbol, request.bar, months[0].start_ns, months[-1].end_ns, request.adjustment)
    try:
        rows = [row for page in history.pages(wanted) for row in page]
    except HoldfastError as error:
        raise DataError(
            f"{tally.symbol}: the bars from {iso_time(wanted.start_ns)} on can't be had: {error}; what is downloaded stays in "
            f"{request.folder}, and the same command goes on from there"
        ) from None
    for month in months:
        mine = [row for row in rows if month.start_ns <= row.ts_ns < month.end_ns]
        if not mine:
            continue
        about = About(
            sources=(month.origin(history.source),),
            zone=f"days of {history.calendar(tally.symbol)}",
            adjustment=request.adjustment,
        )
        lengths_ns = {tally.symbol: parse_timeframe(request.bar)}
        for one in catalogue.add(
            _table(tally.symbol, mine), BARS, about, lengths_ns=lengths_ns, replace=request.replace
        ):
            tally.new += one.new
            tally.there += one.there


def _table(symbol: str, rows: Sequence[BarRow]) -> pa.Table:
    ts, *numbers = (list(column) for column in zip(*rows, strict=True))
    times = pa.array(ts, pa.int64()).cast(pa.timestamp("ns", "UTC"))
    return pa.table([[symbol] * len(rows), times, *numbers], schema=BARS.schema())


def _report(request: DownloadRequest, history: BarHistory, tallies: Sequence[Tally]) -> int:
    empty = [tally.symbol for tally in tallies if not (tally.new or tally.there or tally.finished_before)]
    if request.as_json:
        head = {"folder": str(request.folder), "source": history.source, "bar": request.bar}
        rows = [msgspec.to_builtins(tally) for tally in tallies]
        terminal.print_json({**head, "adjustment": request.adjustment, "symbols": rows})
    else:
        columns = [terminal.Column("symbol"), terminal.Column("bars")]
        columns += [terminal.Column(name, right=True) for name in ("new", "there already", "months", "from before")]
        lines = [
            [row.symbol, request.bar, *(f"{n:,}" for n in (row.new, row.there, row.months, row.finished_before))]
            for row in tallies
        ]
        console = terminal.console()
        console.print(terminal.table(columns, lines, console.width))
        words = ADJUSTED.get(request.adjustment, request.adjustment)
        console.print(
            f"{sum(row.new for row in tallies):,} bars of {history.source} are new in {request.folder}; prices are {words}",
            markup=False,
            soft_wrap=True,
        )
    for symbol in empty:
        terminal.say(
            f"{symbol}: {history.source} has no bars of it from {request.start} to {request.end}; is it spelled as there?"
        )
    return 1 if empty else 0
