"""The smallest inputs that once gave a wrong result, each with the right one.

The inputs lie outside the repository (fixture ``shared_cases``). A row names a configuration there, what to look at in
the backtest's JSON, and what is right. A new row states the value from reasoning or from the exchange's rule, never from
what the program says today.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.cli.backtest import backtest
from holdfast.errors import HoldfastError

Look = Callable[[Any], object]


def fills(result: Any) -> list[str]:
    """Every fill as "side quantity @ price", in order."""
    return [f"{fill['side']} {fill['quantity']} @ {fill['price']}" for fill in result["fills_list"]]


def orders(result: Any) -> list[str]:
    """Every order's last state and the time of its last change, in the order in which they ended."""
    return [f"{order['state']} {order['updated']}" for order in result["orders_list"]]


def counts(result: Any) -> tuple[int, int]:
    """How often something was asked for, and how often risk refused it."""
    return result["signals"], sum(result["accounts"][0]["refusals"].values())


def notes(result: Any) -> list[str]:
    """What looks like a split, in the note's own words."""
    return [note[note.index("a split of") :].split(",")[0] for note in result["notes"]]


def end(result: Any) -> str:
    """The time of the last event."""
    return str(result["accounts"][0]["end"])


def limits(result: Any) -> list[str]:
    """The limit of every order."""
    return [order["limit_price"] for order in result["orders_list"]]


def refusals(result: Any) -> object:
    """How often each rule refused something."""
    return result["accounts"][0]["refusals"]


class Case(NamedTuple):
    """``config`` is the file's path in the folder of cases."""

    config: str
    look: Look
    right: object


CASES = [
    Case("money/look.toml", fills, ["buy 10 @ 30"]),
    Case("money/lookc.toml", fills, ["buy 10 @ 30"]),
    Case("money/mkt.toml", fills, ["buy 10 @ 100", "sell 10 @ 98"]),
    Case("money/lim.toml", fills, ["buy 10 @ 99", "sell 10 @ 97"]),
    Case("nextopen_stop/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 95"]),
    Case("daily_nextopen/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 95"]),
    # each bar cancels the limit and asks for the same again; the last of them fills
    Case("money/again.toml", fills, ["buy 10 @ 99"]),
    # seven intents for 40,000 each on 100,000 without leverage: the first two can be had
    Case("cash/holdfast.toml", counts, (7, 5)),
    Case("trail/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 98"]),
    # a 4:1 split that nobody said is no silent loss
    Case("split/holdfast.toml", notes, ["a split of 4 for 1"]),
    Case("trail_order2/holdfast.toml", fills, ["buy 10 @ 100", "sell 10 @ 98"]),
    # a day's bar beside minutes is known when the day is over, not at its first minute
    Case("mixed_lengths/holdfast.toml", end, "2024-01-04T05:00:00Z"),
    # the tick of NSE below 250 rupees is 0.01 since June 2024
    Case("nsetick/holdfast.toml", limits, ["99.99"]),
    # nobody told the tick of EURUSD: its stop can't be rounded, and moves nowhere
    Case("fx_tick/holdfast.toml", refusals, {"tick_known": 1}),
    # NSE traded on a Saturday: a day order of it ends with that session
    Case("sat_session/holdfast.toml", orders, ["EXPIRED 2025-02-01T10:00:00Z"]),
    # the data goes on after what the calendar knows, and the run with it: bought at the open of the bar after the first
    Case("cal_end/holdfast.toml", fills, ["buy 1 @ 1500.01"]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.config)
def test_the_case_gives_the_right_value(
    case: Case, shared_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What once went wrong comes out right."""
    config = shared_cases / case.config
    monkeypatch.chdir(shared_cases)
    monkeypatch.syspath_prepend(str(config.parent))
    monkeypatch.syspath_prepend(str(shared_cases))
    backtest(config, None, str(tmp_path / "result.json"))
    assert case.look(json.loads((tmp_path / "result.json").read_text())) == case.right


BARS = {
    "rs_in_30Min": (
        26,
        "2024-01-03T10:00:00Z",
    ),  # 13 a day from 9:15 to 15:30 in Mumbai, the last one of a quarter of an hour
    "rs_in_1Hour": (14, "2024-01-03T10:00:00Z"),
    "rs_ny_2Hour": (8, "2024-01-03T21:00:00Z"),  # from 9:30 in New York, the last one to 16:00
    "rs_ny_1Day": (2, "2024-01-03T21:00:00Z"),
}
"""How many built bars the strategy of a folder sees, and when the last of them ends."""


@pytest.mark.parametrize("name", BARS)
def test_every_built_bar_of_the_session_is_seen(
    name: str, shared_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the session has, the last of the file too, and none that crosses its end."""
    monkeypatch.chdir(shared_cases)
    monkeypatch.syspath_prepend(str(shared_cases))
    monkeypatch.setenv("HOLDFAST_STRATEGIES__0__PARAMS__LOG", str(tmp_path / "seen.txt"))
    backtest(shared_cases / name / "holdfast.toml", None, str(tmp_path / "result.json"))
    seen = [line.split() for line in (tmp_path / "seen.txt").read_text().splitlines() if line.startswith("bar ")]
    assert (len(seen), seen[-1][5]) == BARS[name]


LAYOUT = """
[feed]
kind = "file"
path = "{path}"
[[accounts]]
name = "a"
[[strategies]]
id = "e"
class = "holdfast.strategies:EmaCross"
account = "a"
symbols = ["{symbol}"]
"""


def test_a_file_in_any_layout_is_read_or_refused_in_one_line(shared_cases: Path, tmp_path: Path) -> None:
    """Read are those that tell all that must be known, zone and symbol too (as what: tests/unit/data); nothing crashes."""
    verdicts = {}
    for file in sorted((shared_cases / "layouts").iterdir()):
        config = tmp_path / f"{file.name}.toml"
        config.write_text(LAYOUT.format(path=file, symbol="SPY"))
        try:
            backtest(config, None, str(tmp_path / "result.json"))
        except HoldfastError:
            verdicts[file.name] = "refused"
        else:
            verdicts[file.name] = "read"
    assert len(verdicts) > 15
    assert {name for name, verdict in verdicts.items() if verdict == "read"} <= TELL_ALL


TELL_ALL = {
    "SPY_firstrate_1min.txt",
    "alpaca_bars.json",
    "alpaca_py_df.csv",
    "bom_ok.csv",
    "databento_ohlcv-1m.csv",
    "kite_infy_noColon.csv",
    "spaces.csv",
}
ELSEWHERE = {
    "layouts": "above",
    "live_fee": "tests/scenario/alpaca/test_bookings.py",
    "live_restart_close_all": "tests/scenario/test_preservation_causes.py",
}
"""Cases that no backtest can show, or that have a test of their own, and where it is."""


def test_no_case_is_left_out(shared_cases: Path) -> None:
    """A folder that is added there is missed here."""
    known = {case.config.split("/")[0] for case in CASES} | set(BARS) | set(ELSEWHERE)
    assert {folder.name for folder in shared_cases.iterdir() if folder.is_dir() and folder.name[0] != "_"} <= known
    root = Path(__file__).parents[2]
    assert all((root / place).exists() for place in ELSEWHERE.values() if place != "above")
