"""Signals from outside: an alert as a program or a charting site sends it, and the signal of a named strategy that it means."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, NamedTuple, NoReturn

from holdfast.control.lives import ORDER_LIVES_NS
from holdfast.core.messages import Action, PlaceOrder, Signal
from holdfast.core.strategy.order_kinds import order_type
from holdfast.core.types import NAME_LENGTH, NO_QUANTITY, SECOND_NS, Money, StrategyId, many, to_price, to_quantity
from holdfast.errors import InvalidValue, Refused
from holdfast.journal.commands import file_command
from holdfast.journal.holder import is_running

ACTIONS = {"buy": Action.BUY, "sell": Action.SELL, "close": Action.CLOSE}
OTHER_NAMES = {"ticker": "symbol", "qty": "quantity", "contracts": "quantity", "price_limit": "limit"}
"""What others call a field."""
PRICES = ("limit", "stop", "stop_loss", "take_profit")
FIELDS = ("action", "symbol", "quantity", "notional", *PRICES, "id", "token", "account", "timenow")
PASSED_OVER = frozenset(
    [
        "strategy",
        "exchange",
        "interval",
        "time",
        "price",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "comment",
        "message",
        "alert",
        "alert_name",
        "order_id",
        "position_size",
        "market_position",
        "market_position_size",
        "prev_market_position",
        "prev_market_position_size",
    ]
)
"""What templates of charting sites tell as well, and nothing here goes by. Any other name is a mistake: a stop-loss that is spelt wrongly must not be lost."""
OLDEST_S, NEWEST_S = 60, 300
"""How old ``timenow`` may say that an alert is, and how far ahead its sender's clock may be, in seconds."""


class Alert(NamedTuple):
    """What came, as far as it needs no strategy to be understood."""

    fields: Mapping[str, Any]

    @property
    def id(self) -> str:
        """By which the sender knows it; empty for none."""
        return str(self.fields.get("id", ""))

    @property
    def account(self) -> str:
        """For which account; empty where it doesn't say."""
        return str(self.fields.get("account", ""))


