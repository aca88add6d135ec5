"""``holdfast data download`` against a local server: what is there afterwards is what the server has, whatever happened on the way."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from holdfast.data.catalogue import Catalogue, read_month
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.process.program import Done, run, started, until

pytestmark = pytest.mark.process

OPENS = [f"2024-{month:02}-{day:02}T15:00:00Z" for month in range(1, 7) for day in (8, 9, 31 if month % 2 else 28)]
"""Three days of each of six months; the last may be the month's last."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Ten minutes of each day, and one that begins in the next month of UTC while New York still has the last."""
    times = [
        pd.Timestamp(day) + pd.Timedelta(minutes=n) for day in OPENS for n in range(10) if day != "2024-05-31T15:00:00Z"
    ]
    rng = np.random.default_rng(7)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.001, len(times)))), 2)
    frame = pd.DataFrame(
        {"ts": times, "symbol": "AVOR", "open": close, "high": close + 0.5, "low": close - 0.5, "close": close}
    )
    frame["volume"] = rng.integers(1, 1000, len(times)).astype(float)
    return frame


@pytest.fixture(scope="module")
def server(made: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("market") / "bars.parquet"
    made.to_parquet(path)
    with local_alpaca(data=[path], symbols=["AVOR"], start=None) as local:
        local.finish()
        yield local


def write(folder: Path, server: LocalAlpaca, requests_per_minute: int = 200) -> None:
    (folder / "holdfast.toml").write_text(
        f'[[accounts]]\nname = "one"\n[alpaca]\nmode = "paper"\napi_key = "{KEY}"\napi_secret = "{SECRET}"\ndata_requests_per_minute = {requests_per_minute}\n'
        f'trading_url = "{server.trading_url}"\ndata_url = "{server.data_url}"\ndata_stream_url = "{server.data_stream_url}"\n'
    )


RANGE = ("--from", "2024-01-01", "--to", "2024-06-28")


def arguments(*more: str) -> tuple[str, ...]:
    return ("data", "download", "AVOR", *RANGE, *more)


def quiet() -> dict[str, str]:
    return {name: "" for name in os.environ if name.startswith("ALPACA_")}


def download(folder: Path, *more: str) -> Done:
    done = run(folder, *arguments("--json", *more), **quiet())
    assert SECRET not in done.out + done.err
    assert KEY not in done.out + done.err
    return done


def rows(folder: Path) -> pd.DataFrame:
    """What the catalogue has, in the form of what was made."""
    [entry] = Catalogue(folder / "data").entries()
    table = pa.concat_tables([read_month(path)[0] for path in entry.files])
    return table.to_pandas()[["ts", "symbol", "open", "high", "low", "close", "volume"]]


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> bool:
    """Row by row, without regard to the types of the columns."""
    wanted = wanted.sort_values("ts")
    times = [each.value for each in found["ts"]] == [pd.Timestamp(each).as_unit("ns").value for each in wanted["ts"]]
    names = ["open", "high", "low", "close", "volume"]
    return times and found[names].to_numpy().tolist() == wanted[names].to_numpy().tolist()


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path, server: LocalAlpaca, made: pd.DataFrame) -> None:
    """After SIGKILL the months that are there are whole; the same command asks for the others, and all rows are the server's own."""
    write(tmp_path, server, requests_per_minute=6)  # of which the past may use three, and then waits
    with started(tmp_path, *arguments(), errors=None, **quiet()) as running:
        until(lambda: len(list(tmp_path.glob("data/**/2*.parquet"))) >= 3, "three months")
        running.kill()
    there, months = rows(tmp_path), len(list(tmp_path.glob("data/**/2*.parquet")))
    assert months < 6, "it was not killed in the middle"
    assert same(there, made[made["ts"] < pd.Timestamp(f"2024-{months + 1:02}-01", tz="UTC")])
    write(tmp_path, server)
    done = download(tmp_path)
    assert done.status == 0, done
    [symbol] = done.json["symbols"]
    assert (symbol["finished_before"], symbol["months"]) == (months, 6)
    assert symbol["new"] == len(made) - len(there)
    assert symbol["there"] == 0
    assert same(rows(tmp_path), made)
    again = download(tmp_path).json["symbols"][0]
    assert (again["new"], again["there"]) == (0, 0)
    assert again["finished_before"] >= 5  # the month that isn't over is asked for again


def test_days_are_those_of_the_exchange(tmp_path: Path, server: LocalAlpaca, made: pd.DataFrame) -> None:
    """Daily bars begin at New York's midnight, are many months a request, and say how they are adjusted."""
    write(tmp_path, server)
    done = download(tmp_path, "--bar", "1Day", "--adjustment", "splits")
    assert done.status == 0, done
    [entry] = Catalogue(tmp_path / "data").entries()
    assert (entry.length, entry.adjustment, entry.zone) == ("1Day", "splits", "days of XNYS")
    found = rows(tmp_path)
    local = made["ts"].dt.tz_convert("America/New_York").dt.normalize()
    wanted = made.groupby(local)["volume"].sum()
    over = wanted[wanted.index.tz_convert("UTC") + pd.Timedelta(days=1) <= made["ts"].max()]
    assert found["ts"].tolist()[: len(over)] == over.index.tz_convert("UTC").tolist()
    assert found["volume"].tolist()[: len(over)] == over.tolist()


def test_what_cannot_be_had_is_said_in_a_line(tmp_path: Path, server: LocalAlpaca) -> None:
    """With what there is; nothing is made."""
    write(tmp_path, server)
    for more, status, words in (
        (("--broker", "paper"), 3, "broker paper offers no history"),
        (("--broker", "alpaka"), 3, "did you mean alpaca?"),
        (("--bar", "7Min"), 2, "alpaca has 1Min, 5Min"),
        (("--adjustment", "split"), 2, "alpaca has raw, splits, all"),
        (("--from", "soon"), 2, "'soon' is no date"),
        (("--to", "2023-01-01"), 2, "is before --from"),
        (("--from", "2031-01-01", "--to", "2031-02-01"), 2, "no bar from then on is over"),
    ):
        done = download(tmp_path, *more)
        assert (done.status, words in done.error) == (status, True), done
    assert not (tmp_path / "data").exists()


def test_a_symbol_without_bars_and_a_server_that_is_gone(tmp_path: Path, server: LocalAlpaca) -> None:
    """Exit status 1, and one line each."""
    write(tmp_path, server)
    done = run(tmp_path, "data", "download", "AVOX", *RANGE, **quiet())
    assert done.status == 1
    assert "has no bars of it" in done.error
    (tmp_path / "holdfast.toml").write_text(
        (tmp_path / "holdfast.toml").read_text().replace(server.data_url, "http://127.0.0.1:9")
    )
    done = download(tmp_path)
    assert done.status == 1
    assert SECRET not in done.error
