"""Several processes on one database: claiming, sending again and keeping their accounts' books at once.

No deadlock and no wait for a lock reaches any of them, no order is with two of them, each is settled once.
"""

import json
import logging
import os
import random
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.messages import PAPER, CashDeposited
from holdfast.core.types import Money
from holdfast.journal import Journal, Reader
from holdfast.journal.claims import Claims
from holdfast.journal.database import open_database
from holdfast.journal.lease import Lease
from holdfast.journal.verify import verify
from holdfast.telemetry.logs import LogFormat, set_up_logs
from tests.budget import by_tier, in_a_campaign
from tests.databases import fresh_database
from tests.unit.journal.trader import Trader

ROOT = Path(__file__).resolve().parents[2]
WORKERS = by_tier(test=4, campaign=8)
ORDERS = by_tier(test=32, campaign=80)
TRIES = 2
"""How often each order is claimed: it is settled for good at the last."""
POOL = "pool"
"""The account whose orders they share."""
PATIENCE_S = 600.0

pytestmark = pytest.mark.process


@pytest.mark.proves("D1")
@pytest.mark.parametrize("kind", ["sqlite", in_a_campaign("postgresql"), "mariadb"])
def test_workers_on_one_database(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Many orders, two tries each; processes that also commit to their own accounts all the while, and file orders again."""
    with fresh_database(kind, tmp_path) as url:
        Journal.open(url).close()
        claims = Claims(open_database(url))
        claims.file(POOL, [f"order-{number}" for number in range(ORDERS)])
        claims.close()
        command = [sys.executable, "-m", "tests.process.test_contention", url]
        workers = [
            subprocess.Popen(
                [*command, str(number)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(WORKERS)
        ]
        let_go_together(workers)
        said = [worker.communicate(timeout=PATIENCE_S) for worker in workers]
        assert [(worker.returncode, err) for worker, (_, err) in zip(workers, said, strict=True)] == [(0, "")] * WORKERS
        results = [json.loads(out.splitlines()[-1]) for out, _ in said]
        check(url, results)
    show(request, results)


def let_go_together(workers: list["subprocess.Popen[str]"]) -> None:
    """Each has claimed an order before any goes on: none is done before the others have begun."""
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def check(url: str, results: list[dict[str, Any]]) -> None:
    """Nobody had what another had, and every order came to its end."""
    taken = Counter(tuple(claim) for result in results for claim in result["taken"])
    assert max(taken.values()) == 1
    assert Counter(key for key, _ in taken) == {f"order-{number}": TRIES for number in range(ORDERS)}
    ended = Counter(key for result in results for key in result["ended"])
    assert ended == {f"order-{number}": 1 for number in range(ORDERS)}
    assert [result["refused"] for result in results] == [0] * WORKERS
    assert all(result["taken"] for result in results)
    assert verify(url).problems == []
    with Reader.open(url) as reader:
        for result in results:
            assert reader.account(result["account"]).cash == Decimal(result["cash"]) > 0


def show(request: pytest.FixtureRequest, results: list[dict[str, Any]]) -> None:
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    waits_s = sorted(wait_s for result in results for wait_s in result["waits_s"])
    if reporter is not None:
        reporter.write_line(
            f"\n{request.node.name}: {len(waits_s)} calls, p50 {waits_s[len(waits_s) // 2] * 1000:.1f} ms, "
            f"p99 {waits_s[len(waits_s) * 99 // 100] * 1000:.1f} ms, longest {waits_s[-1] * 1000:.0f} ms, "
            f"{sum(result['collisions'] for result in results)} collisions tried again, "
            f"{sum(result['commits'] for result in results)} batches"
        )


# --- what each process does ---------------------------------------------------------------------------------------------


def work(url: str, number: int) -> dict[str, Any]:
    """Until nothing is left to claim: claim a few, note it in an account of one's own, settle."""
    chance, me = random.Random(number), f"worker-{number}"
    claims, journal = Claims(open_database(url)), Journal.open(url)
    trader = Trader(journal.take(me, PAPER, f"pid {os.getpid()}", Lease()))
    result: dict[str, Any] = {"account": me, "taken": [], "ended": [], "waits_s": [], "refused": 0, "commits": 0}
    cash = Decimal(0)

    def timed(call: Any, *arguments: Any) -> Any:
        began_s = time.monotonic()
        answer = call(*arguments)
        result["waits_s"].append(time.monotonic() - began_s)
        return answer

    taken = timed(claims.take, POOL, me, 1, PATIENCE_S)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    while taken or is_left(url):
        for claim in taken:
            result["taken"].append((claim.client_order_id, claim.fence))
            cash += 1
            journal.append(trader.batch([CashDeposited(Money(Decimal(1)), claim.client_order_id)]))
            result["commits"] += 1
            is_last = claim.attempts == TRIES
            if not is_last:
                timed(claims.file, POOL, [claim.client_order_id])  # somebody finds it unanswered still
            result["refused"] += not timed(claims.settle, claim, None if is_last else 0.0, "no answer")
            if is_last:
                result["ended"].append(claim.client_order_id)
        taken = timed(claims.take, POOL, me, chance.randrange(1, 6), 120.0)
    journal.append(trader.batch([CashDeposited(Money(Decimal(1)), "the end")]))
    journal.wait_durable(me, trader.sequence, PATIENCE_S)
    journal.close()
    claims.close()
    return result | {"cash": str(cash + 1), "collisions": claims.transactions.collisions}


def is_left(url: str) -> bool:
    """Whether others have some of the orders still, which may come back."""
    with open_database(url).reader().connect() as connection:
        return bool(connection.exec_driver_sql("SELECT count(*) FROM claims").scalar_one())


if __name__ == "__main__":
    set_up_logs(LogFormat.CONSOLE, logging.ERROR)  # a slow database is no fault here, and no part of the result
    sys.stdout.write(json.dumps(work(sys.argv[1], int(sys.argv[2]))))
