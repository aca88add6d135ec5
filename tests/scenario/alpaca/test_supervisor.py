"""Orders without an answer and orders that the broker lost, followed up; books that differ, compared and taken over."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.reconcile import reconcile
from holdfast.cli.status import status
from holdfast.core.findings import LOST, BooksCompared, OrderLost, Reconcile, SupervisorCycle
from holdfast.core.messages import CashDeposited, OrderAnomaly, OrderNotSent, OrderReleased
from holdfast.core.orders.order import Order, OrderState
from holdfast.errors import InvalidValue
from holdfast.locks import open_locks
from holdfast.runtime import parts
from tests.local_alpaca import KEY, LocalAlpaca, local_alpaca
from tests.scenario.alpaca.breaking import FAR_BELOW, ask, becomes, bodies, buy, idle_engine, price_moves
from tests.scenario.alpaca.engine import SYMBOLS, Running, Theirs, agree_in_the_end, requests_at
from tests.scenario.alpaca.test_faults import disarm, post
from tests.unit.locks.store_that_fails import StoreThatFails

QUICK: dict[str, Any] = {"interval_s": 0.2, "back_off_s": 0.2}


def posts_of(server: LocalAlpaca, order: Order) -> int:
    """How often an order was sent."""
    key = order.terms.client_order_id
    return sum(row["method"] == "POST" and row["client_order_id"] == key for row in requests_at(server))


def forget(server: LocalAlpaca, order: Order) -> None:
    """The server loses an order, without a word."""

    def lose() -> None:
        trading = server.world.accounts.find(KEY)
        assert trading is not None
        found = trading.orders.find(order.broker_order_id)
        assert found is not None
        trading.orders.forget(found)

    server.call(lose)


def config_file(running: Running, folder: Path) -> Path:
    """What a person's commands read."""
    file = folder / "holdfast.toml"
    file.write_text(
        f'[journal]\nurl = "{running.config.journal.url}"\n[feed]\nkind = "alpaca"\nsymbols = ["AVOR"]\n'
        '[[accounts]]\nname = "one"\nbroker = "alpaca"\n'
    )
    return file


@pytest.mark.proves("A2", "K3", "I2")
def test_an_order_that_was_not_taken_is_sent_again_under_its_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proven absent, fresh and wanted: it goes out once more, is taken, and `holdfast status` says so; no claim is left."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.3}, supervisor=QUICK) as running,
    ):
        post(server, [{"name": "not_accepted_then_504"}])
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.SUBMITTED)
        assert [released.attempt for released in bodies(running, OrderReleased)] == [1, 2]
        assert posts_of(server, order) == 2
        agree_in_the_end(running, Theirs(server))
        running.wait_for(
            lambda: sum(cycle.submitted for cycle in bodies(running, SupervisorCycle)) == 1, "the cycle's record"
        )

        def shown() -> Any:
            status(config_file(running, tmp_path), as_json=True)
            printed = capsys.readouterr().out
            return json.JSONDecoder().raw_decode(printed, printed.index("{"))[0]["accounts"][0]["supervisor"]

        running.wait_for(lambda: shown()["pending"] == 0, "the claim to be settled")
        assert shown()["last_success"]
        assert shown()["last_error"] is None


class Unforeseen(StoreThatFails):
    """Fails as no store is meant to, so many times, each time otherwise."""

    def __init__(self) -> None:
        super().__init__([0.0])
        self.faults: list[Exception] = [
            ValueError("a driver's own"),
            InvalidValue("a lease of 0 s"),
            OSError(5, "no store"),
        ]

    def take(self, name: str, token: str, lease_ms: int) -> int | None:
        """Raises what is left of the faults, the last one first."""
        if self.faults:
            raise self.faults.pop()
        return 1


def test_what_nobody_foresaw_in_a_cycle_is_noted_and_the_next_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a store of locks raises, the engine lives, the record names it, and the order is explained in the end."""
    store = Unforeseen()
    monkeypatch.setattr(parts, "open_locks", lambda url: store)
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.3}, supervisor=QUICK) as running,
    ):
        post(server, [{"name": "not_accepted_then_504"}])
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.SUBMITTED)
        assert posts_of(server, order) == 2
        told = {cycle.error for cycle in bodies(running, SupervisorCycle) if cycle.error}
        assert told == {"OSError: [Errno 5] no store", "InvalidValue: a lease of 0 s", "ValueError: a driver's own"}


@pytest.mark.proves("A2", "B5")
def test_resubmission_is_bounded(tmp_path: Path) -> None:
    """An order that never gets through is sent three times in all, and ends as not sent."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.2}, supervisor=QUICK) as running,
    ):
        post(server, [{"name": "not_accepted_then_504", "times": 50}])
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.NOT_SENT)
        assert posts_of(server, order) == 3
        disarm(server)
        agree_in_the_end(running, Theirs(server))


