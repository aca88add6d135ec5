"""Market orders: with the broker's protection, or as limit orders at a price of ours."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.adapters.zerodha.connection.settings import MarketOrders
from holdfast.adapters.zerodha.trading.market_orders import Touch, marketable_limit, touch_of
from holdfast.core.messages import OrderAccepted, OrderFilled, OrderTerms, SubmitOrder
from holdfast.core.types import Side
from tests.budget import examples
from tests.local_kite import LocalKite, local_kite
from tests.unit.adapters.zerodha.trading.kit import Ends, arm, run, until

TICK = Decimal("0.05")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKite]:
    """A market at the open of a session, that stands."""
    with local_kite() as running:
        running.play(40)
        yield running


def row_of(server: LocalKite, ends: Ends, terms: OrderTerms) -> dict[str, object]:
    (accepted,) = ends.of(OrderAccepted, terms)
    rows = requests.get(f"{server.url}/_sim/audit", timeout=10).json()["orders"]
    return next(row for row in rows if row["order_id"] == accepted.broker_order_id)


@given(
    st.sampled_from(Side),
    st.integers(1, 100_000),
    st.sampled_from([Decimal("0.01"), TICK, Decimal(1), Decimal(5)]),
    st.integers(0, 1_000),
)
@settings(max_examples=examples())
def test_a_price_is_on_the_tick_meets_the_other_side_and_is_no_further_than_asked(
    side: Side, ticks: int, tick: Decimal, band_bps: int
) -> None:
    """Whatever the tick: where one is wider than the band, the touch itself is the price."""
    touch = Touch(ticks * tick, Decimal(0), Decimal(0))
    beyond = (marketable_limit(side, touch, tick, Decimal(band_bps)) - touch.price) * side.sign
    assert not beyond % tick
    assert 0 <= beyond <= touch.price * band_bps / 10_000


def test_a_price_stays_within_the_circuit_limits() -> None:
    """A price beyond them is refused by the exchange."""
    touch = Touch(Decimal(100), Decimal("99.9"), Decimal("100.1"))
    assert marketable_limit(Side.BUY, touch, TICK, Decimal(50)) == Decimal("100.1")
    assert marketable_limit(Side.SELL, touch, TICK, Decimal(50)) == Decimal("99.9")


def test_where_nobody_asks_the_last_price_is_the_touch() -> None:
    """Of a side without orders Kite shows zeros."""
    none = [{"price": 0, "quantity": 0, "orders": 0}] * 5
    row = {"last_price": Decimal("70.5"), "depth": {"buy": none, "sell": none}}
    assert touch_of(row, Side.BUY) == Touch(Decimal("70.5"), Decimal(0), Decimal(0))


def test_a_market_order_as_a_limit_order_trades_at_the_touch(server: LocalKite) -> None:
    """It is a LIMIT of ours there, with no protection of the broker's, under our tag; it trades like the market order that it is."""
    ends = Ends(server, market_orders=MarketOrders.LIMIT, market_band_bps=Decimal(20))
    terms = ends.terms()

    async def work() -> None:
        await ends.send(terms)
        await until(lambda: ends.of(OrderFilled, terms))
        row = row_of(server, ends, terms)
        assert (row["order_type"], row["tag"], row["tags"]) == ("LIMIT", terms.client_order_id, [terms.client_order_id])
        (filled,) = ends.of(OrderFilled, terms)
        limit = Decimal(str(row["price"]))
        assert filled.price <= limit <= filled.price * Decimal("1.01")

    run(ends, work)
    ends.broker.close()


def test_without_a_price_an_exit_goes_protected_and_an_entry_waits(server: LocalKite) -> None:
    """What lowers risk isn't held up by a question that fails."""
    ends = Ends(server, market_orders=MarketOrders.LIMIT, market_protection_pct=Decimal(3))
    arm(server, name="html_502", path="/quote", times=1)
    out = ends.terms()

    async def work() -> None:
        ends.broker.submit(SubmitOrder(out, 0, raises_risk=False))
        await ends.broker.drain()
        assert "mktp:3.00" in str(row_of(server, ends, out)["tags"])
        entry = ends.terms()
        arm(server, name="html_502", path="/quote", times=1)
        await ends.send(entry)  # again, once the price is there
        assert row_of(server, ends, entry)["tags"] == [entry.client_order_id]

    run(ends, work, watched=False)
    ends.broker.close()
