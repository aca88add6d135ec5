"""What happens in an engine, one line for each thing a person wants to know."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.session import Session
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, count, many, price, when
from holdfast.core.adjustments import AccountAdjusted
from holdfast.core.findings import BooksCompared, OrderOverdue
from holdfast.core.messages import (
    Envelope,
    FillBusted,
    Flattened,
    OrderAdopted,
    OrderAnomaly,
    OrderFilled,
    OrderNotSent,
    OrderRejected,
    OrderUnknown,
    PositionAdopted,
    RiskRefused,
)
from holdfast.core.milestones import (
    AccountStateChanged,
    Impaired,
    MarketFresh,
    MarketStale,
    RecoveryCompleted,
    Restored,
    StrategyStopped,
)
from holdfast.core.protection.records import (
    ExitBlocked,
    PositionClosing,
    PositionKept,
    PositionLeft,
    ProtectionFailed,
    ProtectionLate,
    StopAsked,
)
from holdfast.core.types import SECOND_NS, plain
from holdfast.runtime.compose import Engine
from holdfast.runtime.live.health import NOT_YET

MOST_LINES = 8
"""Fills and refusals that are told one by one at one tick; a feed at full speed brings thousands, and those are counted."""
QUIET = (OrderFilled, RiskRefused)


class Narrator:
    """Prints a session's news to ``console`` each time it is called."""

    def __init__(self, session: Session, engine: Engine, console: Console) -> None:
        self._session = session
        self._accounts = {account.name: account for account in engine.accounts}
        self._console = console
        self.awaited: set[tuple[str, str]] = set()
        """What a start waits for, by account: it was not lost."""

    def __call__(self) -> None:
        """Print what has come since the last time."""
        news = [self._session.news.popleft() for _ in range(len(self._session.news))]
        quiet = [record for record in news if isinstance(record.body, QUIET)]
        told = {id(record) for record in quiet[-MOST_LINES:]}
        if len(quiet) > MOST_LINES:
            self._console.print(_many(quiet[:-MOST_LINES]), soft_wrap=True)
        for record in news:
            if id(record) in told or not isinstance(record.body, QUIET):
                self._console.print(self.line(record), soft_wrap=True)

    def line(self, record: Envelope) -> Text:
        """One record as a line."""
        text = Text(when(record.time_ns) + "  ", style=DIM)
        if len(self._accounts) > 1:
            text.append(f"{record.account:<12} ")
        words = _WORDS.get(type(record.body), _other)(self, record, record.body)
        return Text.assemble(text, words)

    def strategy_of(self, account: str, fill: OrderFilled) -> str:
        """Whose fill it is."""
        order = self._accounts[account].state.orders.find(fill.client_order_id)
        return order.terms.strategy if order is not None else ""

    def back_at(self, record: Envelope, body: RecoveryCompleted) -> Text:
        """Where a restart stands."""
        state = self._accounts[record.account].state
        if not body.records:
            return Text(f"{record.account} begins, with {terminal.money(state.portfolio.deposits)}", style=GOOD)
        resent = f"{body.resent} sent again" if body.resent else "nothing sent again"
        stale = f", {body.not_sent} too old to send" if body.not_sent else ""
        found = [many(body.open_orders, "open order")]
        found += [] if body.positions is None else [many(body.positions, "position")]
        text = (
            f"{record.account} is back at {when(record.time_ns)} from {many(body.records, 'record')}: "
            f"{', '.join(found)}, {resent}{stale}"
        )
        return Text(text, style=f"bold {GOOD}")


def _many(records: list[Envelope]) -> Text:
    kinds = Counter(type(record.body) for record in records)
    parts = [many(kinds[OrderFilled], "fill")] if kinds[OrderFilled] else []
    parts += [many(kinds[RiskRefused], "refusal")] if kinds[RiskRefused] else []
    return Text(f"... {' and '.join(parts)}", style=DIM)


def _filled(narrator: Narrator, record: Envelope, fill: OrderFilled) -> Text:
    side = terminal.side(f"{fill.side:<4}")
    fee = f"  fee {price(fill.fee)}" if fill.fee else ""
    deal = f" {count(fill.quantity):>7} {fill.symbol:<6} @ {price(fill.price):<10}"
    return Text.assemble(side, deal, (f" {narrator.strategy_of(record.account, fill)}{fee}", DIM))


