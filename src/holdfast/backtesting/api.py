"""``from holdfast import backtest``: a backtest in Python, without a file."""

import datetime as dt
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal, getcontext, setcontext
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
import pyarrow as pa

import holdfast
from holdfast.assembly import FRAME, NO_CLASSES, Classes, build_feed, calendar_of, timeframe_notes
from holdfast.backtesting.fine_print import fine_print
from holdfast.backtesting.result import Head, Result
from holdfast.backtesting.results import AccountResult
from holdfast.backtesting.run import Backtest
from holdfast.backtesting.tables import PRICES, TIME, tables_of
from holdfast.backtesting.wiring import (
    StrategyLike,
    check_fees,
    check_keywords,
    config_of,
    in_arguments,
    names_of,
    strategies_of,
)
from holdfast.config import Config
from holdfast.config.sections import LAYOUT_KEYS
from holdfast.core.session.calendar import TradingCalendar
from holdfast.data import from_frame
from holdfast.data.catalogue import Catalogue
from holdfast.data.frames import DEFAULT_CALENDAR
from holdfast.data.kinds import CATALOGUE_MARK
from holdfast.data.layout import options
from holdfast.data.read import read_files
from holdfast.errors import ConfigError, DataError, InvalidValue
from holdfast.feeds.files import FileFeed
from holdfast.feeds.opened import is_other_layout
from holdfast.feeds.outside import outside_note
from holdfast.feeds.port import Feed
from holdfast.statistics import Benchmark, buy_and_hold

CANDLES = 20_000
"""So many coarse bars of the prices are kept for charts, of all symbols together."""
MOST_NOTES = 10
"""Of how a file was read so many things are told."""
MOST_CHARTS = 100
"""Of more symbols than this no prices are kept."""

Moment = str | dt.date | dt.datetime


def backtest(
    strategy: StrategyLike | Sequence[StrategyLike],
    data: Any,
    *,
    params: Mapping[str, Any] | None = None,
    symbol: str | None = None,
    symbols: str | Sequence[str] | None = None,
    timeframe: str | None = None,
    timezone: str | None = None,
    bar: str | Mapping[str, str] | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    cash: float | Decimal | str = 100_000,
    calendar: str | None = None,
    currency: str | None = None,
    fill: str | None = None,
    fees: str | Mapping[str, Any] | None = None,
    venue: Mapping[str, Any] | None = None,
    risk: Mapping[str, Any] | None = None,
    exits: Mapping[str, Any] | None = None,
    instruments: Mapping[str, Any] | str | Path | None = None,
    actions: str | Path | None = None,
    seed: int | None = None,
    benchmark: str | Sequence[str] | None = None,
    **parameters: Any,
) -> Result:
    """Run one strategy or several over the past and say what came of it (docs/backtest.md).

    ``strategy`` is a class, the name of one that ships (``"EmaCross"``), ``"module:Class"``, a table of the keys of ``[[strategies]]`` whose
    ``class`` is any of these, or a list of several. ``params``, and keywords that are no arguments, are their parameters.

    ``data`` is a frame of pandas, polars or pyarrow (bars of one ``symbol``, or with a column of symbols), a mapping from symbols to frames, the
    path of a file, folder or catalogue. What these don't say of themselves is said by the keys of ``[feed]`` as keywords (``unit="s"``, ``columns={"close": "Adj Close"}``). A feed (`holdfast.feeds.port`) is taken as it is. Times without a zone are those of ``timezone``. ``bar`` is the bars' length where it can't be told.
    ``symbols`` are those that are read and traded (all of the data), ``timeframe`` the bars that strategies are shown. Trading begins at ``start``: what
    lies before warms up; data from ``end`` on is left out.

    ``cash``, ``currency`` and ``calendar`` are the account's, ``risk`` its limits; ``venue`` says how orders fill, and ``fill``, ``fees`` and ``seed`` its
    keys ``fill``, ``commission`` and ``seed``; ``exits``, ``instruments`` and ``actions`` are as in the configuration file, with the same keys.
    ``benchmark`` is a symbol of the data to compare with, bought and held, or several in equal parts.

    A strategy that raises is stopped and the run goes on without it; ``result.stopped`` and a warning say where and when.

    Raises :class:`~holdfast.errors.InvalidValue` and :class:`~holdfast.errors.ConfigError` for arguments that can't be meant, and
    :class:`~holdfast.errors.DataError` for data that can't be true.
    """
    said = {**locals()}
    own = getcontext()
    try:
        made = prepare(said)
        opened = made.source.open(made.config)
        result = run(made.config, opened, made.classes, benchmark=made.compared, has_timeframe=timeframe is not None)
    finally:
        setcontext(own)
    for name, why in result.stopped.items():
        warnings.warn(f"strategy {name} was stopped, and what it held was kept to the end: {why}", stacklevel=2)
    return result


