"""Records as sentences: what `holdfast audit trail` and `tail` tell."""

from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.cli.terminal import count, money, price
from holdfast.core.messages import (
    Bar,
    CancelReleased,
    OrderAccepted,
    OrderFilled,
    OrderPrepared,
    OrderReleased,
    OrderTerms,
    PnlSnapshot,
    PositionChanged,
    Quote,
    RiskApproved,
    RiskRefused,
    Signal,
    Trade,
)
from holdfast.core.milestones import AccountStateChanged, EngineStarted, StrategyStarted


def words(body: Any) -> str:
    """What a record says."""
    tell = _WORDS.get(type(body))
    return tell(body) if tell is not None else _fields(body)


def _fields(body: Any) -> str:
    """For what is rare: its fields, in order."""
    values: dict[str, Any] = msgspec.to_builtins(body)
    return "  ".join(
        f"{name}={value}" for name, value in values.items() if name != "type" and value not in ("", [], None)
    )


def _terms(terms: OrderTerms) -> str:
    parts = [f"{terms.client_order_id}: {terms.side} {count(terms.quantity)} {terms.symbol} {terms.order_type}"]
    parts += [f"limit {price(terms.limit_price)}"] if terms.limit_price is not None else []
    parts += [f"stop {price(terms.stop_price)}"] if terms.stop_price is not None else []
    return f"{' '.join(parts)} {terms.time_in_force}, {terms.role} of {terms.strategy}"


def _signal(body: Signal) -> str:
    size = "a size left to risk" if body.quantity is None else count(body.quantity)
    guards = [
        f", {name} {price(value)}"
        for name, value in (("stop-loss", body.stop_loss), ("take-profit", body.take_profit))
        if value
    ]
    return f"{body.strategy} wants: {body.action} {size} {body.symbol}{''.join(guards)}"


def _position(body: PositionChanged) -> str:
    held = f"{body.strategy} holds {count(body.quantity)} {body.symbol} at a cost of {money(body.cost)}"
    return f"{held}, realised {money(body.realised)}; the account holds {count(body.account_quantity)}"


def _filled(body: OrderFilled) -> str:
    return f"{body.side} {count(body.quantity)} {body.symbol} @ {price(body.price)}, fee {price(body.fee)} ({body.execution_id})"


def _released(body: OrderReleased) -> str:
    again = f", attempt {body.attempt}" if body.attempt > 1 else ""
    return f"{body.client_order_id} may be at the broker from here on{again}"


def _bar(body: Bar) -> str:
    return f"{body.symbol} {body.open} {body.high} {body.low} {body.close}, volume {body.volume:,.0f}"


_WORDS: dict[type, Callable[[Any], str]] = {
    Bar: _bar,
    Quote: lambda body: f"{body.symbol} {body.bid} x {body.bid_size:g} / {body.ask} x {body.ask_size:g}",
    Trade: lambda body: f"{body.symbol} {body.size:g} @ {body.price}",
    Signal: _signal,
    RiskApproved: lambda body: f"{_terms(body.terms)}; worth {money(body.notional)} at {price(body.reference_price)}",
    RiskRefused: lambda body: f"{body.symbol} for {body.strategy}: {body.text} ({body.rule})",
    OrderPrepared: lambda body: _terms(body.terms),
    OrderReleased: _released,
    OrderAccepted: lambda body: f"the broker has {body.client_order_id} as {body.broker_order_id}",
    OrderFilled: _filled,
    CancelReleased: lambda body: f"cancel of {body.client_order_id} asked for: {body.reason}",
    PositionChanged: _position,
    PnlSnapshot: lambda body: (
        f"equity {money(body.equity)}, cash {money(body.cash)}, unrealised {money(body.unrealised)}"
    ),
    AccountStateChanged: lambda body: f"{body.old} -> {body.new}: {body.reason}",
    EngineStarted: lambda body: f"epoch {body.epoch}, {body.process}, holdfast {body.holdfast_version}",
    StrategyStarted: lambda body: f"{body.strategy} ({body.class_name}) on {' '.join(body.symbols)} with {body.params}",
}
