"""``holdfast buy``, ``sell``, ``cancel``, ``halt``, ``preserve``, ``resume``, ``flatten``, ``protect``: commands filed in the journal for the engine."""

import getpass
import time
from pathlib import Path
from typing import NamedTuple

from rich.prompt import Confirm
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading, seconds, the_account
from holdfast.cli.rows import Json, order_json, position_fields
from holdfast.cli.terminal import BAD, GOOD, WARN
from holdfast.core.exits import Exits
from holdfast.core.findings import BooksCompared
from holdfast.core.messages import (
    PAPER,
    Action,
    CancelOrders,
    Command,
    Flatten,
    Flattened,
    Halt,
    PlaceOrder,
    Preserve,
    Protect,
    Resume,
    Signal,
)
from holdfast.core.strategy.context import exits_of, order_type
from holdfast.core.types import (
    MANUAL,
    SECOND_NS,
    ClientOrderId,
    Money,
    Price,
    Side,
    StrategyId,
    TimeInForce,
    plain,
    to_price,
    to_quantity,
)
from holdfast.errors import InvalidValue, Refused
from holdfast.journal.batch import CommandAnswer
from holdfast.journal.commands import answer_of, file_command
from holdfast.journal.lease import is_running
from holdfast.journal.reader import Reader

POLL_S, LONGEST_POLL_S = 0.05, 0.5
ORDER_LIVES_NS = 30 * SECOND_NS
"""After this an order that no engine has taken is refused: the market it was meant for has gone."""
DONE = "done"

FAILED, REFUSED = 1, 3


class Ticket(NamedTuple):
    """An order as it was typed."""

    side: Side
    symbol: str
    quantity: str
    limit: str | None
    stop: str | None
    tif: TimeInForce
    stop_loss: str | None
    take_profit: str | None
    trail_stop: str | None = None
    break_even: str | None = None
    hold: str | None = None

    @property
    def is_notional(self) -> bool:
        """Whether it names an amount of money."""
        return self.quantity.startswith("$")

    def signal(self) -> Signal:
        """What it means. Raises :class:`~holdfast.errors.InvalidValue`."""
        limit, stop = _price(self.limit, "limit"), _price(self.stop, "stop")
        return Signal(
            strategy=MANUAL,
            symbol=self.symbol,
            action=Action.BUY if self.side is Side.BUY else Action.SELL,
            quantity=None if self.is_notional else to_quantity(self.quantity),
            notional=Money(to_price(self.quantity[1:], "amount")) if self.is_notional else None,
            order_type=order_type(limit, stop, None, None),
            time_in_force=self.tif,
            limit_price=limit,
            stop_price=stop,
            stop_loss=_price(self.stop_loss, "stop-loss"),
            take_profit=_price(self.take_profit, "take-profit"),
            exits=self._exits(),
        )

    def _exits(self) -> Exits | None:
        is_percent = self.trail_stop is not None and self.trail_stop.endswith("%")
        return exits_of(
            None if is_percent else self.trail_stop,
            self.trail_stop.rstrip("%") if is_percent and self.trail_stop is not None else None,
            self.break_even,
            None if self.hold is None else seconds(self.hold),
        )


def _price(text: str | None, name: str) -> Price | None:
    return None if text is None else to_price(text, name)


