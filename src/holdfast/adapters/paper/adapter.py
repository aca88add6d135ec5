"""The paper broker's adapter: accounts on an exchange in memory."""

from typing import TYPE_CHECKING, Any

from holdfast.adapters.paper.broker import PaperBroker
from holdfast.brokers.adapter import Adapter, NoSettings
from holdfast.core.broker_rules import PAPER_RULES
from holdfast.core.messages import PAPER

if TYPE_CHECKING:
    from holdfast.adapters.paper.live import LivePaperBroker


class PaperAdapter(Adapter[NoSettings]):
    """Trades on paper. The exchange's settings are the section ``[venue]``, which backtests share."""

    name = PAPER
    title = "paper"
    section = NoSettings
    rules = PAPER_RULES
    replayed = PaperBroker

    @staticmethod
    def live(*arguments: Any, **named: Any) -> "LivePaperBroker":
        """The broker of an account on live market data. It is loaded when one is made: a look at a journal needs none."""
        from holdfast.adapters.paper.live import LivePaperBroker

        return LivePaperBroker(*arguments, **named)


ADAPTER = PaperAdapter()
