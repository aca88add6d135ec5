"""A crash between any two commits: a strategy is told of its orders as if there had been none, and asks under the same ids.

The strategy notes all that it is shown and all that it is given back. What the last of several processes has noted from the
journal's beginning on must be what a run left alone has noted.
"""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from holdfast.config import Config, parse_config
from holdfast.core.strategy.api import Bar, Context, OrderFilled, OrderUpdate, Session, Strategy, Timer
from holdfast.core.strategy.order_kinds import Exits, Limit
from holdfast.core.strategy.updates import OrderStatus
from holdfast.journal.verify import verify
from tests.budget import by_tier, in_a_campaign
from tests.crash.test_every_cut import EASY, HARD, NEXT_OPEN, books, count_batches, run, run_cut

EVERY = by_tier(test=40, campaign=1)
"""Every so manyth batch is where a journal ends."""


class Listener(Strategy):
    """Trades so that it is refused, canceled, stopped out and filled in parts, and answers to what it is told."""

    notes: ClassVar[list[tuple[Any, ...]]] = []

    def on_start(self, context: Context) -> None:
        Listener.notes = []
        context.every(3_600)

    def on_bar(self, context: Context, bar: Bar) -> None:
        step = int(bar.time_ns // 300_000_000_000) % 5
        given = ""
        if step == 0:
            near = round(bar.close * 0.9995, 2)
            exits = Exits(stop_loss=round(bar.close * 0.995, 2), take_profit=round(bar.close * 1.004, 2))
            given = context.buy(bar.symbol, 900, order=Limit(near), exits=exits, tag="dip")
        elif step == 1:
            given = context.buy(bar.symbol, 10_000_000)  # no account takes so much
        elif step == 2:
            given = context.target(bar.symbol, 600 if bar.close > bar.open else -600)
        elif step == 3:
            for order in context.orders(bar.symbol):
                context.cancel(order.intent_id or order.client_order_id)
        self._note(context, "bar", bar.symbol, bar.time_ns, given, context.minutes_to_close, context.is_open)

    def on_fill(self, context: Context, fill: OrderFilled) -> None:
        self._note(context, "fill", fill.symbol, fill.side, fill.quantity, fill.price)

    def on_order(self, context: Context, update: OrderUpdate) -> None:
        given = ""
        if update.status is OrderStatus.REFUSED and update.quantity == 10_000_000:
            given = context.buy(update.symbol, 300, tag="less")
        elif update.status is OrderStatus.CANCELED and update.tag == "dip":
            given = context.close(update.symbol)
        reason = (
            update.reason if update.status is OrderStatus.REFUSED else ""
        )  # others may name orders, and so an epoch
        self._note(
            context, update.status, update.intent_id, update.time_ns, update.side, update.quantity, given, reason
        )
        self._note(context, update.filled_quantity, update.role, update.rule, update.tag)

    def on_timer(self, context: Context, timer: Timer) -> None:
        self._note(context, "timer", timer.time_ns)

    def on_session(self, context: Context, session: Session) -> None:
        given = context.close("AVOR") if session.phase == "close" else context.buy("AVOR", 7)
        self._note(context, "session", session.phase, session.date, given)

    def _note(self, context: Context, *what: Any) -> None:
        positions = [(held.symbol, held.quantity, held.cost, held.unrealised) for held in context.positions()]
        self.notes.append((*what, context.time_ns, context.equity, context.buying_power, positions))


def configuration(folder: Path, venue: dict[str, Any]) -> Config:
    """One listener on two symbols for some hours of one made-up day."""
    data = {
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "feed": {
            "kind": "synthetic",
            "seed": 5,
            "symbols": ["AVOR", "BRYX"],
            "days": 1,
            "history_days": 1,
            "bar": "5Min",
        },
        "venue": venue,
        "accounts": [{"name": "cut", "risk": {"leverage": 20}}],
        "strategies": [
            {"id": "ears", "class": "tests.crash.test_updates_at_every_cut:Listener", "account": "cut"}
            | {"symbols": ["AVOR", "BRYX"], "timeframe": "5Min"},
        ],
    }
    return parse_config(data, "test", folder)


@pytest.mark.parametrize(
    "venue", [in_a_campaign(EASY), HARD, in_a_campaign(NEXT_OPEN)], ids=["easy", "hard", "next_open"]
)
@pytest.mark.proves("K1", "K2", "I9")
def test_what_is_told_after_a_cut_is_what_was_told_before_it(
    tmp_path: Path, venue: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the journal ends, the strategy has been told and given the same in the end, and the books are the same."""
    whole = tmp_path / "whole"
    whole.mkdir()
    config = configuration(whole, venue)
    batches = count_batches(config, monkeypatch)
    expected, told = books(config), list(Listener.notes)
    statuses = {note[0] for note in told}
    assert {OrderStatus.REFUSED, OrderStatus.ACCEPTED, OrderStatus.FILLED, OrderStatus.CANCELED} <= statuses
    assert {"bar", "fill", "timer", "session"} <= statuses
    for cut in range(batches % EVERY, batches, EVERY):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        config = configuration(folder, venue)
        run_cut(config, cut, monkeypatch)
        run(config)
        assert Listener.notes == told, f"after a cut at batch {cut} of {batches}"
        assert books(config) == expected, f"after a cut at batch {cut} of {batches}"
        assert verify(config.journal.url).problems == []
