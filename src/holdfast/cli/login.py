"""``holdfast login BROKER``: the session of a broker that ends by the clock, begun by a person."""

import logging
import sys
from pathlib import Path
from typing import Any

from holdfast.adapters import registry
from holdfast.brokers.adapter import Adapter
from holdfast.brokers.sessions import Person
from holdfast.cli import terminal
from holdfast.cli.log_setup import level_of_environment
from holdfast.cli.web_child import open_browser
from holdfast.config import DEFAULT_PATH, Config, load_config
from holdfast.config.secrets import KeptSessions
from holdfast.errors import InvalidValue
from holdfast.telemetry.logs import LogFormat, set_up_logs

LONGEST = 4_096
"""Characters of what is pasted."""


def login(broker: str, config_file: Path | None, name: str, *, by_paste: bool, by_browser: bool | None) -> None:
    """Have a person log in and keep the session; a store to keep it in is made where there is none.

    Raises ConfigError when keys are missing, InvalidValue for a broker whose logins need no person, Refused when it came to nothing.
    """
    level = level_of_environment()
    set_up_logs(LogFormat.CONSOLE, logging.ERROR if level is None else level)
    adapter = _adapter(broker)
    path = config_file or DEFAULT_PATH
    config = load_config(path) if config_file is not None or path.exists() else Config()
    kept = KeptSessions(config.secrets)
    if not kept.store.exists():
        where = kept.store.make()
        terminal.say(
            f"the secret store {kept.store.path} is made, to keep the session in; its master key is in {where}"
        )

    def open_page(address: str) -> None:
        terminal.console().print(address, soft_wrap=True, markup=False, highlight=False)
        open_browser(address, by_browser)

    person = Person(terminal.say, open_page, _pasted if by_paste else None)
    told = adapter.begin_session(config.section(broker), name, kept, person)
    terminal.console().print(told, soft_wrap=True, markup=False)


def _adapter(broker: str) -> Adapter[Any]:
    there = [name for name in registry.names() if _has_sessions(registry.load(name))]
    if broker not in there:
        names = f"there is {', '.join(there)}" if there else "there is none that does"
        raise InvalidValue(f"no person has to log in at {broker!r}, its keys are enough; {names}")
    return registry.load(broker)


def _has_sessions(adapter: Adapter[Any]) -> bool:
    return type(adapter).begin_session is not Adapter.begin_session


def _pasted() -> str:
    """A line of stdin."""
    text = sys.stdin.readline(LONGEST)
    if not text.strip():
        raise InvalidValue("nothing was pasted; begin again")
    return text