class Desk:
    """Where commands for one account are filed and answered."""

    def __init__(self, config_file: Path | None, account: str | None, timeout_s: float) -> None:
        config = config_for_reading(config_file)
        self.account = the_account(config, account)
        brokers = {row.name: row.broker for row in config.accounts}
        self.is_live = brokers[self.account] != PAPER
        self.url = config.journal.url
        self._timeout_s = timeout_s

    @property
    def is_running(self) -> bool:
        """Whether an engine trades the account now."""
        return is_running(self.url, self.account)

    def require_engine(self) -> None:
        """Raise :class:`~holdfast.errors.Refused` unless an engine runs."""
        if not self.is_running:
            raise Refused(f"no engine trades account {self.account}; start it first (`holdfast run`)")

    def file(self, command: Command, lives_ns: int | None = None) -> str:
        """File a command; gives its id back."""
        now_ns = time.time_ns()
        source = f"cli:{getpass.getuser()}"
        expires_ns = None if lives_ns is None else now_ns + lives_ns
        return file_command(self.url, self.account, command, source, expires_ns, now_ns)

    def answer(self, command_id: str) -> CommandAnswer | None:
        """The engine's answer; None when none came in time."""
        deadline_s, pause_s = time.monotonic() + self._timeout_s, POLL_S
        while (answer := answer_of(self.url, command_id)) is None and time.monotonic() < deadline_s:
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, LONGEST_POLL_S)  # fifty who wait must not keep the engine from its work
        return answer

    def finish(self, command: Command, as_json: bool, lives_ns: int | None = None) -> int:
        """File a command, wait, print the answer; gives the exit status back."""
        command_id = self.file(command, lives_ns)
        return self.report(command_id, self.answer(command_id), as_json)

    def report(self, command_id: str, answer: CommandAnswer | None, as_json: bool) -> int:
        """Print an answer, or that there is none."""
        if answer is None:
            text = f"no answer from the engine of account {self.account} yet; the command stays filed as {command_id}"
            _tell(self._json(command_id, "pending", text), as_json, WARN)
            return FAILED
        found = self._json(command_id, answer.status, answer.text, answer.client_order_ids)
        _tell(found, as_json, GOOD if answer.status == DONE else BAD)
        return 0 if answer.status == DONE else REFUSED

    def now_or_later(self, command: Command, effect: str, as_json: bool) -> int:
        """File a command that an engine carries out now, or where none runs the next start; gives the exit status back.

        ``effect`` is what happens at that start.
        """
        if self.is_running:
            return self.finish(command, as_json)
        command_id = self.file(command)
        text = f"no engine trades account {self.account} now: {effect} at the next start"
        _tell(self._json(command_id, "filed", text), as_json, WARN)
        return 0

    def _json(self, command_id: str, status: str, text: str, ids: tuple[str, ...] = ()) -> Json:
        fields = {"account": self.account, "command_id": command_id, "status": status, "text": text}
        return fields | {"client_order_ids": ids}


def _tell(found: Json, as_json: bool, style: str) -> None:
    if as_json:
        terminal.print_json(found)
    elif found["status"] == DONE:
        terminal.console().print(Text(found["text"], style=style), soft_wrap=True)
    else:
        terminal.say(found["text"])


def place(config: Path | None, account: str | None, ticket: Ticket, yes: bool, timeout_s: float, as_json: bool) -> int:
    """Place an order by hand."""
    signal, desk = ticket.signal(), Desk(config, account, timeout_s)
    desk.require_engine()
    if not (yes or as_json):
        confirm(f"{ticket.side} {ticket.quantity} {ticket.symbol} {signal.order_type} on {desk.account}?")
    return desk.finish(PlaceOrder(signal), as_json, ORDER_LIVES_NS)


