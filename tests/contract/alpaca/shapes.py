"""What Alpaca's answers look like, field by field, as tables, and the check that an answer is so.

From Alpaca's OpenAPI documents and from bodies recorded against the real thing. A shape is what one value has to be:

* a name of a kind (``"money"``: a string that holds a decimal number), with ``?`` where null is allowed;
* a dict: an object with exactly these keys (``"key?"``: the key may be missing);
* a list of one shape: an array of such values;
* a set: one of these values.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgpack

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?-0[45]:00")
_ACTIVITY_ID = re.compile(r"\d{17}::[0-9a-f-]{36}")


def _is_money(value: Any) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite() and "E" not in value.upper()
    except InvalidOperation:
        return False


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # noqa: PLR0124  not NaN


def _matches(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and value != "",
    "text or empty": lambda value: isinstance(value, str),
    "money": _is_money,
    "uuid": _is_uuid,
    "time": _matches(_TIME.pattern),
    "local time": _matches(_LOCAL_TIME.pattern),
    "date": _is_date,
    "clock": _matches(r"\d\d:\d\d"),
    "short clock": _matches(r"\d{4}"),
    "activity id": _matches(_ACTIVITY_ID.pattern),
    "flag": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": _is_number,
    "packed time": lambda value: isinstance(value, msgpack.Timestamp),
    "null": lambda value: value is None,
    "anything": lambda _: True,
}


def wrong(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """What about ``value`` is not as the shape says, with where; nothing when all is."""
    if isinstance(shape, Mapping):
        yield from _wrong_object(value, shape, path)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{path}: an array is expected, not {value!r}"
            return
        for index, item in enumerate(value):
            yield from wrong(item, shape[0], f"{path}[{index}]")
    elif isinstance(shape, (set, frozenset)):
        if value not in shape:
            yield f"{path}: one of {sorted(map(str, shape))} is expected, not {value!r}"
    elif not (value is None and shape.endswith("?")) and not KINDS[shape.removesuffix("?")](value):
        yield f"{path}: {shape} is expected, not {value!r}"


def _wrong_object(value: Any, shape: Mapping[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: an object is expected, not {value!r}"
        return
    known = {key.removesuffix("?"): inner for key, inner in shape.items()}
    for key in sorted(value.keys() - known.keys()):
        yield f"{path}.{key}: Alpaca has no such key"
    for key, inner in known.items():
        if key in value:
            yield from wrong(value[key], inner, f"{path}.{key}")
        elif key in shape:
            yield f"{path}.{key}: is missing"


def holds(value: Any, shape: Any) -> bool:
    """True when the value is as the shape says; else an AssertionError that lists everything that is not."""
    found = list(wrong(value, shape))
    assert not found, "\n".join(found)
    return True


# --- trading ---------------------------------------------------------------------------------------------------------

ACCOUNT = {
    "id": "uuid",
    "account_number": "text",
    "status": {"ACTIVE"},
    "crypto_status": {"ACTIVE"},
    "currency": {"USD"},
    "buying_power": "money",
    "regt_buying_power": "money",
    "non_marginable_buying_power": "money",
    "options_buying_power": "money",
    "effective_buying_power?": "money",
    "cash": "money",
    "accrued_fees": "money",
    "pending_transfer_in": "money",
    "pending_transfer_out": "money",
    "pending_reg_taf_fees": "money",
    "intraday_adjustments": "money",
    "portfolio_value": "money",
    "multiplier": {"1", "2", "4"},
    "equity": "money",
    "last_equity": "money",
    "long_market_value": "money",
    "short_market_value": "money",
    "position_market_value?": "money",
    "initial_margin": "money",
    "maintenance_margin": "money",
    "last_maintenance_margin": "money",
    "sma": "money",
    "balance_asof": "date",
    "created_at": "time",
    "trading_blocked": "flag",
    "transfers_blocked": "flag",
    "account_blocked": "flag",
    "trade_suspended_by_user": "flag",
    "shorting_enabled": "flag",
    "options_approved_level": {0, 1, 2, 3},
    "options_trading_level": {0, 1, 2, 3},
    "crypto_tier?": "integer",
}
CONFIGURATION = {
    "fractional_trading": "flag",
    "max_margin_multiplier": {"1", "2", "4"},
    "no_shorting": "flag",
    "suspend_trade": "flag",
    "trade_confirm_email": {"all", "none"},
    "ptp_no_exception_entry": "flag",
    "max_options_trading_level": "integer?",
    "disable_overnight_trading?": "flag",
}
STATUSES = {
    "new", "partially_filled", "filled", "done_for_day", "canceled", "expired", "replaced", "pending_cancel",
    "pending_replace", "accepted", "pending_new", "accepted_for_bidding", "stopped", "rejected", "suspended",
    "calculated", "held",
}  # fmt: skip
_ORDER = {
    "id": "uuid",
    "client_order_id": "text",
    "created_at": "time",
    "updated_at": "time",
    "submitted_at": "time",
    "filled_at": "time?",
    "expired_at": "time?",
    "expires_at?": "time?",
    "canceled_at": "time?",
    "cancel_requested_at?": "time?",
    "failed_at": "time?",
    "replaced_at": "time?",
    "replaced_by": "uuid?",
    "replaces": "uuid?",
    "asset_id": "uuid",
    "symbol": "text",
    "asset_class": {"us_equity", "crypto"},
    "notional": "money?",
    "qty": "money?",
    "filled_qty": "money",
    "filled_avg_price": "money?",
    "order_class": {"", "simple", "bracket", "oco", "oto"},
    "order_type": {"market", "limit", "stop", "stop_limit", "trailing_stop"},
    "type": {"market", "limit", "stop", "stop_limit", "trailing_stop"},
    "side": {"buy", "sell"},
    "position_intent": {"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"},
    "time_in_force": {"day", "gtc", "opg", "cls", "ioc", "fok"},
    "limit_price": "money?",
    "stop_price": "money?",
    "trail_percent": "money?",
    "trail_price": "money?",
    "hwm": "money?",
    "status": STATUSES,
    "extended_hours": "flag",
    "subtag": "null",
    "source": "null",
}
LEG = {**_ORDER, "legs": "null"}
ORDER = {**_ORDER, "legs": "null"}
NESTED_ORDER = {**_ORDER, "legs": [LEG]}
POSITION = {
    "asset_id": "uuid",
    "symbol": "text",
    "exchange": "text",
    "asset_class": {"us_equity", "crypto"},
    "asset_marginable": "flag",
    "avg_entry_price": "money",
    "qty": "money",
    "qty_available": "money",
    "side": {"long", "short"},
    "market_value": "money",
    "cost_basis": "money",
    "unrealized_pl": "money",
    "unrealized_plpc": "money",
    "unrealized_intraday_pl": "money",
    "unrealized_intraday_plpc": "money",
    "current_price": "money",
    "lastday_price": "money",
    "change_today": "money",
}
CLOSED = {"symbol": "text", "status": {200}, "body": ORDER}
NOT_CLOSED = {
    "symbol": "text",
    "status": {403},
    "body": {
        "code": {40310000},
        "message": "text",
        "available": "money",
        "existing_qty": "money",
        "held_for_orders": "money",
        "symbol": "text",
    },
}
CANCELED = {"id": "uuid", "status": {200}}
ASSET = {
    "id": "uuid",
    "class": {"us_equity", "crypto"},
    "exchange": {"AMEX", "ARCA", "BATS", "NYSE", "NASDAQ", "NYSEARCA", "OTC", "CRYPTO"},
    "symbol": "text",
    "name": "text",
    "cusip?": "text?",
    "status": {"active", "inactive"},
    "tradable": "flag",
    "marginable": "flag",
    "shortable": "flag",
    "fractionable": "flag",
    "easy_to_borrow": "flag",
    "borrow_status?": {"easy_to_borrow", "hard_to_borrow"},
    "maintenance_margin_requirement": "number",
    "margin_requirement_long": "money",
    "margin_requirement_short": "money",
    "attributes": ["text"],
}
COIN = {**ASSET, "min_order_size": "money", "min_trade_increment": "money", "price_increment": "money"}
CLOCK = {"timestamp": "local time", "is_open": "flag", "next_open": "local time", "next_close": "local time"}
CALENDAR_DAY = {
    "date": "date",
    "open": "clock",
    "close": "clock",
    "session_open": "short clock",
    "session_close": "short clock",
    "settlement_date": "date",
}
FILL = {
    "id": "activity id",
    "activity_type": {"FILL"},
    "transaction_time": "time",
    "type": {"fill", "partial_fill"},
    "price": "money",
    "qty": "money",
    "side": {"buy", "sell", "sell_short"},
    "symbol": "text",
    "leaves_qty": "money",
    "order_id": "uuid",
    "cum_qty": "money",
    "order_status": {"filled", "partially_filled"},
}
HISTORY = {
    "timestamp": ["integer"],
    "equity": ["number"],
    "profit_loss": ["number"],
    "profit_loss_pct": ["number?"],
    "base_value": "number?",
    "base_value_asof?": "date",
    "timeframe": {"1Min", "5Min", "15Min", "1H", "1D"},
    "cashflow?": {},
}
_WATCHLIST = {"id": "uuid", "account_id": "uuid", "name": "text", "created_at": "time", "updated_at": "time"}
WATCHLIST = {**_WATCHLIST, "assets": [ASSET]}
WATCHLIST_IN_LIST = _WATCHLIST
REFUSAL = {"code": "integer", "message": "text"}

_UPDATE = {"event": "text", "timestamp": "time", "order": ORDER, "at?": "time", "event_id?": "text"}
UPDATE = {"stream": {"trade_updates"}, "data": {**_UPDATE, "execution_id?": "uuid"}}
FILL_UPDATE = {
    "stream": {"trade_updates"},
    "data": {**_UPDATE, "execution_id": "uuid", "price": "money", "qty": "money", "position_qty": "money"},
}

# --- market data -----------------------------------------------------------------------------------------------------

BAR = {
    "t": "time", "o": "number", "h": "number", "l": "number", "c": "number", "v": "number", "n": "integer", "vw": "number",
}  # fmt: skip
_PRICES = {"bp": "number", "bs": "number", "ap": "number", "as": "number"}
STOCK_QUOTE = {"t": "time", "bx": "text", "ax": "text", **_PRICES, "c": ["text"], "z": {"A", "B", "C", "N", "O"}}
COIN_QUOTE = {"t": "time", **_PRICES}
STOCK_TRADE = {
    "t": "time", "x": "text", "p": "number", "s": "number", "c": ["text"], "i": "integer", "z": {"A", "B", "C", "N", "O"},
}  # fmt: skip
COIN_TRADE = {"t": "time", "p": "number", "s": "number", "i": "integer", "tks": {"B", "S"}}
LEVEL = {"p": "number", "s": "number"}
ORDERBOOK = {"t": "time", "b": [LEVEL], "a": [LEVEL]}


def snapshot(trade: Any, quote: Any) -> dict[str, Any]:
    """The shape of a snapshot of a stock or a coin."""
    return {"latestTrade": trade, "latestQuote": quote, "minuteBar": BAR, "dailyBar": BAR, "prevDailyBar": BAR}


def streamed(kind: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of a message of a data stream: that of history, with its kind and symbol, and a packed time."""
    return {**shape, "T": {kind}, "S": "text", "t": "packed time"}


STREAMED_ORDERBOOK = {**streamed("o", ORDERBOOK), "r?": "flag"}
