"""Which fault fires when, and the counts."""

import pytest

from holdfast.errors import InvalidValue
from holdfast.sim.alpaca.faults.catalogue import FAULTS, FaultName
from holdfast.sim.chassis.faults.registry import MOST_ARMED, Faults

POST = {"method": "POST", "path": "/v2/orders"}


class Wall:
    """A wall clock that a test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def faults_of(*raws: dict[str, object], wall: Wall | None = None) -> Faults:
    return Faults([FAULTS.parse(raw) for raw in raws], wall or Wall())


def fires(faults: Faults, name: FaultName, count: int, **about: object) -> list[bool]:
    return [faults.take(name, **about) is not None for _ in range(count)]


def test_nothing_fires_that_is_not_on() -> None:
    """Without faults no chance leads to one."""
    faults = faults_of({"name": "slow"})
    assert not any(fires(faults, FaultName.RESET_AFTER, 3, **POST))
    assert not faults.fired


def test_it_fires_so_often_and_no_more() -> None:
    """A fault is used up after its times."""
    faults = faults_of({"name": "slow", "times": 2})
    assert fires(faults, FaultName.SLOW, 4, **POST) == [True, True, False, False]
    assert faults.fired == {FaultName.SLOW: 2}
    (shown,) = faults.as_json()["faults"]
    assert (shown["fired"], shown["chances"], shown["spent"]) == (2, 2, True)


def test_it_lets_the_first_chances_go() -> None:
    """With after the first chances pass; only what it could have bitten counts as one."""
    faults = faults_of({"name": "slow", "after": 2})
    assert faults.take(FaultName.SLOW, method="GET", path="/v2/orders") is None
    assert fires(faults, FaultName.SLOW, 4, **POST) == [False, False, True, False]


def test_it_hands_over_what_it_was_told() -> None:
    """Who takes a fault gets its parameters, those with defaults too."""
    fault = faults_of({"name": "slow", "seconds": 0.25}).take(FaultName.SLOW, **POST)
    assert fault is not None
    assert fault.seconds == 0.25
    fault = faults_of({"name": "partial_fills"}).take(FaultName.PARTIAL_FILLS, symbol="IBM")
    assert fault is not None
    assert fault.params["fraction"] == 0.5


def test_chance_is_repeatable() -> None:
    """The same seed fires at the same chances, another one at others; about as often as told."""
    runs = [
        fires(faults_of({"name": "slow", "probability": 0.3, "seed": seed}), FaultName.SLOW, 1_000, **POST)
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]
    assert 240 < sum(runs[0]) < 360


def test_the_filters_hold() -> None:
    """A fault bites what it was narrowed to; a path is matched from its start."""
    faults = faults_of(
        {"name": "slow", "method": "GET", "path": "/v2/(account|positions)", "times": None},
        {"name": "leg_dead", "symbol": "IBM", "client_order_id": "a", "times": None},
        {"name": "stream_drop", "stream": "data", "times": None},
        {"name": "stream_duplicate", "event": "fill", "times": None},
    )
    assert faults.take(FaultName.SLOW, method="GET", path="/v2/positions/IBM")
    assert not faults.take(FaultName.SLOW, method="GET", path="/v2/orders")
    assert not faults.take(FaultName.SLOW, method="POST", path="/v2/account")
    assert not faults.take(FaultName.SLOW, method="GET", path="/old/v2/account")
    assert faults.take(FaultName.LEG_DEAD, symbol="IBM", client_order_id="a")
    assert not faults.take(FaultName.LEG_DEAD, symbol="IBM", client_order_id="b")
    assert not faults.take(FaultName.LEG_DEAD, symbol="IBM")
    assert faults.take(FaultName.STREAM_DROP, stream="data", event=None)
    assert not faults.take(FaultName.STREAM_DROP, stream="trade_updates", event="fill")
    assert faults.take(FaultName.STREAM_DUPLICATE, stream="trade_updates", event="fill")
    assert not faults.take(FaultName.STREAM_DUPLICATE, stream="trade_updates", event="new")


def test_a_storm_lasts() -> None:
    """A lasting fault bites everything for its seconds, which uses it up once."""
    wall = Wall()
    faults = faults_of({"name": "storm_429", "seconds": 5}, wall=wall)
    assert all(fires(faults, FaultName.STORM_429, 3, **POST))
    wall.now_s += 4.9
    assert all(fires(faults, FaultName.STORM_429, 2, **POST))
    assert faults.as_json()["faults"][0]["spent"] is False
    wall.now_s += 0.2
    assert not any(fires(faults, FaultName.STORM_429, 2, **POST))
    assert faults.fired == {FaultName.STORM_429: 5}
    assert faults.as_json()["faults"][0]["spent"] is True


def test_two_of_a_name_take_turns() -> None:
    """When the first of a name is used up the second has its chances."""
    faults = faults_of({"name": "slow", "seconds": 1}, {"name": "slow", "seconds": 2})
    taken = [faults.take(FaultName.SLOW, **POST) for _ in range(3)]
    assert [fault and fault.seconds for fault in taken] == [1.0, 2.0, None]


def test_off_is_off() -> None:
    """Faults are taken off by number, by name or all; the totals of what fired stay."""
    faults = faults_of({"name": "slow"}, {"name": "slow", "times": None}, {"name": "reset_after"}, {"name": "slow"})
    assert faults.take(FaultName.SLOW, **POST)
    assert faults.disarm(number=1) == 1
    assert faults.disarm(FaultName.SLOW) == 2
    assert [armed.spec.name for armed in faults.armed] == [FaultName.RESET_AFTER]
    assert faults.disarm() == 1
    assert faults.disarm() == 0
    assert faults.as_json() == {"faults": [], "fired": {"slow": 1}}


def test_there_is_a_limit() -> None:
    """Who arms faults without end is stopped."""
    faults = Faults()
    for _ in range(MOST_ARMED):
        faults.arm(FAULTS.parse({"name": "slow"}))
    with pytest.raises(InvalidValue, match="take them off first"):
        faults.arm(FAULTS.parse({"name": "slow"}))
