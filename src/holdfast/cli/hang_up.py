"""SIGHUP: the engine files the command that a person would have filed, so that it is answered, and recorded, in the same way."""

import asyncio
import os
import time
from collections.abc import Callable

import structlog

from holdfast.core.settings import Reload
from holdfast.errors import HoldfastError
from holdfast.journal.commands import file_command
from holdfast.telemetry.channels import AUDIT_LOG

log = structlog.get_logger(AUDIT_LOG)


class HangUp:
    """Has an engine read its configuration again, by its journal at ``url``; ``account`` says which of its accounts can answer."""

    def __init__(self, url: str, account: Callable[[], str]) -> None:
        self._url = url
        self._account = account
        self._filing: set[asyncio.Task[None]] = set()

    def reload(self) -> None:
        """File the command, beside whatever else goes on in the running event loop."""
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(self._file))
        self._filing.add(task)
        task.add_done_callback(self._filing.discard)

    def _file(self) -> None:
        account = self._account()
        try:
            source = f"signal:SIGHUP to pid {os.getpid()}"
            file_command(self._url, account, Reload("SIGHUP"), source, None, time.time_ns())
        except HoldfastError as error:
            log.error("SIGHUP came, and the configuration can't be read again", account=account, reason=str(error))
