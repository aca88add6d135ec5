"""What a record says in one plain sentence without a tone: whoever tells of records has it from `wording.py`."""

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.core.adjustments import ActivitiesKnown, CashDeposited, CorporateAction
from holdfast.core.findings import OrderLost, Reconcile, Resolve, SupervisorCycle
from holdfast.core.listings import CurrencyRate, InstrumentListed
from holdfast.core.messages import (
    CancelOrders,
    CancelRefused,
    CommandDone,
    Flatten,
    Halt,
    OrderCanceled,
    OrderEventIgnored,
    OrderExpired,
    OrderFailed,
    OrderReplaced,
    OrderTerms,
    PlaceOrder,
    Preserve,
    Protect,
    Resume,
    Signal,
    WishOver,
    WishWaits,
)
from holdfast.core.milestones import (
    AccountBound,
    AccountRenamed,
    EngineStopped,
    FeedOpened,
    StrategyRenamed,
    TradingDayStarted,
)
from holdfast.core.permits import BrokerPermits
from holdfast.core.protection.records import ProtectionComplete, StopMoved, StopPassed
from holdfast.core.settings import Reload
from holdfast.core.steering import ParametersSet, SetParameters, StartStrategy, StopStrategy, StrategySwitched
from holdfast.core.types import MANUAL, SECOND_NS, OrderType, plain
from holdfast.views.numbers import ago, count, many, money, price


def kind_text(asked: Signal | OrderTerms) -> str:
    """An order's kind with its prices: ``limit 95.00``, ``stop 90.00 limit 89.00``, ``trailing stop 1%``, ``market``."""
    if asked.order_type is OrderType.TRAILING_STOP:
        distance = f"{plain(asked.trail_percent)}%" if asked.trail_percent is not None else price(asked.trail_amount)
        return f"trailing stop {distance}".strip()
    parts = [f"stop {price(asked.stop_price)}"] if asked.stop_price is not None else []
    parts += [f"limit {price(asked.limit_price)}"] if asked.limit_price is not None else []
    return " ".join(parts) or asked.order_type.replace("_", " ")


def intent_text(signal: Signal) -> str:
    """What is asked for: side, size, symbol, kind and the two exits at prices."""
    if signal.quantity is not None:
        size = count(signal.quantity)
    else:
        size = "a size left to risk" if signal.notional is None else f"{money(signal.notional)} worth"
    action = f"{signal.action} {signal.side}" if signal.side is not None else str(signal.action)
    kind = kind_text(signal)
    kind = "" if signal.order_type is OrderType.MARKET else f" {kind}"
    exits = (("stop-loss", signal.stop_loss), ("take-profit", signal.take_profit))
    return f"{action} {size} {signal.symbol}{kind}" + "".join(
        f", {name} {price(value)}" for name, value in exits if value
    )


def _whence(signal: Signal) -> str:
    return "by hand" if signal.strategy == MANUAL else f"for strategy {signal.strategy}"


