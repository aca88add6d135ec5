"""``holdfast watchdog`` beside a real engine at Alpaca in a box: the engine is killed or frozen, and nobody starts it again."""

import signal
from decimal import Decimal
from functools import partial

import pytest

from holdfast.core.protection.records import StopAsked
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.torture.processes.programs import Program, kill, send
from tests.budget import in_a_campaign
from tests.databases import SERVERS, fresh_database
from tests.freezing import freeze
from tests.process.bare import SYMBOL, World
from tests.process.program import PATIENCE_S, run, succeed, until

pytestmark = pytest.mark.process


def left_bare(world: World, point: str, action: str = "place") -> Decimal:
    """A position whose engine died at a point before its stop was at the broker; where the stop was to be."""
    world.configure(action)
    engine = world.engine(HOLDFAST_CRASH_AT=point)
    stop = world.buy()
    assert engine.ended(PATIENCE_S) == -signal.SIGKILL
    until(lambda: world.position() == 10, "the entry's fill")
    assert world.stops() == []
    return stop


@pytest.mark.parametrize("point", ["fill_received:1", in_a_campaign("released:2"), in_a_campaign("sending:2")])
def test_a_killed_engines_position_gets_its_stop(world: World, point: str) -> None:
    """Killed between the entry's fill and its stop, and never started again: the stop is at the broker, once, where it was asked for."""
    stop = left_bare(world, point)
    world.watchdog()
    until(lambda: world.stops() == [(Decimal(10), stop)], "the stop")
    until(lambda: world.heard("given back"), "the account to be given back")
    until(lambda: world.heard("protected"), "the watchdog to be content")
    assert set(world.asked_for().values()) == {1}
    assert len(world.orders()) == 2
    assert verify(world.url).problems == []


def content(world: World) -> None:
    """The watchdog has given the account back, and finds nothing more to do."""
    until(lambda: world.heard("given back"), "the account to be given back")
    until(lambda: world.said()[-1][0] == "protected", "the watchdog to be content")


@pytest.mark.parametrize("kind", ["sqlite", *map(in_a_campaign, SERVERS)])
def test_a_frozen_engine_is_fenced_before_its_position_gets_its_stop(world: World, kind: str) -> None:
    """It is frozen, and its stop is canceled at the broker: the watchdog places another; woken, the engine steps down, having sent nothing."""
    with fresh_database(kind, world.folder) as url:
        world.url = url
        freeze_and_wake(world)


def freeze_and_wake(world: World) -> None:
    world.configure("place")
    engine = world.engine()
    stop = world.buy()
    until(lambda: world.stops() == [(Decimal(10), stop)], "the engine's own stop")
    freeze(engine.pid, partial(send, engine), world.url)
    world.cancel_all()
    until(lambda: world.stops() == [], "the stop's end")
    world.watchdog()
    until(lambda: world.stops() == [(Decimal(10), stop)], "the stop")
    content(world)
    sent = world.asked_for()
    send(engine, signal.SIGCONT)
    assert engine.ended(PATIENCE_S) == 3
    assert world.asked_for() == sent
    assert set(sent.values()) == {1}
    assert verify(world.url).problems == []
    for program in world.programs:
        kill(program)


def test_flatten_closes_what_is_bare_and_a_new_engine_takes_over(world: World) -> None:
    """With ``flatten`` the position is closed, nothing is left at the broker, and an engine that starts then finds it so."""
    left_bare(world, "released:2", "flatten")
    world.watchdog()
    until(lambda: world.position() == 0 and world.heard("given back"), "a flat account")
    assert not [row for row in world.orders() if row["status"] in ("new", "accepted", "held")]
    world.engine()
    until(lambda: world.heard("alive"), "the watchdog to see the engine")
    with Reader.open(world.url) as reader:
        assert not [row for row in reader.positions() if row.quantity]
    assert set(world.asked_for().values()) == {1}
    assert verify(world.url).problems == []


