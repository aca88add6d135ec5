"""No method of the SDK that a bot for stocks or coins could use is forgotten here."""

import ast
import inspect
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.alpaca.sdk import (
    CryptoDataStream,
    CryptoHistoricalDataClient,
    StockDataStream,
    StockHistoricalDataClient,
    TradingClient,
    TradingStream,
)

HERE = Path(__file__).parent
STREAM_TESTS = ("test_data_streams.py", "sdk.py")
TESTS: Mapping[type, tuple[str, ...]] = {
    TradingClient: ("test_trading_client.py",),
    StockHistoricalDataClient: ("test_stock_data.py",),
    CryptoHistoricalDataClient: ("test_crypto_data.py",),
    TradingStream: ("test_trading_stream.py", "sdk.py"),
    StockDataStream: STREAM_TESTS,
    CryptoDataStream: STREAM_TESTS,
}
"""Where the methods of each class are exercised."""

PLUMBING = "the other methods are made of it"
LEFT_OUT: Mapping[type, Mapping[str, str]] = {
    TradingClient: dict.fromkeys(("post", "put", "patch", "delete", "response_wrapper"), PLUMBING),
    StockHistoricalDataClient: dict.fromkeys(("post", "put", "patch", "delete", "response_wrapper"), PLUMBING),
    CryptoHistoricalDataClient: dict.fromkeys(("get", "post", "put", "patch", "delete", "response_wrapper"), PLUMBING),
    TradingStream: {},
    StockDataStream: {},
    CryptoDataStream: {},
}
"""What is not exercised, and why."""


def public_methods(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, callable) if not name.startswith("_")}


def used_names(*files: str) -> set[str]:
    """Every attribute that the code of these files names: a method is called or handed on by it."""
    trees = (ast.parse((HERE / file).read_text(encoding="utf-8")) for file in files)
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("kind", TESTS, ids=lambda kind: kind.__name__)
def test_every_method_is_exercised_or_left_out_for_a_reason(kind: type) -> None:
    """Each public method of the SDK's class is used by the tests, or stands in the list of those that are not."""
    forgotten = public_methods(kind) - used_names(*TESTS[kind]) - LEFT_OUT[kind].keys()
    assert not forgotten


@pytest.mark.parametrize("kind", TESTS, ids=lambda kind: kind.__name__)
def test_the_list_of_what_is_left_out_is_true(kind: type) -> None:
    """What is left out exists in the SDK, and isn't exercised after all."""
    left_out = set(LEFT_OUT[kind])
    assert left_out <= public_methods(kind)
    assert not left_out & used_names(*TESTS[kind])
