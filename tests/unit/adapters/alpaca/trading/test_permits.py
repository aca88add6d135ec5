"""What Alpaca says that an account may do, read from its answers."""

from decimal import Decimal
from typing import Any

import pytest

from holdfast.adapters.alpaca.trading.wire import account_of, asset_of
from holdfast.brokers.port import Asset

ACCOUNT: dict[str, Any] = {"id": "a", "cash": "10", "status": "ACTIVE", "multiplier": "2", "shorting_enabled": True}


@pytest.mark.parametrize(
    ("changes", "blocked"),
    [
        ({}, ""), ({"trading_blocked": True}, "trading_blocked"), ({"account_blocked": True}, "account_blocked"),
        ({"trade_suspended_by_user": True}, "trade_suspended_by_user"), ({"status": "ACCOUNT_CLOSED"}, "its status is ACCOUNT_CLOSED"),
        ({"status": "SUBMITTED", "trading_blocked": True}, "its status is SUBMITTED, trading_blocked"),
        ({"transfers_blocked": True}, ""), ({"trading_blocked": None}, ""),
    ],
)  # fmt: skip
def test_a_block_is_told_by_its_name(changes: dict[str, Any], blocked: str) -> None:
    """One of transfers bars no trade."""
    assert account_of({**ACCOUNT, **changes}, []).blocked == blocked


def test_what_is_lent_is_read_as_far_as_it_is_told() -> None:
    """What the answer lacks bars nothing: Alpaca's own refusal is still there."""
    assert (account_of(ACCOUNT, []).leverage, account_of(ACCOUNT, []).shorting) == (Decimal(2), True)
    bare = account_of({"id": "a", "cash": "10"}, [])
    assert (bare.leverage, bare.shorting, bare.blocked) == (None, True, "")
    assert not account_of({**ACCOUNT, "shorting_enabled": False}, []).shorting


@pytest.mark.parametrize(
    ("row", "asset"),
    [
        ({"symbol": "AVOR"}, Asset("AVOR")),
        ({"symbol": "AVOR", "tradable": False}, Asset("AVOR", tradable=False)),
        ({"symbol": "AVOR", "status": "inactive", "tradable": True}, Asset("AVOR", tradable=False)),
        ({"symbol": "BTC/USD", "shortable": False}, Asset("BTC/USD", shortable=False)),
        ({"symbol": "AVOR", "fractionable": False, "shortable": True}, Asset("AVOR", fractionable=False)),
    ],
)
def test_an_asset_bars_what_it_says(row: dict[str, Any], asset: Asset) -> None:
    """By our name of the symbol."""
    assert asset_of(row) == asset
