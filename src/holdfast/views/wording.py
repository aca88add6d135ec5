"""Records as sentences: one table for whoever tells people of them, on a terminal, in a log or on a page.

A sentence is made of parts, and each part says what it means (`Tone`), not how it looks: colours are the reader's business.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from holdfast.core.adjustments import AccountAdjusted
from holdfast.core.findings import BooksCompared, OrderOverdue
from holdfast.core.messages import (
    Bar,
    CancelReleased,
    Envelope,
    FillBusted,
    Flattened,
    OrderAccepted,
    OrderAdopted,
    OrderAnomaly,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderReleased,
    OrderTerms,
    OrderUnknown,
    PnlSnapshot,
    PositionAdopted,
    PositionChanged,
    Quote,
    RiskApproved,
    RiskRefused,
    Signal,
    Trade,
)
from holdfast.core.milestones import (
    AccountStateChanged,
    EngineStarted,
    Impaired,
    MarketFresh,
    MarketStale,
    RecoveryCompleted,
    Restored,
    StrategyStarted,
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
from holdfast.core.session.causes import NOT_YET
from holdfast.core.settings import SettingsChanged
from holdfast.core.types import SECOND_NS, Side, plain
from holdfast.views.numbers import ago, count, many, money, price, when
from holdfast.views.plain_words import PLAIN_WORDS, intent_text, kind_text


class Tone(Enum):
    """What a part of a sentence means to its reader."""

    PLAIN = "plain"
    ASIDE = "aside"  # for who looks closer
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    RELIEF = "relief"  # good, and waited for
    NOTICE = "notice"  # a warning that is not to be missed
    ALARM = "alarm"  # bad, and somebody has to act


class Part(NamedTuple):
    """A piece of a sentence. Pieces follow each other without a blank."""

    text: str
    tone: Tone = Tone.PLAIN


class Sentence(tuple[Part, ...]):
    """What a record says, in one line. ``str`` gives it without tones."""

    __slots__ = ()

    def __str__(self) -> str:
        """The line."""
        return "".join(part.text for part in self)


class Known(msgspec.Struct, frozen=True):
    """What whoever tells of a record knows besides; all of it may be left out."""

    strategy: str = ""
    """Of which strategy the order is that the record is about."""
    deposits: Decimal | None = None
    """What was paid into the account so far, in its currency."""
    quantity: Decimal | None = None
    """What the account holds of the record's symbol, in its units."""
    was_awaited: bool = False
    """Whether a start was still waiting for what is there now."""


NOTHING = Known()


def sentence(record: Envelope, known: Known = NOTHING) -> Sentence:
    """What a record says."""
    parts = _TABLE[type(record.body)].tell(record.body, record, known)
    return Sentence(part if part.text.isprintable() else part._replace(text=_in_one_line(part.text)) for part in parts)


def _in_one_line(text: str) -> str:
    """A text in which somebody else's words may have lines of their own, or what can't be printed."""
    lines = " ".join(line.strip() for line in text.splitlines())
    return "".join(letter if letter.isprintable() else " " for letter in lines)


def is_news(body: object) -> bool:
    """Whether people want to be told of such a record when it comes, and not only when they look for it."""
    row = _TABLE.get(type(body))
    return row is not None and row.is_news


def news_types() -> tuple[str, ...]:
    """The types of records that are news."""
    return tuple(sorted(kind.__name__ for kind, row in _TABLE.items() if row.is_news))


# --- what each says ---------------------------------------------------------------------------------------------------

Parts = tuple[Part, ...]
Teller = Callable[[Any, Envelope, Known], Parts]


class Row(NamedTuple):
    """How a type of record is told, and whether it is news."""

    tell: Teller
    is_news: bool = False


def _led(lead: str, tone: Tone, text: str, aside: str = "") -> Parts:
    """A word that says what it is about, and the rest."""
    parts = (Part(f"{lead} ", tone), Part(text))
    return (*parts, Part(f" {aside}", Tone.ASIDE)) if aside else parts


