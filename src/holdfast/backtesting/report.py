"""What a report is made from, out of a result: docs/report.md."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from pprint import pformat
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from holdfast.core.types import iso_time
from holdfast.errors import DataError
from holdfast.report import Candles, Counts, Indicator, Part, Report, Run, Sweep, Trade, page
from holdfast.statistics import Sessions, daily

if TYPE_CHECKING:
    from holdfast.backtesting.result import Result
    from holdfast.statistics.record import Times

MOST_NAMES = 3
INDICATOR = ("strategy", "symbol", "indicator", "output", "panel")


def report_of(
    results: Sequence["Result"],
    names: Sequence[str] = (),
    *,
    title: str | None = None,
    sweep: Sweep | None = None,
    trials: int = 1,
) -> Report:
    """One result in full, or several side by side, each under its name; ``trials`` are the runs of which they are the best."""
    named = list(names) or _names(results)
    runs = [run_of(result, name, trials) for result, name in zip(results, named, strict=True)]
    return Report(title=title or (runs[0].name if len(runs) == 1 else f"{len(runs)} backtests"), runs=runs, sweep=sweep)


def write(report: Report, path: Path | str) -> Path:
    """The page as a file, in place of one that is there. Raises :class:`~holdfast.errors.DataError`."""
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(page(report), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path}: the report can't be written ({error.strerror or error})") from None
    return path


def run_of(result: "Result", name: str, trials: int = 1) -> Run:
    """A result as the report takes it."""
    head, account = result.head, result.account
    sessions = daily(result.curve, result.calendar, float(account.deposit))
    facts = {
        "Holdfast": head.holdfast_version,
        "Account": account.account,
        "Data": head.data,
        "Symbols": _listed(head.symbols, 20),
        "From": iso_time(account.start_ns),
        "To": iso_time(account.end_ns),
        "Market events": f"{account.bars:,}",
        "Calendar": head.calendar,
        "Replay": f"{account.seconds:.2f} s",
    }
    return Run(
        name=name,
        statistics=result.summary if trials == 1 else result.summarize(trials=trials),
        curve=result.curve,
        sessions=sessions,
        session_starts_ns=_starts(result, sessions),
        trades=list(_trades(result)),
        candles=dict(_candles(result.tables.get("prices"))),
        indicators=list(_indicators(result.tables["indicators"])),
        benchmark=result.benchmark,
        parts=[_part(row) for row in account.strategies],
        counts=_counts(result),
        fill=account.fill,
        fine_print=result.fine_print,
        notes=result.notes,
        facts=facts,
        parameters=result.parameters,
        settings=head.settings,
        again=_again(result),
    )


def _starts(result: "Result", sessions: Sessions) -> "Times":
    """When each of the sessions begins."""
    starts = {day.date: day.start_ns for day in result.calendar.days}
    return np.array([starts[date] for date in sessions.dates], dtype=np.int64)


def _names(results: Sequence["Result"]) -> list[str]:
    """Strategies and symbols; with a number where that is not enough."""
    names: list[str] = []
    for result in results:
        name = f"{_listed([row.strategy for row in result.account.strategies])} on {_listed(result.head.symbols)}"
        used = sum(each == name or each.startswith(f"{name} (") for each in names)
        names.append(f"{name} ({used + 1})" if used else name)
    return names


def _listed(words: Sequence[str], most: int = MOST_NAMES) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most:,} more" if len(words) > most else "")


def _part(row: Any) -> Part:
    return Part(
        strategy=row.strategy,
        orders=row.orders,
        fills=row.fills,
        net=float(row.net),
        unrealised=float(row.unrealised),
        fees=float(row.fees),
        stopped=row.stopped,
    )


def _counts(result: "Result") -> Counts:
    account, refusals = result.account, result.tables["refusals"]
    first: dict[str, str] = {}
    for rule, text in zip(refusals["rule"].to_pylist(), refusals["text"].to_pylist(), strict=True):
        first.setdefault(rule, text)
    return Counts(
        bars=account.bars,
        orders=account.orders,
        fills=account.fills,
        open_orders=account.open_orders,
        decided_bars=account.decided_bars,
        ambiguous_bars=account.ambiguous_bars,
        anomalies=account.anomalies,
        refusals=account.refusals,
        refusal_words=first,
        orders_by_state=account.orders_by_state,
        unfilled=account.unfilled,
    )


def _trades(result: "Result") -> Iterator[Trade]:
    table, end_ns = result.tables["trades"], result.account.end_ns
    times = [table[name].cast(pa.int64()).to_pylist() for name in ("entry_time", "exit_time")]
    same = (
        "strategy",
        "symbol",
        "side",
        "quantity",
        "entry_price",
        "exit_price",
        "profit",
        "fees",
        "worst",
        "best",
        "risk",
        "bars",
        "exit_role",
        "tag",
    )
    columns = [table[name].to_pylist() for name in same]
    for entry_ns, exit_ns, *row in zip(*times, *columns, strict=True):
        yield Trade(
            entry_ns=entry_ns,
            exit_ns=end_ns if exit_ns is None else exit_ns,
            is_open=exit_ns is None,
            **dict(zip(same, row, strict=True)),
        )


def _groups(table: pa.Table, words: Sequence[str]) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """The rows of each combination of some columns of words."""
    import pyarrow.compute as pc

    plain = table
    for word in words:
        plain = plain.set_column(plain.column_names.index(word), word, plain[word].cast(pa.string()))
    for key in plain.group_by(list(words)).aggregate([]).select(list(words)).to_pylist():
        chosen = plain
        for word in words:
            chosen = chosen.filter(pc.equal(chosen[word], key[word]))
        yield tuple(key[word] for word in words), chosen


def _candles(table: pa.Table | None) -> Iterator[tuple[str, Candles]]:
    if table is None:
        return
    for (symbol,), rows in _groups(table, ("symbol",)):
        numbers = (rows[name].to_numpy() for name in ("open", "high", "low", "close"))
        yield symbol, Candles(rows["time"].cast(pa.int64()).to_numpy(), *numbers)


def _indicators(table: pa.Table) -> Iterator[Indicator]:
    for (strategy, symbol, name, output, panel), rows in _groups(table, INDICATOR):
        times, values = rows["time"].cast(pa.int64()).to_numpy(), rows["value"].to_numpy()
        yield Indicator(strategy, symbol, name, output, panel, times, values)


def _again(result: "Result") -> str:
    """The call in Python that makes the same run from the same data."""
    head, account = result.head, result.account
    settings = head.settings

    def given(values: Any) -> Any:
        return {
            name: inner
            for name, value in values.items()
            if (inner := given(value) if isinstance(value, dict) else value) not in (None, {}, [])
        }

    strategies = [
        {**given(row), "params": head.parameters.get(row["id"], {})} for row in settings.get("strategies", [])
    ]
    for row in strategies:
        row.pop("account", None)
    arguments = {"cash": str(account.deposit), "calendar": head.calendar, "venue": given(settings.get("venue", {}))}
    said = [_written("", strategies), "    data,"]
    said += [
        _written(f"{name}=", value) for name, value in {**arguments, "risk": given(settings.get("risk", {}))}.items()
    ]
    before = f"data = {head.data!r}  # the same data: a path, or the frames"
    return "\n".join(["from holdfast import backtest", "", before, "result = backtest(", *said, ")"])


def _written(name: str, value: Any) -> str:
    """An argument, on as many lines as it needs."""
    return textwrap.indent(f"{name}{pformat(value, width=96 - len(name), sort_dicts=False)},", "    ")
