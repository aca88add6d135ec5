"""Spans of chains of records: what hangs below what, what they say, and what they never say."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.messages import (
    Action,
    Envelope,
    OrderAdopted,
    OrderFilled,
    OrderPrepared,
    OrderRejected,
    OrderTerms,
    Report,
)
from holdfast.core.strategy.api import Context
from holdfast.core.types import ClientOrderId, Quantity, Side, StrategyId
from holdfast.telemetry.redact import REDACTOR
from holdfast.telemetry.secret import Secret
from holdfast.torture.world.faults import options_of
from holdfast.torture.world.run import live_through
from holdfast.tracing.chain import MARKET
from holdfast.tracing.span import Span
from holdfast.tracing.tracer import Tracer
from holdfast.views.trail import is_about
from tests.budget import by_tier, examples
from tests.scenario.account import Account, Scripted, bar, price


def tracer_of(records: Sequence[Envelope], share: float = 1.0, most: int = 1_000) -> Tracer:
    """A tracer that reads chains from the records of one account."""
    return Tracer(
        lambda _, ids, before: [r for r in records if r.correlation_id in ids and r.sequence < before], share, most
    )


def spans_of(records: Sequence[Envelope]) -> list[Span]:
    """All spans of an account's records."""
    return tracer_of(records).take("main", records)


def tree(spans: Sequence[Span]) -> str:
    """The names, each below its parent's."""
    below: dict[bytes, list[Span]] = defaultdict(list)
    for span in spans:
        below[span.parent_id].append(span)

    def lines(parent: bytes, depth: int) -> list[str]:
        return [
            line
            for span in sorted(below[parent], key=lambda span: int(span.attributes["holdfast.record"]))
            for line in ["  " * depth + span.name, *lines(span.span_id, depth + 1)]
        ]

    return "\n".join(lines(b"", 0))


def buys(context: Context, _bar: object) -> None:
    """Ten, with both exits."""
    context.buy("ABC", 10, stop_loss=95, take_profit=110)


WHOLE = """\
market event
  signal
    risk decision
      order
        order released
        order acknowledged
        fill
          risk decision
            order
              order released
              order acknowledged
              order canceled
          risk decision
            order
              order released
              order acknowledged
                protection
              fill"""


def test_trade_is_one_tree_from_the_market_event_to_its_exit() -> None:
    """A bar, the signal, risk's word, the order, its fill, the exits that it led to, and the fill of one of them."""
    account = Account(Scripted({1: buys})).closes(1, 100, 100, 100, 112, 112)
    spans = spans_of(account.records)
    assert tree(spans) == WHOLE
    entry = next(span for span in spans if span.name == "order" and span.attributes["holdfast.order.role"] == "entry")
    assert entry.attributes["holdfast.order.id"] == account.order(1).terms.client_order_id
    assert (entry.attributes["holdfast.side"], entry.attributes["holdfast.quantity"]) == ("buy", 10.0)
    assert (entry.attributes["holdfast.order.state"], entry.attributes["holdfast.order.filled"]) == ("FILLED", 10.0)
    assert (entry.start_ns, entry.end_ns) == (bar(1, 100).time_ns, bar(1, 100).time_ns)
    assert {span.attributes["holdfast.origin"] for span in spans} == {MARKET}


def test_order_of_a_person_says_why_it_has_no_market_event() -> None:
    """Its trace begins with the command, and names no person."""
    account = Account(Scripted({})).closes(1, 100)
    account.place(Action.BUY, 5)
    account.closes(2, 100)
    spans = spans_of(account.records)
    assert tree(spans).splitlines()[0] == "command"
    fill = next(span for span in spans if span.name == "fill")
    assert fill.attributes["holdfast.no_market_event"] == "a person or a program asked for it (PlaceOrder)"
    assert "alice" not in repr(spans)


def test_order_from_elsewhere_says_so() -> None:
    """An order that was found at the broker is the root of its trace."""
    account = Account(Scripted({})).closes(1, 100)
    terms = OrderTerms(ClientOrderId("x1"), StrategyId("external"), "ABC", Side.BUY, Quantity(Decimal(5)))
    account.take(Report(account.state.now_ns, OrderAdopted(terms, "theirs")))
    fill = OrderFilled(terms.client_order_id, "e1", "ABC", Side.BUY, terms.quantity, price(100))
    account.take(Report(account.state.now_ns, fill))
    spans = spans_of(account.records)
    assert tree(spans) == "order\n  external order\n  order anomaly\n  fill"
    assert spans[-1].attributes["holdfast.no_market_event"] == "the order was placed elsewhere, and found at the broker"


