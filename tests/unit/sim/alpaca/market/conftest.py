"""Official clients of a local Alpaca, and market data to serve."""

import datetime as dt
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the official SDK imports the old client of websockets
    from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
    from alpaca.trading.client import TradingClient

from tests.budget import TIER, Tier
from tests.local_alpaca import KEY, SECRET, LocalAlpaca, local_alpaca
from tests.local_server import PATIENCE_S


class Bot:
    """What a program has in hand: the official clients, and plain HTTP. The clients' answers may be of several types."""

    def __init__(self, server: LocalAlpaca) -> None:
        self.server = server
        self.trading: Any = TradingClient(KEY, SECRET, url_override=server.trading_url)
        self.stocks: Any = StockHistoricalDataClient(KEY, SECRET, url_override=server.data_url)
        self.crypto: Any = CryptoHistoricalDataClient(url_override=server.data_url)

    def get(self, path: str, **query: Any) -> requests.Response:
        """A request with keys."""
        headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
        return requests.get(f"{self.server.trading_url}{path}", query, headers=headers, timeout=PATIENCE_S)

    def close(self) -> None:
        """Give the connections back."""
        for client in (self.trading, self.stocks, self.crypto):
            client._session.close()


@pytest.fixture(scope="module")
def made_up() -> Iterator[Bot]:
    """A made-up market that stands at the open of a session."""
    with local_alpaca() as server:
        bot = Bot(server)
        yield bot
        bot.close()


@pytest.fixture
def bars_csv(tmp_path: Path) -> Path:
    """Two symbols, three minutes each, at the open of 2024-01-03."""
    rows = ["symbol,ts,open,high,low,close,volume"]
    for minute in range(3):
        start = dt.datetime(2024, 1, 3, 14, 30 + minute, tzinfo=dt.UTC).isoformat()
        rows.append(f"ACME,{start},{10 + minute},{11 + minute},{9 + minute},{10.5 + minute},{100 + minute}")
        rows.append(f"ZINC,{start},{20 + minute},{21 + minute},{19 + minute},{20.5 + minute},{200 + minute}")
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(rows))
    return path


def beginning(path: Path, rows: int, folder: Path) -> Path:
    """A file with the first rows of one of the shared files; all of them in a campaign."""
    if TIER is Tier.CAMPAIGN:
        return path
    shorter = folder / path.name
    pq.write_table(pq.read_table(path).slice(0, rows), shorter)
    return shorter


def read(path: Path, symbol: str) -> pd.DataFrame:
    """The rows of a symbol in one of the shared files."""
    table = pd.read_parquet(path)
    return table[table.symbol == symbol].reset_index(drop=True)
