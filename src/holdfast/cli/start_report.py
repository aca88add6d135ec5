"""What a start says: what was validated, and the configuration that is in force; to people, and to the log."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import structlog
from rich.text import Text

from holdfast.cli.terminal import DIM, Cell
from holdfast.config import AccountConfig, Config, ProtectionConfig
from holdfast.core.risk.limits import StrategyLimits
from holdfast.core.risk.sizing import Sizing
from holdfast.core.types import plain
from holdfast.journal.database import public
from holdfast.telemetry.channels import AUDIT_LOG, Levels
from holdfast.telemetry.logs import LogSetting

PAPER = "paper"
LOUD = "bold white on red"
WORDS = {10: "debug", 20: "info", 30: "warnings", 40: "errors"}
MEBIBYTE = 1 << 20
ALWAYS = ("leverage", "max_open_orders", "max_orders_per_minute", "price_collar_pct", "sizing")
"""Limits that are told though nobody has written them: they bound what everybody does."""


class Started(NamedTuple):
    """What a start knows. ``where`` is each account that is at a broker elsewhere: what its login says of it."""

    file: str
    config: Config
    where: dict[str, str]
    logs: LogSetting | None
    metrics_url: str | None


def is_real(where: str | None) -> bool:
    """Whether an account trades real money: one that is elsewhere does, unless its broker says that it is on paper."""
    return where is not None and not where.startswith(PAPER)


def mode_of(where: str | None) -> str:
    """``paper`` or ``LIVE``."""
    return "LIVE" if is_real(where) else PAPER


def facts(started: Started) -> list[tuple[str, Cell]]:
    """The lines that people read at the start."""
    config = started.config
    pairs: list[tuple[str, Cell]] = [("mode", _mode(account, started)) for account in config.accounts]
    pairs += [("limits", f"{account.name}: {', '.join(limits_of(account.risk))}") for account in config.accounts]
    own = {strategy.id: ", ".join(limits_of(strategy.risk)) for strategy in config.strategies}
    pairs += [("", f"{strategy}: {limits}") for strategy, limits in own.items() if limits]
    pairs += [("protection", _protection(each)) for each in {account.protection for account in config.accounts}]
    pairs.append(("validated", Text(VALIDATED.format(file=started.file), style=DIM)))
    if started.logs is not None:
        pairs.append(("log", Text(in_words(started.logs), style=DIM)))
    return pairs


VALIDATED = "{file}, market data, strategies and their parameters, keys, names, the journal and who may write it"


def _mode(account: AccountConfig, started: Started) -> Text:
    where = started.where.get(account.name)
    if is_real(where):
        return Text.assemble((f" LIVE: {account.name} trades real money ", LOUD), f" {where}")
    return Text.assemble((PAPER, "bold"), f", {account.name}: {where or 'an exchange in memory'}")


def limits_of(limits: StrategyLimits) -> Iterator[str]:
    """The limits that are set, as they are written; of what only says how another is meant, what is not as it always is."""
    defaults = type(limits)()
    for name in limits.__struct_fields__:
        value = getattr(limits, name)
        is_set = name in ALWAYS or value != getattr(defaults, name)
        if is_set and value is not None:
            yield f"{name} {_sizing(value) if isinstance(value, Sizing) else _plain(value)}"


def _sizing(sizing: Sizing) -> str:
    """The method, and what of it is written."""
    defaults = Sizing()
    names = [name for name in sizing.__struct_fields__ if name != "method"]
    written = [(name, getattr(sizing, name)) for name in names if getattr(sizing, name) != getattr(defaults, name)]
    return " ".join([_plain(sizing.method), *(f"{name} {_plain(value)}" for name, value in written)])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(f"{key}: {_plain(each)}" for key, each in value.items())
    if isinstance(value, tuple | list):
        return "/".join(map(str, value))
    if isinstance(value, Decimal):
        return plain(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _protection(policy: ProtectionConfig) -> str:
    return (
        f"what fails is {policy.on_failure.value}, late after {policy.late_after_s:g} s, PRESERVATION {policy.preservation.value} "
        f"after {policy.preservation_after_s:g} s"
    )


def in_words(setting: LogSetting) -> str:
    """Where lines of the log go."""
    here = f"{_levels(setting.levels)} to stderr" + (" as JSON" if setting.log_format == "json" else "")
    if setting.file is None:
        return here
    file = setting.file
    return f"{_levels(file.levels)} to {file.path} ({file.keep + 1} of {file.max_bytes / MEBIBYTE:.3g} MB), {here}"


def _levels(levels: Levels) -> str:
    others = [f"{channel.value} {WORDS[level]}" for channel, level in levels.channels.items() if level < levels.base]
    return " ".join([WORDS[levels.base], *([f"({', '.join(others)})"] if others else [])])


def log_start(started: Started) -> None:
    """Tell the log: one line for the run, one for each account; an account with real money as a warning."""
    config, log = started.config, structlog.get_logger(AUDIT_LOG)
    log.info(
        "started",
        configuration=started.file,
        validated=VALIDATED.format(file=started.file),
        accounts=[account.name for account in config.accounts],
        strategies=[strategy.id for strategy in config.strategies],
        feeds=[f"{source.label}: {source.kind}" for source in config.sources],
        journal=public(config.journal.url),
        locks=config.locks.url,
        metrics=started.metrics_url,
        log=None if started.logs is None else in_words(started.logs),
    )
    for account in config.accounts:
        where = started.where.get(account.name)
        tell = log.warning if is_real(where) else log.info
        tell(
            "account trades real money" if is_real(where) else "account trades on paper",
            account=account.name,
            broker=account.broker,
            mode=mode_of(where),
            where=where or "an exchange in memory",
            calendar=account.calendar,
            strategies={row.id: list(row.symbols) for row in config.strategies_on(account.name)},
            limits=list(limits_of(account.risk)),
            protection=_protection(account.protection),
        )
