"""What a run says: a start that goes well doesn't read like a fault."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from holdfast.cli.narrate import Narrator
from holdfast.cli.session import Session
from holdfast.core.messages import Health
from holdfast.core.session.causes import NOT_YET
from tests.scenario.account import Account, Scripted


@contextmanager
def told() -> Iterator[tuple[Account, list[str]]]:
    """An account, and what is said of what happens to it."""
    account, lines = Account(Scripted({})), list[str]()
    yield account, lines
    session, out = Session(config=None), StringIO()  # type: ignore[arg-type]  # it is only kept
    for turn in account.turns:
        session.watch(turn)
    engine: Any = SimpleNamespace(accounts=[SimpleNamespace(name="main", state=account.state)])
    Narrator(session, engine, Console(file=out, width=200))()
    lines += [line[len("2024-07-10 14:04:38") :].strip() for line in out.getvalue().splitlines()]


def hear(account: Account, reason: str, *, ok: bool) -> None:
    account.take_health(Health(account.state.now_ns, "market data", ok, reason))


def test_a_normal_start_reads_like_one() -> None:
    """The account waits for its market data and has it; nothing is missing, and no state is shouted."""
    with told() as (account, lines):
        hear(account, NOT_YET, ok=False)
        hear(account, "stocks: connected", ok=True)
    assert lines == [
        "main begins, with 100,000.00",
        "waits for market data",
        "has market data: stocks: connected",
    ]


def test_a_loss_after_that_reads_like_a_loss() -> None:
    """The same cause, lost while it runs, is missing and there again, and the account's state is told."""
    with told() as (account, lines):
        hear(account, NOT_YET, ok=False)
        hear(account, "stocks: connected", ok=True)
        hear(account, "closed", ok=False)
        hear(account, "connected", ok=True)
    assert lines[3:] == [
        "missing market data: closed",
        "account IDLE -> PRESERVATION  market data: closed",
        "there again market data: connected",
        "account PRESERVATION -> IDLE  connected",
    ]