def terms_text(terms: OrderTerms) -> str:
    """An order's terms."""
    what = f"{terms.client_order_id}: {terms.side} {count(terms.quantity)} {terms.symbol}"
    kind = kind_text(terms)
    return f"{what} {kind} {terms.time_in_force}, {terms.role.replace('_', '-')} of {terms.strategy}"


def _signal(body: Signal, _record: Envelope, _known: Known) -> Parts:
    return (Part(f"{body.strategy} wants: {intent_text(body)}"),)


def _position(body: PositionChanged, _record: Envelope, _known: Known) -> Parts:
    held = f"{body.strategy} holds {count(body.quantity)} {body.symbol} at a cost of {money(body.cost)}"
    return (Part(f"{held}, realised {money(body.realised)}; the account holds {count(body.account_quantity)}"),)


def _filled(body: OrderFilled, _record: Envelope, known: Known) -> Parts:
    side = Part(f"{body.side.upper():<4}", Tone.GOOD if body.side is Side.BUY else Tone.BAD)
    deal = f" {count(body.quantity):>7} {body.symbol:<6} @ {price(body.price):<10}"
    whose = known.strategy or f"{body.client_order_id} ({body.execution_id})"
    fee = f"  fee {price(body.fee)}" if body.fee else ""
    return side, Part(deal), Part(f" {whose}{fee}", Tone.ASIDE)


def _released(body: OrderReleased, _record: Envelope, _known: Known) -> Parts:
    again = f", attempt {body.attempt}" if body.attempt > 1 else ""
    return (Part(f"{body.client_order_id} may be at the broker from here on{again}"),)


def _bar(body: Bar, _record: Envelope, _known: Known) -> Parts:
    return (Part(f"{body.symbol} {body.open} {body.high} {body.low} {body.close}, volume {body.volume:,.0f}"),)


def _busted(body: FillBusted, _record: Envelope, _known: Known) -> Parts:
    deal = f"{body.side} {count(body.quantity)} {body.symbol} @ {price(body.price)} of {body.client_order_id}"
    return _led("undone", Tone.ALARM, f"{deal}: {body.reason}")


def _adopted(body: PositionAdopted, _record: Envelope, known: Known) -> Parts:
    deal = f"{count(body.quantity)} {body.symbol} @ {price(body.price)}, {body.reason or 'there before the engine was'}"
    has = "" if known.quantity is None else f"; the account has {plain(known.quantity)} now"
    return (Part(f"adopted  {deal}{has}"),)


def _adjusted(body: AccountAdjusted, _record: Envelope, _known: Known) -> Parts:
    amount = f"{body.amount:+,.2f}" if body.amount else ""
    units = f"{plain(body.quantity)} {body.symbol}" if body.quantity else ""
    what = " and ".join(part for part in (units, amount) if part) or "nothing more than was booked"
    return Part(f"{body.kind:<8} ", Tone.ASIDE), Part(f"{what}: {body.reason}")


def _external(body: OrderAdopted, _record: Envelope, _known: Known) -> Parts:
    terms = body.terms
    deal = f"{terms.side} {count(terms.quantity)} {terms.symbol}"
    return _led("not ours", Tone.NOTICE, f"{deal} was ordered elsewhere, here as {body.client_order_id}")


def _compared(body: BooksCompared, _record: Envelope, _known: Known) -> Parts:
    if body.agree:
        return (Part("the books agree with the broker's", Tone.GOOD),)
    text = "what the broker has was taken over" if body.accepted else "the broker has other books: `holdfast reconcile`"
    return (Part(text, Tone.NOTICE),)


def _impaired(body: Impaired, _record: Envelope, _known: Known) -> Parts:
    if body.reason == NOT_YET:  # so begins every start
        return (Part(f"waits for {body.cause}", Tone.ASIDE),)
    return _led("missing", Tone.NOTICE, f"{body.cause}: {body.reason}")


