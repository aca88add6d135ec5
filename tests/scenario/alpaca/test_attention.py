"""What a page says of a live account when something is wrong at its broker: what nobody knows, what somebody else has ordered."""

from pathlib import Path

from holdfast.control.client import Client
from holdfast.core.orders.order import OrderState
from holdfast.journal.reader import Reader
from holdfast.views.attention import Attention, attention
from holdfast.views.books import Books
from holdfast.views.unresolved import unresolved
from tests.local_alpaca import local_alpaca
from tests.scenario.alpaca.breaking import FAR_BELOW, becomes, buy, idle_engine, wire_to
from tests.scenario.alpaca.engine import SYMBOLS, Running
from tests.scenario.alpaca.test_external import adopted, elsewhere


def needs(running: Running) -> list[Attention]:
    """What needs a person, but for what the start of the engine waits for."""
    config = running.config
    with Reader.open(config.journal.url) as reader:
        books = Books(config)
        books.whole(reader, "one")
        return attention(reader, config, books)


def test_an_order_without_an_answer_is_loud(tmp_path: Path) -> None:
    """It is critical, with its age and what to do, as long as nobody knows; afterwards there is nothing of it."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        wire_to(server) as wire,
        idle_engine(server, tmp_path, alpaca={"trading_url": wire.url}) as running,
    ):
        wire.cut = lambda seen: seen.path.startswith("/v2/orders")
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.UNKNOWN)
        key = order.terms.client_order_id
        running.wait_for(lambda: [row.link for row in needs(running) if row.kind == "unknown_order"], "it to be shown")
        with Reader.open(running.config.journal.url) as reader:
            (shown,) = unresolved(reader, "one").orders
        assert (shown.order.client_order_id, shown.order.state) == (key, "UNKNOWN")
        assert shown.since_ns > 0
        (row,) = [row for row in needs(running) if row.kind == "unknown_order"]
        assert (row.level, row.link, row.since_ns) == ("critical", key, shown.since_ns)
        assert f"holdfast resolve {key}" in row.text
        wire.cut = lambda _: False
        running.wait_for(lambda: order.state is not OrderState.UNKNOWN, "the order to be explained")
        running.wait_for(
            lambda: not [row for row in needs(running) if row.kind == "unknown_order"], "nothing to be shown"
        )


def test_somebody_elses_order_and_the_books(tmp_path: Path) -> None:
    """An external order that works is a warning with its id; books that agree are shown as such, with both sides."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path) as running,
    ):
        order = adopted(running, elsewhere(server, limit="1"))
        key = order.terms.client_order_id
        running.wait_for(
            lambda: [row.link for row in needs(running) if row.kind == "external_order"] == [key], "it to be shown"
        )
        with Reader.open(running.config.journal.url) as reader:
            assert "no comparison is recorded" in unresolved(reader, "one").compared.never
        outcome, _ = Client(running.config.journal.url, "one", "cli:test", 30, is_elsewhere=True).compare(
            False, "a test"
        )
        assert outcome.is_done
        with Reader.open(running.config.journal.url) as reader:
            found = unresolved(reader, "one")
        assert [row.client_order_id for row in found.external] == [key]
        assert (found.compared.agree, found.compared.never) == (True, "")
        assert found.compared.cash == found.compared.broker_cash
        (row,) = [row for row in needs(running) if row.kind == "external_order"]
        assert row.level == "warning"
