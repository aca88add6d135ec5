"""A snapshot and the records after it give the state that all records give."""

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.assembly import build_feed, build_state
from holdfast.core import snapshot
from holdfast.core.codec import Ids
from holdfast.core.messages import Envelope, RiskRefused
from holdfast.core.state import EngineState, apply
from holdfast.core.types import Quantity, Side, StrategyId
from holdfast.errors import JournalCorrupt
from holdfast.journal.reader import Reader
from tests.budget import examples
from tests.crash.test_every_cut import HARD, configuration, run

NOT_IN_RECORDS = {
    "host", "rate_sources", "limits", "strategy_limits", "exit_rules", "calendar", "volatility", "exposure", "moved",
}  # fmt: skip
"""Parts of a state that a configuration makes; volatility, which the market's bars make and no decision can depend on having
been asked for before: a value is that of the bars before its time to live began; and sums, which are worked out of the rest."""


class Recording:
    """A run's records, and the folder it was configured for."""

    def __init__(self, folder: Path) -> None:
        config = configuration(folder, HARD)
        run(config)
        self.folder = folder
        with Reader.open(config.journal.url) as reader:
            self.records = list(reader.records("cut"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return Recording(tmp_path_factory.mktemp("recorded"))


def fresh(folder: Path) -> EngineState:
    config = configuration(folder, HARD)
    return build_state(config, config.accounts[0], build_feed(config), None)


def described(value: object) -> object:
    """A state with all that it is made of, as plain values."""
    if isinstance(value, Ids):
        return value.order(1), value.message(1, 1)
    if isinstance(value, Enum):
        return value
    if hasattr(value, "__struct_fields__"):
        return {name: described(getattr(value, name)) for name in value.__struct_fields__}
    if hasattr(value, "items"):
        return [(described(key), described(item)) for key, item in value.items()]
    if hasattr(value, "__dict__") and type(value).__module__.startswith("holdfast.core"):
        return {name: described(item) for name, item in vars(value).items() if name not in NOT_IN_RECORDS}
    return value


def replayed(state: EngineState, records: Iterator[Envelope] | list[Envelope]) -> EngineState:
    for record in records:
        apply(state, record)
    return state


@pytest.mark.proves("I9", "K12")
@settings(max_examples=examples(20, campaign=400), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_snapshot_and_tail_are_as_good_as_all(recorded: Recording, share: float) -> None:
    """Wherever the snapshot is taken; compared attribute by attribute, so that a new one can't be forgotten."""
    records, folder = recorded.records, recorded.folder
    cut = int(share * len(records))
    taken = snapshot.take(replayed(fresh(folder), records[:cut]))
    state = fresh(folder)
    snapshot.restore(state, taken)
    assert snapshot.take(state) == taken
    replayed(state, records[cut:])
    whole = replayed(fresh(folder), records)
    assert described(state) == described(whole)
    assert snapshot.digest(state) == snapshot.digest(whole)


def test_no_part_of_a_state_is_left_out(recorded: Recording) -> None:
    """A new attribute that is empty in the run above would be missed there."""
    by_name = {
        "ids",
        "orders",
        "portfolio",
        "exact_prices",
        "wake_ns",
        "day_ends_ns",
        "followed",
        "register",
    }  # kept in parts of a snapshot with other names
    configured = NOT_IN_RECORDS | {
        "broker",
        "carry",
        "configured",
        "external_orders",
        "fill",
        "intraday",
        "lost_orders",
        "protection",
        "rules",
        "stale_after_ns",
    }
    parts = set(vars(fresh(recorded.folder))) - by_name - configured
    assert parts <= set(snapshot.Snapshot.__struct_fields__)


def test_a_state_with_records_has_something_to_forget(recorded: Recording) -> None:
    """What the comparison above goes by is there: orders, guards, ledgers, refusals or intents."""
    records, folder = recorded.records, recorded.folder
    state = replayed(fresh(folder), records)
    assert all((state.orders.finished, state.portfolio.ledgers, state.intents, state.exact_prices))


@pytest.mark.parametrize(("side", "quantity"), [(None, None), (Side.BUY, None), (None, Quantity(Decimal(3)))], ids=str)
def test_a_refusal_before_anything_was_sized_is_kept(
    recorded: Recording, side: Side | None, quantity: Quantity | None
) -> None:
    """A halted account, or a symbol without a price, refuses before side and quantity are known; the snapshot can be read all the same."""
    state, again = fresh(recorded.folder), fresh(recorded.folder)
    refused = RiskRefused(StrategyId("manual"), "ZZZ", side, quantity, "price_known", "", "", "no price")
    apply(state, msgspec.structs.replace(recorded.records[0], body=refused))
    snapshot.restore(again, snapshot.take(state))
    assert again.refusals == state.refusals == {(StrategyId("manual"), "ZZZ"): (side, quantity, "price_known")}


@pytest.mark.parametrize("body", [b"", b"\x93\x01", b"\xc1"])
def test_a_damaged_snapshot_is_refused_and_changes_nothing(recorded: Recording, body: bytes) -> None:
    """Bytes that are no snapshot, and those of another account."""
    folder = recorded.folder
    state = fresh(folder)
    before = snapshot.digest(state)
    with pytest.raises(JournalCorrupt, match="can't be read"):
        snapshot.restore(state, body)
    other = fresh(folder)
    other.account = "other"
    with pytest.raises(JournalCorrupt, match="can't be used"):
        snapshot.restore(state, snapshot.take(other))
    assert snapshot.digest(state) == before
