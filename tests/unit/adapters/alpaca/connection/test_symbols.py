"""Alpaca's names of instruments, and ours."""

import pytest

from holdfast.adapters.alpaca.connection.symbols import canonical_symbol, is_crypto


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("BTCUSD", "BTC/USD"),
        ("BTC/USD", "BTC/USD"),
        ("USDTUSD", "USDT/USD"),
        ("USDCUSD", "USDC/USD"),
        ("ETHBTC", "ETH/BTC"),
        ("AAVEUSDT", "AAVE/USDT"),
        ("IBM", "IBM"),
        ("BRK.B", "BRK.B"),
        ("XXUSD", "XXUSD"),
        ("AAPL240119C00100000", "AAPL240119C00100000"),
    ],
)
def test_each_instrument_has_one_name(theirs: str, ours: str) -> None:
    """Pairs get their slash wherever Alpaca leaves it out; stocks and options are as they are."""
    assert canonical_symbol(theirs) == ours
    assert canonical_symbol(ours) == ours


def test_crypto_has_a_slash() -> None:
    """That tells a pair from a stock."""
    assert is_crypto("BTC/USD")
    assert not is_crypto("IBM")