def _restored(body: Restored, _record: Envelope, known: Known) -> Parts:
    return _led("has" if known.was_awaited else "there again", Tone.GOOD, f"{body.cause}: {body.reason}")


def _state(body: AccountStateChanged, _record: Envelope, _known: Known) -> Parts:
    return Part("account ", Tone.ASIDE), Part(f"{body.old} -> {body.new}", Tone.NOTICE), Part(f"  {body.reason}")


def _stale(body: MarketStale, _record: Envelope, _known: Known) -> Parts:
    return (Part(f"{body.symbol} is stale: no data since {when(body.last_ns)}", Tone.WARNING),)


def _fresh(body: MarketFresh, _record: Envelope, _known: Known) -> Parts:
    return (Part(f"{body.symbol} has data again after {ago(body.gap_ns / SECOND_NS)}", Tone.GOOD),)


def _late(body: ProtectionLate, _record: Envelope, _known: Known) -> Parts:
    what = f"{count(body.protected)} of {count(body.quantity)} {body.symbol} of {body.strategy} protected"
    return _led("unprotected", Tone.ALARM, f"{what} for {ago(body.unprotected_ns / SECOND_NS)}")


def _failed(body: ProtectionFailed, _record: Envelope, _known: Known) -> Parts:
    return _led("can't be protected", Tone.ALARM, f"{body.symbol} of {body.strategy} ({body.action}): {body.reason}")


def _stop_asked(body: StopAsked, _record: Envelope, _known: Known) -> Parts:
    where = f"at {price(body.stop_loss)}, the market at {price(body.price)}"
    return (Part(f"{body.symbol} of {body.strategy}: nobody asked for a stop, so one is asked for {where}"),)


def _left(body: PositionLeft, _record: Envelope, _known: Known) -> Parts:
    what = f"{count(body.quantity)} {body.symbol} of {body.strategy}"
    return _led("would not close", Tone.ALARM, f"{what}: {body.reason}")


def _flattened(body: Flattened, _record: Envelope, _known: Known) -> Parts:
    if body.left:
        return (Part(f"flatten ended; these would not close: {', '.join(body.left)}", Tone.ALARM),)
    return (Part("flat: every position is closed", Tone.RELIEF),)


def _recovered(body: RecoveryCompleted, record: Envelope, known: Known) -> Parts:
    """Where a restart stands."""
    if not body.records:
        deposits = "" if known.deposits is None else f", with {money(known.deposits)}"
        return (Part(f"{record.account} begins{deposits}", Tone.GOOD),)
    found = [many(body.open_orders, "open order")]
    found += [] if body.positions is None else [many(body.positions, "position")]
    resent = f"{body.resent} sent again" if body.resent else "nothing sent again"
    stale = f", {body.not_sent} too old to send" if body.not_sent else ""
    back = f"{record.account} is back at {when(record.time_ns)} from {many(body.records, 'record')}"
    return (Part(f"{back}: {', '.join(found)}, {resent}{stale}", Tone.RELIEF),)


def _plain(text: Callable[[Any], str]) -> Teller:
    return lambda body, _record, _known: (Part(text(body)),)


def _word(lead: str, tone: Tone, text: Callable[[Any], str], aside: Callable[[Any], str] = lambda _: "") -> Teller:
    return lambda body, _record, _known: _led(lead, tone, text(body), aside(body))


def _of_position(body: Any) -> str:
    return f"{body.symbol} of {body.strategy}: {body.reason}"


def _of_order(body: Any) -> str:
    return f"{body.client_order_id}: {body.reason}"


