"""The paper broker's adapter: accounts on an exchange in memory."""

from holdfast.adapters.paper.broker import PaperBroker
from holdfast.brokers.adapter import Adapter, InMemory, NoSettings
from holdfast.core.broker_rules import PAPER_RULES
from holdfast.core.messages import PAPER


class PaperAdapter(Adapter[NoSettings]):
    """Trades on paper. The exchange's settings are the section ``[venue]``, which backtests share."""

    name = PAPER
    title = "paper"
    section = NoSettings
    rules = PAPER_RULES
    replayed = PaperBroker

    @staticmethod
    def on_live() -> InMemory:
        """Accounts on live market data. What they need is loaded when there is one: a look at a journal needs none."""
        from holdfast.adapters.paper.live import LIVE_PAPER, HeardFeed, LivePaperBroker

        return InMemory(LivePaperBroker, HeardFeed, LIVE_PAPER.rules)


ADAPTER = PaperAdapter()
