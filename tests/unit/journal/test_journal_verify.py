"""The audit finds every change that is made behind the journal's back."""

import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdfast.journal import AccountCheck, Journal, Reader
from holdfast.journal.chain import HASHED, link
from holdfast.journal.verify import MAX_PROBLEMS, verify
from tests.databases import KINDS, run_in
from tests.unit.journal.trader import Trader

Sql = Callable[..., None]
FLIPS = 60


def test_whole_journal_passes(written: None, url: str) -> None:
    """A journal as it was written passes, with the counts of what is in it and progress up to the last record."""
    steps: list[tuple[int, int]] = []
    result = verify(url, lambda done, total: steps.append((done, total)))
    assert result.problems == []
    assert result.ok
    assert result.accounts == [AccountCheck("main", records=201, orders=40, fills=67)]
    assert steps[-1] == (201, 201)


def test_empty_journal_passes(journal: Journal, trader: Trader, url: str) -> None:
    """An account without a record proves itself."""
    assert verify(url).problems == []


def test_audit_while_trading(journal: Journal, trader: Trader, url: str) -> None:
    """The audit sees one moment, so an engine that goes on writing doesn't disturb it."""
    batches = iter(trader.day(700))

    def trade(_done: int = 0, _total: int = 0) -> None:
        for batch in islice(batches, 1_000):
            journal.append(batch)
            last = batch.envelopes[-1].sequence
        journal.wait_durable("main", last, 20)

    trade()
    result = verify(url, trade)
    assert result.problems == []
    assert result.accounts[0].records < journal.watermark("main")


INVENTED_FILL = """
    INSERT INTO fills SELECT account, 'new', 7, client_order_id, strategy, symbol, side, quantity, price, fee, time_ns
    FROM fills WHERE sequence = 6"""

TAMPERED = [
    ("UPDATE records SET body = replace(body, '6.5', '6.4') WHERE sequence = 6", "record 6 doesn't fit its hash"),
    ("UPDATE records SET body = body || ' ' WHERE sequence = 6", "record 6 doesn't fit its hash"),
    ("UPDATE records SET time_ns = time_ns + 1 WHERE sequence = 6", "record 6 doesn't fit its hash"),
    ("UPDATE records SET source = 'cli:mallory' WHERE sequence = 6", "record 6 doesn't fit its hash"),
    ("UPDATE records SET type = 'Halt' WHERE sequence = 6", "record 6 doesn't fit its hash"),
    ("UPDATE records SET hash = replace(hash, '0', '1') WHERE sequence = 6", "record 6 doesn't fit its hash"),
    ("DELETE FROM records WHERE sequence = 6", "record 6 is missing, 7 follows"),
    ("DELETE FROM records WHERE sequence = 201", "last_sequence is 201 in the account's row"),
    ("DELETE FROM records WHERE sequence = 1", "record 1 is missing, 2 follows"),
    ("UPDATE records SET sequence = 999 WHERE sequence = 6", "record 6 is missing"),
    ("UPDATE records SET epoch = 2 WHERE sequence = 6", "record 6 is of epoch 2"),
    ("UPDATE records SET account = 'other' WHERE sequence > 150", "table records has rows of account 'other'"),
    ("UPDATE accounts SET last_hash = 'x'", "last_hash is x"),
    ("UPDATE accounts SET \"cursor\" = 0", "cursor is 0"),
    ("UPDATE accounts SET cash = '1'", "cash is"),
    ("DELETE FROM accounts", "table records has rows of account 'main'"),
    ("UPDATE fills SET quantity = '6.6' WHERE sequence = 6", "quantity is 6.6, but the records make it 6.5"),
    ("UPDATE fills SET price = '1' WHERE sequence = 6", "price is 1, but"),
    ("UPDATE fills SET strategy = 'momentum' WHERE sequence = 6", "strategy is momentum, but"),
    ("DELETE FROM fills WHERE sequence = 6", "the fill of record 6 is missing"),
    (INVENTED_FILL, "fill new is in the table but not in the records"),
    ("UPDATE fills SET sequence = 5000 WHERE sequence = 6", "1 fill in the table of which there is no record"),
    ("UPDATE orders SET filled_quantity = '9' WHERE created_ns = (SELECT min(created_ns) FROM orders)", "filled_quantity is 9, but the records make it 10"),
    ("UPDATE orders SET state = 'CANCELED' WHERE created_ns = (SELECT min(created_ns) FROM orders)", "state is CANCELED, but the records make it FILLED"),
    ("UPDATE orders SET fees = '0' WHERE created_ns = (SELECT min(created_ns) FROM orders)", "fees is 0, but"),
    ("UPDATE orders SET limit_price = '1' WHERE created_ns = (SELECT min(created_ns) FROM orders)", "limit_price is 1, but the records make it None"),
    ("UPDATE orders SET tag = '' WHERE created_ns = (SELECT min(created_ns) FROM orders)", "tag is"),
    ("DELETE FROM orders WHERE created_ns = (SELECT min(created_ns) FROM orders)", "is missing from the table"),
    ("UPDATE orders SET client_order_id = 'hX' WHERE created_ns = (SELECT min(created_ns) FROM orders)", "order hX is in the table but not in the records"),
    ("UPDATE positions SET quantity = '1' WHERE strategy = '' AND symbol = 'S0'", "position account S0: quantity is 1"),
    ("UPDATE positions SET fees = '0' WHERE strategy = 'ema' AND symbol = 'S1'", "position ema S1: fees is 0"),
    ("DELETE FROM positions WHERE strategy = 'ema' AND symbol = 'S2'", "position ema S2"),
]  # fmt: skip