class Prepared(NamedTuple):
    """What is to be run: the configuration that was meant, its data, the strategies that are at hand, by id, and the benchmark's symbols."""

    config: Config
    source: "Source"
    classes: Classes
    compared: list[str]


def prepare(said: Mapping[str, Any], caller: str = "backtest") -> Prepared:
    """The configuration that arguments of :func:`backtest` mean, all of them by name. Raises as it does; changes the thread's decimal context."""
    check_fees(said["fees"])
    wanted, compared = names_of(said["symbols"], "symbols"), names_of(said["benchmark"], "benchmark")
    shared = _given({"timeframe": said["timeframe"], "exits": said["exits"], "params": dict(said["params"] or {})})
    strategies = strategies_of(said["strategy"], shared)
    layout, parameters = strategies.apart(said["parameters"], LAYOUT_KEYS)
    check_keywords(parameters, strategies, [*signature(backtest).parameters, *LAYOUT_KEYS], caller)
    strategies.share(parameters)
    feed: dict[str, Any] = {"bar": said["bar"], "start": _iso(said["start"]), "end": _iso(said["end"])}
    feed["actions"], calendar = said["actions"], said["calendar"]
    source = Source(said["data"], feed, {"symbol": said["symbol"], "timezone": said["timezone"], **layout}, calendar)
    strategies.trade(wanted or source.symbols)
    if wanted:
        feed["symbols"] = sorted({*strategies.symbols, *compared})
    account = {"cash": said["cash"], "currency": said["currency"], "calendar": calendar, "risk": said["risk"]}
    short = _given({"fill": said["fill"], "commission": said["fees"], "seed": said["seed"]})
    sections = {"venue": {**(said["venue"] or {}), **short}, "instruments": said["instruments"]}
    config = config_of(strategies, {**feed, **source.where}, account, sections)
    return Prepared(config, source, strategies.classes, compared)


class Source:
    """The data of a backtest: a frame, files, a catalogue, or a feed, which knows all that could be ``said`` of the others.

    ``layout`` is what is said of how frames and files are laid out: the keys of ``[feed]`` (docs/data.md).
    """

    def __init__(self, data: Any, said: Mapping[str, Any], layout: Mapping[str, Any], calendar: str | None) -> None:
        self.frame: pa.Table | None = None
        self.feed: Feed | None = None
        self._notes: Sequence[str] = ()
        self.where: dict[str, str] = {"path": FRAME}
        layout = _given(layout)
        if isinstance(layout.get("symbol", ""), str) is False:
            raise InvalidValue(f"symbol is the one of all rows, not {layout['symbol']!r}; symbols names several")
        if isinstance(data, (str, Path)):
            self._locate(Path(data), layout, calendar)
        elif hasattr(data, "events") and hasattr(data, "trading_from_ns"):
            self.feed = data
            for name in _given({**said, **layout}):
                raise InvalidValue(f"{name} goes with a frame or a file; a feed knows its own")
        else:
            self.frame = from_frame(data, calendar=calendar, **layout)

    def _locate(self, path: Path, layout: Mapping[str, Any], calendar: str | None) -> None:
        """A catalogue and a file in Holdfast's own columns are streamed; any other is read here."""
        self.where = {"path": str(path)}
        if (path / CATALOGUE_MARK).exists():
            for name in layout:
                raise InvalidValue(f"{name} goes with a frame or a file; {path} is a catalogue, which knows its own")
            self.where["kind"] = "catalogue"
        elif layout or is_other_layout(path):
            read = read_files([path], options(**layout), calendar or DEFAULT_CALENDAR)
            self.frame, self._notes = read.table, read.notes

    @property
    def symbols(self) -> Sequence[str]:
        """Those of the data, sorted."""
        if self.feed is not None:
            return self.feed.symbols
        if self.frame is not None:
            return sorted(self.frame["symbol"].unique().to_pylist())
        path = Path(self.where["path"])
        if "kind" in self.where:
            return sorted({entry.symbol for entry in Catalogue(path).entries()})
        return FileFeed(path).symbols

    def open(self, config: Config) -> Feed:
        """The feed. Raises ConfigError and DataError in the words of Python's arguments."""
        if self.feed is not None:
            return self.feed
        try:
            feed = build_feed(config, frame=self.frame, name=self.where["path"])
        except (ConfigError, DataError) as error:
            raise type(error)(in_arguments(str(error))) from None
        if isinstance(feed, FileFeed):
            feed.notes = (*feed.notes, *self._notes)
        return feed


