"""A sweep over several machines: Dask with two workers on this one, over loopback."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast import sweep
from tests.scenario.test_backtest_in_python import prices

pytestmark = [pytest.mark.process, pytest.mark.filterwarnings("ignore"), pytest.mark.campaign]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    """A scheduler and two worker processes that speak over loopback alone."""
    distributed: Any = import_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


def test_two_dask_workers_make_the_same_table(client: Any, tmp_path: Path) -> None:
    """Trials that ran on both workers of a cluster are those of this process, bit by bit; an interrupted sweep goes on there too."""
    data = {"AA": prices(200)}
    said: dict[str, Any] = {"params": {"fast": "2:8:2", "slow": [12, 20]}, "quantity": 10}
    out = tmp_path / "s.parquet"

    def interrupt(done: int, _planned: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep("EmaCross", data, **said, executor=client.get_executor(), out=out, progress=interrupt)
    found = sweep("EmaCross", data, **said, executor=client.get_executor(), out=out, progress=False)
    alone = sweep("EmaCross", data, **said, jobs=1, progress=False)
    assert found.trials == alone.trials
    pd.testing.assert_frame_equal(found.table, alone.table)
    assert len(client.nthreads()) == 2
