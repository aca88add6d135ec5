"""A session at the local Kite without a fault: every rupee of the books is the server's, and what was sent was durable before."""

from pathlib import Path

import pytest

from holdfast.core.messages import OrderFilled, OrderReleased
from tests.scenario.alpaca.engine import Running
from tests.scenario.zerodha.bench import Bench
from tests.scenario.zerodha.engine import Theirs, agree_in_the_end

MINUTES = 40


@pytest.mark.proves("I1", "I3", "I4", "I6")
def test_a_session_ends_with_the_servers_books_and_goes_on_from_them(tmp_path: Path) -> None:
    """Cash, charges and positions to the paisa, each execution once, before and after a new start on the same journal."""
    bench = Bench(tmp_path)
    bench.begin()
    try:
        bench.trade(MINUTES)
        bench.agree()
        theirs = Theirs(bench.server)
        fills = [body for _, record in bench.running.records if isinstance(body := record.body, OrderFilled)]
        assert len({fill.execution_id for fill in fills}) == len(fills) == theirs.books()["trades"]
        released = {
            record.body.client_order_id: wall_ns
            for wall_ns, record in bench.running.records
            if isinstance(record.body, OrderReleased)
        }
        sent = [row for row in theirs.requests() if row["path"].startswith("/orders") and row["method"] == "POST"]
        assert len(sent) > 10
        assert all(row["tag"] in released for row in sent)
        bench.running.stop()
        again = Running(bench.running.config)
        again.start()
        try:
            agree_in_the_end(again, theirs)
            news = [body for _, record in again.records if isinstance(body := record.body, OrderFilled)]
            assert {fill.execution_id for fill in news}.isdisjoint({fill.execution_id for fill in fills})
        finally:
            again.stop()
    finally:
        bench.end()
