"""``holdfast check BROKER``: the way to a broker and back, each step with its time."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from rich.text import Text

from holdfast.adapters import registry
from holdfast.brokers.adapter import Adapter, Proof, Step, Verdict
from holdfast.cli import terminal
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN
from holdfast.config import DEFAULT_PATH, Config, load_config
from holdfast.config.secrets import KeptSessions
from holdfast.errors import InvalidValue
from holdfast.telemetry.logs import LogFormat, set_up_logs

_STYLES = {Verdict.OK: GOOD, Verdict.NOTE: WARN, Verdict.FAIL: BAD, Verdict.SKIPPED: DIM}


def check_broker(broker: str, config_file: Path | None, login: str, symbol: str, send: bool, as_json: bool) -> int:
    """Print a line for each step. Exit status 0, or 1 when one failed.

    Raises ConfigError when keys are missing, InvalidValue for a broker that can't be checked.
    """
    set_up_logs(LogFormat.CONSOLE, logging.ERROR)  # what went wrong is told by the steps
    if not registry.is_known(broker):
        checks = ", ".join(
            f"`holdfast check {name}`" for name in registry.names() if _can_be_proved(registry.load(name))
        )
        raise InvalidValue(f"there is no check of {broker!r}; there is `holdfast check`, {checks}")
    adapter = registry.load(broker)
    if not _can_be_proved(adapter):
        raise InvalidValue(
            f"accounts at {broker} live in the engine, so there is no way to prove; `holdfast check` looks at the rest"
        )
    path = config_file or DEFAULT_PATH
    config = load_config(path) if config_file is not None or path.exists() else Config()
    steps: list[Step] = []

    def tell(step: Step) -> None:
        steps.append(step)
        if not as_json:
            terminal.console().print(_line(step), soft_wrap=True)

    proof = Proof(login, symbol, send, tell, KeptSessions(config.secrets))
    asyncio.run(adapter.prove(config.section(broker), proof))
    is_well = all(step.verdict is not Verdict.FAIL for step in steps)
    if as_json:
        rows = [{"check": what, "verdict": verdict, "text": text, "seconds": s} for what, verdict, text, s in steps]
        terminal.print_json({"ok": is_well, "checks": rows})
    return 0 if is_well else 1


def _can_be_proved(adapter: Adapter[Any]) -> bool:
    return type(adapter).prove is not Adapter.prove


def _line(step: Step) -> Text:
    took = "" if step.seconds is None else f"{step.seconds * 1000:>7,.0f} ms"
    verdict = (f"{step.verdict:<4}", f"bold {_STYLES[step.verdict]}")
    return Text.assemble(verdict, f"  {step.what:<13}", (f"{took:>10}", DIM), f"  {step.text}")
