"""The configuration file is read again while the engine runs, and taken whole or not at all (docs/reload.md).

Everything that can be wrong is found out before anything is changed. What an account goes by changes by records, as the answer to the command
that asked for it; what is the process's own (how often brokers are asked, the levels of the log) is set here.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from holdfast.assembly import account_settings, stale_after_ns
from holdfast.config import Config, StrategyConfig, load_config
from holdfast.config.differences import ELSEWHERE, LIKEWISE, Difference, Taken, differences
from holdfast.core.risk.volatility import bars_needed
from holdfast.core.settings import AccountSettings, Reload, Reread, SettingChange
from holdfast.core.state import EngineState
from holdfast.errors import HoldfastError, InvalidValue
from holdfast.runtime.account import AccountAtWork

log = structlog.get_logger(__name__)

MOST_NAMED = 8
"""So many keys are named in an answer; the journal has them all."""

Accounts = Callable[[], Iterable[AccountAtWork[Any]]]


class Asked(NamedTuple):
    """A command as it was filed."""

    account: AccountAtWork[Any]
    id: str
    source: str
    command: Reload


class Read(NamedTuple):
    """What the file says: what is taken now, and the answer."""

    config: Config
    taken: Sequence[Difference]
    text: str

    def changes_of(self, account: str) -> Iterator[SettingChange]:
        """Those that an account goes by: its own, its strategies', and what is the engine's."""
        others = {row.name for row in self.config.accounts} - {account}
        theirs = {row.id for row in self.config.strategies if account not in row.on}
        for key, old, new in ((each.key, each.old, each.new) for each in self.taken if not each.is_of(others, theirs)):
            yield SettingChange(key, old, new)


class Reloader:
    """Reads the file at ``path`` again. ``config`` is what was read of it at the start, and then whatever was taken."""

    def __init__(self, path: Path | None, config: Config) -> None:
        self.config = config
        self.path = path
        self._states: Sequence[EngineState] = ()
        self._groups: list[tuple[Accounts, Callable[[], None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()
        self.on_change: list[Callable[[Config], None]] = []
        """Who sets what is the process's own; each is told once the accounts have been."""

    def watch(self, states: Sequence[EngineState]) -> None:
        """Know every account of the engine, those too that are on their way back."""
        self._states = states

    def take_over(self, tell: Callable[[str], None]) -> None:
        """A standby has the accounts now: the file may say something else than it did when the waiting began.

        Where it can't be taken as it is, what the journal says goes on.
        """
        try:
            self.config = self._judged(self._load()).config
        except HoldfastError as error:
            tell(f"{error}; the accounts go on with the settings that are recorded")
            for state in self._states:
                state.configured = None
        else:
            self._configure()

    def settle(self) -> None:
        """Set what is the process's own, where it was read again before there was anybody to tell."""
        for change in self.on_change:
            change(self.config)

    def join(self, accounts: Accounts, wake: Callable[[], None]) -> None:
        """Know the accounts of a group that are at work at any time, and how it is woken."""
        self._groups.append((accounts, wake))

    def ask(self, asked: Asked) -> None:
        """Read the file and hand out what it says, beside whatever else goes on."""
        task = asyncio.get_running_loop().create_task(self._serve(asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, asked: Asked) -> None:
        async with self._one_at_a_time:
            try:
                config = await asyncio.to_thread(self._load)
                found = self._judged(config)
            except HoldfastError as error:
                self._refuse(asked, str(error))
            except Exception as error:
                log.exception("the configuration can't be read again", account=asked.account.name)
                self._refuse(asked, f"the configuration can't be read ({type(error).__name__}: {error})")
            else:
                self._hand_out(asked, found)

    def _load(self) -> Config:
        if self.path is None:
            raise InvalidValue("this engine was started without a configuration file, there is nothing to read again")
        return load_config(self.path)

    # --- what is found ------------------------------------------------------------------------------------------------

    def _judged(self, config: Config) -> Read:
        """What is to be taken of ``config``. Raises :class:`~holdfast.errors.InvalidValue` where any of it can't be."""
        found = differences(self.config, config)
        needs = [each.key for each in found if each.taken is Taken.RESTART]
        if needs:
            raise InvalidValue(
                f"{_listed(needs)} {'needs' if len(needs) == 1 else 'need'} a restart; put back what was there, or restart the engine"
            )
        for state in self._states:
            _require_bars(state, config)
        taken = [each for each in found if each.taken is Taken.NOW]
        return Read(config, taken, self._answer(taken, [each for each in found if each.taken is Taken.ELSEWHERE]))

    def _answer(self, taken: Sequence[Difference], elsewhere: Sequence[Difference]) -> str:
        told = [str(SettingChange(each.key, each.old, each.new)) for each in taken]
        text = f"taken: {_listed(told)}" if told else f"nothing has changed: what {self.path} says is in force"
        for section, reader in ELSEWHERE.items():
            theirs = [each.key for each in elsewhere if each.path[0] == section]
            if theirs:
                then = (
                    "takes it likewise, and says so in its log" if section in LIKEWISE else "reads it at its own start"
                )
                text += f"; {_listed(theirs)} is for {reader}, which {then}"
        return text

    # --- what is done -------------------------------------------------------------------------------------------------

    def _hand_out(self, asked: Asked, found: Read) -> None:
        """Let every account take its own."""
        self.config = found.config
        wanted = self._configure()
        for accounts, wake in self._groups:
            for account in accounts():
                reread = Reread(
                    account.state.now_ns,
                    asked.id,
                    asked.source,
                    asked.command if account is asked.account else None,
                    wanted[account.name],
                    tuple(found.changes_of(account.name)),
                    asked.command.reason,
                    found.text,
                )
                account.inbox.append(reread)
            wake()
        self.settle()

    def _configure(self) -> dict[str, AccountSettings]:
        """Have every account know what the configuration says of it; one that is on its way back goes by that when it is."""
        wanted = {state.account: _settings_for(self.config, state.account) for state in self._states}
        for state in self._states:
            state.configured = wanted[state.account]
        return wanted

    def _refuse(self, asked: Asked, why: str) -> None:
        account = asked.account
        wanted = _settings_for(self.config, account.name)
        account.inbox.append(
            Reread(
                account.state.now_ns, asked.id, asked.source, asked.command, wanted, fault=f"nothing was taken: {why}"
            )
        )
        for _, wake in self._groups:
            wake()


def _settings_for(config: Config, name: str) -> AccountSettings:
    account = next(row for row in config.accounts if row.name == name)
    return account_settings(config, account, stale_after_ns(config.feed_of(account)))


def _require_bars(state: EngineState, config: Config) -> None:
    """Limits by the volume or the volatility of bars need those bars; a strategy that runs has kept only what it needed so far."""
    account = next(row for row in config.accounts if row.name == state.account)
    for strategy in config.strategies_on(state.account):
        runner = next((each for each in state.host.runners.values() if each.id == strategy.id), None)
        if runner is not None and (kept := _fewest_kept(runner.history)) is not None:
            _require_kept(strategy, bars_needed(account.risk, strategy.risk, runner.timeframe_ns), kept)


def _fewest_kept(history: "dict[str, Any]") -> int | None:
    lengths = [bars.maxlen for bars in history.values() if bars.maxlen is not None]
    return min(lengths, default=None)


def _require_kept(strategy: StrategyConfig, needed: int, kept: int) -> None:
    if needed > kept:
        raise InvalidValue(
            f"the limits need {needed:,} bars of each symbol of strategy {strategy.id}, which keeps {kept:,} as it runs: that needs a restart"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