def test_alert_only_tells(world: World) -> None:
    """With ``alert`` the position is named, and neither the account nor the broker is touched."""
    left_bare(world, "released:2", "alert")
    before, sent = world.account(), world.asked_for()
    watchdog = world.watchdog()
    until(lambda: world.heard("unprotected"), "the alert")
    send(watchdog, signal.SIGTERM)
    assert watchdog.ended(PATIENCE_S) == 0
    ((_, text),) = [each for each in world.said() if each[0] == "unprotected"]
    assert f"10 {SYMBOL} held, stops for 0" in text
    assert (world.account(), world.asked_for()) == (before, sent)


def test_a_position_that_has_its_stop_is_left_alone(world: World) -> None:
    """An engine killed when all was well: the watchdog sees that, and touches neither the account nor the broker."""
    world.configure("flatten")
    engine = world.engine()
    stop = world.buy()
    until(lambda: world.stops() == [(Decimal(10), stop)], "the engine's own stop")
    kill(engine)
    before, sent = world.account(), world.asked_for()
    watchdog = world.watchdog()
    until(lambda: world.heard("protected"), "the watchdog to look")
    send(watchdog, signal.SIGTERM)
    assert watchdog.ended(PATIENCE_S) == 0
    assert (world.account(), world.asked_for()) == (before, sent)
    assert world.stops() == [(Decimal(10), stop)]


def test_what_nobody_asked_a_stop_for_is_told_and_left(world: World) -> None:
    """Ten with a stop asked for, five bought at the broker by its owner: the ten get theirs, once, and the account is given back."""
    stop = left_bare(world, "fill_received:1")
    world.buy_there("5")
    until(lambda: world.position() == 15, "the owner's own fill")
    watchdog = world.watchdog()
    until(lambda: world.heard("given back"), "the account to be given back")
    until(lambda: world.said()[-1][0] == "unprotected", "the rest to be told")
    assert world.stops() == [(Decimal(10), stop)]
    send(watchdog, signal.SIGTERM)  # what it has decided to do it begins before it ends
    assert watchdog.ended(PATIENCE_S) == 0
    assert [kind for kind, _ in world.said()].count("taken") == 1


def test_a_short_position_gets_its_stop_above_the_market(world: World) -> None:
    """Sold short with a stop, and killed before that: it is a buy, once, at its price; nothing is bought beside it."""
    world.configure("place")
    engine = world.engine(HOLDFAST_CRASH_AT="fill_received:1")
    stop = world.price("1.1")
    world.enter("sell", "--stop-loss", str(stop))
    assert engine.ended(PATIENCE_S) == -signal.SIGKILL
    until(lambda: world.position() == -10, "the entry's fill")
    world.watchdog()
    content(world)
    assert [(row["side"], row["type"], row["qty"]) for row in world.working()] == [("buy", "stop", "10")]
    assert world.stops() == [(Decimal(10), stop)]
    assert world.position() == Decimal(-10)
    assert set(world.asked_for().values()) == {1}
    assert verify(world.url).problems == []


def paired(world: World, **extra: str) -> Program:
    """An engine that was told to buy with a stop and a target."""
    world.configure("place")
    engine = world.engine(**extra)
    world.enter("buy", "--stop-loss", str(world.price("0.9")), "--take-profit", str(world.price("1.1")))
    return engine


def pair(world: World) -> list[tuple[str, str, str, str]]:
    """What works at the broker, stop first, whether it is linked to the other."""
    rows = sorted(world.working(), key=lambda row: str(row["type"]), reverse=True)
    return [(row["side"], row["type"], row["qty"], row["order_class"]) for row in rows]


PAIR = [("sell", "stop", "10", "oco"), ("sell", "limit", "10", "oco")]


