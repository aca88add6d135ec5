"""All that one account's engine knows, and how records change it.

:func:`apply` is the only writer. It is called by the engine for each record it makes and by recovery for each record it
reads, so a restart can't come to another state than the one it left. What a record changes is said by one table of a subject:
`orders`, `positions`, `protection`, `session`, `settings` or `market`. A test holds that each type of record is in one of them, or in :data:`UNCHANGED`.
"""

from collections.abc import Mapping

from holdfast.core.adjustments import CorporateAction
from holdfast.core.findings import OrderLost, Reconcile, Resolve, SupervisorCycle
from holdfast.core.messages import (
    Bar,
    CancelOrders,
    CommandDone,
    Envelope,
    Halt,
    OrderAnomaly,
    OrderEventIgnored,
    PlaceOrder,
    Preserve,
    Protect,
    Quote,
    Resume,
    RiskApproved,
    Signal,
    Trade,
)
from holdfast.core.milestones import AccountRenamed, StrategyRenamed, StrategyStarted
from holdfast.core.settings import Reload
from holdfast.core.state import market, orders, positions, protection, session, settings
from holdfast.core.state.account import Change, EngineState, Key, Policy
from holdfast.core.steering import SetParameters, StartStrategy, StopStrategy
from holdfast.errors import Fatal

__all__ = ["CHANGES", "UNCHANGED", "EngineState", "Key", "Policy", "apply", "joined"]


def joined(*tables: Mapping[type, Change]) -> dict[type, Change]:
    """One table of several. Raises :class:`~holdfast.errors.Fatal` for a record that two of them change: then the order would matter."""
    found: dict[type, Change] = {}
    for table in tables:
        twice = found.keys() & table.keys()
        if twice:
            raise Fatal(f"two tables change the state by {', '.join(sorted(each.__name__ for each in twice))}")
        found |= table
    return found


CHANGES = joined(
    orders.CHANGES, positions.CHANGES, protection.CHANGES, session.CHANGES, market.CHANGES, settings.CHANGES
)
UNCHANGED: frozenset[type] = frozenset(
    (
        # the market: events change what is known of it before they are recorded, and whether they are or not
        Bar,
        Quote,
        Trade,
        CorporateAction,
        # what was asked for: the answer, or what it leads to, is a record of its own
        CancelOrders,
        Halt,
        PlaceOrder,
        Preserve,
        Protect,
        Reconcile,
        Reload,
        Resolve,
        Resume,
        SetParameters,
        Signal,
        StartStrategy,
        StopStrategy,
        # what was answered or found, for people to read
        CommandDone,
        OrderAnomaly,
        OrderEventIgnored,
        OrderLost,
        RiskApproved,
        StrategyStarted,
        SupervisorCycle,
        # names: the shell that renames writes the new ones into the journal's rows
        AccountRenamed,
        StrategyRenamed,
    )
)
"""The records that change nothing here, on purpose."""


def apply(state: EngineState, envelope: Envelope) -> None:
    """Change the state by one record. Raises :class:`~holdfast.errors.Fatal` when the record can't follow what is known."""
    if envelope.sequence != state.sequence + 1:
        raise Fatal(f"record {envelope.sequence} can't follow record {state.sequence} of account {state.account}")
    state.sequence = envelope.sequence
    if envelope.time_ns > state.now_ns:
        state.now_ns = state.host.now_ns = envelope.time_ns
    change = CHANGES.get(type(envelope.body))
    if change is not None:
        change(state, envelope, envelope.body)
