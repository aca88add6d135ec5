"""How an account leaves an engine whose other accounts go on."""

import asyncio
from contextlib import suppress
from typing import Any

from holdfast.errors import JournalError
from holdfast.journal.writer import Journal
from holdfast.runtime.account import AccountAtWork

DURABLE_WITHIN_S = 30.0
"""How long a commit may take before the account is kept until its lease ends with the engine."""


async def let_go(account: AccountAtWork[Any], journal: Journal) -> None:
    """Wait until everything of the account is durable, and give it back: another engine or the watchdog may take it."""
    with suppress(JournalError):  # then it is given back at the end
        await asyncio.to_thread(journal.wait_durable, account.name, account.state.sequence, DURABLE_WITHIN_S)
        await asyncio.to_thread(journal.let_go, account.name)
