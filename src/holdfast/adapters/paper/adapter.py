"""The paper broker's adapter: accounts on an exchange in memory."""

from holdfast.adapters.paper.broker import PaperBroker
from holdfast.adapters.paper.live import LivePaperBroker
from holdfast.brokers.adapter import Adapter, NoSettings
from holdfast.core.broker_rules import PAPER_RULES
from holdfast.core.messages import PAPER


class PaperAdapter(Adapter[NoSettings]):
    """Trades on paper. The exchange's settings are the section ``[venue]``, which backtests share."""

    name = PAPER
    title = "paper"
    section = NoSettings
    rules = PAPER_RULES
    replayed = PaperBroker
    live = LivePaperBroker
    """Makes the broker of an account on live market data."""


ADAPTER = PaperAdapter()
