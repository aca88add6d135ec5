"""What happens in an engine, one line for each thing a person wants to know."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from holdfast.cli.session import Session
from holdfast.cli.terminal import DIM, many, styled, when
from holdfast.core.messages import Envelope, OrderFilled, RiskRefused
from holdfast.core.milestones import Impaired, Restored
from holdfast.core.session.causes import NOT_YET
from holdfast.runtime.compose import Engine
from holdfast.views.wording import Known, sentence

MOST_LINES = 8
"""Fills and refusals that are told one by one at one tick; a feed at full speed brings thousands, and those are counted."""
QUIET = (OrderFilled, RiskRefused)


class Narrator:
    """Prints a session's news to ``console`` each time it is called."""

    def __init__(self, session: Session, engine: Engine, console: Console) -> None:
        self._session = session
        self._accounts = {account.name: account for account in engine.accounts}
        self._console = console
        self._awaited: set[tuple[str, str]] = set()  # what a start waits for, by account: it was not lost

    def __call__(self) -> None:
        """Print what has come since the last time."""
        news = [self._session.news.popleft() for _ in range(len(self._session.news))]
        quiet = [record for record in news if isinstance(record.body, QUIET)]
        told = {id(record) for record in quiet[-MOST_LINES:]}
        if len(quiet) > MOST_LINES:
            self._console.print(_many(quiet[:-MOST_LINES]), soft_wrap=True)
        for record in news:
            if id(record) in told or not isinstance(record.body, QUIET):
                self._console.print(self._line(record), soft_wrap=True)

    def _line(self, record: Envelope) -> Text:
        """One record as a line."""
        text = Text(when(record.time_ns) + "  ", style=DIM)
        if len(self._accounts) > 1:
            text.append(f"{record.account:<12} ")
        return text.append_text(styled(sentence(record, self._known(record))))

    def _known(self, record: Envelope) -> Known:
        """What the engine knows of it besides."""
        body, state = record.body, self._accounts[record.account].state
        strategy = ""
        if isinstance(body, OrderFilled):
            order = state.orders.find(body.client_order_id)
            strategy = order.terms.strategy if order is not None else ""
        return Known(strategy, state.portfolio.total.deposits, was_awaited=self._was_awaited(record))

    def _was_awaited(self, record: Envelope) -> bool:
        """Whether what is there now is what a start was waiting for."""
        body = record.body
        if isinstance(body, Impaired) and body.reason == NOT_YET:
            self._awaited.add((record.account, body.cause))
        if not isinstance(body, Restored) or (record.account, body.cause) not in self._awaited:
            return False
        self._awaited.remove((record.account, body.cause))
        return True


def _many(records: list[Envelope]) -> Text:
    kinds = Counter(type(record.body) for record in records)
    parts = [many(kinds[OrderFilled], "fill")] if kinds[OrderFilled] else []
    parts += [many(kinds[RiskRefused], "refusal")] if kinds[RiskRefused] else []
    return Text(f"... {' and '.join(parts)}", style=DIM)
