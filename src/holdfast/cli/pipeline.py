"""``holdfast pipeline``: the way from the market to what is held, each stage with its verdict, why, and what to do."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Column
from holdfast.config import Config
from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader
from holdfast.monitor.verdicts import Level
from holdfast.views.encode import as_json as view_json
from holdfast.views.pipeline import Pipelines, StageView, worst_of

STYLES = {Level.HEALTHY: GOOD, Level.DEGRADED: WARN, Level.CRITICAL: f"bold {BAD}", Level.IDLE: DIM}
COLUMNS = (
    Column("stage"),
    Column("verdict"),
    Column("last", 1, right=True),
    Column("a minute", 2, right=True),
    Column("p50", 4, right=True),
    Column("p95", 3, right=True),
    Column("p99", 4, right=True),
)


def pipeline(config_file: Path | None, account: str | None, as_json: bool) -> int:
    """Print it; 1 when a stage is critical."""
    config = config_for_reading(config_file)
    _require(config, account)
    with Reader.open(config.journal.url) as reader:
        found = Pipelines(config).stages(reader, account)
    if as_json:
        terminal.print_json([view_json(view) for view in found])
    else:
        _print(found, terminal.console())
    return int(any(view.level is Level.CRITICAL for view in found))


def _require(config: Config, account: str | None) -> None:
    names = [each.name for each in config.accounts]
    if account is not None and account not in names:
        raise InvalidValue(f"the configuration has no account {account!r}; it has {', '.join(names) or 'none'}")


def _print(found: list[StageView], console: Console) -> None:
    for whole in worst_of(found):
        own = [view for view in found if view.account == whole.account]
        title = Text.assemble(
            (whole.account, "bold"), (f"  {own[0].broker}  ", DIM), (whole.level, STYLES[whole.level])
        )
        console.print(title)
        console.print(terminal.table(COLUMNS, [_row(view) for view in own], console.width))
        for view in own:
            console.print(_said(view))
        console.print()


def _row(view: StageView) -> list[terminal.Cell]:
    age = "" if view.age_s is None else terminal.ago(view.age_s)
    rate = f"{view.per_minute:g}" if view.per_minute else ""
    steps = [_seconds(value) for value in (view.step_p50_s, view.step_p95_s, view.step_p99_s)]
    return [view.stage, Text(view.level, style=STYLES[view.level]), age, rate, *steps]


def _said(view: StageView) -> Text:
    text = Text.assemble((f"{view.stage}: ", DIM), view.reason)
    if view.next_step and view.level is not Level.HEALTHY:
        text.append(f"; {view.next_step}", style=DIM if view.level is Level.IDLE else "")
    if view.way_p50_s is not None:
        text.append(
            f"; from the market event p50 {_seconds(view.way_p50_s)}, p99 {_seconds(view.way_p99_s)}", style=DIM
        )
    return text


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s" if value < 120 else terminal.ago(value)
