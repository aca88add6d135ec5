"""Driving one account's core and venue over a feed: virtual time, no journal."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from holdfast.core import lifecycle
from holdfast.core.adjustments import CashDeposited
from holdfast.core.engine import step
from holdfast.core.engine.market import show
from holdfast.core.instant import Instant, instants
from holdfast.core.messages import FeedEvent, Heartbeat, PositionAdopted, Report, SubmitOrder
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import Money
from holdfast.venue.exchange import Exchange
from holdfast.venue.tally import Tally as Prices

Recorder = Callable[[Turn], None]
"""Is shown every turn in which something happened."""


class Tally(NamedTuple):
    """How many market events there were, in how many bars protective orders filled, and how many bars were ambiguous.

    ``prices`` is what the exchange has counted of them.
    """

    events: int
    decided_bars: int
    ambiguous_bars: int
    prices: Prices


class Replay:
    """One account over one feed; ``state`` holds the books, while it runs and after.

    ``events`` counts what was taken; ``has_traded``: not all of it was history. ``instant`` is what is being taken; ``is_in_venue`` while what
    it led to in the venue is booked, before strategies see it.
    """

    def __init__(
        self, state: EngineState, exchange: Exchange, recorder: Recorder, look: Callable[[], object] | None = None
    ) -> None:
        """``look`` is called when an instant is over, and prices may be others."""
        self.state = state
        self._look = look
        self._exchange = exchange
        self._recorder = recorder
        self._inbox: deque[Report] = deque()
        self._market_ns = 0
        self.events = 0
        self.has_traded = False
        self.instant: Instant = ()
        self.is_in_venue = False

    def begin(self, deposit: Money, version: str, balances: Mapping[str, Money] = lifecycle.NO_BALANCES) -> None:
        """The records every account begins with."""
        state = self.state
        self._work(lifecycle.start(state, 1, version, "backtest"))
        self._work(lifecycle.deposit(state, deposit, lifecycle.OPENING_CASH, balances))
        state.host.start(0)

    def begin_with(self, opening: Sequence[CashDeposited | PositionAdopted], version: str) -> None:
        """Begin as an account of which the records know what it had: its cash and positions."""
        state = self.state
        self._work(lifecycle.start(state, 1, version, "backtest"))
        turn = Turn(state, "runtime")
        for body in opening:
            turn.record(body)
        self._work(turn)
        state.host.start(0)

    def run(self, events: Iterable[FeedEvent], trading_from_ns: int) -> None:
        """Take every event, those before ``trading_from_ns`` as history."""
        state, exchange = self.state, self._exchange
        on_market, look = exchange.on_market, self._look
        trading = False
        for instant in instants(events):
            state.cursor += 1  # the instant reaches the venue; `show` counts it again when the strategies see it
            self.events += len(instant)
            self.instant = instant
            self._market_ns = instant[0].time_ns
            if not trading:
                if instant[0].time_ns < trading_from_ns:
                    for event in instant:
                        exchange.observe(event)
                    show(state, instant)
                    continue
                trading = True
                self._start_trading()
            for event in instant:
                reports = on_market(event)
                if reports:
                    self._inbox.extend(reports)
            if self._inbox:
                self.is_in_venue = True
                self._drain()
                self.is_in_venue = False
                exchange.end_instant()
            turn = step(state, instant)
            if turn is not None:
                self._work(turn)
            if look is not None:
                look()
        self.instant = ()
        if trading:
            self._close_session()
        self._end()

    def tally(self) -> Tally:
        """What was counted."""
        exchange = self._exchange
        return Tally(self.events, exchange.decided_bars, exchange.ambiguous_bars, exchange.tally)

    def _close_session(self) -> None:
        """The data ended within a session: let it close, so that the built bars that end by then come.

        The strategies only look on: there is no price at which an order could be filled.
        """
        state = self.state
        close_ns = state.calendar.day_at(state.now_ns - 1).close_ns
        host = state.host
        if state.now_ns <= close_ns and min(host.built.due_ns, host.lanes.built.due_ns) <= close_ns:
            state.host.muted = True
            turn = step(state, Heartbeat(close_ns + 1))
            if turn is not None:
                self._work(turn)

    def _end(self) -> None:
        """The strategies are called for the last time; one that raises then is one that was stopped."""
        state = self.state
        state.host.end()
        if state.host.stops:
            turn = step(state, Heartbeat(state.now_ns))
            if turn is not None:
                self._work(turn)

    def _start_trading(self) -> None:
        self.has_traded = True
        lifecycle.warmed_up(self.state)
        self._work(lifecycle.recovered(self.state, lifecycle.nothing_recovered(self.state)))

    def _work(self, turn: Turn) -> None:
        """Carry out what a turn wants, and all that follows, until nothing does."""
        self._carry_out(turn)
        self._drain()

    def _drain(self) -> None:
        while self._inbox:
            turn = step(self.state, self._inbox.popleft())
            if turn is not None:
                self._carry_out(turn)

    def _carry_out(self, turn: Turn) -> None:
        self._recorder(turn)
        now_ns = max(self.state.now_ns, self._market_ns)  # what happened before the instant is dealt with in it
        for effect in turn.effects:
            if isinstance(effect, SubmitOrder):
                self._inbox.extend(self._exchange.submit(effect.terms, effect.released_ns, now_ns))
            else:
                self._inbox.extend(self._exchange.cancel(effect.client_order_id, effect.released_ns, now_ns))
