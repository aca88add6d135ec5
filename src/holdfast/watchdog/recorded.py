"""What the books know of an account's protection; and the books, read from the journal while nobody is disturbed."""

import msgspec

from holdfast.assembly import build_state
from holdfast.config import AccountConfig, Config
from holdfast.core.protection.cover import Key, to_protect
from holdfast.core.protection.legs import Guard
from holdfast.core.state import EngineState, apply
from holdfast.core.types import Price, StrategyId
from holdfast.feeds.live import NoMarket
from holdfast.journal.reader import Reader
from holdfast.runtime.live.recovery import restore_newest
from holdfast.watchdog.cover import Gap


def recorded(config: Config, account: AccountConfig) -> EngineState:
    """The account's state as of its last record, brought back as a start does. Raises JournalError."""
    idle = msgspec.structs.replace(config, strategies=[])
    state = build_state(idle, account, NoMarket(), None)
    with Reader.open(config.journal.url) as reader:
        for record in reader.records(account.name, restore_newest(state, reader)):
            apply(state, record)
    return state


def stops_asked_for(state: EngineState, symbol: str) -> list[tuple[StrategyId, Price]]:
    """The strategies that asked for a stop for their position in a symbol, and where."""
    return [
        (strategy, guard.stop_loss)
        for (strategy, of), guard in state.guards.items()
        if of == symbol and guard.stop_loss is not None and state.portfolio.strategy_quantity(strategy, symbol)
    ]


def without_stop(state: EngineState, gap: Gap) -> list[StrategyId]:
    """The strategies of which a position is, as far as nobody asked a stop for theirs and they are not being closed."""
    found = []
    for strategy, symbol, ledger in state.portfolio.open_ledgers():
        key = (strategy, symbol)
        guard = state.guards.get(key)
        has_stop = guard is not None and guard.stop_loss is not None
        if symbol == gap.symbol and ledger.quantity * gap.quantity > 0 and not has_stop and key not in state.closing:
            found.append(strategy)
    return found


def lacks_stop(state: EngineState, gap: Gap) -> bool:
    """Whether a stop that was asked for is missing at the broker, or may be: books that are behind can't tell.

    What nobody asked a stop for is no matter of ours, nor is protection of which the core has found that it can't be had.
    """
    if state.portfolio.quantity(gap.symbol) != gap.quantity:
        return True
    wanted = sum(to_protect(state, key) for key, guard in state.guards.items() if _is_wanted(state, key, guard, gap))
    return gap.covered < wanted


def _is_wanted(state: EngineState, key: Key, guard: Guard, gap: Gap) -> bool:
    closing = state.closing.get(key)
    is_given_up = state.covers[key].has_failed or (closing is not None and closing.is_left)
    return key[1] == gap.symbol and guard.stop_loss is not None and not is_given_up
