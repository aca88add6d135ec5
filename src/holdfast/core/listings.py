"""Records about instruments and currencies: a part of `messages.py`."""

from decimal import Decimal

from holdfast.core.body import Body
from holdfast.core.instruments import Instrument


class InstrumentListed(Body, frozen=True, gc=False):
    """From here on these are the rules of a symbol. ``source`` says who gave them: a file, the configuration, a broker."""

    symbol: str
    instrument: Instrument
    source: str = ""


class CurrencyRate(Body, frozen=True, gc=False):
    """From here on one unit of ``currency`` counts for ``rate`` of the account's own. ``source``: a feed's symbol, the configuration, a broker."""

    currency: str
    rate: Decimal
    source: str
