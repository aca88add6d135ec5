"""Whether somebody looks for what is wrong: an observer notes that it does, in its own database."""

import time
from contextlib import closing

from holdfast.cli.terminal import when
from holdfast.config import Config
from holdfast.core.types import SECOND_NS
from holdfast.errors import HoldfastError
from holdfast.journal.database import open_database

SILENT_S = 60
"""An observer notes each ten seconds that it looks."""
HOW = "`holdfast run --observe` starts one with the engine, `holdfast observe` one beside it"


def unwatched(config: Config) -> str:
    """That nobody looks, since when, and what to do; empty while somebody does."""
    looked_ns = _looked_ns(config)
    if looked_ns is None:
        return f"no observer has looked so far, so nothing is found and nobody is told: {HOW}"
    if time.time_ns() - looked_ns > SILENT_S * SECOND_NS:
        return f"no observer has looked since {when(looked_ns)}, so nothing new is found and nobody is told: {HOW}"
    return ""


def _looked_ns(config: Config) -> int | None:
    """When an observer last looked, in plain SQL: who only looks loads nothing else. None where that can't be known."""
    database = open_database(config.observer.url)
    try:
        if not database.exists():
            return None
        with database.reported("read"), closing(database.read_only()) as connection:
            rows = connection.fetch("SELECT value FROM alert_marks WHERE name = ?", ["looked"])
    except HoldfastError:
        return None
    return int(rows[0][0]) if rows else None
