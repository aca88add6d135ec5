"""The register of instruments: the rules of each symbol of an account.

The configuration and the adapter *offer* rules. A start records those that are new (`InstrumentListed`), and from then on only what is
recorded counts: a restart rounds with the rules that held then, whatever a file says now. Symbols that nobody listed have the rules of
the account's exchange, which are a part of the program.
"""

from collections.abc import Iterable, Iterator, Mapping

from holdfast.core.instruments import NIL, Instrument, Named, instrument_of
from holdfast.core.listings import InstrumentListed

BROKERS = ("ticks", "quantity_increment", "lot", "largest_order", "asset_class", "exchange")
"""What a broker's own list says of an instrument. Product, multiplier and currency are the configuration's."""
Written = Mapping[str, frozenset[str]]
"""By symbol, which of its rules are written in the configuration."""


class Register:
    """One account's instruments. ``exchange`` has the rules of its exchange, ``named`` those of symbols that were listed.

    ``named`` is one dictionary for ever, so the exchange in memory may share it. ``lists``: rules are recorded. Journals of before have no such
    records; until their first start by this version, what is offered counts as it did. ``currency`` is the account's own, as the configuration
    says, and ``recorded_currency`` as the last start found it (empty: nobody has said).
    """

    def __init__(self, exchange: Instrument) -> None:
        self.exchange = exchange
        self.named: dict[str, Instrument] = {}
        self.lists = False
        self.currency = ""
        self.recorded_currency = ""
        self.traded: frozenset[str] = frozenset()
        self._offered: Named = NIL
        self._silent: frozenset[str] = frozenset()
        self._written: Written | None = None
        self._source = ""

    def offer(
        self,
        offered: Mapping[str, Instrument],
        traded: Iterable[str],
        source: str,
        silent: Iterable[str] = (),
        written: Written | None = None,
    ) -> None:
        """What the configuration or a broker says of symbols. It is listed for those that are ``traded``, or held, at the next start.

        Nothing says which currency the ``silent`` ones are in: they stay in that which is recorded.
        ``written`` is given where the broker lists rules too: what is recorded stands then, but for what is written.
        """
        self._offered, self._source, self._silent, self._written = offered, source, frozenset(silent), written
        self.traded = frozenset(traded)
        if not self.lists:
            self.named.update(offered)

    def of(self, symbol: str) -> Instrument:
        """The rules that hold for a symbol, with the ticks of all times."""
        return instrument_of(symbol, self.exchange, self.named)

    def news(self, held: Iterable[str]) -> Iterator[InstrumentListed]:
        """The records of rules that are offered and not yet recorded."""
        for symbol in sorted(self.traded.union(held).intersection(self._offered)):
            instrument, known = self._offered[symbol], self.named.get(symbol)
            if known is not None and self._written is not None:
                instrument = known.but(**{name: getattr(instrument, name) for name in self._written.get(symbol, ())})
            if known is not None and symbol in self._silent:
                instrument = instrument.but(currency=known.currency)
            if not self.lists or self.named.get(symbol) != instrument:
                yield InstrumentListed(symbol, instrument, self._source)

    def told(self, listed: Mapping[str, Instrument], source: str) -> Iterator[InstrumentListed]:
        """The records of what a broker's list says now and isn't recorded; what the configuration says stands before it."""
        written = self._written or {}
        for symbol, theirs in sorted(listed.items()):
            known, own = self.of(symbol), written.get(symbol, frozenset())
            rules = {name: value for name in BROKERS if name not in own and (value := getattr(theirs, name))}
            instrument = known.but(**rules)
            if instrument != self.named.get(symbol):
                yield InstrumentListed(symbol, instrument, source)

    # --- changes, by records ---

    def begin(self, currency: str) -> None:
        """A start that records rules: from here on what is offered counts no more."""
        self.recorded_currency = currency
        if not self.lists:
            self.lists = True
            self.named.clear()

    def list(self, listed: InstrumentListed) -> None:
        """These are a symbol's rules."""
        self.named[listed.symbol] = listed.instrument