def _because(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text


def _cancel(body: CancelOrders) -> str:
    if body.client_order_id is not None:
        return f"cancel of {body.client_order_id} is wanted"
    return f"cancel of every order{f' in {body.symbol}' if body.symbol else ''} is wanted"


def _corporate_action(body: CorporateAction) -> str:
    parts = [f"{body.new} new shares for {body.old} old"] if body.new != body.old else []
    parts += [f"a dividend of {plain(body.dividend)} a share"] if body.dividend else []
    parts += [f"a dividend of {plain(body.dividend_rate)} of the price"] if body.dividend_rate else []
    return f"{body.symbol} goes ex on {body.ex_date}: {' and '.join(parts) or 'nothing changes'}"


def _cycle(body: SupervisorCycle) -> str:
    parts = [
        f"{body.submitted:,} sent again" if body.submitted else "",
        f"{body.failed:,} ended" if body.failed else "",
        f"{body.retryable:,} not explained yet" if body.retryable else "",
        f"{body.skipped:,} explained meanwhile" if body.skipped else "",
        many(body.errors, "error") if body.errors else "",
        f"held up {many(body.lock_skips, 'time')} by another process" if body.lock_skips else "",
    ]
    return f"{many(body.claimed, 'pending order')} followed up" + "".join(f", {part}" for part in parts if part)


def _permits(body: BrokerPermits) -> str:
    parts = [f"leverage {plain(body.leverage)}"] if body.leverage is not None else []
    parts += [] if body.shorting else ["no short sales"]
    lists = (
        ("no orders for", body.untradable),
        ("no short sales of", body.unshortable),
        ("whole units only of", body.whole_only),
        ("another name for", [f"{old} (now {new})" for old, new in body.renamed.items()]),
    )
    parts += [f"{what} {', '.join(symbols)}" for what, symbols in lists if symbols]
    return f"the broker permits: {'; '.join(parts) or 'everything'}"


def _of_order(what: str) -> Callable[[Any], str]:
    return lambda body: _because(f"{body.client_order_id} {what}", body.reason)


def _wanted(what: str) -> Callable[[Any], str]:
    return lambda body: _because(f"{what} is wanted", body.reason)


PLAIN_WORDS: Mapping[type, Callable[[Any], str]] = {
    WishWaits: lambda body: f"{body.signal.strategy} waits to {intent_text(body.signal)} for {', '.join(body.until)}: {body.reason}",
    WishOver: lambda body: f"{body.strategy} waits no more in {body.symbol}: {body.reason}",
    CancelRefused: _of_order("can't be canceled"),
    OrderCanceled: _of_order("is canceled"),
    OrderReplaced: lambda body: f"{body.client_order_id} is for {count(body.quantity)} now",
    OrderExpired: _of_order("has expired"),
    OrderFailed: _of_order("has failed"),
    OrderEventIgnored: lambda body: f"{body.client_order_id} {body.state} + {body.event} changes nothing: {body.reason}",
    OrderLost: _of_order("is not to be found at the broker"),
    PlaceOrder: lambda body: f"wanted {_whence(body.signal)}: {intent_text(body.signal)}",
    CancelOrders: _cancel,
    Halt: _wanted("a halt"),
    Preserve: _wanted("PRESERVATION"),
    Resume: _wanted("an end of the halt"),
    Flatten: _wanted("a flat account"),
    StartStrategy: lambda body: _because(f"strategy {body.strategy} is to run again", body.reason),
    SetParameters: lambda body: _because(
        f"strategy {body.strategy} is to have {body.params or 'the parameters of the configuration'}", body.reason
    ),
    StrategySwitched: lambda body: _because(f"strategy {body.strategy} was switched {'on' if body.on else 'off'}", body.reason),
    ParametersSet: lambda body: _because(
        f"strategy {body.strategy} has {body.params or 'the parameters of the configuration'} from here on", body.reason
    ),
    Reload: lambda body: _because("the configuration is to be read again", body.reason),
    StopStrategy: lambda body: _because(f"the end of strategy {body.strategy} is wanted", body.detail),
    Protect: lambda body: _because(
        f"a stop at {price(body.stop_loss)} is wanted for {body.symbol}{f' of {body.strategy}' if body.strategy else ''}", body.reason
    ),
    Resolve: lambda body: _because(f"{body.client_order_id} is said to be {body.outcome.replace('_', ' ')}", body.reason),
    Reconcile: lambda body: _because(
        "what the broker has is to be taken over" if body.accept else "the books are to be compared with the broker's", body.reason
    ),
    CommandDone: lambda body: _because("done" if body.accepted else "refused", body.text),
    CashDeposited: lambda body: _because(f"{money(body.amount)} {body.currency}".strip() + " paid in", body.reason),
    CorporateAction: _corporate_action,
    ActivitiesKnown: lambda body: f"{many(len(body.activities), 'booking')} of the broker's in the books already",
    InstrumentListed: lambda body: _because(f"the rules of {body.symbol} are known", body.source),
    CurrencyRate: lambda body: f"one {body.currency} is worth {plain(body.rate)}: {body.source}",
    StopMoved: lambda body: f"the stop of {body.symbol} of {body.strategy} goes to {price(body.stop_loss)}: {body.reason}",
    StopPassed: lambda body: f"the market has passed the stop of {body.symbol} of {body.strategy}"
    + (f", whose limit is {price(body.limit)}" if body.limit is not None else ""),
    ProtectionComplete: lambda body: f"{count(body.quantity)} {body.symbol} of {body.strategy} protected after "
    f"{ago(body.unprotected_ns / SECOND_NS)}",
    BrokerPermits: _permits,
    SupervisorCycle: _cycle,
    AccountBound: lambda body: f"this is the broker's account {body.broker_account_id}",
    AccountRenamed: lambda body: f"the account was called {body.former} before",
    StrategyRenamed: lambda body: f"strategy {body.strategy} was called {body.former} before",
    TradingDayStarted: lambda body: f"trading day {body.trading_day} begins with {money(body.day_start_equity)}"
    + (" (its date is a guess by rule)" if body.is_guess else ""),
    EngineStopped: lambda body: f"the engine stopped: {body.reason}",
    FeedOpened: lambda body: f"market data from {body.name} ({body.kind})",
}  # fmt: skip
