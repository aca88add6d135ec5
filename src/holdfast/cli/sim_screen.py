"""What each ``holdfast sim`` checks of its options, says of its market, and how it waits for its end."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from holdfast.errors import ConfigError, InvalidValue
from holdfast.feeds.pace import FLAT_OUT

MOST_SHOWN = 12
"""Symbols that are named on the screen; the rest are counted."""


def check_data(data: Sequence[Path], symbols: str | None) -> None:
    """Whether the market can be what was typed. Raises HoldfastError."""
    if symbols is not None and data:
        raise InvalidValue("--symbols names what a made-up market trades; with --data the files say it: leave one out")
    for path in data:
        if not path.exists():
            raise ConfigError(f"{path}: there is no such file or folder; give --data where the market data is")


def ending() -> asyncio.Event:
    """Set by SIGINT and SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def add_market(shown: Table, told: dict[str, Any]) -> None:
    """The rows about the market: its symbols, where it comes from, its time."""
    names = told["symbols"]
    rest = len(names) - MOST_SHOWN
    shown.add_row("symbols", " ".join(names[:MOST_SHOWN]) + (f" and {rest} more" if rest > 0 else ""))
    shown.add_row("market", f"{told['data']}, {_speed(told['speed'])}")
    opened = "open" if told["is_open"] else "closed"
    shown.add_row("market time", f"{told['market_time'][:19].replace('T', ' ')} UTC, {opened}")


def _speed(speed: Any) -> str:
    if speed == FLAT_OUT:
        return "flat out from the first subscription on"
    return f"{speed:g} times real time" if speed != 1 else "real time"
