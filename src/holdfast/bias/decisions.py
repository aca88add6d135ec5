"""What a strategy decides over some data, and when."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

import holdfast
from holdfast.assembly import Classes, build_exchange, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import Config
from holdfast.core.messages import FeedEvent, Signal
from holdfast.core.milestones import StrategyStopped
from holdfast.core.strategy.api import Strategy
from holdfast.core.turn import Turn
from holdfast.core.types import plain
from holdfast.feeds.port import Feed

LEFT_OUT = frozenset({"strategy", "symbol", "action", "side", "quantity", "intent_id", "order_type", "time_in_force"})
UNSET = {field.name: field.default for field in msgspec.structs.fields(Signal)}


class Decision(NamedTuple):
    """``what`` was asked for in ``symbol`` at an instant of the market."""

    time_ns: int
    strategy: str
    symbol: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} {self.symbol}"


class Run(NamedTuple):
    """A strategy's decisions over some data, the times of the instants, and why strategies were stopped."""

    decisions: tuple[Decision, ...]
    times_ns: tuple[int, ...]
    stopped: dict[str, str]


def decide(
    config: Config,
    feed: Feed,
    classes: Classes,
    events: Iterable[FeedEvent],
    trading_from_ns: int,
    look: Callable[[str, Strategy], None] = lambda _id, _strategy: None,
) -> Run:
    """Run the configuration's first account over events, and note what is asked for. ``look`` is shown each strategy before the first event."""
    account = config.accounts[0]
    state = build_state(config, account, feed, None, classes)
    state.host.log = lambda _line: None
    found: list[Decision] = []
    stopped: dict[str, str] = {}
    times: list[int] = []

    def note(turn: Turn) -> None:
        instant = replay.instant
        time_ns = instant[0].time_ns if instant else state.now_ns
        for envelope in turn.records:
            body = envelope.body
            if isinstance(body, Signal):
                found.append(Decision(time_ns, body.strategy, body.symbol, _words(body)))
            elif isinstance(body, StrategyStopped):
                stopped[body.strategy] = f"{body.reason}: {body.detail}"

    replay = Replay(state, build_exchange(config, account, state), note)
    replay.begin(account.deposit, holdfast.__version__, account.balances)
    for runner in state.host.runners.values():
        look(runner.id, runner.strategy)

    def counted() -> Iterator[FeedEvent]:
        for event in events:
            if not times or times[-1] != event.time_ns:
                times.append(event.time_ns)
            yield event

    replay.run(counted(), trading_from_ns)
    return Run(tuple(found), tuple(times), stopped)


def _words(signal: Signal) -> str:
    """``target 100``, ``buy 10 limit limit_price=12.5``: all that is asked for."""
    quantity = "" if signal.quantity is None else f" {plain(signal.quantity)}"
    side = f" {signal.side.value.lower()}" if signal.side is not None and signal.action == "target" else ""
    kind = "" if signal.order_type.value.lower() == "market" else f" {signal.order_type.value.lower()}"
    rest = [
        f" {name}={value}"
        for name, value in msgspec.structs.asdict(signal).items()
        if name not in LEFT_OUT and value != UNSET[name]
    ]
    return f"{signal.action.value}{side}{quantity}{kind}{''.join(rest)}"
