"""The bars that a backtest over a file shows to its strategy, to the last."""

import datetime as dt
from pathlib import Path

import pytest

from holdfast.assembly import build_feed
from holdfast.backtesting.run import Backtest
from holdfast.config import load_config
from holdfast.core.strategy.api import Bar, Context, Strategy
from holdfast.core.types import iso_time

SEEN: list[str] = []


class Keeper(Strategy):
    """Keeps what it is shown."""

    def on_start(self, context: Context) -> None:
        SEEN.clear()

    def on_bar(self, context: Context, bar: Bar) -> None:
        SEEN.append(
            f"{iso_time(bar.start_ns)[11:16]}-{iso_time(bar.time_ns)[11:16]} {bar.volume:g} at {iso_time(context.time_ns)[11:16]}"
        )


def seen(folder: Path, calendar: str, timeframe: str, first: str, count: int) -> list[str]:
    """What a backtest over so many minutes from the first on shows."""
    start = dt.datetime.fromisoformat(first)
    rows = [f"A,{(start + dt.timedelta(minutes=n)).isoformat()},1,1,1,1,1" for n in range(count)]
    (folder / "bars.csv").write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    (folder / "holdfast.toml").write_text(
        f'[feed]\npath = "{folder / "bars.csv"}"\n[[accounts]]\nname = "a"\ncalendar = "{calendar}"\n[[strategies]]\nid = "k"\n'
        f'class = "{__name__}:Keeper"\naccount = "a"\nsymbols = ["A"]\ntimeframe = "{timeframe}"\n'
    )
    config = load_config(folder / "holdfast.toml")
    Backtest(config, config.accounts[0], build_feed(config), folder).run()
    return list(SEEN)


@pytest.mark.parametrize(
    ("timeframe", "count", "expected"),
    [
        ("2Hour", 390, ["14:30-16:30 120 at 16:30", "16:30-18:30 120 at 18:30", "18:30-20:30 120 at 20:30", "20:30-21:00 30 at 21:00"]),
        ("1Day", 390, ["14:30-21:00 390 at 21:00"]),
        ("2Hour", 150, ["14:30-16:30 120 at 16:30", "16:30-18:30 30 at 21:00"]),  # the file ends at 17:00
        ("1Day", 10, ["14:30-21:00 10 at 21:00"]),
        ("1Month", 390, []),  # the month goes on
    ],
)  # fmt: skip
def test_the_last_bars_of_a_file_come(tmp_path: Path, timeframe: str, count: int, expected: list[str]) -> None:
    """At their end; those of the session that the data broke off in, when it closes. What is longer is not over."""
    assert seen(tmp_path, "XNYS", timeframe, "2024-01-02T14:30:00+00:00", count) == expected


def test_a_month_that_ends_with_the_file_comes(tmp_path: Path) -> None:
    """The last session of January closes."""
    assert seen(tmp_path, "XNYS", "1Month", "2024-01-31T20:00:00+00:00", 60) == ["14:30-21:00 60 at 21:00"]