def _refused(_narrator: Narrator, _record: Envelope, body: RiskRefused) -> Text:
    return Text.assemble(
        ("refused ", WARN), f"{body.symbol} for {body.strategy}: {body.text} ", (f"({body.rule})", DIM)
    )


def _rejected(_narrator: Narrator, _record: Envelope, body: OrderRejected) -> Text:
    return Text.assemble(("rejected ", BAD), f"{body.client_order_id} by the broker: {body.reason}")


def _unknown(_narrator: Narrator, _record: Envelope, body: OrderUnknown) -> Text:
    return Text.assemble(("unknown ", f"bold {WARN}"), f"{body.client_order_id} is being asked for: {body.reason}")


def _not_sent(_narrator: Narrator, _record: Envelope, body: OrderNotSent) -> Text:
    return Text.assemble(("not sent ", WARN), f"{body.client_order_id}: {body.reason}")


def _busted(_narrator: Narrator, _record: Envelope, body: FillBusted) -> Text:
    deal = f"{body.side} {count(body.quantity)} {body.symbol} @ {price(body.price)} of {body.client_order_id}"
    return Text.assemble(("undone ", f"bold {BAD}"), f"{deal}: {body.reason}")


def _adopted(_narrator: Narrator, _record: Envelope, body: PositionAdopted) -> Text:
    return Text(
        f"adopted  {count(body.quantity)} {body.symbol} @ {price(body.price)}, {body.reason or 'there before the engine was'}"
    )


def _adjusted(_narrator: Narrator, _record: Envelope, body: AccountAdjusted) -> Text:
    money = f"{body.amount:+,.2f}" if body.amount else ""
    units = f"{plain(body.quantity)} {body.symbol}" if body.quantity else ""
    what = " and ".join(part for part in (units, money) if part) or "nothing more than was booked"
    return Text.assemble((f"{body.kind:<8} ", DIM), f"{what}: {body.reason}")


def _foreign(_narrator: Narrator, _record: Envelope, body: OrderAdopted) -> Text:
    terms = body.terms
    deal = f"{terms.side} {count(terms.quantity)} {terms.symbol}"
    return Text.assemble(("not ours ", f"bold {WARN}"), f"{deal} was ordered elsewhere, here as {body.client_order_id}")


def _overdue(_narrator: Narrator, _record: Envelope, body: OrderOverdue) -> Text:
    return Text.assemble(("overdue ", f"bold {BAD}"), f"{body.client_order_id}: {body.reason}")


def _compared(_narrator: Narrator, _record: Envelope, body: BooksCompared) -> Text:
    if body.agree:
        return Text("the books agree with the broker's", style=GOOD)
    text = "what the broker has was taken over" if body.accepted else "the broker has other books: `holdfast reconcile`"
    return Text(text, style=f"bold {WARN}")


def _impaired(narrator: Narrator, record: Envelope, body: Impaired) -> Text:
    if body.reason == NOT_YET:  # so begins every start
        narrator.awaited.add((record.account, body.cause))
        return Text(f"waits for {body.cause}", style=DIM)
    return Text.assemble(("missing ", f"bold {WARN}"), f"{body.cause}: {body.reason}")


def _restored(narrator: Narrator, record: Envelope, body: Restored) -> Text:
    was_lost = (record.account, body.cause) not in narrator.awaited
    narrator.awaited.discard((record.account, body.cause))
    return Text.assemble(("there again " if was_lost else "has ", GOOD), f"{body.cause}: {body.reason}")


def _stopped(_narrator: Narrator, _record: Envelope, body: StrategyStopped) -> Text:
    return Text.assemble((f"strategy {body.strategy} stopped ", f"bold {BAD}"), f"({body.reason}): {body.detail}")


def _anomaly(_narrator: Narrator, _record: Envelope, body: OrderAnomaly) -> Text:
    return Text.assemble(
        ("anomaly ", f"bold {BAD}"), f"{body.client_order_id} {body.state} + {body.event}: {body.reason}"
    )


