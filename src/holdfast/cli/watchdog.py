"""``holdfast watchdog``: one line an event."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.log_setup import set_up_from
from holdfast.cli.place import tell_of_errors
from holdfast.cli.signals import Ender
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN
from holdfast.config import DEFAULT_PATH, check_watchdog, load_config
from holdfast.core.types import iso_time
from holdfast.watchdog.news import Kind, News, Tell
from holdfast.watchdog.watchdog import Watchdog, guarded

TONES = {
    Kind.ALIVE: GOOD,
    Kind.PROTECTED: GOOD,
    Kind.GIVEN_BACK: GOOD,
    Kind.SILENT: WARN,
    Kind.TAKEN: WARN,
    Kind.UNPROTECTED: BAD,
    Kind.TROUBLE: BAD,
}


def watchdog(config_file: Path | None, as_json: bool) -> int:
    """Watch until a signal comes. Exit status 0; raises HoldfastError."""
    path = config_file or DEFAULT_PATH
    config = load_config(path)
    check_watchdog(config, str(path))
    set_up_from(config.logs, logging.ERROR, "watchdog")
    tell_of_errors(config, "watchdog")
    tell = _printer(as_json)
    asyncio.run(_run([Watchdog(config, account, tell) for account in guarded(config)]))
    return 0


async def _run(watchdogs: Sequence[Watchdog]) -> None:
    def stop(_reason: str) -> None:
        for watchdog in watchdogs:
            watchdog.stop()

    with Ender(stop):
        await asyncio.gather(*[watchdog.run() for watchdog in watchdogs])


def _printer(as_json: bool) -> Tell:
    """JSON for programs: an object a line, as it goes on for ever."""
    console = terminal.console()

    def show(news: News) -> None:
        now = iso_time(time.time_ns())
        if as_json:
            fields = {"time": now, "account": news.account, "event": news.kind.value, "text": news.text}
            print(msgspec.json.encode(fields).decode(), flush=True)
            return
        line = Text(f"{now[:19].replace('T', ' ')}  ", style=DIM)
        line.append(f"{news.kind.value:<11} ", style=TONES.get(news.kind, ""))
        line.append(f"{news.account}: {news.text}")
        console.print(line, soft_wrap=True)

    return show