def test_reasons_carry_no_secret_and_no_account_number() -> None:
    """What a broker writes into a rejection is cleaned before it leaves."""
    REDACTOR.protect(Secret("planted-secret-1"))
    account = Account(Scripted({}), exchange=Silent()).closes(1, 100)
    account.place(Action.BUY, 5)
    number = "904837e3-3b76-47ec-b432-046db621571b"
    reason = f"account PA3ABCD12 ({number}, 123456789) key planted-secret-1 has no buying power for 5 ABC"
    account.take(Report(account.state.now_ns, OrderRejected(account.order(1).terms.client_order_id, reason)))
    spans = spans_of(account.records)
    rejected = next(span for span in spans if span.name == "order rejected")
    assert rejected.error == "account *** (***, ***) key *** has no buying power for 5 ABC"
    assert next(span for span in spans if span.name == "order").error == f"REJECTED: {rejected.error}"
    for planted in ("planted-secret-1", "PA3ABCD12", number, "123456789"):
        assert planted not in repr(spans)


class Silent:
    """An exchange that never answers."""

    def submit(self, *_: object) -> list[Report]:
        return []

    cancel = on_market = submit

    def end_instant(self) -> None:
        pass


def records_of(seed: int) -> list[Envelope]:
    """What is in the journal after a seed's world has failed in every way."""
    return list(live_through(seed, options_of(seed), Counter()).disk.records("world"))


@pytest.mark.parametrize("seed", range(by_tier(test=8, campaign=1_000)))
def test_every_fill_has_one_trace_that_says_where_it_comes_from(seed: int) -> None:
    """Whatever has failed: one span for each fill, one root for each trace, and a market event or the reason why there is none."""
    records = records_of(seed)
    spans = spans_of(records)
    assert len({span.span_id for span in spans}) == len(spans)
    roots = Counter(span.trace_id for span in spans if not span.parent_id and span.name != "order")
    by_id = {span.span_id: span for span in spans}
    fills = {record.sequence: record for record in records if isinstance(record.body, OrderFilled)}
    found = [span for span in spans if span.name == "fill"]
    assert [span.attributes["holdfast.record"] for span in found] == list(fills)
    for span in found:
        root = span
        while root.parent_id in by_id:
            root = by_id[root.parent_id]
        is_market = root.name == "market event"
        assert is_market != ("holdfast.no_market_event" in span.attributes) or root.name == "order"
        assert roots[span.trace_id] <= 1


def test_records_of_an_order_are_of_its_chain() -> None:
    """From its preparation on, whatever brought the order about; worlds 19 and 58 place protection anew by the clock."""
    for seed in (19, 58):
        records = records_of(seed)
        bodies = [(record.correlation_id, record.body) for record in records]
        for chain, body in [(chain, body) for chain, body in bodies if isinstance(body, OrderPrepared)]:
            about = [record for record in records if is_about(record, body.terms.client_order_id)]
            elsewhere = [record.type for record in about if record.correlation_id != chain]
            assert elsewhere == [], body.terms.client_order_id


@settings(max_examples=examples(test=20))
@given(st.data())
def test_spans_are_the_same_wherever_a_restart_cuts(data: st.DataObject) -> None:
    """Handed over in pieces, each to a new tracer that remembers little, the records give the very same spans."""
    records = WORLD
    whole = spans_of(records)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(records) - 1), max_size=5)))
    found: list[Span] = []
    for first, last in zip([0, *cuts], [*cuts, len(records)], strict=True):
        found += tracer_of(records, most=data.draw(st.integers(1, 3))).take("main", records[first:last])
    assert found == whole


def test_sample_takes_whole_traces() -> None:
    """A share of a half is some of the traces, each with all its spans; the share decides by the trace's id alone."""
    whole = spans_of(WORLD)
    half = tracer_of(WORLD, 0.5).take("main", WORLD)
    kept = {span.trace_id for span in half}
    assert half == [span for span in whole if span.trace_id in kept]
    assert 0 < len(kept) < len({span.trace_id for span in whole})
    assert tracer_of(WORLD, 0.0).take("main", WORLD) == []


WORLD = records_of(4)
