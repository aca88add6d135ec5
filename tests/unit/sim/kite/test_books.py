"""A day of real shares at the local Kite: its money, positions and charges against fractions that are reckoned here from the trades alone."""

from fractions import Fraction
from pathlib import Path
from random import Random

import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests
from kiteconnect import KiteConnect

from tests.local_kite import LocalKite, local_kite

DEPOSIT = 1_000_000
DAY_OF_PLAY = 1_400
"""Events of a day of one symbol: four trades a minute."""


def one_symbol(folder: Path, found: Path) -> Path:
    """The rows of YESBANK, in a file of their own."""
    table = pq.read_table(found)
    path = folder / "yesbank.parquet"
    pq.write_table(table.filter(pc.equal(table["symbol"], "YESBANK")), path)
    return path


def trade_at_random(server: LocalKite, kite: KiteConnect) -> None:
    """Orders of both sides and products, at the market and away from it, over a day."""
    chance = Random(5)
    for _ in range(60):
        server.play(20)
        price = kite.ltp(["NSE:YESBANK"])["NSE:YESBANK"]["last_price"]
        kind = chance.choice(["MARKET", "LIMIT"])
        more = (
            {"market_protection": 5}
            if kind == "MARKET"
            else {"price": round(price * 20 * chance.uniform(0.99, 1.01)) / 20}
        )
        kite.place_order(
            "regular",
            "NSE",
            "YESBANK",
            chance.choice(["BUY", "SELL"]),
            chance.randrange(1, 500),
            chance.choice(["MIS", "CNC"]),
            kind,
            **more,
        )
    server.play(DAY_OF_PLAY - 60 * 20)


def test_money_positions_and_charges_to_the_paisa(tmp_path: Path, shared_data: Path) -> None:
    """What was traded makes the cash and the positions exactly, and the charges by the published rates, order by order."""
    with local_kite(data=[one_symbol(tmp_path, shared_data / "india_minute.parquet")], start_ns=None) as server:
        kite = server.login()
        trade_at_random(server, kite)
        trades, orders = kite.trades(), kite.orders()
        books = requests.get(f"{server.url}/_sim/books", timeout=60).json()
        rows = kite.positions()["net"]
    assert len(trades) > 20
    assert {row["status"] for row in orders} >= {"COMPLETE", "REJECTED"}
    cash, held = Fraction(DEPOSIT), dict[str, int]()
    turnover = dict[str, Fraction]()
    for trade in trades:
        sign = 1 if trade["transaction_type"] == "BUY" else -1
        value = trade["quantity"] * Fraction(str(trade["average_price"]))
        cash -= sign * value
        key = f"YESBANK {trade['product']}"
        held[key] = held.get(key, 0) + sign * trade["quantity"]
        turnover[trade["order_id"]] = turnover.get(trade["order_id"], Fraction(0)) + value
    assert Fraction(books["cash"]) == cash
    assert books["positions"] == held == {f"YESBANK {row['product']}": row["quantity"] for row in rows}
    assert all(quantity >= 0 for key, quantity in held.items() if key.endswith("CNC"))
    sides = {trade["order_id"]: (trade["product"], trade["transaction_type"]) for trade in trades}
    assert Fraction(books["charges_due"]) == sum(charges(*sides[one], turnover[one]) for one in turnover)


def charges(product: str, side: str, turnover: Fraction) -> Fraction:
    """Zerodha's list, each part to the paisa: 0.03 % or 20 rupees for the day; tax, exchange, SEBI, stamp, and GST on three of them."""
    is_day, is_buy = product == "MIS", side == "BUY"
    brokerage = paise(min(turnover * Fraction(3, 10_000), Fraction(20))) if is_day else Fraction(0)
    tax = Fraction(25, 100_000) * (not is_buy) if is_day else Fraction(1, 1000)
    stamp = (Fraction(3, 100_000) if is_day else Fraction(15, 100_000)) if is_buy else Fraction(0)
    exchange, sebi = paise(turnover * Fraction(297, 10_000_000)), paise(turnover / 1_000_000)
    gst = paise((brokerage + exchange + sebi) * Fraction(18, 100))
    return brokerage + exchange + sebi + gst + paise(turnover * tax) + paise(turnover * stamp)


def paise(amount: Fraction) -> Fraction:
    """To the paisa, a half up."""
    return Fraction(int(amount * 100 + Fraction(1, 2)), 100)
