"""Claims on orders: each order with one worker at a time, handed out again when its claim lapses, settled once."""

import threading
from collections.abc import Iterator

import pytest

from holdfast.errors import InvalidValue
from holdfast.journal import Journal
from holdfast.journal.claims import Claims
from holdfast.journal.database import open_database
from tests.databases import run_in

LEASE_S = 60.0


@pytest.fixture
def claims(url: str) -> Iterator[Claims]:
    Journal.open(url).close()
    opened = Claims(open_database(url))
    yield opened
    opened.close()


def test_taken_by_one_worker(claims: Claims) -> None:
    """Orders are handed out the longest due first, up to the limit, to one worker each, and only those of the account."""
    claims.file("main", ["b", "a", "c", "a"])
    claims.file("other", ["a"])
    first = claims.take("main", "one", 2, LEASE_S)
    assert [(claim.account, claim.client_order_id, claim.worker, claim.attempts) for claim in first] == [
        ("main", "a", "one", 1),
        ("main", "b", "one", 1),
    ]
    assert [claim.client_order_id for claim in claims.take("main", "two", 9, LEASE_S)] == ["c"]
    assert claims.take("main", "three", 9, LEASE_S) == []


def test_settled_for_good(claims: Claims) -> None:
    """A settled order is gone, and settling it again says so; filed anew it has a greater fence than ever before."""
    claims.file("main", ["a"])
    (claim,) = claims.take("main", "one", 1, LEASE_S)
    assert claims.settle(claim, None)
    assert not claims.settle(claim, None)
    assert claims.take("main", "one", 1, LEASE_S) == []
    claims.file("main", ["a"])
    (again,) = claims.take("main", "one", 1, LEASE_S)
    assert again.fence > claim.fence
    assert not claims.settle(claim, None)
    assert claims.settle(again, None)


def test_due_again_later(claims: Claims, url: str) -> None:
    """An order to be tried again is due after its pause, with its error kept and its attempts counted."""
    claims.file("main", ["a"])
    (claim,) = claims.take("main", "one", 1, LEASE_S)
    assert claims.settle(claim, 3600.0, "no answer" * 100)
    assert claims.take("main", "one", 1, LEASE_S) == []
    (row,) = run_in(url, "SELECT error FROM claims")
    assert str(row[0]) == ("no answer" * 100)[:512]
    run_in(url, "UPDATE claims SET due_ms = 0")
    (again,) = claims.take("main", "two", 1, LEASE_S)
    assert (again.attempts, again.fence) == (2, claim.fence + 1)


def test_filing_again_changes_nothing(claims: Claims) -> None:
    """An order that somebody looks into stays with him, whoever files it."""
    claims.file("main", ["a"])
    (claim,) = claims.take("main", "one", 1, LEASE_S)
    claims.file("main", ["a", "b"])
    claims.file("main", [])
    assert [row.client_order_id for row in claims.take("main", "two", 9, LEASE_S)] == ["b"]
    assert claims.settle(claim, None)


def test_lapsed_claim_is_taken_again(claims: Claims, url: str) -> None:
    """A claim that ran out goes to the next worker; the first one's late word is refused and changes nothing."""
    claims.file("main", ["a"])
    (late,) = claims.take("main", "one", 1, LEASE_S)
    run_in(url, "UPDATE claims SET claimed_until_ms = 1")
    (next_one,) = claims.take("main", "two", 1, LEASE_S)
    assert next_one.fence == late.fence + 1
    assert not claims.settle(late, None)
    assert not claims.settle(late, 0.0, "late")
    assert claims.take("main", "three", 1, LEASE_S) == []
    assert claims.settle(next_one, None)


def test_locked_rows_are_passed_over(claims: Claims, url: str) -> None:
    """On a server, what another transaction has locked is skipped, not waited for."""
    if open_database(url).kind == "sqlite":
        pytest.skip("SQLite locks the whole file, and its transactions are over in no time")
    claims.file("main", ["a", "b"])
    is_locked, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with open_database(url).writer().begin() as connection:
            connection.exec_driver_sql("SELECT * FROM claims WHERE client_order_id = 'a' FOR UPDATE")
            is_locked.set()
            is_over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_locked.wait(60)
    taken = claims.take("main", "one", 9, LEASE_S)
    is_over.set()
    thread.join(60)
    assert [claim.client_order_id for claim in taken] == ["b"]
    assert claims.transactions.collisions == 0


@pytest.mark.parametrize(("worker", "limit", "lease_s"), [("", 1, 1.0), ("one", 0, 1.0), ("one", 1, 0.0)])
def test_impossible_claims(claims: Claims, worker: str, limit: int, lease_s: float) -> None:
    """A worker without a name, no orders or no time: refused in a line."""
    with pytest.raises(InvalidValue, match="can't claim"):
        claims.take("main", worker, limit, lease_s)
