"""The demo's live screen: market, positions, orders, fills, and how the engine does."""

import os
import time
from collections import deque
from statistics import median

from rich.console import Console
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.session import Session
from holdfast.cli.tape import Quotation, Tape
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Cell, count, many, money, percent, price, signed, when
from holdfast.core.messages import OrderFilled, OrderPrepared
from holdfast.core.milestones import RecoveryCompleted
from holdfast.core.orders.order import OrderState
from holdfast.core.session.account import AccountState
from holdfast.core.state import EngineState
from holdfast.core.turn import Turn
from holdfast.core.types import ClientOrderId
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import Engine

LATEST = 30
"""Orders and fills that are remembered; more fit on no screen."""
NARROW = 100
"""Below this many columns the panels stand one below the other."""
SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 24
GAP = 3
"""Blanks between the pieces of a line."""

_STATE_STYLES = {OrderState.FILLED: GOOD, OrderState.REJECTED: BAD, OrderState.CANCELED: DIM, OrderState.EXPIRED: DIM}

OrderLine = tuple[ClientOrderId, int, str, str, str, str]  # id, time, side, quantity, symbol, strategy
FillLine = tuple[int, str, str, str, str, str]  # time, side, quantity, symbol, price, strategy


class Screen:
    """Gathers what it shows as the engine works (:meth:`watch`), and draws it when asked (:meth:`render`)."""

    def __init__(self, session: Session, tape: Tape, page: str = "") -> None:
        self._session = session
        self._page = page
        self._tape = tape
        self._engine: Engine
        self._state: EngineState
        self._orders: deque[OrderLine] = deque(maxlen=LATEST)
        self._fills: deque[FillLine] = deque(maxlen=LATEST)
        self._states: dict[str, str] = {}  # of orders that ended before this run
        self._recovery: RecoveryCompleted | None = None
        self._commits = CommitClock()

    def attach(self, engine: Engine) -> None:
        """Show this engine, and what its journal already has."""
        self._engine = engine
        self._state = engine.accounts[0].state
        self._commits.attach(engine, self._state.account)
        with Reader.open(self._session.config.journal.url) as reader:
            for row in reversed(reader.orders(self._state.account, limit=LATEST)):
                key = ClientOrderId(row.client_order_id)
                self._states[key] = row.state
                self._orders.append((key, row.created_ns, row.side, count(row.quantity), row.symbol, row.strategy))
            for fill in reversed(reader.fills(self._state.account, limit=LATEST)):
                deal = (fill.side, count(fill.quantity), fill.symbol, price(fill.price))
                self._fills.append((fill.time_ns, *deal, fill.strategy))

    def watch(self, turn: Turn) -> None:
        """Shown every turn of the engine."""
        self._session.watch(turn)
        for record in turn.records:
            body = record.body
            if isinstance(body, OrderPrepared):
                terms = body.terms
                asked = (terms.side, count(terms.quantity), terms.symbol, terms.strategy)
                self._orders.append((terms.client_order_id, record.time_ns, *asked))
            elif isinstance(body, OrderFilled):
                order = turn.state.orders.find(body.client_order_id)
                strategy = order.terms.strategy if order else ""
                deal = (body.side, count(body.quantity), body.symbol, price(body.price))
                self._fills.append((record.time_ns, *deal, strategy))
            elif isinstance(body, RecoveryCompleted):
                self._recovery = body
        self._commits.appended(turn)

    def render(self, console: Console) -> Layout:
        """All of it, for a terminal of this size."""
        market = Layout(self._panel("market", self._market(console)), size=len(self._tape.symbols) + 3)
        positions = Layout(self._panel("positions", self._positions()))
        orders = Layout(self._panel("latest orders", self._order_table()))
        fills = Layout(self._panel("latest fills", self._fill_table()))
        body = Layout()
        if console.width >= NARROW:
            left, right = Layout(ratio=5), Layout(ratio=4)
            left.split_column(market, positions)
            right.split_column(orders, fills)
            body.split_row(left, right)
        else:
            body.split_column(market, positions, fills)
        root, width = Layout(), console.width - 4
        root.split_column(Layout(self._head(width), size=4), body, Layout(self._foot(width), size=4))
        return root

    # --- the parts ---

    @staticmethod
    def _panel(title: str, content: Table) -> Panel:
        return Panel(content, title=title, title_align="left", border_style=DIM, padding=(0, 1))

    def _head(self, width: int) -> Panel:
        state, speed = self._state, str(self._session.config.feed.speed)
        value = state.portfolio.value(state.price)
        pace = "flat out" if speed == "max" else f"{float(speed):g} x real time"
        first = [Text("holdfast demo", style="bold"), Text(f"{when(state.now_ns)} UTC"), self._account()]
        second = [
            Text.assemble(("equity ", DIM), (money(value.equity), "bold")),
            Text.assemble(("today ", DIM), signed(value.equity - state.day_start_equity)),
            Text.assemble(("unrealised ", DIM), signed(value.unrealised)),
            Text.assemble(("fees ", DIM), money(value.fees)),
            Text.assemble(("cash ", DIM), money(value.cash)),
        ]
        return _frame([_fit([*first, self._back(), Text(pace, style=DIM)], width), _fit(second, width)])

    def _account(self) -> Text:
        state = self._state.account_state
        if state is AccountState.HALTED:
            return Text("HALTED: `holdfast resume` lets it trade", style=f"bold {WARN}")
        return Text(state, style=f"bold {WARN}" if state is AccountState.PRESERVATION else "")

    def _back(self) -> Text:
        """Whether this is a restart, and what it found."""
        if self._recovery is None:
            return Text(f"coming back: {many(self._engine.loop.replayed, 'event')}", style=WARN)
        if not self._recovery.records:
            return Text("")
        return Text(f"resumed from {many(self._recovery.records, 'record')}", style=f"bold {GOOD}")

    def _market(self, console: Console) -> Table:
        table = _table("", "last", "today", "", "volume", right={1, 2, 4})
        draws = console.encoding.lower().startswith("utf")
        for symbol in self._tape.symbols:
            quotation = self._tape.quotations.get(symbol)
            if quotation is not None:
                line = _spark(quotation) if draws else Text("")
                change = percent(quotation.change_pct)
                row: list[Cell] = [symbol, f"{quotation.last:,.2f}", change, line, f"{quotation.volume:,.0f}"]
                table.add_row(*row, style=WARN if symbol in self._state.stale else "")
        return table

    def _positions(self) -> Table:
        table = _table("", "quantity", "average", "last", "unrealised", right={1, 2, 3, 4})
        for symbol, line in sorted(self._state.portfolio.open_lines()):
            last = self._state.price(symbol)
            gain = Text("") if last is None else signed(line.worth(line.quantity, last) - line.cost)
            table.add_row(symbol, count(line.quantity), price(line.average_price), price(last), gain)
        return table

    def _order_table(self) -> Table:
        table = _table("", "", "", "", "", "", right={2})
        for key, time_ns, side, quantity, symbol, strategy in reversed(self._orders):
            order = self._state.orders.find(key)
            state = order.state.value if order is not None else self._states.get(key, "")
            style = _STATE_STYLES.get(OrderState(state), WARN) if state else ""
            clock = Text(when(time_ns)[11:], style=DIM)
            table.add_row(
                clock, terminal.side(side), quantity, symbol, Text(strategy, style=DIM), Text(state, style=style)
            )
        return table

    def _fill_table(self) -> Table:
        table = _table("", "", "", "", "", "", right={2, 4})
        for time_ns, side, quantity, symbol, at, strategy in reversed(self._fills):
            clock = Text(when(time_ns)[11:], style=DIM)
            table.add_row(clock, terminal.side(side), quantity, symbol, at, Text(strategy, style=DIM))
        return table

    def _foot(self, width: int) -> Panel:
        state, commit_ms, restarts = self._state, self._commits.median_ms(), self._state.epoch - 1
        uptime_s = time.monotonic() - self._session.started_s
        durable = self._engine.journal.watermark(state.account)
        first = [
            f"journal {many(state.sequence, 'record')}, {durable:,} on disk",
            f"{restarts} restart{'s' if restarts != 1 else ''} survived",
            "" if commit_ms is None else f"commit {commit_ms:.1f} ms",
            f"up {terminal.ago(uptime_s)}",
            f"epoch {state.epoch}",
        ]
        kill = Text(f"kill -9 {os.getpid()}", style=f"bold {WARN}")
        then = ": it comes back" if self._page else ", then start the demo again"
        second = [kill.append(f"{then}, and all is where it was.", style="not bold default")]
        second += [Text(self._page)] if self._page else []
        second.append(Text("Ctrl-C stops in order.", style=DIM))
        return _frame([_fit([Text(part, style=DIM) for part in first], width), _fit(second, width)])


