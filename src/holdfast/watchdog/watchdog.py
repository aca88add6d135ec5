"""Waits for an engine to fall silent, asks the broker what is left unprotected, and acts by policy."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from holdfast.adapters import registry
from holdfast.brokers.port import AccessDenied, Unavailable
from holdfast.config import AccountConfig, Config, WatchdogConfig
from holdfast.core.messages import (
    FillBusted,
    OrderAccepted,
    OrderFilled,
    OrderNotSent,
    OrderPrepared,
    OrderRejected,
    OrderUnknown,
    PositionAdopted,
)
from holdfast.core.protection.records import StopAsked
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import plain
from holdfast.errors import ConfigError, HoldfastError, JournalError, Refused
from holdfast.journal.database import open_database
from holdfast.journal.holder import WATCHDOG, process_name
from holdfast.journal.lease import Watch
from holdfast.runtime.compose import open_guard
from holdfast.telemetry.clock import boot_time_s
from holdfast.views.wording import NOTHING, Known, sentence
from holdfast.watchdog.broker import AtBroker
from holdfast.watchdog.cover import Gap
from holdfast.watchdog.news import Kind, News, Tell
from holdfast.watchdog.recorded import recorded, stops_asked_for
from holdfast.watchdog.takeover import Takeover, is_to_mend

LOOKS = 20
"""How often the journal is looked at in the time for which an engine must be silent."""
LONGEST_LOOK_S = 1.0
LONGEST_BACK_OFF_S = 300.0
"""Between two attempts to mend what could not be mended."""
LONGEST_TROUBLE_S = 30.0
"""Between two attempts to ask a broker or a journal that doesn't answer."""

TOLD = (
    OrderPrepared,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    OrderNotSent,
    FillBusted,
    PositionAdopted,
    StopAsked,
)
"""The records of what it does that it tells of."""

TRY_SESSION_EVERY_S = 60.0
"""While an engine is there."""


def guarded(config: Config) -> Sequence[AccountConfig]:
    """The accounts that go on at a broker without their engine. Raises ConfigError when there are none."""
    found = [account for account in config.accounts if registry.load(account.broker).replayed is None]
    if not found:
        raise ConfigError(
            "the watchdog needs an account at a broker elsewhere; one that trades on paper is part of its engine, "
            "and ends with it"
        )
    return found


