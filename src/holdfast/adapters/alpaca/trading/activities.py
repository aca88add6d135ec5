"""What Alpaca books by itself, read from its account activities; every row is one, and none is guessed at.

Fields and codes as documented in 2026 (docs.alpaca.markets, "Account Activities"): ``net_amount``, ``qty`` and ``price`` are strings, signed;
``status`` is executed, correct or canceled. A split comes as two rows, the shares taken away and those given (observed).
"""

from typing import Any

from holdfast.adapters.alpaca.connection.symbols import canonical_symbol
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.adapters.alpaca.trading.wire import decimal_of
from holdfast.core.adjustments import AdjustmentKind, BrokerActivity
from holdfast.core.types import Money, Price, Quantity

K = AdjustmentKind

KINDS: dict[str, AdjustmentKind] = {
    **dict.fromkeys(("FEE", "CFEE", "PTC"), K.FEE),
    **dict.fromkeys(
        (
            "DIV",
            "DIVCGL",
            "DIVCGS",
            "DIVFT",
            "DIVNRA",
            "DIVROC",
            "DIVTW",
            "DIVTXEX",
            "CGD",
            "CIL",
        ),
        K.DIVIDEND,
    ),
    "DIVFEE": K.FEE,
    **dict.fromkeys(("INT", "INTNRA", "INTTW", "SWP"), K.INTEREST),
    **dict.fromkeys(("CSD", "CSW", "JNL", "JNLC", "JNLS", "ACATC", "ACATS", "PTR", "CSR"), K.TRANSFER),
    **dict.fromkeys(("SPLIT", "SSP"), K.SPLIT),
}
"""How a code is booked. Mergers, spin-offs, changes of name, options and codes unheard of are none of these: a person looks at them."""
NOT_DONE = "pending"
"""A status of what has moved nothing yet."""
DOLLARS = ("", "USD")


def activities_in(rows: Any) -> list[BrokerActivity]:
    """The activities of a page, without executions, and without those that have moved nothing yet."""
    return [_activity(row) for row in rows if row["activity_type"] != "FILL" and row.get("status") != NOT_DONE]


def _activity(row: dict[str, Any]) -> BrokerActivity:
    code, symbol = str(row["activity_type"]), str(row.get("symbol") or "")
    quantity, price = decimal_of(row.get("qty")), decimal_of(row.get("price"))
    kind = KINDS.get(code) if str(row.get("currency") or "") in DOLLARS else None
    if kind in (K.FEE, K.DIVIDEND, K.INTEREST) and not _moves_units(code, row):
        quantity = decimal_of(None)  # of what it is, not what it moves
    words = [
        code,
        str(row.get("activity_sub_type") or ""),
        str(row.get("description") or ""),
        str(row.get("date") or ""),
    ]
    return BrokerActivity(
        str(row["id"]),
        _time_ns(row),
        kind,
        canonical_symbol(symbol) if symbol else "",
        Money(decimal_of(row.get("net_amount"))),
        Quantity(quantity),
        Price(price) if price > 0 else None,
        " ".join(word for word in words if word),
        row.get("status") == "canceled",
    )


def _moves_units(code: str, row: dict[str, Any]) -> bool:
    """Whether ``qty`` is what was taken. A dividend's is of how many shares it was paid, a regulatory fee's how many were sold."""
    return code == "CFEE" and not decimal_of(row.get("net_amount"))


def _time_ns(row: dict[str, Any]) -> int:
    """When it was booked, as far as the row says: ``created_at``, else its day."""
    stated = row.get("created_at") or row.get("transaction_time")
    return parse_time_ns(str(stated)) if stated else parse_time_ns(f"{row['date']}T00:00:00Z")
