"""What an account goes by, and may be changed while it trades (`core/settings.py`)."""

from collections import deque

from holdfast.core.messages import Envelope
from holdfast.core.settings import AccountSettings, SettingsChanged, read
from holdfast.core.state.account import Change, EngineState, Policy


def settings_of(state: EngineState) -> AccountSettings:
    """What the account goes by now."""
    return AccountSettings(
        limits=state.limits,
        strategy_limits=dict(state.strategy_limits),
        protection=state.protection,
        stale_after_ns=state.stale_after_ns,
        external_orders=state.external_orders.value,
        lost_orders=state.lost_orders.value,
        intraday=state.intraday,
    )


def take_settings(state: EngineState, settings: AccountSettings) -> None:
    """Go by these from now on. What was counted so far counts on."""
    state.limits = settings.limits
    state.strategy_limits = dict(settings.strategy_limits)
    state.protection = settings.protection
    state.stale_after_ns = settings.stale_after_ns
    state.external_orders = Policy(settings.external_orders)
    state.lost_orders = Policy(settings.lost_orders)
    state.intraday = settings.intraday
    if state.entry_times.maxlen != settings.limits.max_orders_per_minute:
        state.entry_times = deque(state.entry_times, maxlen=settings.limits.max_orders_per_minute)
    state.wake_ns = 0  # what is to be looked at, and when, goes by limits


def _changed(state: EngineState, _envelope: Envelope, body: SettingsChanged) -> None:
    take_settings(state, read(body.after))
    state.settings = body.after


CHANGES: dict[type, Change] = {SettingsChanged: _changed}
"""What each record changes here."""