class Watchdog:
    """One account's. ``tell`` is told of every event."""

    def __init__(self, config: Config, account: AccountConfig, tell: Tell) -> None:
        self._config = config
        self._account_config = account
        self._settings: WatchdogConfig = config.watchdog
        self._account = account.name
        self._tell_all = tell
        self._database = open_database(config.journal.url)
        self._row = Watch(self._database, self._account, boot_time_s)
        self._stopped = asyncio.Event()
        self._said: tuple[Kind, str] | None = None
        self._is_silent = False
        self._back_off_s = self._try_session_s = 0.0

    def stop(self) -> None:
        """End, as soon as nothing of ours is under way."""
        self._stopped.set()

    async def run(self) -> None:
        """Watch until stopped. What goes wrong is told, and tried again."""
        after = f"an engine silent for {self._silent_after_s:g} s is looked after: {self._settings.action}"
        self._say(Kind.WATCHING, f"{self._database.shown}; {after}")
        with AtBroker(self._config, self._account_config) as at_broker:
            while not self._stopped.is_set():
                await self._pause(await self._look(at_broker))
        self._say(Kind.ENDED, "asked to stop")

    @property
    def _silent_after_s(self) -> float:
        """No less than the lease that the engine itself goes by."""
        holder = self._row.holder
        return max(self._settings.silent_after_s, holder.lease_s if holder is not None else 0.0)

    async def _look(self, at_broker: AtBroker) -> float:
        """Look once; how long to pause before the next time."""
        try:
            if not self._engine_is_silent():
                await self._try_session(at_broker)
                return min(self._settings.silent_after_s / LOOKS, LONGEST_LOOK_S)
            is_mended = await self._check(at_broker)
        except (Unavailable, AccessDenied, JournalError, Refused, ConfigError) as error:
            return self._trouble(error)
        self._back_off_s = 0.0 if is_mended else self._longer(self._settings.check_every_s)
        return max(self._settings.check_every_s, self._back_off_s)

    async def _try_session(self, at_broker: AtBroker) -> None:
        """Find out before it is needed that the broker can't be asked. Watching goes on meanwhile."""
        if boot_time_s() < self._try_session_s:
            return
        try:
            account = await at_broker.account()
        except (Unavailable, AccessDenied) as error:
            self._try_session_s = boot_time_s() + self._settings.check_every_s
            self._say(Kind.TROUBLE, str(error))
        else:
            self._try_session_s = boot_time_s() + TRY_SESSION_EVERY_S
            self._say(Kind.READY, f"the broker answers, for its account {account.account_id}")

    def _engine_is_silent(self) -> bool:
        """Look at the account's row. What we left there ourselves is no sign of life. Raises JournalError."""
        self._database.require()
        with self._database.reported("read"), self._database.reader().connect() as connection:
            self._row.look(connection)
        holder = self._row.holder
        if holder is None:
            return False
        ours = holder.process == WATCHDOG + process_name()
        was_silent, self._is_silent = self._is_silent, ours or self._row.silent_s >= self._silent_after_s
        if self._is_silent and not was_silent:
            self._say(Kind.SILENT, f"no sign of life of {holder} for {self._row.silent_s:.0f} s; asking the broker")
        elif was_silent and not self._is_silent:
            self._say(Kind.ALIVE, f"{holder} gives signs of life")
        return self._is_silent

    async def _check(self, at_broker: AtBroker) -> bool:
        """Compare the broker's positions with its stops, and act; whether all is as it should be then."""
        account, found = await at_broker.unprotected()
        state = recorded(self._config, self._account_config)
        if state.broker_account_id not in ("", account.account_id):
            raise Refused(
                f"account {self._account} is bound to the broker's account {state.broker_account_id}, and these keys are "
                f"for {account.account_id}: nothing is touched"
            )
        if not found:
            self._say(
                Kind.PROTECTED,
                f"{len(account.positions)} position{'s' * (len(account.positions) != 1)}, each with its stop at the broker",
            )
            return True
        self._say(Kind.UNPROTECTED, "; ".join(_told(gap, state) for gap in found))
        todo = [gap for gap in found if is_to_mend(self._settings, state, gap)]
        return await self._act(at_broker, todo) if todo else True

    async def _act(self, at_broker: AtBroker, todo: Sequence[Gap]) -> bool:
        """Take the account, mend what can be mended, and give it back."""
        with open_guard(self._config, self._account_config, self._row, self._on_turn) as engine:
            self._say(Kind.TAKEN, f"for {', '.join(gap.symbol for gap in todo)}: the engine can send nothing more")
            takeover = Takeover(self._config, engine, at_broker, todo)
            await self._until_stopped(takeover)
        left = "; ".join(gap.text for gap in takeover.left)
        self._say(Kind.GIVEN_BACK, f"still unprotected: {left}" if left else "what was to be done is done")
        return not left

    async def _until_stopped(self, takeover: Takeover) -> None:
        working, stopped = asyncio.create_task(takeover.run()), asyncio.create_task(self._stopped.wait())
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not working.done():
            takeover.give_back()
        await working

    def _on_turn(self, turn: Turn) -> None:
        """Tell of what is ordered and of what comes of it."""
        for record in turn.records:
            if isinstance(record.body, TOLD):
                symbol = getattr(record.body, "symbol", "")
                known = Known(quantity=turn.state.portfolio.quantity(symbol)) if symbol else NOTHING
                self._say(Kind.DONE, " ".join(str(sentence(record, known)).split()))

    def _trouble(self, error: HoldfastError) -> float:
        self._back_off_s = min(self._longer(LONGEST_LOOK_S), LONGEST_TROUBLE_S)
        self._say(Kind.TROUBLE, str(error))
        return self._back_off_s

    def _longer(self, first_s: float) -> float:
        return min(max(first_s, 2 * self._back_off_s), LONGEST_BACK_OFF_S)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    def _say(self, kind: Kind, text: str) -> None:
        """Say it, once in a row."""
        if self._said != (kind, text):
            self._said = kind, text
            self._tell_all(News(self._account, kind, text))


def _told(gap: Gap, state: EngineState) -> str:
    asked = ", ".join(f"{strategy} at {plain(stop)}" for strategy, stop in stops_asked_for(state, gap.symbol))
    books = state.portfolio.quantity(gap.symbol)
    behind = "" if books == gap.quantity else f" ({plain(books)} in the books: what the broker has decides)"
    return f"{gap.text}{behind}; asked for: {asked or 'none that is recorded'}"
