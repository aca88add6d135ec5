"""Where market data comes from, what its instruments are, and what has gone silent."""

from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import (
    Envelope,
)
from holdfast.core.milestones import (
    FeedOpened,
    MarketFresh,
    MarketStale,
)
from holdfast.core.state.account import Change, EngineState


def _feed(state: EngineState, _envelope: Envelope, body: FeedOpened) -> None:
    state.feed = body
    state.cursor = 0


def _listed(state: EngineState, _envelope: Envelope, body: InstrumentListed) -> None:
    state.register.list(body)
    state.portfolio.list(body)
    state.note_guards()


def _stale(state: EngineState, _envelope: Envelope, body: MarketStale) -> None:
    state.stale[body.symbol] = body.last_ns


def _fresh(state: EngineState, _envelope: Envelope, body: MarketFresh) -> None:
    state.stale.pop(body.symbol, None)


CHANGES: dict[type, Change] = {
    FeedOpened: _feed,
    InstrumentListed: _listed,
    MarketStale: _stale,
    MarketFresh: _fresh,
}
"""What each record changes here."""
