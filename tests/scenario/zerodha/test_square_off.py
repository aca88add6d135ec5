"""The last half hour at the local Kite: what is held for the day is closed in time, or by the broker, and the books are the server's."""

from pathlib import Path

from holdfast.core.protection.records import PositionClosing
from holdfast.core.state import EngineState
from holdfast.core.types import MINUTE_NS
from tests.local_kite import START_NS, LocalKite, local_kite
from tests.scenario.alpaca.breaking import IDLE, buy
from tests.scenario.alpaca.engine import Running
from tests.scenario.zerodha.engine import OURS, Theirs, agree_in_the_end, check_no_twins, engine_on

FOR_THE_DAY = OURS[0]
OPEN_MINUTES = 325
"""From 09:15 to 14:40."""


def test_what_is_held_for_the_day_is_closed_before_the_square_off(tmp_path: Path) -> None:
    """At 15:15 by orders of ours: the broker has nothing to close at 15:20, and charges for nothing."""
    last_half_hour(tmp_path, "close")


def test_what_is_left_to_the_broker_is_booked_when_it_is_squared_off(tmp_path: Path) -> None:
    """By an order of its own, which closes the strategy's position in the books too, to the paisa."""
    last_half_hour(tmp_path, "broker")


def last_half_hour(folder: Path, end: str) -> None:
    with local_kite(speed=600.0, start_ns=START_NS + OPEN_MINUTES * MINUTE_NS) as server:
        account = {"intraday": {"end": end, "last_entry_s": 300.0}}
        with engine_on(server, folder, account=account, params=IDLE) as running:
            play(server, running, 5)
            running.wait_for(lambda: FOR_THE_DAY in running.state.marks, "a price")
            buy(running, 5, symbol=FOR_THE_DAY)
            play(server, running, 1)
            running.wait_for(lambda: held(running.state), "the position of the day")
            assert minutes(server) < 355, "it has to be bought before it is too late for that"
            play(server, running, 360 - minutes(server))
            if end == "close":
                running.wait_for(lambda: not held(running.state), "the position of the day to be closed")
            play(server, running, 368 - minutes(server))
            theirs = Theirs(server)
            agree_in_the_end(running, theirs)
            check_no_twins(theirs)
            running.wait_for(lambda: not held(running.state), "nothing to be held for the day")
            own = [row for row in theirs.orders().values() if row.get("product") == "MIS" and not row["tag"]]
            assert bool(own) is (end == "broker")
            closing = [record.body for _, record in running.records if isinstance(record.body, PositionClosing)]
            assert bool(closing) is (end == "close")


def held(state: EngineState) -> bool:
    """Whether anybody holds something for the day."""
    return any(symbol == FOR_THE_DAY for _, symbol, _ in state.portfolio.open_ledgers())


def minutes(server: LocalKite) -> int:
    """How long the session is on."""
    now_ns: int = server.call(lambda: server.world.clock.now_ns)
    return (now_ns - START_NS) // MINUTE_NS


def play(server: LocalKite, running: Running, more: int) -> None:
    """Let the market go on for so many minutes."""
    clock = server.world.clock
    until_ns = server.call(lambda: clock.now_ns) + more * MINUTE_NS
    server.call(clock.resume)
    running.wait_for(lambda: clock.now_ns >= until_ns, "the market to go on")
    server.call(clock.pause)