def protect(
    config: Path | None,
    account: str | None,
    symbol: str,
    stop_loss: str,
    strategy: str | None,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Give a position that has none a stop."""
    whose = None if strategy is None else StrategyId(strategy)
    command = Protect(symbol, to_price(stop_loss, "stop-loss"), whose)
    desk = Desk(config, account, timeout_s)
    desk.require_engine()
    return desk.finish(command, as_json, ORDER_LIVES_NS)


def cancel(
    config: Path | None,
    account: str | None,
    order_id: str | None,
    every: bool,
    symbol: str | None,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Cancel one order, or all of them."""
    if (order_id is None) is not every:
        raise InvalidValue("name one order to cancel, or give --all")
    if symbol is not None and not every:
        raise InvalidValue("--symbol goes with --all")
    desk = Desk(config, account, timeout_s)
    desk.require_engine()
    return desk.finish(CancelOrders(ClientOrderId(order_id) if order_id else None, symbol), as_json)


def halt(config: Path | None, account: str | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """Halt an account; where no engine runs, its next start begins halted."""
    return Desk(config, account, timeout_s).now_or_later(Halt(reason), "the halt takes effect", as_json)


def preserve(config: Path | None, account: str | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """Put an account into PRESERVATION; where no engine runs, its next start begins there."""
    return Desk(config, account, timeout_s).now_or_later(Preserve(reason), "PRESERVATION begins", as_json)


def resume(config: Path | None, account: str | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """End a halt or PRESERVATION; where no engine runs, its next start does."""
    return Desk(config, account, timeout_s).now_or_later(Resume(reason), "trading resumes", as_json)


def flatten(config: Path | None, account: str | None, reason: str, yes: bool, timeout_s: float, as_json: bool) -> int:
    """Halt, cancel all, close all; 0 once the account is flat."""
    desk = Desk(config, account, timeout_s)
    desk.require_engine()
    if not (yes or as_json):
        confirm(f"Halt account {desk.account}, cancel every order and close every position?")
    deadline_s = time.monotonic() + timeout_s
    with Reader.open(desk.url) as reader:
        before = reader.account(desk.account).last_sequence
        command_id = desk.file(Flatten(reason))
        answer = desk.answer(command_id)
        if answer is None or answer.status != DONE:
            return desk.report(command_id, answer, as_json)
        while (left := _left(reader, desk, before))["verified"] is None and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
    return _flattened(desk, answer, left, as_json)


def _left(reader: Reader, desk: Desk, since: int) -> Json:
    """What is still open, whether the engine says that the flatten is over, and what a broker elsewhere has then.

    ``verified``: whether it holds nothing; None while the flatten goes on or it has not been asked.
    """
    account = desk.account
    with reader.snapshot():
        orders = reader.orders(account, live_only=True)
        held = [row for row in reader.positions(account) if row.strategy and row.quantity]
        last = reader.last_record(account, Flattened.__name__)
        compared = reader.last_record(account, BooksCompared.__name__)
    over = last is not None and last.sequence > since
    verified, there = (True if over and not desk.is_live else None), {}
    if over and last is not None and compared is not None and compared.sequence > last.sequence:
        lines = compared.body.lines if isinstance(compared.body, BooksCompared) else ()
        there = {line.symbol: plain(line.theirs) for line in lines if line.theirs}
        verified = not there
    return {
        "over": over,
        "flat": not orders and not held,
        "verified": verified,
        "at_broker": there,
        "orders": [order_json(row) for row in orders],
        "positions": [{"strategy": row.strategy, **position_fields(row.symbol, row)} for row in held],
    }


def _flattened(desk: Desk, answer: CommandAnswer, left: Json, as_json: bool) -> int:
    is_flat = bool(left["over"] and left["flat"] and left["verified"])
    if as_json:
        head = {"account": desk.account, "command_id": answer.command_id, "status": answer.status, "text": answer.text}
        terminal.print_json(
            head | {name: left[name] for name in ("flat", "verified", "at_broker", "orders", "positions")}
        )
    elif is_flat:
        text = f"{desk.account} is flat and halted; `holdfast resume` lets it trade again"
        terminal.console().print(Text(text, style=GOOD), soft_wrap=True)
    else:
        if left["over"] and left["flat"]:
            terminal.say(_unverified(desk, left))
            return FAILED
        held = ", ".join(f"{row['quantity']} {row['symbol']} of {row['strategy']}" for row in left["positions"])
        more = "and would not close" if left["over"] else "and the engine goes on closing"
        terminal.say(
            f"{desk.account} is not flat yet: {held or 'no position'}, {terminal.many(len(left['orders']), 'order')} open, {more}"
        )
    return 0 if is_flat else FAILED


def _unverified(desk: Desk, left: Json) -> str:
    """What to say of books that are flat when the broker's are not, or not known to be."""
    if left["verified"] is None:
        return (
            f"{desk.account} is flat in the books; the broker has not said yet that it is: `holdfast reconcile` asks it"
        )
    there = ", ".join(f"{quantity} {symbol}" for symbol, quantity in left["at_broker"].items())
    return f"{desk.account} is flat in the books, and the broker holds {there}: `holdfast reconcile --accept` takes that over"


def confirm(question: str) -> None:
    """Ask where a person can answer. Raises :class:`~holdfast.errors.Refused` for a no."""
    if terminal.is_interactive() and not Confirm.ask(question, default=False):
        raise Refused("nothing was done")
