"""What the broker lets an account do is known before an order is sent: a blocked account, what is lent, what a symbol bars."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.messages import Action, PlaceOrder, RiskRefused, Signal
from holdfast.core.orders.order import OrderState
from holdfast.core.permits import BrokerPermits
from holdfast.core.session.account import AccountState
from holdfast.core.types import Quantity, StrategyId
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import FAR_BELOW, ask, becomes, bodies, buy, idle_engine, live_account_of, trade
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end, requests_at


def configure(server: LocalAlpaca, **changes: Any) -> None:
    """Change the account's configuration at the broker, as its owner does on the web page."""
    request = urllib.request.Request(  # noqa: S310 - the local server
        f"{server.trading_url}/v2/account/configurations",
        json.dumps(changes).encode(),
        {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET, "content-type": "application/json"},
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the local server
        assert answer.status == 200


def intent(running: Running, action: Action, quantity: str, symbol: str = "AVOR") -> RiskRefused:
    """Ask for an order that risk is to refuse, and the refusal."""
    before = len(bodies(running, RiskRefused))
    ask(running, PlaceOrder(Signal(StrategyId("all"), symbol, action, quantity=Quantity(Quantity(quantity)))))  # type: ignore[arg-type]
    running.wait_for(lambda: len(bodies(running, RiskRefused)) > before, "a refusal")
    refused = bodies(running, RiskRefused)[-1]
    assert isinstance(refused, RiskRefused)
    return refused


def test_a_blocked_account_takes_no_risk_and_trades_again_when_it_may(tmp_path: Path) -> None:
    """PRESERVATION with the broker's word for it; a working order stays, and the position too."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, tmp_path) as running:
        held = buy(running)
        becomes(running, held, OrderState.FILLED)
        configure(server, suspend_trade=True)
        running.wait_for(lambda: running.state.account_state is AccountState.PRESERVATION, "PRESERVATION")
        assert running.state.impairments["account blocked"].endswith("trade_suspended_by_user")
        sent = len([row for row in requests_at(server) if row["method"] == "POST"])
        configure(server, suspend_trade=False)
        running.wait_for(lambda: running.state.account_state.takes_risk, "the account to trade again")
        assert len([row for row in requests_at(server) if row["method"] == "POST"]) == sent
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.SUBMITTED)
        agree_in_the_end(running, Theirs(server))


def test_no_more_is_bought_than_the_broker_lends(tmp_path: Path) -> None:
    """Leverage 3 is configured, the broker lends nothing: what equity alone can't pay is refused here, with the broker named."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        configure(server, max_margin_multiplier="1")
        with idle_engine(server, tmp_path) as running:
            assert running.state.permits.leverage == 1
            price = running.state.marks["AVOR"]
            refused = intent(running, Action.BUY, str(int(100_000 / price) + 20))
            assert refused.rule == "buying_power"
            assert "the broker lends 1 x equity" in refused.text
            becomes(running, buy(running, int(90_000 / price)), OrderState.FILLED)


def test_nothing_is_sold_short_where_the_broker_lends_no_shares(tmp_path: Path) -> None:
    """What is held may be sold; a share more is refused before it is sent."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server:
        configure(server, no_shorting=True)
        with idle_engine(server, tmp_path) as running:
            assert not running.state.permits.shorting
            refused = intent(running, Action.SELL, "5")
            assert (refused.rule, "lends no AVOR" in refused.text) == ("short_sale", True)
            becomes(running, buy(running), OrderState.FILLED)
            becomes(running, trade(running, Action.SELL, 5, None, "AVOR"), OrderState.FILLED)
            agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("B1")
def test_a_short_position_is_opened_closed_and_turned_round_as_it_is_asked(tmp_path: Path) -> None:
    """SELL opens, BUY closes, and one that goes through zero goes out as two; books and broker agree after each."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, tmp_path) as running:
        theirs = Theirs(server)

        def held(quantity: int) -> bool:
            return (
                running.state.portfolio.quantity("AVOR") == quantity and theirs.positions().get("AVOR", 0) == quantity
            )

        for action, quantity, then in (
            (Action.SELL, 5, -5),
            (Action.BUY, 5, 0),
            (Action.SELL, 3, -3),
            (Action.BUY, 7, 4),
            (Action.SELL, 9, -5),
        ):
            trade(running, action, quantity, None, "AVOR")
            running.wait_for(lambda then=then: held(then), f"{then} AVOR on both sides")  # type: ignore[misc]
        agree_in_the_end(running, theirs)


def test_what_is_permitted_is_recorded_once(tmp_path: Path) -> None:
    """A record when it changes and none while it doesn't, so a journal of a quiet day stays small."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, tmp_path) as running:
        reconciler = live_account_of(running).reconciler
        compared = reconciler.cycles
        running.wait_for(lambda: reconciler.cycles > compared + 3, "further comparisons")
        assert bodies(running, BrokerPermits) == [BrokerPermits(leverage=running.state.permits.leverage)]
