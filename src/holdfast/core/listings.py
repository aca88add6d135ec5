"""Records about instruments: a part of `messages.py`."""

from holdfast.core.body import Body
from holdfast.core.instruments import Instrument


class InstrumentListed(Body, frozen=True, gc=False):
    """From here on these are the rules of a symbol. ``source`` says who gave them: a file, the configuration, a broker."""

    symbol: str
    instrument: Instrument
    source: str = ""
