"""``holdfast sweep``: a strategy of the configuration with many combinations of parameters, and what the best is worth."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from rich.console import Console

from holdfast.adapters.registry import nearest
from holdfast.assembly import build_feed, load_strategy, tick_notes, timeframe_notes
from holdfast.cli import terminal
from holdfast.cli.backtest import data_notes, split_notes, with_data
from holdfast.cli.interrupts import INTERRUPTED
from holdfast.cli.place import config_for_reading
from holdfast.cli.progress import progress
from holdfast.cli.report_page import check_page
from holdfast.config import Config, StrategyConfig
from holdfast.errors import InvalidValue

if TYPE_CHECKING:
    from holdfast.sweeping.api import Plan
    from holdfast.sweeping.asked import Asked
    from holdfast.sweeping.sweep import Sweep

FIGURES = ("sharpe", "total_return_pct", "max_drawdown_pct", "trades", "fees")


class Wanted(NamedTuple):
    """What was typed beside the search itself."""

    config: Path | None
    data: Path | None
    strategy: str | None
    params: Sequence[str]
    page: Path | None
    as_json: bool


def sweep(wanted: Wanted, asked: "Asked") -> int:
    """Check, run what is not done yet, show. Exit status 0; 1 where no trial went through, 130 after Ctrl-C."""
    if wanted.page is not None:
        check_page(wanted.page)
    params = _params(wanted.params)
    config = with_data(config_for_reading(wanted.config, ()), wanted.data)
    config, row = of_strategy(config, wanted.strategy)
    plan = _checked(config, row, params, asked)
    try:
        found = _run(plan)
    except KeyboardInterrupt:
        return _interrupted(plan)
    if wanted.page is not None:
        found.report(wanted.page)
        terminal.say(f"report: {wanted.page}")
    if wanted.as_json:
        terminal.print_json(_as_json(found))
    else:
        _print(found, terminal.console())
        terminal.say(f"all trials are in {asked.out}")
    return 0 if found.best is not None else 1


def _checked(config: Config, row: StrategyConfig, params: dict[str, str], asked: "Asked") -> "Plan":
    from holdfast.sweeping.api import planned
    from holdfast.sweeping.trial import Study

    feed = build_feed(config, config.feed_of(config.accounts[0]))
    plan = planned(Study(config, row.id, {}), load_strategy(row.class_path), params, asked, feed)
    for note in (*data_notes(feed), *timeframe_notes(config.strategies, feed), *tick_notes(config), *split_notes(feed)):
        terminal.say(note)
    return plan


def _run(plan: "Plan") -> "Sweep":
    from holdfast.sweeping.api import carried_out

    with progress("sweep", "trials", plan.search.planned) as update:
        return carried_out(plan, update)


def _interrupted(plan: "Plan") -> int:
    from holdfast.sweeping.sweep import load

    out = plan.asked.out
    done = load(out) if out is not None and out.exists() else None
    if done is None:
        terminal.say("interrupted before the first trial was done")
    else:
        _print(done, terminal.console())
        terminal.say(f"interrupted; {len(done.trials):,} trials are in {out}, and the same command goes on from there")
    return INTERRUPTED


def _params(said: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in said:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name or not values.strip():
            raise InvalidValue(f"--param {text!r} is not NAME=VALUES, such as fast=5:50:5 or slow=20,50,100")
        if name in found:
            raise InvalidValue(f"--param {name} is given twice; put its values into one: {name}={found[name]},{values}")
        found[name] = values
    return found


def of_strategy(config: Config, name: str | None) -> tuple[Config, StrategyConfig]:
    """The configuration of the first account that the strategy is on, with all strategies of that account. Raises InvalidValue."""
    names = [row.id for row in config.strategies]
    if not names:
        raise InvalidValue("the configuration has no strategies; add [[strategies]] with the one to sweep")
    if name is None and len(names) > 1:
        raise InvalidValue(f"which strategy? Add --strategy {' or --strategy '.join(names)}")
    if name is not None and name not in names:
        raise InvalidValue(f"the configuration has no strategy {name!r}; {nearest(name, names)}")
    row = config.strategies[names.index(name or names[0])]
    account = next(account for account in config.accounts if account.name in row.on)
    if len(row.on) > 1:
        terminal.say(f"strategy {row.id} is on several accounts; this is about {account.name}")
    rows = [
        msgspec.structs.replace(each, account=account.name, accounts=()) for each in config.strategies_on(account.name)
    ]
    config = msgspec.structs.replace(config, accounts=[account], strategies=rows)
    return config, next(each for each in rows if each.id == row.id)


def _print(found: "Sweep", console: Console) -> None:
    from holdfast.sweeping.words import page

    top = found.top()
    if len(top):
        columns = [terminal.Column("trial", right=True)]
        columns += [
            terminal.Column(str(name), rank=1 if name in FIGURES[1:] else 0, right=True) for name in top.columns
        ]
        rows = [[str(trial), *map(_cell, row)] for trial, *row in top.itertuples(name=None)]
        console.print(
            terminal.table(
                columns, rows, console.width, f"the best of {len(found.trials):,} trials of {found.about.strategy}"
            )
        )
    for note in found.notes:
        console.print(note)
    judgement = found.judgement
    for sentence in page(judgement) if judgement else ["No trial went through."]:
        console.print(f"• {sentence}")


def _cell(value: object) -> str:
    from holdfast.sweeping.words import number

    if isinstance(value, float) and value.is_integer():
        return f"{value:,.0f}"
    if isinstance(value, float):
        return number(None if isnan(value) else value)
    return str(value)


def _as_json(found: "Sweep") -> object:
    from holdfast.sweeping.words import page

    best, judgement = found.best, found.judgement
    return {
        "strategy": found.about.strategy,
        "data": found.about.data,
        "by": found.by,
        "trials": len(found.trials),
        "failed": sum(bool(trial.error) for trial in found.trials),
        "skipped": found.about.skipped,
        "best": None if best is None else {"trial": best.number, "params": best.params, "figures": best.figures},
        "overfitting": judgement,
        "page": page(judgement) if judgement else [],
        "table": [
            {"trial": trial.number, "params": trial.params, "figures": trial.figures, "error": trial.error or None}
            for trial in found.trials
        ],
    }
