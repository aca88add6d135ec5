"""What an amount in a symbol's prices is in money: its multiplier, its currency, and the account's own at the recorded rate."""

from collections.abc import Iterable
from decimal import Decimal

from holdfast.core.listings import CurrencyRate, InstrumentListed
from holdfast.core.portfolio.money import PLAIN, Rates, Terms
from holdfast.core.portfolio.money import Rate as KnownRate
from holdfast.core.types import Money
from holdfast.journal.reader import Reader

PAGE = 100
"""So many rates are read at a time; a feed may have given many."""


class Worth:
    """How the symbols of an account are paid, by the newest records before sequence ``before`` (None: of all)."""

    def __init__(self, reader: Reader, account: str, symbols: Iterable[str], before: int | None = None) -> None:
        wanted = set(symbols)
        self._terms: dict[str, Terms] = {}
        for record in reader.records_of(account, (InstrumentListed,), before=before):
            listed = record.body
            if isinstance(listed, InstrumentListed) and listed.symbol in wanted:
                rules = listed.instrument.at(record.time_ns)
                self._terms[listed.symbol] = Terms(rules.multiplier, rules.currency)
        self._rates = _rates(reader, account, {terms.currency for terms in self._terms.values()} - {""}, before)

    def unit(self, symbol: str) -> Decimal:
        """What a price of 1 for one unit is worth in the symbol's currency."""
        return self._terms.get(symbol, PLAIN).multiplier

    def currency(self, symbol: str) -> str:
        """The symbol's currency; empty for the account's own."""
        return self._terms.get(symbol, PLAIN).currency

    def in_base(self, symbol: str, amount: Decimal) -> Money:
        """An amount of the symbol's currency in the account's own; nothing where no rate was ever recorded."""
        return self._rates.in_base(amount, self.currency(symbol))


def _rates(reader: Reader, account: str, wanted: set[str], before: int | None) -> Rates:
    """The newest rate of each currency."""
    rates = Rates()
    while missing := wanted - rates.known.keys():
        page = reader.last_records(account, PAGE, CurrencyRate.__name__, before=before)
        for record in page:
            body = record.body
            if isinstance(body, CurrencyRate) and body.currency in missing and body.currency not in rates.known:
                rates.known[body.currency] = KnownRate(body.rate, record.time_ns, body.source)
        if not page:
            break
        before = page[-1].sequence
    return rates