EVERYWHERE = TAMPERED[::8]
"""What is tried on every kind of database: the audit reads rows and compares them, whatever they came from."""
PLACES = [
    pytest.param(kind, *row, marks=() if kind == "sqlite" or row in EVERYWHERE else pytest.mark.campaign)
    for kind in KINDS
    for row in TAMPERED
]


@pytest.mark.parametrize(("kind", "statement", "says"), PLACES)
def test_tampering_is_found(kind: str, statement: str, says: str, written: None, url: str, sql: Sql) -> None:
    """Whatever is changed by SQL in any table is found, and named in one line."""
    sql(statement)
    result = verify(url)
    assert not result.ok
    assert any(says in problem for problem in result.problems), result.problems
    assert all("\n" not in problem for problem in result.problems)


def test_rehashed_record_breaks_the_next(written: None, url: str, sql: Sql) -> None:
    """Who gives a changed record its right hash is found at the next record."""
    (row,) = run_in(url, "SELECT * FROM records WHERE sequence = 6")
    ((before,),) = run_in(url, "SELECT hash FROM records WHERE sequence = 5")
    columns = dict(zip(HASHED, row, strict=False)) | {"source": "cli:mallory"}
    sql(
        "UPDATE records SET source = ?, hash = ? WHERE sequence = 6",
        "cli:mallory",
        link(str(before), tuple(columns.values())),
    )
    assert verify(url).problems[0] == (
        "account 'main': record 7 doesn't fit its hash: it, or the record before, was changed"
    )


def test_repeated_event_id_is_found(journal: Journal, trader: Trader, url: str) -> None:
    """Two records under one id are found, though the chain over them is right."""
    first, second = trader.deposit(), trader.deposit()
    journal.append(first)
    journal.append(replace(second, envelopes=[replace(second.envelopes[0], id=first.envelopes[0].id)]))
    journal.wait_durable("main", 2, 20)
    assert [problem for problem in verify(url).problems if "is used again" in problem]


def test_flipped_bits_never_pass(written: None, path: Path, url: str) -> None:
    """A bit flipped anywhere in the stored text of a record is found, by the chain or by the database's own checks."""
    whole = bytearray(path.read_bytes())
    with Reader.open(url) as reader:
        places = [position for envelope in reader.records("main") for position in _places(whole, envelope.id.encode())]
    chance = random.Random(20131001)
    for position in chance.sample(places, FLIPS):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert not verify(url).ok, f"byte {position}"


def _places(data: bytearray, text: bytes) -> list[int]:
    """Where a record's text lies in the file: from its id to 200 bytes on, which is within its row."""
    start = data.find(text)
    assert start > 0
    return list(range(start, start + 200))


def test_stops_at_many_problems(written: None, url: str, sql: Sql) -> None:
    """A journal that is wrong everywhere gives a bounded report."""
    sql("UPDATE records SET source = 'x'")
    problems = verify(url).problems
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1] == f"the audit stopped at {MAX_PROBLEMS} problems"
