"""The daily summary: a trading day in a few lines, at a time of the day or when it is over."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.alerting import book
from holdfast.config import Config
from holdfast.core.milestones import TradingDayStarted
from holdfast.core.types import SECOND_NS, many, plain
from holdfast.journal.lists import ListReader
from holdfast.views.day import Day, day

EVERY_S = 30.0
"""How often it is looked whether one is due."""
CLOSE = "close"


class Summary(NamedTuple):
    """An account's day, in words."""

    account: str
    date: str
    text: str


class Daily:
    """Says which summaries are due."""

    def __init__(self, config: Config) -> None:
        self._config, self._looked_ns = config, 0

    def take(self, config: Config) -> None:
        """Go by another configuration of the same accounts."""
        self._config = config

    def due(self, reader: ListReader, now_ns: int) -> Iterator[Summary]:
        """Those that are due now; whether one was sent already is seen as it is kept."""
        at = self._config.alerts.daily_at
        if not at or now_ns - self._looked_ns < EVERY_S * SECOND_NS:
            return
        self._looked_ns = now_ns
        known = {row.account for row in reader.accounts() if row.last_sequence}
        for account in self._config.accounts:
            if account.name in known and (date := _date(reader, account.name, at, now_ns)) is not None:
                yield Summary(account.name, date, summary_text(day(reader, account.name, date)))

    def keep(self, kept: sa.Connection, summary: Summary, now_ns: int) -> None:
        """Make its messages, once for each day."""
        if not book.mark(kept, f"daily|{summary.account}", summary.date):
            return
        for target in self._config.alerts.targets:
            if target.after_s == 0:
                said = f"{summary.account}: {summary.date}", summary.text
                book.send(kept, (target.name, book.DAILY, "info"), said, now_ns)


def _date(reader: ListReader, account: str, at: str, now_ns: int) -> str | None:
    """The trading day whose summary is due; None when it isn't time."""
    begun = [
        record.body.trading_day
        for record in reader.last_records(account, 2, TradingDayStarted.__name__)
        if isinstance(record.body, TradingDayStarted)
    ]
    if at == CLOSE:
        return begun[1] if len(begun) > 1 else None
    return begun[0] if begun and time.strftime("%H:%M", time.gmtime(now_ns / SECOND_NS)) >= at else None


def summary_of(reader: ListReader, account: str, date: str | None) -> str:
    """A day in words. Raises :class:`~holdfast.errors.InvalidValue` for a day without records."""
    return summary_text(day(reader, account, date))


def summary_text(found: Day) -> str:
    """Profit, orders, fills, slippage, refusals and incidents, in a few lines."""
    unit = f" {found.currency}" if found.currency else ""
    lines = [f"{found.account}, {found.date}{'' if found.is_over else ' so far'}"]
    if found.pnl is not None:
        pnl = found.pnl
        lines.append(
            f"profit {plain(pnl.total)}{unit} ({plain(pnl.total_pct)} %): equity {plain(pnl.end_equity)}, fees {plain(pnl.fees)}"
        )
    trades = found.trades
    lines.append(
        f"{many(found.placed, 'order')}, {many(found.fills, 'fill')}; {many(trades.count, 'trade')} over, {trades.wins} won, {trades.losses} lost"
    )
    if found.slippage.bps is not None:
        lines.append(
            f"slippage {plain(found.slippage.amount)}{unit} ({plain(found.slippage.bps)} bps of {many(found.slippage.fills, 'fill')})"
        )
    for what, refused in (("risk refused", found.refused), ("the broker refused", found.rejected)):
        if refused:
            lines.append(f"{what} " + ", ".join(f"{one.count} x {one.why}" for one in refused[:5]))
    incidents = ", ".join(f"{number} x {kind}" for kind, number in found.incidents.items())
    lines.append(f"incidents: {incidents or 'none'}")
    return "\n".join(lines)
