"""What would come of an order: the engine's own step, on a state that is nobody's. The journal is not touched, and nothing is sent.

The state is a copy of the account's (`views.books.Books.scratch`), with the market's last prices in it.
"""

from decimal import Decimal

import msgspec

from holdfast.control.ticket import Ticket
from holdfast.core.engine import step
from holdfast.core.messages import (
    AnyBody,
    CommandDone,
    OrderCanceled,
    PlaceOrder,
    Report,
    Request,
    RiskApproved,
    RiskRefused,
    Signal,
)
from holdfast.core.state import EngineState
from holdfast.core.types import OrderRole

NAME = "preview"
"""The id of the command that is tried; no command of the journal has it."""


class Preview(msgspec.Struct, frozen=True):
    """What the engine would say of an order now. Money is in the account's currency, prices in the symbol's."""

    sequence: int
    """The last record of the account that the answer rests on."""
    account_state: str
    """What the account is then: ``IDLE``, ``HALTED`` and so on."""

    accepted: bool
    """Whether it would be ordered, or wait."""
    text: str
    """The answer in words."""
    rule: str
    """Which rule refuses it; empty when none does."""
    figure: str
    """What that rule saw."""
    limit: str
    """What it allows."""
    side: str
    """``buy`` or ``sell``."""
    symbol: str
    """What is ordered."""
    order_type: str
    """``market``, ``limit``, ``stop`` and so on."""
    quantity: Decimal | None
    """How much would be ordered, after sizing and rounding to what the broker takes; None when nothing would."""
    price: Decimal | None
    """The price that it is judged by; None when it isn't known."""
    worth: Decimal | None
    """What it is worth at that."""
    raises_risk: bool
    """Whether it adds to what may be lost; one that doesn't is barred by no limit."""
    stop_loss: Decimal | None
    """Where its stop would be."""
    take_profit: Decimal | None
    """Where its target would be."""
    trails: bool
    """Whether its stop would follow the market."""
    held: Decimal
    """What is held of the symbol by hand now."""
    held_after: Decimal
    """What would be if it, and all that is open, filled."""
    equity: Decimal
    """What the account is worth."""
    buying_power: Decimal
    """What may still be put into positions now."""
    buying_power_after: Decimal
    """What would be left with it."""
    canceled: list[str]
    """The ids of orders that would be canceled for it."""
    not_judged: list[str]
    """Limits that can't be judged here, because only the engine has what they go by."""


def preview(state: EngineState, ticket: Ticket) -> Preview:
    """Try an order. ``state`` is used up by it. Raises :class:`~holdfast.errors.InvalidValue` for a ticket that can't be."""
    return preview_signal(state, ticket.signal())


def preview_signal(state: EngineState, signal: Signal) -> Preview:
    """Try what a person asks for. ``state`` is used up by it."""
    not_judged = []
    if state.limits.max_volume_pct is not None:
        state.limits = msgspec.structs.replace(state.limits, max_volume_pct=None)
        not_judged.append("max_volume_pct")
    sequence, account_state = state.sequence, state.account_state.value
    held = state.portfolio.strategy_quantity(signal.strategy, signal.symbol)
    equity, power = state.equity, state.buying_power
    known = set(state.orders.live)
    bodies = _tried(state, signal)
    canceled = [key for key in known if (order := state.orders.find(key)) is None or order.cancel_released_ns]
    done = next((body for body in bodies if isinstance(body, CommandDone)), CommandDone(accepted=False, text="nothing"))
    refused = next((body for body in bodies if isinstance(body, RiskRefused)), None)
    approved = next((body for body in bodies if isinstance(body, RiskApproved) and _is_of(body, signal)), None)
    terms = approved.terms if approved is not None else None
    return Preview(
        sequence=sequence,
        account_state=account_state,
        accepted=done.accepted,
        text=_without_id(done.text, terms.client_order_id if terms is not None else ""),
        rule="" if done.accepted or refused is None else refused.rule,
        figure="" if done.accepted or refused is None else refused.figure,
        limit="" if done.accepted or refused is None else refused.limit,
        side=terms.side if terms is not None else signal.action,
        symbol=signal.symbol,
        order_type=terms.order_type if terms is not None else signal.order_type,
        quantity=terms.quantity if terms is not None else None,
        price=approved.reference_price if approved is not None else state.price(signal.symbol),
        worth=approved.notional if approved is not None else None,
        raises_risk=approved is not None and approved.raises_risk,
        stop_loss=terms.stop_loss if terms is not None else signal.stop_loss,
        take_profit=terms.take_profit if terms is not None else signal.take_profit,
        trails=signal.exits is not None and signal.exits.trails,
        held=held,
        held_after=state.host.projected((signal.strategy, signal.symbol)),
        equity=equity,
        buying_power=power,
        buying_power_after=state.buying_power,
        canceled=sorted(canceled),
        not_judged=not_judged,
    )


def _tried(state: EngineState, signal: Signal) -> list[AnyBody]:
    """What the engine would record; orders that have to be canceled first are taken for canceled, so that what waits for them goes on."""
    before = {key for key, order in state.orders.live.items() if order.cancel_released_ns}
    turn = step(state, Request(state.now_ns, NAME, NAME, PlaceOrder(signal)))
    bodies = [record.body for record in turn.records if record.correlation_id == NAME] if turn is not None else []
    going = [key for key, order in state.orders.live.items() if order.cancel_released_ns and key not in before]
    for key in going:
        turn = step(state, Report(state.now_ns, OrderCanceled(key, NAME)))
        bodies += [record.body for record in turn.records] if turn is not None else []
    return bodies


def _is_of(approved: RiskApproved, signal: Signal) -> bool:
    """Whether it is the order itself, and not one that protects, or another's."""
    terms = approved.terms
    return terms.role is OrderRole.REGULAR and (terms.strategy, terms.symbol) == (signal.strategy, signal.symbol)


def _without_id(text: str, client_order_id: str) -> str:
    """The answer without the id of an order that there is not."""
    return text.replace(f" as {client_order_id}", "") if client_order_id else text