_TABLE: dict[type, Row] = {
    **{kind: Row(_plain(text)) for kind, text in PLAIN_WORDS.items()},
    Bar: Row(_bar),
    Quote: Row(_plain(lambda body: f"{body.symbol} {body.bid} x {body.bid_size:g} / {body.ask} x {body.ask_size:g}")),
    Trade: Row(_plain(lambda body: f"{body.symbol} {body.size:g} @ {body.price}")),
    Signal: Row(_signal),
    RiskApproved: Row(
        _plain(lambda body: f"{terms_text(body.terms)}; worth {money(body.notional)} at {price(body.reference_price)}")
    ),
    RiskRefused: Row(
        _word(
            "refused",
            Tone.WARNING,
            lambda body: f"{body.symbol} for {body.strategy}: {body.text}",
            lambda body: f"({body.rule})",
        ),
        is_news=True,
    ),
    SettingsChanged: Row(
        _word("settings", Tone.WARNING, lambda body: ", ".join(map(str, body.changes)), lambda body: body.reason),
        is_news=True,
    ),
    OrderPrepared: Row(_plain(lambda body: terms_text(body.terms))),
    OrderReleased: Row(_released),
    OrderAccepted: Row(_plain(lambda body: f"the broker has {body.client_order_id} as {body.broker_order_id}")),
    OrderFilled: Row(_filled, is_news=True),
    OrderRejected: Row(
        _word("rejected", Tone.BAD, lambda body: f"{body.client_order_id} by the broker: {body.reason}"), is_news=True
    ),
    OrderUnknown: Row(
        _word("unknown", Tone.NOTICE, lambda body: f"{body.client_order_id} is being asked for: {body.reason}"),
        is_news=True,
    ),
    OrderNotSent: Row(_word("not sent", Tone.WARNING, _of_order), is_news=True),
    OrderOverdue: Row(_word("overdue", Tone.ALARM, _of_order), is_news=True),
    OrderAdopted: Row(_external, is_news=True),
    OrderAnomaly: Row(
        _word(
            "anomaly",
            Tone.ALARM,
            lambda body: f"{body.client_order_id} {body.state} + {body.event}: {body.reason}",
        ),
        is_news=True,
    ),
    CancelReleased: Row(_plain(lambda body: f"cancel of {body.client_order_id} asked for: {body.reason}")),
    FillBusted: Row(_busted, is_news=True),
    PositionAdopted: Row(_adopted, is_news=True),
    PositionChanged: Row(_position),
    AccountAdjusted: Row(_adjusted, is_news=True),
    PnlSnapshot: Row(
        _plain(
            lambda body: f"equity {money(body.equity)}, cash {money(body.cash)}, unrealised {money(body.unrealised)}"
        )
    ),
    BooksCompared: Row(_compared, is_news=True),
    Impaired: Row(_impaired, is_news=True),
    Restored: Row(_restored, is_news=True),
    AccountStateChanged: Row(_state),
    MarketStale: Row(_stale, is_news=True),
    MarketFresh: Row(_fresh, is_news=True),
    Flattened: Row(_flattened, is_news=True),
    ProtectionLate: Row(_late, is_news=True),
    ProtectionFailed: Row(_failed, is_news=True),
    StopAsked: Row(_stop_asked),
    PositionClosing: Row(_word("closing", Tone.WARNING, _of_position), is_news=True),
    PositionKept: Row(_word("kept", Tone.GOOD, _of_position), is_news=True),
    PositionLeft: Row(_left, is_news=True),
    ExitBlocked: Row(_word("blocked", Tone.ALARM, _of_position), is_news=True),
    RecoveryCompleted: Row(_recovered, is_news=True),
    EngineStarted: Row(_plain(lambda body: f"epoch {body.epoch}, {body.process}, holdfast {body.holdfast_version}")),
    StrategyStarted: Row(
        _plain(lambda body: f"{body.strategy} ({body.class_name}) on {' '.join(body.symbols)} with {body.params}")
    ),
    StrategyStopped: Row(
        lambda body, _record, _known: (
            Part(f"strategy {body.strategy} stopped ", Tone.ALARM),
            Part(f"({body.reason}): {body.detail}"),
        ),
        is_news=True,
    ),
}
"""Every type of record; those of `PLAIN_WORDS` first."""
