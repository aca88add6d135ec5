"""The event `market`: what running engines know of their markets, from their boards."""

from collections.abc import Sequence

from holdfast.core.types import iso_time
from holdfast.journal.board import boards
from holdfast.views.board import ENGINE, MarketView, market
from holdfast.views.encode import Json
from holdfast.web.reading import WebReader


class Prices:
    """Looks at the boards, and tells of those that are new."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def news(self, reader: WebReader) -> Json | None:
        """The event's data; None when no board is new, or none is a running engine's."""
        found = [*boards(reader.database)]
        seen = {board.process: board.written_ns for board in found}
        if seen == self._seen:
            return None
        self._seen = seen
        names = {account for board in found for feed in board.feeds for account in feed.accounts}
        known = {row.account for row in reader.accounts()}
        views = [market(reader, name) for name in sorted(names & known)]
        return market_event([view for view in views if view.source == ENGINE])


def market_event(views: Sequence[MarketView]) -> Json | None:
    """The event's data; None when there is no view. An account's ``prices`` are those that differ from the ones of all."""
    accounts: Json = {}
    prices: dict[str, str] = {}
    newest_ns = 0
    for view in views:
        newest_ns = max(newest_ns, view.time_ns or 0)
        prices |= {symbol: f"{last.price:f}" for symbol, last in view.prices.items()}
        time = iso_time(view.time_ns) if view.time_ns else None
        accounts[view.account] = {"time": time, "feed": view.label, "is_back": view.is_back, "symbols": [*view.prices]}
    for view in views:
        own = {symbol: f"{last.price:f}" for symbol, last in view.prices.items()}
        if differing := {symbol: price for symbol, price in own.items() if price != prices[symbol]}:
            accounts[view.account]["prices"] = differing
    if not accounts:
        return None
    return {"time": iso_time(newest_ns) if newest_ns else None, "prices": prices, "accounts": accounts}
