"""A broker's adapter or a feed that raises whatever, wherever, never ends the engine, and nothing is lost or doubled.

The seeded world runs the engine unchanged. It checks every invariant at each order that leaves and when all has come to rest,
among them: no new risk while a question can't be answered (I13), an end that no journal caused (X2), executions booked once (I3, I4).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.brokers.capability import IdempotencyClass
from holdfast.brokers.port import LiveBroker, StreamStatus, TellStream, Unavailable
from holdfast.core.messages import CancelOrder, OrderTerms, OrderUnknown, Report, SubmitOrder
from holdfast.core.types import ClientOrderId, Quantity, Side, StrategyId
from holdfast.errors import Fatal
from holdfast.runtime.live import contained, live_account
from holdfast.runtime.live import loop as live_loop
from holdfast.runtime.live.again import Broke, keep_going
from holdfast.runtime.live.contained import Contained
from holdfast.torture.world.faults import BREAKING, CLASSES, FAULTS, RATES, Options, Rates
from holdfast.torture.world.run import Outcome, quiet, run_seed
from tests.budget import examples


@pytest.fixture(autouse=True)
def without_logs() -> Iterator[None]:
    """Each fault is logged with all its frames, which takes longer than all the rest."""
    with quiet():
        yield


SHARES = st.sampled_from([0, *RATES])
BROKEN = st.fixed_dictionaries(dict.fromkeys(BREAKING, SHARES)).filter(lambda rates: any(rates.values()))
BESIDES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("request_lost", "answer_lost", "question_lost", "cancel_lost", "frame_lost", "frame_doubled", "stream_cut", "feed_cut",
         "outage", "command", "strategy_raises", "kill", "stop", "bust", "foreign"), SHARES
    ),
)  # fmt: skip
"""What goes wrong at the same time."""


def world(seed: int, idempotency: IdempotencyClass, **rates: float) -> Outcome:
    """One world in which only these faults strike."""
    return run_seed(seed, Options(seed, idempotency, Rates(**rates), 0.3))


@pytest.mark.proves("X4", "X5")
@settings(max_examples=examples(25))  # each is a world of its own
@given(st.integers(0, 10**9), st.sampled_from(CLASSES), BROKEN, BESIDES)
def test_what_an_adapter_or_a_feed_raises_ends_nothing(
    seed: int, idempotency: IdempotencyClass, broken: dict[str, float], besides: dict[str, float]
) -> None:
    """Any class of exception at any call of the port, in the stream and in the feed, beside other faults."""
    outcome = world(seed, idempotency, **broken, **besides)
    assert not outcome.violations, str(outcome)


@pytest.mark.parametrize("idempotency", IdempotencyClass)
def test_trading_goes_on_among_faults(idempotency: IdempotencyClass) -> None:
    """The worlds do something: orders fill, one engine lives through all of it, and each kind of fault strikes."""
    outcomes = [world(seed, idempotency, broker_breaks=0.03, stream_breaks=0.1, feed_breaks=0.1) for seed in range(12)]
    assert all(not outcome.violations for outcome in outcomes)
    assert sum(outcome.lives for outcome in outcomes) == len(outcomes)
    assert min(sum(outcome.probes.get(row, 0) for outcome in outcomes) for row in ("X4", "X5")) > 15
    assert min(outcome.fills for outcome in outcomes) > 0


def bare(broker: LiveBroker, _tell: Callable[..., None]) -> LiveBroker:
    """No containment at all."""
    return broker


async def once(_what: str, run: Callable[[], Any], _broke: Broke) -> None:
    """Nothing is begun again."""
    await run()


@pytest.mark.parametrize(
    ("place", "name", "instead", "rates", "invariant"),
    [
        (live_account, "Contained", bare, {"broker_breaks": 0.1}, "X2"),
        (contained, "keep_going", once, {"stream_breaks": 0.25}, "X2"),
        (live_loop, "keep_going", once, {"feed_breaks": 0.25}, "X2"),
        (Contained, "_note", lambda _self, _what, works: None, {"broker_breaks": 0.25}, "I13"),
    ],
)
def test_an_engine_that_does_not_hold_a_fault_is_found_out(
    monkeypatch: pytest.MonkeyPatch, place: Any, name: str, instead: Any, rates: dict[str, float], invariant: str
) -> None:
    """Take away one of the things that hold it, and the worlds see it: the engine ends (X2), or trades on blind (I13)."""
    monkeypatch.setattr(place, name, instead)
    found: set[str] = set()
    for seed in range(40):
        faults = [fault for fault in FAULTS if not isinstance(fault(), SystemExit)]  # nothing else would hold it
        monkeypatch.setattr("holdfast.torture.world.faults.FAULTS", faults)
        monkeypatch.setattr("holdfast.torture.world.director.FAULTS", faults)
        found |= {each.invariant for each in world(seed, IdempotencyClass.UNIQUE_ID, **rates).violations}
        if invariant in found:
            return
    pytest.fail(f"{invariant} was not found in 40 worlds, only {found or 'nothing'}")


class Breaking:
    """A broker's adapter of which every call raises at once, whether it is awaited or not."""

    def __init__(self, fault: BaseException) -> None:
        self.fault = fault
        self.sink: Callable[[Report], None]

    def open(self, *_: object) -> None:
        """The only call that works."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: object) -> Any:
            raise self.fault

        return call


TERMS = OrderTerms(ClientOrderId("HF1"), StrategyId("s"), "SPY", Side.BUY, Quantity(Decimal(1)))
QUESTIONS = {
    "clock_ns": (), "account": (), "find": (TERMS,), "open_orders": (), "latest_orders": (), "fills_since": (0,), "activities_since": (0,),
}  # fmt: skip


@pytest.mark.parametrize("fault", [make() for make in FAULTS], ids=lambda fault: type(fault).__name__)
def test_every_call_of_the_port_holds_every_fault(fault: BaseException) -> None:
    """A question has no answer, an order is UNKNOWN, a cancel's order is unresolved; the end is an end."""
    reports: list[Report] = []
    doubts: list[tuple[str, object]] = []
    told: list[Sequence[str]] = []
    broker = Contained(cast("LiveBroker", Breaking(fault)), told.append)
    broker.open(reports.append, lambda _: None, lambda key, filled: doubts.append((key, filled)), lambda: 7)
    for number, (name, arguments) in enumerate(QUESTIONS.items(), 1):
        with pytest.raises(Unavailable, match="broke when asked for"):
            asyncio.run(getattr(broker, name)(*arguments))
        assert len(told[-1]) == len(told) == number
    broker.submit(SubmitOrder(TERMS, 1, raises_risk=True))
    broker.cancel(CancelOrder(TERMS.client_order_id, 1))
    assert [report.body.client_order_id for report in reports if isinstance(report.body, OrderUnknown)] == ["HF1"]
    assert doubts == [("HF1", None)]
    asyncio.run(broker.drain())
    broker.close()


