"""``holdfast lookahead``: whether strategies decide by what they could know."""

from pathlib import Path

import msgspec

import holdfast.strategies as shipped
from holdfast.adapters.registry import nearest
from holdfast.assembly import build_feed, load_strategy
from holdfast.backtesting.wiring import SHIPPED
from holdfast.cli import terminal
from holdfast.cli.backtest import check_data, with_data
from holdfast.cli.place import config_for_reading
from holdfast.cli.progress import progress
from holdfast.cli.sweep import of_strategy
from holdfast.config import Config, StrategyConfig
from holdfast.errors import InvalidValue


def lookahead(
    named: str | None, config_file: Path | None, data: Path | None, cuts: int, warm_up: int | None, as_json: bool
) -> int:
    """Run, compare, tell. Exit status 0 when nothing was found, otherwise 1."""
    from holdfast.bias.check import Checked, check

    config = _config(with_data(config_for_reading(config_file, ()), data), named)
    feed = build_feed(config, config.feed_of(config.accounts[0]))
    check_data(feed)
    with progress("lookahead", "runs") as update:
        report = check(Checked(config, feed, {}, None, cuts, warm_up), update)
    if as_json:
        terminal.print_json({**msgspec.to_builtins(report), "passed": report.passed, "faults": report.faults})
        return 0 if report.passed else 1
    console = terminal.console()
    head, *lines = report.lines
    console.print(head, style="bold")
    for line in lines:
        console.print(f"• {line}", style=terminal.BAD if report.faults else terminal.GOOD)
    return 0 if report.passed else 1


def _config(config: Config, named: str | None) -> Config:
    """The configuration with one strategy: that of an id, or a class with the account, symbols and timeframe of the first there is. Raises InvalidValue."""
    if named is None or any(row.id == named for row in config.strategies):
        config, row = of_strategy(config, named)
        return msgspec.structs.replace(config, strategies=[row])
    if ":" not in named and named not in shipped.__all__:
        names = [*(row.id for row in config.strategies), *shipped.__all__]
        raise InvalidValue(f"there is no strategy {named!r}; {nearest(named, names)}, or module:Class")
    path = named if ":" in named else f"{SHIPPED}:{named}"
    load_strategy(path)
    if not config.strategies:
        raise InvalidValue("the configuration has no strategies, so it says no symbols; add [[strategies]] with them")
    config, first = of_strategy(config, config.strategies[0].id)
    row = StrategyConfig(
        id=path.partition(":")[2],
        class_path=path,
        symbols=first.symbols,
        timeframe=first.timeframe,
        account=first.account,
    )
    return msgspec.structs.replace(config, strategies=[row])
