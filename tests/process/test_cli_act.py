"""The command line: acting on a running engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.program import proves_itself, run, started, succeed, trading, until

pytestmark = pytest.mark.process

CONFIG = """
[feed]
kind = "synthetic"
seed = 2
speed = 60
symbols = ["AVOR", "BRYX"]

[[accounts]]
name = "house"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["BRYX"]
params = { fast = 2, slow = 4, quantity = 10, allow_short = true }
"""
FAR_BELOW = "6"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Iterator[Path]:
    """The folder of an engine that trades."""
    with started(folder, "run"):
        until(lambda: trading(f"sqlite:///{folder / 'holdfast.db'}"), "the engine to trade")
        yield folder
    assert proves_itself(folder, "holdfast.toml")


def position(folder: Path, symbol: str) -> str:
    """The account's quantity in a symbol."""
    held = {row["symbol"]: row["quantity"] for row in succeed(folder, "positions", "--json").json}
    return str(held.get(symbol, "0"))


def test_buy_and_sell_by_hand(engine: Path) -> None:
    """A person's orders fill, land in the ledger called manual, and leave a trail to who asked."""
    bought = succeed(engine, "buy", "AVOR", "10", "--json").json
    assert bought["status"] == "done"
    until(lambda: position(engine, "AVOR") == "10", "the buy to fill")
    [held] = [row for row in succeed(engine, "positions", "--json").json if row["symbol"] == "AVOR"]
    assert [share["strategy"] for share in held["strategies"]] == ["manual"]
    succeed(engine, "sell", "AVOR", "10", "--yes")
    until(lambda: position(engine, "AVOR") == "0", "the sell to fill")
    chain = succeed(engine, "audit", "trail", bought["client_order_ids"][0], "--json").json
    assert chain[0]["type"] == "PlaceOrder"
    assert chain[0]["source"].startswith("cli:")


def test_cancel_one_and_all(engine: Path) -> None:
    """A resting order is canceled by its id, the rest by ``--all``; what is not live is refused."""
    ids = [
        succeed(engine, "buy", "AVOR", quantity, "--limit", price, "--tif", "gtc", "--json").json["client_order_ids"][0]
        for quantity, price in (("1", "100000"), ("2", FAR_BELOW), ("3", FAR_BELOW), ("4", FAR_BELOW))
        if price == FAR_BELOW
    ]
    succeed(engine, "cancel", ids[0])

    def state_of(order_id: str) -> str:
        rows = succeed(engine, "orders", "--limit", "1000", "--json").json
        return str(next(row["state"] for row in rows if row["client_order_id"] == order_id))

    until(lambda: state_of(ids[0]) == "CANCELED", "the cancel")
    succeed(engine, "cancel", "--all", "--symbol", "AVOR")
    until(lambda: [state_of(name) for name in ids] == ["CANCELED"] * 3, "the others' cancel")
    again = run(engine, "cancel", ids[0])
    assert (again.status, ids[0] in again.error) == (3, True)


@pytest.mark.proves("I13")
def test_halt_lets_no_risk_out_until_resume(engine: Path) -> None:
    """A halted account refuses a buy with exit status 3; after ``resume`` it goes through."""
    succeed(engine, "halt", "--reason", "lunch")
    assert succeed(engine, "status", "--json").json["accounts"][0]["state"] == "HALTED"
    refused = run(engine, "buy", "AVOR", "1")
    assert (refused.status, "HALTED" in refused.error) == (3, True)
    succeed(engine, "resume")
    succeed(engine, "buy", "AVOR", "1")
    assert run(engine, "resume").status == 3


def test_status_says_what_risk_refused(engine: Path) -> None:
    """Each rule with how often, the figure and the limit of the last time, for people and as JSON."""
    for quantity in ("1000000", "2000000"):
        assert run(engine, "buy", "AVOR", quantity, "--yes").status == 3
    assert run(engine, "buy", "AVOR", "1", "--stop-loss", "100000", "--yes").status == 3
    rows = {row["rule"]: row for row in succeed(engine, "status", "--json").json["accounts"][0]["refusals"]}
    power, side = rows["buying_power"], rows["protection_side"]
    assert (power["count"], power["symbol"], power["strategy"]) == (2, "AVOR", "manual")
    assert float(power["figure"]) > float(power["limit"]) > 0
    assert (side["count"], side["figure"]) == (1, "100000")
    words = " ".join(succeed(engine, "status").out.split())
    assert "refused 2 x buying_power, last" in words
    assert f"all positions could reach {float(power['figure']):,.2f}; {float(power['limit']):,.2f} is allowed" in words
    assert "refused 1 x protection_side, last" in words