def test_a_pair_is_placed_as_a_pair(world: World) -> None:
    """Killed before its stop and target were there: both are placed in one order, linked, so that not both can sell."""
    engine = paired(world, HOLDFAST_CRASH_AT="released:2")
    assert engine.ended(PATIENCE_S) == -signal.SIGKILL
    until(lambda: world.position() == 10, "the entry's fill")
    world.watchdog()
    content(world)
    assert pair(world) == PAIR
    assert set(world.asked_for().values()) == {1}
    assert verify(world.url).problems == []


def test_the_stop_of_a_pair_counts_as_one(world: World) -> None:
    """The pair works, and its stop is a leg that the broker holds back: nothing is missing, and nothing is touched."""
    engine = paired(world)
    until(lambda: pair(world) == PAIR, "the engine's own pair")
    kill(engine)
    before, sent = world.account(), world.asked_for()
    world.watchdog()
    until(lambda: world.heard("protected"), "the watchdog to look")
    assert (world.account(), world.asked_for(), pair(world)) == (before, sent, PAIR)


DEFAULT = "default_stop_pct = 5"


def bare_without_a_stop(world: World, side: str = "buy") -> None:
    """A position that a person took without a stop, and an engine that is killed then."""
    world.configure("place", DEFAULT)
    engine = world.engine()
    succeed(world.folder, side, SYMBOL, "10", "--yes")
    until(lambda: abs(world.position()) == 10, "the entry's fill")
    kill(engine)


def the_default(world: World) -> tuple[Decimal, Decimal]:
    """The one stop at the broker; it lies as far as configured from the price that its record names."""
    until(world.stops, "the stop")
    ((quantity, stop),) = world.stops()
    with Reader.open(world.url) as reader:
        asked = reader.last_record("main", StopAsked.__name__)
    assert asked is not None
    assert isinstance(asked.body, StopAsked)
    assert asked.body.stop_loss == stop
    away = Decimal("0.95") if world.position() > 0 else Decimal("1.05")
    assert abs(stop - asked.body.price * away) <= Decimal("0.01")
    return quantity, stop


@pytest.mark.parametrize("side", ["buy", in_a_campaign("sell")])
def test_a_default_stop_for_what_asked_for_none(world: World, side: str) -> None:
    """Long or short, it is placed once, told with the price it is measured from, and kept by the engine that starts later."""
    bare_without_a_stop(world, side)
    world.watchdog()
    content(world)
    quantity, stop = the_default(world)
    assert quantity == 10
    assert [text for kind, text in world.said() if kind == "done" and "nobody asked for a stop" in text]
    sent = world.asked_for()
    world.engine()
    until(lambda: world.heard("alive"), "the watchdog to see the engine")
    refused = run(world.folder, "protect", SYMBOL, "--stop-loss", "1")
    assert (refused.status, "has its stop" in refused.err) == (3, True)
    assert (world.stops(), world.asked_for()) == ([(Decimal(10), stop)], sent)
    assert set(sent.values()) == {1}
    assert verify(world.url).problems == []


def test_a_default_stop_for_what_its_owner_bought_there(world: World) -> None:
    """Ten with a stop asked for, five that exist at the broker only: taken into the books, told, and each gets its stop, once."""
    world.configure("place", DEFAULT)
    engine = world.engine(HOLDFAST_CRASH_AT="fill_received:1")
    stop = world.buy()
    assert engine.ended(PATIENCE_S) == -signal.SIGKILL
    until(lambda: world.position() == 10, "the entry's fill")
    world.buy_there("5")
    until(lambda: world.position() == 15, "the owner's own fill")
    world.watchdog()
    until(lambda: len(world.stops()) == 2, "both stops")
    content(world)
    assert {quantity for quantity, _ in world.stops()} == {10, 5}
    assert (Decimal(10), stop) in world.stops()
    assert set(world.asked_for().values()) == {1}
    with Reader.open(world.url) as reader:
        held = {row.strategy: row.quantity for row in reader.positions() if row.strategy}
    assert held == {"manual": 10, "external": 5}
    assert verify(world.url).problems == []