def test_ctrl_c_in_an_adapter_is_a_persons() -> None:
    """It is no fault, and ends what runs."""
    broker = Contained(cast("LiveBroker", Breaking(KeyboardInterrupt())), lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        broker.close()


def test_a_stream_ends_by_what_the_engine_raises() -> None:
    """What an adapter is told to call belongs to the engine; a broken rule there is not taken for the adapter's."""

    class Telling(Breaking):
        async def run(self, tell: TellStream) -> None:
            await tell(StreamStatus(connected=True, reason="listening"))

    async def tell(_: StreamStatus) -> None:
        raise Fatal("a rule")

    broker = Contained(cast("LiveBroker", Telling(ValueError())), lambda _: None)
    with pytest.raises(Fatal, match="a rule"):
        asyncio.run(broker.run(tell))


def test_what_is_begun_again_ends_when_it_is_cancelled() -> None:
    """A cancel from inside is a fault, one from outside the end."""
    faults: list[BaseException | None] = []

    async def broke(fault: BaseException | None, _reason: str) -> None:
        faults.append(fault)

    async def cancel_it() -> None:
        again = asyncio.Event()

        async def run() -> None:
            if not faults:
                raise asyncio.CancelledError
            again.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(keep_going("something", run, broke))
        await again.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_it())
    assert [type(fault) for fault in faults] == [asyncio.CancelledError]