def run(
    config: Config,
    feed: Feed,
    classes: Classes = NO_CLASSES,
    *,
    benchmark: str | Sequence[str] | None = None,
    has_timeframe: bool = True,
) -> Result:
    """The only account of a configuration over a feed, which is checked first. Raises as :func:`backtest` does."""
    account = config.accounts[0]
    notes = [*(timeframe_notes(config.strategies, feed) if has_timeframe else ())]
    if isinstance(feed, FileFeed):
        feed.check()
        notes += [*feed.notes[:MOST_NOTES], *(jump.words for jump in feed.jumps)]
        notes += [note for note in (outside_note(feed, calendar_of(account)),) if note]
    compared = compared_with(benchmark, feed, calendar_of(account))
    with tempfile.TemporaryDirectory(prefix="holdfast-backtest-") as folder:
        made = Backtest(config, account, feed, Path(folder), classes)
        return result_of(made, made.run(), notes, compared)


def result_of(
    made: Backtest, outcome: AccountResult, notes: Sequence[str] = (), compared: Benchmark | None = None
) -> Result:
    """What a backtest that was run came to, taken from the disk. Raises :class:`~holdfast.errors.DataError` for rows that aren't as written."""
    config, account, feed = made.config, made.account, made.feed
    tables = tables_of(made.recorder)
    if compared is not None:
        tables["benchmark"] = pa.table({"time": pa.array(compared.time_ns).cast(TIME), "worth": compared.worth})
    if isinstance(feed, FileFeed) and len(feed.symbols) <= MOST_CHARTS:
        candles = feed.candles(CANDLES // len(feed.symbols))
        tables["prices"] = candles.rename_columns(["symbol", "time", *candles.column_names[2:]]).cast(PRICES)
    strategies = config.strategies_on(account.name)
    jumps = len(feed.jumps) if isinstance(feed, FileFeed) else 0
    said = None if feed.kind != "file" or feed.name == FRAME else config.feed_of(account)
    head = Head(
        holdfast_version=holdfast.__version__,
        account=outcome,
        data=feed.name,
        symbols=tuple(feed.symbols),
        calendar=account.calendar,
        calendar_sessions=account.calendar_sessions,
        parameters=_as_json(made.params),
        settings=_as_json({"venue": config.venue, "risk": account.risk, "strategies": strategies}),
        notes=tuple(notes),
        fine_print=tuple(fine_print(outcome, config.venue, said, jumps=jumps)),
        trip_profits=made.recorder.trip_profits,
        benchmark="" if compared is None else compared.name,
    )
    return Result(head, tables)


def _as_json(value: Any) -> Any:
    """As it comes back from a file."""
    return msgspec.json.decode(msgspec.json.encode(value))


def compared_with(benchmark: str | Sequence[str] | None, feed: Feed, calendar: TradingCalendar) -> Benchmark | None:
    """What the account is to be compared with: the prices of symbols at the end of each session."""
    symbols = names_of(benchmark, "benchmark")
    if not symbols:
        return None
    if not isinstance(feed, FileFeed):
        raise InvalidValue("benchmark is for data in files and frames; leave it out")
    for symbol in symbols:
        if symbol not in feed.symbols:
            near = get_close_matches(symbol, feed.symbols, n=1) or feed.symbols[:5]
            raise InvalidValue(f"benchmark: {feed.name} has no symbol {symbol!r}; it has {', '.join(near)}")
    edges_ns = np.array([day.start_ns for day in calendar.days], dtype=np.int64)
    return buy_and_hold({symbol: feed.closes(symbol, edges_ns) for symbol in symbols})


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


def _iso(moment: Moment | None) -> str | None:
    if type(moment).__module__ == "numpy":
        moment = cast(Any, moment).astype("datetime64[us]").item()
    return moment.isoformat() if isinstance(moment, dt.date) else moment