@pytest.mark.parametrize(
    "point",
    [
        "sending:1",
        *map(in_a_campaign, ("before_append:4", "in_commit:3", "committed:3", "released:1", "answered:1")),
    ],
)
def test_a_watchdog_that_is_killed_as_it_gives_a_default_stop_leaves_one(world: World, point: str) -> None:
    """Killed anywhere between taking the account and the broker's answer: the next one comes to one stop, for all that is held."""
    bare_without_a_stop(world)
    first = world.watchdog(HOLDFAST_CRASH_AT=point)
    assert first.ended(PATIENCE_S) == -signal.SIGKILL
    world.watchdog()
    until(world.stops, "the stop")
    until(lambda: world.said()[-1][0] == "protected", "the watchdog to be content")
    assert the_default(world)[0] == 10
    assert set(world.asked_for().values()) == {1}
    assert verify(world.url).problems == []


@pytest.mark.campaign
@pytest.mark.parametrize("point", ["sending:1", "released:1", "answered:1"])
def test_a_watchdog_that_is_killed_as_it_acts_leaves_one_stop(world: World, point: str) -> None:
    """Killed between its own record and the broker's answer: the next one finds out what became of it, and there is one stop."""
    stop = left_bare(world, "fill_received:1")
    first = world.watchdog(HOLDFAST_CRASH_AT=point)
    assert first.ended(PATIENCE_S) == -signal.SIGKILL
    world.watchdog()
    until(lambda: world.stops() == [(Decimal(10), stop)], "the stop")
    until(lambda: world.said()[-1][0] == "protected", "the watchdog to be content")
    assert world.stops() == [(Decimal(10), stop)]
    assert set(world.asked_for().values()) == {1}
    assert verify(world.url).problems == []


@pytest.mark.parametrize(
    "fault", ["accepted_then_504", *map(in_a_campaign, ("accepted_then_timeout", "not_accepted_then_504"))]
)
def test_a_lost_answer_makes_no_second_stop(world: World, fault: str) -> None:
    """The answer to the stop is lost, whether it was taken or not: it is asked for, and in the end there is one."""
    stop = left_bare(world, "fill_received:1")
    world.broker.arm([{"name": fault, "times": 1}])
    world.watchdog()
    content(world)
    assert world.broker.fired[fault] == 1
    assert world.stops() == [(Decimal(10), stop)]
    assert verify(world.url).problems == []


def test_a_start_waits_for_the_watchdog(world: World) -> None:
    """An engine that is started while the watchdog has the account is not refused: it waits, and then trades."""
    left_bare(world, "fill_received:1")
    world.broker.arm([{"name": "not_accepted_then_504", "times": None}])
    world.watchdog()
    until(lambda: world.heard("taken"), "the watchdog to act")
    before, _ = world.account()
    engine = world.start("run", "--json")
    until(lambda: "guarded by a watchdog" in (world.folder / "run.txt").read_text(), "the engine to wait")
    world.broker.disarm()
    until(lambda: world.is_trading(before), "the engine to trade")
    assert engine.ended() is None
    until(lambda: len(world.stops()) == 1, "the stop")


def test_a_broker_that_is_away_is_tried_again(world: World) -> None:
    """When it is needed the broker shows its maintenance page: that is told, and the stop is placed once it is back."""
    stop = left_bare(world, "released:2")
    world.broker.arm([{"name": "maintenance_page", "method": "GET", "path": "/v2/", "times": None}])
    world.watchdog()
    until(lambda: world.heard("silent"), "the silence")
    until(lambda: world.said()[-1][0] == "trouble", "the trouble to be told")
    assert not world.heard("taken")
    world.broker.disarm()
    until(lambda: world.stops() == [(Decimal(10), stop)], "the stop")
    content(world)
    assert set(world.asked_for().values()) == {1}
