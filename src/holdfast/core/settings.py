"""What an account goes by that may be changed while it trades: a part of `messages.py`.

The configuration file says it at a start. From then on it changes by records alone, each with what was before and after, so that a restart
applies the same changes at the same places.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from holdfast.core.body import Body
from holdfast.core.protection.policy import ProtectionPolicy
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.session.square_off import IntradayPolicy
from holdfast.core.types import StrategyId
from holdfast.errors import JournalCorrupt

PolicyName = Literal["adopt", "alert", "cancel", "quarantine"]
"""The words of `state.account.Policy`."""


class AccountSettings(msgspec.Struct, frozen=True, gc=False):
    """All of it, whole. ``stale_after_ns``: after how long without data a symbol is stale; None: never."""

    limits: RiskLimits
    strategy_limits: dict[StrategyId, StrategyLimits]
    protection: ProtectionPolicy
    stale_after_ns: int | None
    external_orders: PolicyName
    lost_orders: PolicyName
    intraday: IntradayPolicy = IntradayPolicy()


class SettingChange(msgspec.Struct, frozen=True, gc=False):
    """One key of the configuration file, as it is written there; "" for a value that is not there."""

    key: str
    old: str
    new: str

    def __str__(self) -> str:
        """The change, as people read it."""
        return f"{self.key} {self.old or 'unset'} -> {self.new or 'unset'}"


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(AccountSettings).decode


def written(settings: AccountSettings) -> str:
    """Settings as a record keeps them: the same text for the same settings."""
    return _encode(settings).decode()


def read(text: str) -> AccountSettings:
    """The settings that `written` wrote. Raises :class:`~holdfast.errors.JournalCorrupt`."""
    try:
        return _decode(text)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(
            f"recorded settings can't be read ({error}); they are of another version, or damaged"
        ) from None


def changes_between(before: AccountSettings, after: AccountSettings) -> tuple[SettingChange, ...]:
    """What differs, by the account's own keys."""
    return tuple(_changes("", msgspec.to_builtins(before), msgspec.to_builtins(after)))


def _changes(place: str, before: Any, after: Any) -> Iterator[SettingChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _changes(f"{place}.{name}".strip("."), before.get(name), after.get(name))
    elif before != after:
        yield SettingChange(place, *("" if value is None else str(value) for value in (before, after)))


class Reload(Body, frozen=True, gc=False):
    """Read the configuration file again, and take from it what can be changed while the engine runs: all of it, or nothing."""

    reason: str = ""


class SettingsChanged(Body, frozen=True, gc=False):
    """The account goes by ``after`` from here on, and went by ``before`` until here: `AccountSettings` as JSON.

    ``changes`` are the keys of the file that differ, the engine's own too.
    """

    before: str
    after: str
    changes: tuple[SettingChange, ...] = ()
    reason: str = ""


class Reread(msgspec.Struct, frozen=True, gc=False):
    """An input: the configuration file was read again, because ``source`` asked for it by the command ``id``.

    ``command`` is None for the other accounts of the engine: the command is filed for one of them. ``settings`` are what the file has for
    the account. ``fault`` is why nothing of the file is taken; ``text`` what is to be answered otherwise.
    """

    time_ns: int
    id: str
    source: str
    command: Reload | None
    settings: AccountSettings
    changes: tuple[SettingChange, ...] = ()
    reason: str = ""
    text: str = ""
    fault: str = ""
