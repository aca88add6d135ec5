"""Rows of the dump as records, names there and back."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.adapters.zerodha.connection.instruments import DayInstruments, Instruments, largest_order_in, read_dump
from holdfast.adapters.zerodha.connection.symbols import canonical_symbol, quote_key, split_symbol, symbol_of
from holdfast.brokers.http.failures import UnreadableAnswer
from holdfast.core.instruments import AssetClass
from holdfast.core.types import HOUR_NS
from holdfast.errors import ConfigError

HEADER = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange"
ROWS = (
    "408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE",
    "128053508,500209,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,BSE,BSE",
    "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE",
    "9219842,36015,NIFTY24JUL24300CE,NIFTY,0,2024-07-25,24300,0.05,25,CE,NFO-OPT,NFO",
    "109131271,426294,GOLDM24AUGFUT,GOLDM,0,2024-08-05,0,1,10,FUT,MCX-FUT,MCX",
    "1,1,ELSEWHERE,ELSEWHERE,0,,0,0.01,1,EQ,OTHER,OTHER",
)

MIDNIGHT_NS = 1_720_549_800_000_000_000
"""2024-07-10 00:00 in India."""


def dump(*rows: str) -> bytes:
    """The CSV of a day."""
    return "\n".join([HEADER, *rows, ""]).encode()


@pytest.mark.parametrize(
    ("ours", "exchange", "theirs"),
    [
        ("INFY", "NSE", "INFY"),
        ("BSE:INFY", "BSE", "INFY"),
        ("NFO:NIFTY24JUL24300CE", "NFO", "NIFTY24JUL24300CE"),
        ("M&M", "NSE", "M&M"),
        ("NIFTY 50", "NSE", "NIFTY 50"),
    ],
)
def test_names_there_and_back(ours: str, exchange: str, theirs: str) -> None:
    """What is on NSE has no prefix; either way to write it is understood."""
    assert split_symbol(ours) == (exchange, theirs)
    assert symbol_of(exchange, theirs) == canonical_symbol(f"{exchange}:{theirs}") == ours
    assert quote_key(ours) == f"{exchange}:{theirs}"


def test_rows_are_records() -> None:
    """Exact ticks and lots, expiries; an exchange that Kite Connect doesn't trade is left out."""
    day = DayInstruments("2024-07-10", read_dump(dump(*ROWS)))
    assert len(day) == 5
    option = day.need(["NFO:NIFTY24JUL24300CE"])["NFO:NIFTY24JUL24300CE"]
    assert (option.expiry, option.strike, option.lot, option.token) == ("2024-07-25", Decimal(24300), 25, 9219842)
    rules = option.rules()
    assert (rules.lot, rules.tick(Decimal(100)), rules.asset_class) == (Decimal(25), Decimal("0.05"), AssetClass.OPTION)
    index = day.need(["NIFTY 50"])["NIFTY 50"]
    assert index.is_index
    assert index.rules().ticks == ()


def test_what_is_not_there_is_named() -> None:
    """With what is nearest, or how it is written here."""
    day = DayInstruments("2024-07-10", read_dump(dump(*ROWS)))
    with pytest.raises(
        ConfigError, match=r"of 2024-07-10 don't have INFI \(did you mean INFY\?\); NSE:INFY \(write INFY"
    ):
        day.need(["INFI", "NSE:INFY"])


def test_a_share_that_changed_its_name_is_found_by_its_token() -> None:
    """A derivative's token is another one's after its expiry, and says nothing."""
    earlier = DayInstruments("2024-07-10", read_dump(dump(*ROWS)))
    changed = [row.replace("INFY,", "INFYX,").replace("NIFTY24JUL24300CE", "BANKNIFTY24AUG") for row in ROWS]
    later = DayInstruments("2024-07-11", read_dump(dump(*changed)))
    assert later.renamed_since(earlier) == {"INFY": "INFYX", "BSE:INFY": "BSE:INFYX"}


class Lists:
    """What is asked for the list of the day, in place of Zerodha."""

    def __init__(self, *days: bytes) -> None:
        self.days = list(days)

    def request(self, *_: object, **__: object) -> bytes:
        return self.days.pop(0)


def test_the_list_is_asked_for_when_it_is_made_and_tells_of_new_names() -> None:
    """Before half past eight in India it is that of the day before; a name that has changed since is known by the old one."""
    now_ns = [MIDNIGHT_NS + 9 * HOUR_NS]
    lists: Any = Lists(dump(*ROWS), dump(*[row.replace("INFY,", "INFYX,") for row in ROWS]))
    instruments = Instruments(lists, lambda: now_ns[0])
    assert instruments.today().find("INFY")
    assert instruments.now_called("INFY") == ""
    now_ns[0] += 23 * HOUR_NS
    assert instruments.today().find("INFY")
    now_ns[0] += HOUR_NS
    assert instruments.today().find("INFY") is None
    assert (instruments.now_called("INFY"), instruments.now_called("BSE:INFY")) == ("INFYX", "BSE:INFYX")


def test_how_large_an_order_may_be_is_told_by_a_refusal() -> None:
    """No list has it; other words say nothing of it."""
    words = "Quantity 200000 is more than the maximum allowed quantity of 1,800 for an order."
    assert largest_order_in(words) == 1800
    assert largest_order_in("Insufficient funds. Required margin is 1800") is None


@pytest.mark.parametrize(
    "row",
    [
        "x,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE",
        "1,1,A,A,0,,0,NaN,1,EQ,NSE,NSE",
        "1,1,A,A,0,,0,-1,1,EQ,NSE,NSE",
        "1,1",
    ],
)
def test_a_row_that_makes_no_sense_spoils_the_dump(row: str) -> None:
    """A half list would say that what is held has expired."""
    with pytest.raises(UnreadableAnswer):
        read_dump(dump(ROWS[0], row))
