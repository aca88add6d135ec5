"""What people write to have a fault, and what they are told when it can't be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import ConfigError, InvalidValue
from holdfast.sim.alpaca.faults.catalogue import CATALOGUE, FAULTS, FaultName
from holdfast.sim.chassis.faults.catalogue import Place


def test_a_name_is_enough() -> None:
    """A fault that is told nothing but its name fires once, at the first chance, on POST /v2/orders."""
    spec = FAULTS.parse({"name": "accepted_then_504"})
    assert (spec.name, spec.times, spec.after, spec.probability) == (FaultName.ACCEPTED_THEN_504, 1, 0, None)
    assert (spec.params["method"], spec.params["path"]) == ("POST", "/v2/orders$")


def test_a_probability_has_no_end() -> None:
    """With a probability a fault goes on for ever, unless it is told how often; null says for ever too."""
    assert FAULTS.parse({"name": "slow", "probability": 0.5}).times is None
    assert FAULTS.parse({"name": "slow", "probability": 0.5, "times": 3}).times == 3
    assert FAULTS.parse({"name": "slow", "times": None}).times is None


def test_either_filter_widens_the_other() -> None:
    """Who names a method or a path gets every path, or every method, with it."""
    assert FAULTS.parse({"name": "slow", "method": "get"}).params["path"] is None
    assert FAULTS.parse({"name": "slow", "method": "get"}).params["method"] == "GET"
    assert FAULTS.parse({"name": "slow", "path": "/v2/account"}).params["method"] is None


@pytest.mark.parametrize("name", FaultName)
def test_every_fault_can_be_asked_for(name: FaultName) -> None:
    """Each fault is in the catalogue, can be asked for by name, and what it was told can be sent again as it is."""
    spec = FAULTS.parse({"name": name.value, **({"price": "1"} if "price" in FAULTS.parameters(name) else {})})
    assert FAULTS.parse(spec.as_json()) == spec


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("slow", "must be a table"),
        ({}, "there is no fault None; there are: "),
        ({"name": "sloow"}, "there is no fault 'sloow'; there are: "),
        ({"name": "slow", "second": 1}, "knows no 'second'; it can be told seconds, "),
        ({"name": "slow", "seconds": "long"}, "seconds must be a number, zero or more, not 'long'"),
        ({"name": "slow", "seconds": -1}, "seconds must be"),
        ({"name": "slow", "seconds": True}, "seconds must be"),
        ({"name": "slow", "probability": 1.5}, "probability must be a number from 0 to 1, not 1.5"),
        ({"name": "slow", "times": 1.5}, "times must be a whole number"),
        ({"name": "slow", "path": "("}, "path must be a regular expression"),
        ({"name": "stream_drop", "stream": "mine"}, "stream must be one of trade_updates, data, both, not 'mine'"),
        ({"name": "bust", "times": 2}, "knows no 'times'"),
        ({"name": "correction"}, "it needs price"),
        ({"name": "correction", "price": "-3"}, "price must be a price above zero"),
    ],
)
def test_what_is_wrong_is_said(raw: Any, said: str) -> None:
    """A fault that can't be used is refused with what it should have been."""
    with pytest.raises(InvalidValue) as wrong:
        FAULTS.parse(raw)
    assert said in str(wrong.value)


def test_both_kinds_of_file(tmp_path: Path) -> None:
    """TOML tables, a JSON list and a JSON object with a list say the same."""
    expected = (FAULTS.parse({"name": "slow", "seconds": 1}), FAULTS.parse({"name": "reset_after"}))
    tables = [{"name": "slow", "seconds": 1}, {"name": "reset_after"}]
    (tmp_path / "a.toml").write_text('[[faults]]\nname = "slow"\nseconds = 1\n[[faults]]\nname = "reset_after"\n')
    (tmp_path / "b.json").write_text(json.dumps(tables))
    (tmp_path / "c.json").write_text(json.dumps({"faults": tables}))
    assert [FAULTS.load(tmp_path / name) for name in ("a.toml", "b.json", "c.json")] == [expected] * 3
    assert FAULTS.parse_all(tables[0]) == expected[:1]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.toml", "[[faults]\n", "a.toml"),
        ("a.json", "{", "a.json"),
        ("a.json", '{"faults": [], "more": 1}', "'more'"),
        ("a.json", '[{"name": "nothing"}]', "there is no fault 'nothing'"),
        ("a.json", '[{"name": "bust"}]', "bust happens at once: send it with POST /_sim/faults"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    """A file that can't be read or used stops the start, by its name and with the reason."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as wrong:
        FAULTS.load(tmp_path / name)
    assert said in str(wrong.value)
    assert name in str(wrong.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is an error of the configuration."""
    with pytest.raises(ConfigError, match=r"none\.toml"):
        FAULTS.load(tmp_path / "none.toml")


def test_what_happens_at_once_waits_for_nothing() -> None:
    """Only faults that wait for a chance can be told when."""
    for name in FaultName:
        assert ("times" in FAULTS.parameters(name)) == (CATALOGUE[name].place is not Place.NOW)