def test_a_position_is_given_a_stop(engine: Path) -> None:
    """``protect`` places a stop for what is held; a second one, a symbol that nobody holds and an impossible price are refused."""
    assert run(engine, "protect", "AVOR", "--stop-loss", FAR_BELOW).status == 3
    succeed(engine, "buy", "AVOR", "10")
    until(lambda: position(engine, "AVOR") == "10", "the buy to fill")
    assert run(engine, "protect", "AVOR", "--stop-loss", "100000").status == 3
    assert run(engine, "protect", "AVOR", "--stop-loss", "nan").status == 2
    done = succeed(engine, "protect", "AVOR", "--stop-loss", FAR_BELOW, "--strategy", "manual", "--json").json
    assert (done["status"], "10 AVOR of manual" in done["text"]) == ("done", True)
    [stop] = [row for row in succeed(engine, "orders", "--open", "--json").json if row["symbol"] == "AVOR"]
    assert (stop["order_type"], stop["quantity"], stop["stop_price"]) == ("stop", "10", FAR_BELOW)
    again = run(engine, "protect", "AVOR", "--stop-loss", "7")
    assert (again.status, "has its stop" in again.error) == (3, True)


def test_flatten_waits_until_flat(engine: Path) -> None:
    """``flatten`` returns when no position and no order is left, and leaves the account halted."""
    succeed(engine, "buy", "AVOR", "7")
    succeed(engine, "buy", "AVOR", "5", "--limit", FAR_BELOW)
    flat = succeed(engine, "flatten", "--yes", "--timeout", "60", "--json").json
    assert (flat["flat"], flat["orders"], flat["positions"]) == (True, [], [])
    assert succeed(engine, "positions", "--json").json == []
    assert succeed(engine, "orders", "--open", "--json").json == []
    assert succeed(engine, "status", "--json").json["accounts"][0]["state"] == "HALTED"


def test_what_cannot_be_meant_is_refused(engine: Path) -> None:
    """Unknown symbols and too big orders exit with 3, impossible values with 2; a second engine is kept out with 3."""
    cases = [
        (["buy", "AVRO", "1"], 3, "AVRO"),
        (["buy", "AVOR", "100000000"], 3, "buying_power"),
        (["buy", "AVOR", "0"], 2, "above zero"),
        (["buy", "AVOR", "ten"], 2, "number"),
        (["buy", "AVOR", "1", "--limit", "nan"], 2, "must be a number"),
        (["buy", "AVOR", "1", "--account", "hause"], 2, "did you mean house?"),
        (["cancel"], 2, "--all"),
        (["run"], 3, "is being traded by"),
    ]
    for arguments, status, text in cases:
        done = run(engine, *arguments)
        assert (done.status, text in done.error) == (status, True), (arguments, done)


def test_without_an_engine_only_what_bars_risk_can_be_filed(folder: Path) -> None:
    """Orders and cancels need an engine (3); PRESERVATION and a halt wait for the next start, which then begins halted."""
    assert run(folder, "halt").status == 1  # there is no journal yet
    succeed(folder, "run", "--for", "0.2s", "--json")
    for arguments in (
        ["buy", "AVOR", "1"],
        ["cancel", "--all"],
        ["flatten", "--yes"],
        ["protect", "AVOR", "--stop-loss", "6"],
    ):
        done = run(folder, *arguments)
        assert (done.status, "start it first" in done.error) == (3, True)
    assert "next start" in succeed(folder, "preserve").error
    assert "next start" in succeed(folder, "halt").error
    held = position(folder, "BRYX")
    begun = succeed(folder, "run", "--speed", "max", "--for", "0.5s", "--json").json
    assert begun["accounts"][0]["state"] == "HALTED"
    left = position(folder, "BRYX")  # what was held may have been closed meanwhile; nothing is opened
    assert (left, begun["orders"]) in ((held, 0), ("0", 1))
    assert begun["bars"] > 0