class CommitClock:
    """Measures how long records take from the engine to the disk."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, float]] = deque(maxlen=1000)
        self._taken_ms: deque[float] = deque(maxlen=50)

    def attach(self, engine: Engine, account: str) -> None:
        """Measure this engine's journal."""
        self._journal = engine.journal
        self._account = account
        engine.journal.on_durable(self._durable)

    def appended(self, turn: Turn) -> None:
        """A turn has gone to the journal."""
        if turn.records and hasattr(self, "_journal") and turn.records[-1].sequence > self._watermark():
            self._waiting.append((turn.records[-1].sequence, time.perf_counter()))

    def median_ms(self) -> float | None:
        """The median of the latest; None before the first."""
        return median(self._taken_ms) if self._taken_ms else None

    def _watermark(self) -> int:
        return self._journal.watermark(self._account)

    def _durable(self) -> None:
        """Called in the writer's thread."""
        now_s, watermark = time.perf_counter(), self._watermark()
        while self._waiting and self._waiting[0][0] <= watermark:
            self._taken_ms.append((now_s - self._waiting.popleft()[1]) * 1000)


def _table(*names: str, right: set[int]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=any(names), header_style=DIM, pad_edge=False)
    for index, name in enumerate(names):
        table.add_column(name, justify="right" if index in right else "left", no_wrap=True)
    return table


def _fit(pieces: list[Text], width: int) -> Text:
    """As many of the pieces as fit into one line."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for piece in pieces:
        if piece and (not line or line.cell_len + GAP + piece.cell_len <= width):
            line.append(" " * GAP if line else "").append_text(piece)
    return line


def _frame(lines: list[Text]) -> Panel:
    return Panel(Text("\n", no_wrap=True).join(lines), border_style="cyan", padding=(0, 1))


def _spark(quotation: Quotation) -> Text:
    """The latest prices as a row of bars, lowest to highest."""
    prices = list(quotation.prices)[-SPARK_WIDTH:]
    low, high = min(prices), max(prices)
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0.0
    drawn = "".join(SPARKS[round((value - low) * scale)] for value in prices)
    return Text(drawn, style=GOOD if prices[-1] >= prices[0] else BAD)