@pytest.mark.proves("A2", "K3")
@pytest.mark.parametrize("limits", [{"resubmissions": 0}, {"time_to_live_s": 0.1}])
def test_an_order_that_is_no_longer_wanted_ends_with_its_proof(tmp_path: Path, limits: dict[str, Any]) -> None:
    """Too often, or too old: it is called not sent, once."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.3}, supervisor={**QUICK, **limits}) as running,
    ):
        post(server, [{"name": "not_accepted_then_504"}])
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.NOT_SENT)
        assert posts_of(server, order) == 1
        assert len(bodies(running, OrderNotSent)) == 1


def test_another_process_with_the_lock_is_not_disturbed(tmp_path: Path) -> None:
    """While it is held nothing is sent again; once it is free the order goes out."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.2}, supervisor=QUICK) as running,
    ):
        locks = open_locks(running.config.journal.url)
        with locks.lock("supervisor:one", timeout_s=10):
            post(server, [{"name": "not_accepted_then_504"}])
            order = buy(running, limit=FAR_BELOW)
            unresolved = running.engine.loop.groups[0]._live_accounts[0].reconciler.unresolved  # type: ignore[attr-defined]
            running.wait_for(lambda: unresolved.proof(order.terms.client_order_id), "the proof")
            assert posts_of(server, order) == 1
        becomes(running, order, OrderState.SUBMITTED)
        running.wait_for(lambda: any(one.lock_skips for one in bodies(running, SupervisorCycle)), "the cycle's record")
        locks.close()


@pytest.mark.proves("B2")
@pytest.mark.parametrize("policy", ["adopt", "alert", "cancel", "quarantine"])
def test_an_order_that_the_broker_lost_is_dealt_with_as_the_policy_says(tmp_path: Path, policy: str) -> None:
    """Believed, reported, ended by its cancel, or a reason to take no risk: never forgotten without a record."""
    with (
        local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server,
        idle_engine(server, tmp_path, alpaca={"settle_s": 0.3}, supervisor={"lost_orders": policy}) as running,
    ):
        order = buy(running, limit=FAR_BELOW)
        becomes(running, order, OrderState.SUBMITTED)
        forget(server, order)
        running.wait_for(lambda: bodies(running, OrderLost), "the loss to be noticed")
        if policy in ("adopt", "cancel"):
            becomes(running, order, OrderState.CANCELED)
            assert running.state.account_state.takes_risk
        else:
            assert order.state is OrderState.SUBMITTED
            assert running.state.orders.open_buys["AVOR"] == 5
            running.wait_for(lambda: running.state.account_state.takes_risk is (policy == "alert"), "the policy to act")
        assert any(note.event == LOST for note in bodies(running, OrderAnomaly)) is (policy != "adopt")


def take_cash(server: LocalAlpaca, amount: str) -> None:
    """Money leaves the account at the server, which nothing here has ordered."""

    def take() -> None:
        trading = server.world.accounts.find(KEY)
        assert trading is not None
        trading.books.cash -= Decimal(amount)

    server.call(take)


@pytest.mark.proves("I6", "S5")
def test_a_difference_is_recorded_with_its_figures_and_taken_over_by_a_person(tmp_path: Path) -> None:
    """Cash that left elsewhere: PRESERVATION, both figures in the journal; accepted, the books agree to the last digit."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, tmp_path) as running:
        becomes(running, buy(running), OrderState.SUBMITTED, OrderState.FILLED)
        price_moves(server, 50.0)
        running.wait_for(lambda: running.state.portfolio.quantity("AVOR") == 5, "the fill")
        take_cash(server, "123.45")
        running.wait_for(lambda: "books" in running.state.impairments, "the difference to be noticed")
        (told,) = bodies(running, BooksCompared)
        assert told.cash - told.broker_cash == Decimal("123.45")
        ask(running, Reconcile(accept=True, reason="fees"))
        running.wait_for(lambda: not running.state.impairments, "the account to trade again")
        assert running.state.portfolio.cash == Theirs(server).cash()
        assert bodies(running, CashDeposited)[-1] == CashDeposited(-Decimal("123.45"), "fees")  # type: ignore[arg-type]
        agree_in_the_end(running, Theirs(server))


def test_a_comparison_can_be_asked_for(tmp_path: Path) -> None:
    """Where nothing differs, the record says so."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, tmp_path) as running:
        ask(running, Reconcile())
        running.wait_for(lambda: bodies(running, BooksCompared), "the comparison")
        assert bodies(running, BooksCompared)[0].agree
        assert_quiet(running)


def assert_quiet(running: Running) -> None:
    """A cycle in which nothing happened is no record."""
    assert bodies(running, SupervisorCycle) == []


def test_the_command_shows_both_sides_and_takes_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`holdfast reconcile` says 1 for a difference and its figures; with --accept and a reason the next one says 0."""
    with local_alpaca(symbols=SYMBOLS, requests_per_minute=0) as server, idle_engine(server, tmp_path) as running:
        file = config_file(running, tmp_path)
        take_cash(server, "10")
        assert reconcile(file, None, accept=False, reason="", yes=True, timeout_s=20, as_json=True) == 1
        printed = capsys.readouterr().out
        shown, _ = json.JSONDecoder().raw_decode(printed, printed.index("{"))
        assert (shown["agree"], shown["cash"]["ours"], shown["cash"]["theirs"]) == (False, "100000", "99990")
        assert reconcile(file, None, accept=True, reason="a fee", yes=True, timeout_s=20, as_json=True) == 0
        assert reconcile(file, None, accept=False, reason="", yes=True, timeout_s=20, as_json=False) == 0
        assert "the books agree with the broker" in capsys.readouterr().out
        agree_in_the_end(running, Theirs(server))
