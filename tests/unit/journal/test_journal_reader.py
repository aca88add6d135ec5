"""Reading: while it is written, from any place, and never what was tampered with."""

from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdfast.core.types import Side
from holdfast.errors import InvalidValue, JournalCorrupt
from holdfast.journal import FillRow, Journal, OrderRow, Reader
from holdfast.journal.reader import PAGE
from tests.unit.journal.trader import STRATEGY, Trader

Sql = Callable[..., None]


def test_records_from_anywhere(written: None, url: str) -> None:
    """Reading after any sequence gives exactly the rest."""
    with Reader.open(url) as reader:
        everything = list(reader.records("main"))
        for after in (0, 1, 17, len(everything) - 1, len(everything)):
            assert list(reader.records("main", after)) == everything[after:]
        assert reader.last_record("main") == everything[-1]


def test_pages_join_without_a_seam(journal: Journal, trader: Trader, url: str) -> None:
    """More records than one page come out in one contiguous stream, and records appended meanwhile are in it."""
    for batch in trader.day(PAGE // 4):
        journal.append(batch)
    journal.wait_durable("main", trader.sequence, 20)
    with Reader.open(url) as reader:
        stream = reader.records("main")
        assert [envelope.sequence for envelope in islice(stream, 3)] == [1, 2, 3]
        for batch in trader.day(10):
            journal.append(batch)
        journal.wait_durable("main", trader.sequence, 20)
        assert [envelope.sequence for envelope in stream] == list(range(4, trader.sequence + 1))
    assert trader.sequence > PAGE


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.proves("D5")
def test_tampered_record_is_not_handed_out(written: None, url: str, sql: Sql, after: int) -> None:
    """A changed record raises, in one line, when it is reached; those before it came out."""
    sql("UPDATE records SET body = replace(body, '6.5', '6.6') WHERE sequence = 6")
    with Reader.open(url) as reader:
        stream = reader.records("main", after)
        assert [envelope.sequence for envelope in islice(stream, 5 - after)] == list(range(after + 1, 6))
        with pytest.raises(JournalCorrupt, match="record 6 doesn't fit its hash") as caught:
            next(stream)
    assert "\n" not in str(caught.value)


def test_missing_record_is_noticed(written: None, url: str, sql: Sql) -> None:
    """A gap raises at the gap, and so does starting after a record that isn't there."""
    sql("DELETE FROM records WHERE sequence = 9")
    with Reader.open(url) as reader:
        with pytest.raises(JournalCorrupt, match="record 9 is missing, 10 follows"):
            list(reader.records("main"))
        with pytest.raises(JournalCorrupt, match="record 9 is missing"):
            list(reader.records("main", after=9))


def test_newer_vocabulary_is_refused(journal: Journal, trader: Trader, url: str) -> None:
    """A record of a newer version than this program reads is not guessed at."""
    batch = trader.deposit()
    journal.append(replace(batch, envelopes=[replace(batch.envelopes[0], version=99)]))
    journal.wait_durable("main", 1, 20)
    with Reader.open(url) as reader, pytest.raises(JournalCorrupt, match="version 99"):
        list(reader.records("main"))


def test_orders_newest_first(journal: Journal, trader: Trader, url: str) -> None:
    """Orders come newest first with all their terms and progress; live ones can be asked for alone."""
    first, prepared = trader.prepare("10", side=Side.SELL)
    batches = [prepared, trader.accept(first), trader.fill(first, "4"), trader.prepare("7.50")[1]]
    for batch in batches:
        journal.append(batch)
    journal.append(trader.cancel(first))
    journal.wait_durable("main", trader.sequence, 20)
    with Reader.open(url) as reader:
        orders = reader.orders()
        assert [order.client_order_id for order in orders] == [trader.ids.order(2), first]
        assert orders[1] == expected_order(trader, orders[1])
        assert [order.client_order_id for order in reader.orders(live_only=True)] == [trader.ids.order(2)]
        assert reader.orders(limit=1) == orders[:1]
        assert reader.orders("nobody") == []


def expected_order(trader: Trader, row: OrderRow) -> OrderRow:
    order = trader.order(trader.ids.order(1))
    assert order.filled_quantity == 4
    return OrderRow(
        account="main",
        client_order_id=order.terms.client_order_id,
        strategy=STRATEGY,
        symbol="IBM",
        side=Side.SELL,
        order_type="market",
        time_in_force="day",
        limit_price=None,
        stop_price=None,
        trail_amount=None,
        trail_percent=None,
        role="entry",
        parent=None,
        oco_group=None,
        stop_loss=None,
        take_profit=None,
        expires_ns=None,
        tag="naïve Ω",
        created_ns=order.created_ns,
        state="CANCELED",
        quantity=Decimal(10),
        filled_quantity=Decimal(4),
        filled_notional=Decimal("749.40"),
        fees=Decimal("0.0105"),
        broker_order_id=f"b-{order.terms.client_order_id}",
        reason="asked",
        released_ns=order.released_ns,
        cancel_released_ns=0,
        updated_ns=order.updated_ns,
    )


def test_fills_and_positions(journal: Journal, trader: Trader, url: str) -> None:
    """Each execution is a row with its record's sequence; positions are the account's line and the strategy's."""
    name, prepared = trader.prepare()
    for batch in (prepared, trader.fill(name, "4", "100.5"), trader.fill(name, "6", "101")):
        journal.append(batch)
    journal.wait_durable("main", trader.sequence, 20)
    with Reader.open(url) as reader:
        newest, oldest = reader.fills("main")
        assert reader.fills(limit=1) == [newest]
        assert oldest == FillRow(
            "main", f"x-{name}-3", 3, name, STRATEGY, "IBM", Side.BUY, Decimal(4), Decimal("100.5"), Decimal("0.0105"),
            oldest.time_ns,
        )  # fmt: skip
        assert [
            (row.account, row.strategy, row.symbol, row.quantity, row.average_price) for row in reader.positions()
        ] == [
            ("main", "", "IBM", Decimal(10), Decimal("100.8")),
            ("main", STRATEGY, "IBM", Decimal(10), Decimal("100.8")),
        ]


def test_number_that_is_none_is_damage(written: None, url: str, sql: Sql) -> None:
    """A number that can't be read is JournalCorrupt and not a crash."""
    sql("UPDATE positions SET quantity = 'ten'")
    with Reader.open(url) as reader, pytest.raises(JournalCorrupt, match="'ten' where a number should be"):
        reader.positions()


def test_text_that_is_none_is_damage(written: None, path: Path, url: str, sql: Sql) -> None:
    """Text that isn't UTF-8 any more is JournalCorrupt in one line, however long the text."""
    sql("UPDATE records SET body = CAST(x'ff' || zeroblob(5000) AS TEXT) WHERE sequence = 2")
    with Reader.open(url) as reader, pytest.raises(JournalCorrupt, match="Could not decode") as caught:
        list(reader.records("main"))
    assert len(str(caught.value)) < 500


def test_unknown_names(written: None, url: str) -> None:
    """Asking for an account or command that isn't there says which accounts there are."""
    with Reader.open(url) as reader:
        with pytest.raises(InvalidValue, match="no account 'mian'; it has main"):
            reader.account("mian")
        with pytest.raises(InvalidValue, match="no command 'x'"):
            reader.command("x")
        assert reader.last_record("mian") is None
