"""The digests of runs: the same for the same core, others for another."""

from decimal import Decimal

import pytest

from holdfast.core.portfolio import portfolio
from holdfast.core.types import Money
from tools import same_records


def test_a_run_has_one_digest_and_a_changed_core_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is repeated gives the same digest; one whose books round otherwise by a hair does not."""
    once = same_records.RUNS["stop limits"]()
    assert same_records.RUNS["stop limits"]() == once
    book = portfolio.Portfolio.deposit

    def deposit(self: portfolio.Portfolio, amount: Money, currency: str = "") -> None:
        book(self, Money(amount.quantize(Decimal("0.00"))), currency)

    monkeypatch.setattr(portfolio.Portfolio, "deposit", deposit)
    assert same_records.RUNS["stop limits"]() != once
