"""What people ask for, from the journal's table of commands into the accounts' inboxes."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from holdfast.core.messages import Request
from holdfast.core.settings import Reload
from holdfast.core.types import iso_time
from holdfast.journal.batch import Batch, CommandAnswer
from holdfast.journal.commands import CommandQueue
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork
from holdfast.runtime.reloading import Asked, Reloader

COMMANDS_EVERY_S = 0.1
"""How often the journal is asked for commands: quick enough for a person, a thousandth of a core."""


class Mailbox:
    """Reads commands and hands each out once; ``wake`` is called when there was one."""

    def __init__(
        self, commands: CommandQueue, journal: Journal, wake: Callable[[], None], reloader: "Reloader | None" = None
    ) -> None:
        """``reloader`` takes the commands to read the configuration file again."""
        self._reloader = reloader
        self._commands = commands
        self._journal = journal
        self._wake = wake
        self.error: Exception | None = None

    async def watch(self, accounts: Callable[[], Iterable[AccountAtWork[Any]]], fail: Callable[[str], None]) -> None:
        """Look for commands until cancelled. ``fail`` is called with the reason when that can't be done any more.

        Each look is the loop's sign of life: to wait is to live, to be stuck in a callback is not.
        """
        if self._reloader is not None:
            self._reloader.join(accounts, self._wake)
        while True:
            self._journal.beat()
            try:
                for account in accounts():
                    self.read(account)
            except Exception as error:  # noqa: BLE001 - an engine that can't hear people must not trade on
                self.error = error
                fail("the journal can't be read")
            await asyncio.sleep(COMMANDS_EVERY_S)

    def read(self, account: AccountAtWork[Any]) -> None:
        """Put what is new for an account into its inbox; what came too late is answered so."""
        for command_id, source, created_ns, expires_ns, body in self._commands.pending(account.name):
            if expires_ns is not None and time.time_ns() > expires_ns:
                self._refuse_stale(
                    account, command_id, f"asked for at {iso_time(created_ns)}, good until {iso_time(expires_ns)}"
                )
            elif self._reloader is not None and isinstance(body, Reload):
                self._reloader.ask(Asked(account, command_id, source, body))
            else:
                account.inbox.append(Request(account.state.now_ns, command_id, source, body))
            self._wake()

    def _refuse_stale(self, account: AccountAtWork[Any], command_id: str, times: str) -> None:
        state = account.state
        text = f"it came too late: {times}, and no engine took it by then; ask again if it is still meant"
        answer = CommandAnswer(command_id, "expired", text)
        self._journal.append(
            Batch(
                account=state.account,
                envelopes=(),
                orders=(),
                positions=(),
                answers=(answer,),
                account_state=state.account_state.value,
                cash=state.portfolio.cash,
            )
        )