def read_alert(body: bytes) -> Alert:
    """An alert from the bytes of a request, whatever type they were sent as. Raises InvalidValue, which shows no value that may be a token."""
    try:
        fields = json.loads(body, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_once)
    except InvalidValue:
        raise
    except (ValueError, RecursionError):
        raise InvalidValue(
            'the body is no JSON; send an object such as {"action": "buy", "symbol": "SPY", "quantity": 10}'
        ) from None
    if not isinstance(fields, dict):
        raise InvalidValue("the body must be one JSON object")
    named = [
        (OTHER_NAMES.get(str(name), str(name)), value) for name, value in fields.items() if name not in PASSED_OVER
    ]
    alert = {name: value for name, value in _once(named).items() if value is not None and value != ""}
    for name, value in alert.items():
        if name not in FIELDS:
            near = get_close_matches(name, FIELDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"an alert has {', '.join(FIELDS)}"
            raise InvalidValue(f"unknown field {name[:40]!r}; {hint}")
        if isinstance(value, dict | list | bool):
            raise InvalidValue(f"{name} must be a text or a number")
    for name in ("action", "symbol", "id", "token", "account"):
        if not isinstance(alert.get(name, ""), str) and name != "id":
            raise InvalidValue(f"{name} must be a text")
    return _checked(Alert(alert))


def signal_of(alert: Alert, strategy: str, symbols: Sequence[str], now_ns: int) -> Signal:
    """The signal of a strategy with these symbols that an alert means. Raises InvalidValue."""
    _require_fresh(alert.fields.get("timenow"), now_ns)
    word = str(alert.fields.get("action", "")).strip().lower()
    if word not in ACTIONS:
        raise InvalidValue(f"action must be buy, sell or close, not {word[:40]!r}")
    action = ACTIONS[word]
    given = {name: to_price(alert.fields[name], name) for name in PRICES if name in alert.fields}
    quantity = to_quantity(alert.fields["quantity"]) if "quantity" in alert.fields else None
    notional = Money(to_price(alert.fields["notional"], "notional")) if "notional" in alert.fields else None
    if quantity is not None and notional is not None:
        raise InvalidValue("say either quantity or notional, not both")
    if action is Action.CLOSE:
        if given or quantity is not None or notional is not None:
            raise InvalidValue("close brings the whole position to zero at the market: leave sizes and prices out")
        quantity = NO_QUANTITY
    limit, stop = given.get("limit"), given.get("stop")
    return Signal(
        strategy=StrategyId(strategy),
        symbol=_symbol(str(alert.fields.get("symbol", "")), symbols),
        action=action,
        quantity=quantity,
        notional=notional,
        order_type=order_type(limit, stop, None, None),
        limit_price=limit,
        stop_price=stop,
        stop_loss=given.get("stop_loss"),
        take_profit=given.get("take_profit"),
        time_to_live_ns=ORDER_LIVES_NS,
        tag=alert.id,
    )


def require_engine(url: str, account: str) -> None:
    """Raise :class:`~holdfast.errors.Refused` unless an engine trades the account: a signal is for now."""
    if not is_running(url, account):
        raise Refused(f"no engine trades account {account}, so the signal was not taken; start it (`holdfast run`)")


class Filing(NamedTuple):
    """A signal to be filed: for whom, by whom, under which id, and when it came, in nanoseconds since 1970."""

    account: str
    source: str
    command_id: str
    received_ns: int


def file_signal(url: str, signal: Signal, filing: Filing) -> None:
    """File a signal as a command, once: what is filed under this id already is left as it is. Raises JournalError."""
    expires_ns = filing.received_ns + ORDER_LIVES_NS
    file_command(
        url,
        filing.account,
        PlaceOrder(signal),
        filing.source,
        expires_ns,
        filing.received_ns,
        command_id=filing.command_id,
    )


def _checked(alert: Alert) -> Alert:
    if len(alert.id) > NAME_LENGTH or not alert.id.isprintable():
        raise InvalidValue(f"id has up to {NAME_LENGTH} printable characters")
    return alert


def _symbol(text: str, symbols: Sequence[str]) -> str:
    """Which of the strategy's symbols is meant: ``NASDAQ:AAPL`` is AAPL, ``BTCUSD`` is BTC/USD where only that can be meant."""
    asked = text.strip().rpartition(":")[2]
    if asked in symbols:
        return asked
    alike = [symbol for symbol in symbols if asked and _letters(symbol) == _letters(asked)]
    if len(alike) == 1:
        return alike[0]
    raise InvalidValue(f"the strategy has no symbol {text[:40]!r}; it has {', '.join(symbols[:20])}")


def _letters(symbol: str) -> str:
    return "".join(letter for letter in symbol.upper() if letter.isalnum())


def _require_fresh(value: object, now_ns: int) -> None:
    if value is None:
        return
    sent_ns = _time_ns(value)
    age_s = (now_ns - sent_ns) // SECOND_NS
    if not -NEWEST_S <= age_s <= OLDEST_S:
        raise InvalidValue(
            f"timenow is {many(abs(age_s), 'second')} {'old' if age_s > 0 else 'ahead'}: the alert was not taken"
        )


def _time_ns(value: object) -> int:
    try:
        if isinstance(value, int):
            return value * 1_000_000  # milliseconds, as Pine has them
        parsed = dt.datetime.fromisoformat(str(value))
        zoned = parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=dt.UTC)
        return int(zoned.timestamp() * SECOND_NS)
    except (ValueError, OverflowError):
        raise InvalidValue(
            "timenow must be ISO 8601, such as 2026-01-05T14:30:00Z, or milliseconds since 1970"
        ) from None


def _no_number(text: str) -> NoReturn:
    raise InvalidValue(f"{text} is no number that an order can have")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names come once: of two sizes, nobody knows which is meant."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidValue(f"{twice[:40]!r} comes twice")
    return dict(pairs)