def _account(_narrator: Narrator, _record: Envelope, body: AccountStateChanged) -> Text:
    return Text.assemble(("account ", DIM), (f"{body.old} -> {body.new}", f"bold {WARN}"), f"  {body.reason}")


def _stale(_narrator: Narrator, _record: Envelope, body: MarketStale) -> Text:
    return Text(f"{body.symbol} is stale: no data since {when(body.last_ns)}", style=WARN)


def _fresh(_narrator: Narrator, _record: Envelope, body: MarketFresh) -> Text:
    return Text(f"{body.symbol} has data again after {terminal.ago(body.gap_ns / SECOND_NS)}", style=GOOD)


def _late(_narrator: Narrator, _record: Envelope, body: ProtectionLate) -> Text:
    what = f"{count(body.protected)} of {count(body.quantity)} {body.symbol} of {body.strategy} protected"
    return Text.assemble(("unprotected ", f"bold {BAD}"), f"{what} for {terminal.ago(body.unprotected_ns / SECOND_NS)}")


def _failed(_narrator: Narrator, _record: Envelope, body: ProtectionFailed) -> Text:
    what = f"{body.symbol} of {body.strategy} ({body.action})"
    return Text.assemble(("can't be protected ", f"bold {BAD}"), f"{what}: {body.reason}")


def _stop_asked(_narrator: Narrator, _record: Envelope, body: StopAsked) -> Text:
    where = f"at {price(body.stop_loss)}, the market at {price(body.price)}"
    return Text(f"stop asked for  {body.symbol} of {body.strategy} {where}")


def _closing(_narrator: Narrator, _record: Envelope, body: PositionClosing) -> Text:
    return Text.assemble(("closing ", WARN), f"{body.symbol} of {body.strategy}: {body.reason}")


def _kept(_narrator: Narrator, _record: Envelope, body: PositionKept) -> Text:
    return Text.assemble(("kept ", GOOD), f"{body.symbol} of {body.strategy}: {body.reason}")


def _barred(_narrator: Narrator, _record: Envelope, body: ExitBlocked) -> Text:
    return Text.assemble(("blocked ", f"bold {BAD}"), f"{body.symbol} of {body.strategy}: {body.reason}")


def _left(_narrator: Narrator, _record: Envelope, body: PositionLeft) -> Text:
    what = f"{count(body.quantity)} {body.symbol} of {body.strategy}"
    return Text.assemble(("would not close ", f"bold {BAD}"), f"{what}: {body.reason}")


def _flattened(_narrator: Narrator, _record: Envelope, body: Flattened) -> Text:
    if body.left:
        return Text(f"flatten ended; these would not close: {', '.join(body.left)}", style=f"bold {BAD}")
    return Text("flat: every position is closed", style=f"bold {GOOD}")


def _recovered(narrator: Narrator, record: Envelope, body: RecoveryCompleted) -> Text:
    return narrator.back_at(record, body)


def _other(_narrator: Narrator, record: Envelope, _body: Any) -> Text:
    return Text(record.type)


_WORDS: dict[type, Callable[[Narrator, Envelope, Any], Text]] = {
    OrderFilled: _filled,
    RiskRefused: _refused,
    OrderRejected: _rejected,
    OrderUnknown: _unknown,
    OrderNotSent: _not_sent,
    FillBusted: _busted,
    PositionAdopted: _adopted,
    AccountAdjusted: _adjusted,
    OrderAdopted: _foreign,
    OrderOverdue: _overdue,
    BooksCompared: _compared,
    Impaired: _impaired,
    Restored: _restored,
    StrategyStopped: _stopped,
    OrderAnomaly: _anomaly,
    AccountStateChanged: _account,
    MarketStale: _stale,
    MarketFresh: _fresh,
    Flattened: _flattened,
    ProtectionLate: _late,
    ProtectionFailed: _failed,
    StopAsked: _stop_asked,
    PositionClosing: _closing,
    PositionKept: _kept,
    PositionLeft: _left,
    ExitBlocked: _barred,
    RecoveryCompleted: _recovered,
}
