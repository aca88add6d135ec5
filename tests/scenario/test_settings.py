"""What an account goes by is changed while it trades: by records, so that every restart comes to the same."""

from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core import lifecycle, snapshot
from holdfast.core.engine.settings import AT_START
from holdfast.core.messages import Action, CommandDone, Halt, RiskRefused
from holdfast.core.milestones import RecoveryCompleted
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.session.account import AccountState
from holdfast.core.settings import AccountSettings, Reload, Reread, SettingChange, SettingsChanged, read
from holdfast.core.state import EngineState, apply
from holdfast.core.state.settings import settings_of, take_settings
from holdfast.core.types import Money
from tests.scenario.account import Account, Scripted, bar, new_state

LOOSE = RiskLimits(max_position_value=Money(Decimal(5000)))
TIGHT = RiskLimits(max_position_value=Money(Decimal(500)), max_orders_per_minute=7)
CHANGES = (SettingChange("accounts.main.risk.max_position_value", "5000", "500"),)


def holding() -> Account:
    """Ten of ABC at 100, by hand."""
    account = Account(Scripted({}), limits=LOOSE)
    account.run(bar(1, 100))
    account.place(Action.BUY, 10)
    account.run(bar(2, 100))
    assert account.position("manual") == 10
    return account


def reread(account: Account, limits: RiskLimits, *, command: Reload | None = None, fault: str = "") -> None:
    settings = msgspec.structs.replace(settings_of(account.state), limits=limits)
    found = Reread(account.state.now_ns, "c9", "cli:alice", command, settings, CHANGES, "why", "taken: it", fault)
    account.take(found)


def restarted(account: Account) -> EngineState:
    """The state that the records lead to, begun as a start begins it."""
    state = new_state(LOOSE)
    state.host.start(0)
    first = next((record for record in account.records if isinstance(record.body, SettingsChanged)), None)
    if first is not None and isinstance(first.body, SettingsChanged):
        take_settings(state, read(first.body.before))
    for record in account.records:
        apply(state, record)
    return state


def test_limits_below_what_is_held_close_nothing_and_let_nothing_more_in() -> None:
    """The position stays, an order for more is refused by the new limit, one for less goes."""
    account = holding()
    reread(account, TIGHT, command=Reload("less"))
    assert account.position("manual") == 10
    account.place(Action.BUY, 1)
    (refused,) = account.of(RiskRefused)
    assert (refused.rule, refused.limit) == ("position_value", "500.00")
    account.place(Action.SELL, 5)
    account.run(bar(3, 100))
    assert account.position("manual") == 5
    reread(account, LOOSE, command=Reload())
    account.place(Action.BUY, 20)
    account.run(bar(4, 100))
    assert account.position("manual") == 25


def test_what_was_and_what_is_stands_in_one_record_with_who_asked() -> None:
    """The command, the change it led to, and the answer, in one chain."""
    account = holding()
    before = settings_of(account.state)
    reread(account, TIGHT, command=Reload("less"))
    asked, changed, done = account.records[-3:]
    assert (asked.body, asked.source) == (Reload("less"), "cli:alice")
    assert isinstance(changed.body, SettingsChanged)
    assert (read(changed.body.before), read(changed.body.after)) == (before, settings_of(account.state))
    assert (changed.body.changes, changed.body.reason, changed.source) == (CHANGES, "why", "cli:alice")
    assert changed.causation_id == asked.id
    assert done.body == CommandDone(accepted=True, text="taken: it")
    assert {record.correlation_id for record in (asked, changed, done)} == {"c9"}


def test_what_is_refused_changes_nothing() -> None:
    """There is an answer, and no change; an account for which nobody asked hears nothing of it."""
    account = holding()
    before = snapshot.digest(account.state), settings_of(account.state)
    reread(account, TIGHT, fault="it is wrong")
    assert (snapshot.digest(account.state), settings_of(account.state)) == before
    reread(account, TIGHT, command=Reload(), fault="it is wrong")
    assert not account.of(SettingsChanged)
    assert account.records[-1].body == CommandDone(accepted=False, text="it is wrong")
    assert settings_of(account.state) == before[1]


def test_a_halted_account_takes_its_limits_and_stays_halted() -> None:
    """A halt is a person's word on something else."""
    account = holding()
    account.ask(Halt("lunch"))
    reread(account, TIGHT, command=Reload())
    assert account.state.limits == TIGHT
    assert account.state.account_state is AccountState.HALTED


def test_a_restart_comes_to_the_same_state_wherever_it_reads_from() -> None:
    """From the first record, and from a snapshot before or after the change."""
    account = holding()
    early = snapshot.take(account.state)
    at = len(account.records)
    reread(account, TIGHT, command=Reload())
    account.ask(Halt("lunch"))
    late = snapshot.take(account.state)
    wanted = whole(account.state)
    assert whole(restarted_with_prices(account)) == wanted
    for body, since in ((early, at), (late, len(account.records))):
        state = new_state(LOOSE)
        snapshot.restore(state, body)
        for record in account.records[since:]:
            apply(state, record)
        state.cursor = account.state.cursor
        assert settings_of(state) == settings_of(account.state)
        assert state.entry_times.maxlen == 7
        assert whole(state) == wanted


def whole(state: EngineState) -> Any:
    """Everything of a state; the order in which a start is shown symbols makes no difference."""
    return msgspec.msgpack.decode(snapshot.take(state))


def restarted_with_prices(account: Account) -> EngineState:
    """What no record has, the market's place and last prices, is shown by the feed at a start."""
    state, there = restarted(account), account.state
    for name in ("marks", "quotes", "seen_ns", "cadence_ns", "exact_prices"):
        getattr(state, name).update(getattr(there, name))
    state.cursor = there.cursor
    return state


def configured(state: EngineState, limits: RiskLimits) -> AccountSettings:
    state.configured = msgspec.structs.replace(settings_of(state), limits=limits)
    return state.configured


REPORT = RecoveryCompleted(records=0, market_events=0, open_orders=0, resent=0, not_sent=0)


def test_a_start_with_another_file_takes_the_file_and_says_so() -> None:
    """The file is the truth at a start: what a reload had changed is changed again, by a record with both."""
    account = holding()
    reread(account, TIGHT, command=Reload())
    state = restarted(account)
    wanted = configured(state, LOOSE)
    turn = lifecycle.recovered(state, REPORT)
    (changed,) = [record.body for record in turn.records if isinstance(record.body, SettingsChanged)]
    assert (read(changed.before).limits, read(changed.after), changed.reason) == (TIGHT, wanted, AT_START)
    assert [str(each) for each in changed.changes] == [
        "limits.max_orders_per_minute 7 -> 300",
        "limits.max_position_value 500 -> 5000",
    ]
    assert state.limits == LOOSE


def test_a_start_with_the_same_file_records_nothing() -> None:
    """Neither where nothing was ever changed, nor where the file is what was taken."""
    account = holding()
    for limits in (LOOSE, TIGHT):
        reread(account, limits, command=Reload())
        state = restarted(account)
        configured(state, limits)
        turn = lifecycle.recovered(state, REPORT)
        assert not [record for record in turn.records if isinstance(record.body, SettingsChanged)]


def test_who_only_guards_goes_on_with_what_is_recorded() -> None:
    """A watchdog has read the file at some other time."""
    account = holding()
    reread(account, TIGHT, command=Reload())
    state = restarted(account)
    lifecycle.recovered(state, REPORT)
    assert state.limits == TIGHT
