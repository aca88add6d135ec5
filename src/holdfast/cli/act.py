"""``holdfast buy``, ``sell``, ``cancel``, ``halt``, ``preserve``, ``resume``, ``flatten``, ``protect``: the engine is asked, its answer printed."""

import getpass
from pathlib import Path

from rich.prompt import Confirm
from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import JOURNAL, config_for_reading, the_account
from holdfast.cli.terminal import GOOD, WARN
from holdfast.control.client import DONE, FILED, PENDING, Client, Flattening, Outcome
from holdfast.control.lives import ORDER_LIVES_NS
from holdfast.control.ticket import Ticket
from holdfast.core.messages import PAPER, CancelOrders, Command, Halt, PlaceOrder, Preserve, Protect, Resume
from holdfast.core.types import ClientOrderId, StrategyId, plain, to_price
from holdfast.errors import InvalidValue, Refused
from holdfast.views.encode import Json, as_json
from holdfast.views.orders import order_row
from holdfast.views.positions import share

FAILED, REFUSED = 1, 3
TONES = {DONE: GOOD, PENDING: WARN, FILED: WARN}


def client_for(config_file: Path | None, account: str | None, timeout_s: float) -> Client:
    """A client for the account that is meant."""
    config = config_for_reading(config_file, JOURNAL)
    name = the_account(config, account)
    row = next(row for row in config.accounts if row.name == name)
    compares = (
        row.broker != PAPER or config.feed_of(row).is_live
    )  # paper on live data is looked after as if it were elsewhere
    return Client(config.journal.url, name, f"cli:{getpass.getuser()}", timeout_s, is_elsewhere=compares)


def finish(client: Client, command: Command, as_json: bool, lives_ns: int | None = None) -> int:
    """Ask a running engine, print its answer; gives the exit status back."""
    client.require_engine()
    return report(client.ask(command, lives_ns), as_json)


def report(outcome: Outcome, as_json: bool) -> int:
    """Print what became of a command; gives the exit status back."""
    if as_json:
        terminal.print_json(outcome)
    elif outcome.is_done:
        terminal.console().print(Text(outcome.text, style=TONES[DONE]), soft_wrap=True)
    else:
        terminal.say(outcome.text)
    if outcome.status == PENDING:
        return FAILED
    return 0 if outcome.status in (DONE, FILED) else REFUSED


def place(
    config: Path | None,
    account: str | None,
    ticket: Ticket,
    yes: bool,
    timeout_s: float,
    as_json: bool,
    *,
    only_preview: bool = False,
) -> int:
    """Place an order by hand, or only say what would come of it."""
    if only_preview:
        from holdfast.cli.steer import show_preview

        return show_preview(config, account, ticket, as_json)
    signal, client = ticket.signal(), client_for(config, account, timeout_s)
    client.require_engine()
    if not (yes or as_json):
        confirm(f"{ticket.side} {ticket.quantity} {ticket.symbol} {signal.order_type} on {client.account}?")
    return finish(client, PlaceOrder(signal), as_json, ORDER_LIVES_NS)


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
    return finish(client_for(config, account, timeout_s), command, as_json, ORDER_LIVES_NS)


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
    command = CancelOrders(ClientOrderId(order_id) if order_id else None, symbol)
    return finish(client_for(config, account, timeout_s), command, as_json)


def halt(config: Path | None, account: str | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """Halt an account; where no engine runs, its next start begins halted."""
    client = client_for(config, account, timeout_s)
    return report(client.ask_or_leave(Halt(reason), "the halt takes effect"), as_json)


def preserve(config: Path | None, account: str | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """Put an account into PRESERVATION; where no engine runs, its next start begins there."""
    client = client_for(config, account, timeout_s)
    return report(client.ask_or_leave(Preserve(reason), "PRESERVATION begins"), as_json)


def resume(config: Path | None, account: str | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """End a halt or PRESERVATION; where no engine runs, its next start does."""
    client = client_for(config, account, timeout_s)
    return report(client.ask_or_leave(Resume(reason), "trading resumes"), as_json)


def flatten(config: Path | None, account: str | None, reason: str, yes: bool, timeout_s: float, as_json: bool) -> int:
    """Halt, cancel all, close all; 0 once the account is flat."""
    client = client_for(config, account, timeout_s)
    client.require_engine()
    if not (yes or as_json):
        confirm(f"Halt account {client.account}, cancel every order and close every position?")
    outcome, left = client.flatten(reason)
    if left is None:
        return report(outcome, as_json)
    if as_json:
        terminal.print_json(_flatten_json(outcome, left))
    elif left.over and left.is_flat and left.verified:
        text = f"{client.account} is flat and halted; `holdfast resume` lets it trade again"
        terminal.console().print(Text(text, style=GOOD), soft_wrap=True)
    else:
        terminal.say(_not_flat(client.account, left))
    return 0 if left.over and left.is_flat and left.verified else FAILED


def _flatten_json(outcome: Outcome, left: Flattening) -> Json:
    return {
        "account": outcome.account,
        "command_id": outcome.command_id,
        "status": outcome.status,
        "text": outcome.text,
        "flat": left.is_flat,
        "verified": left.verified,
        "at_broker": {symbol: plain(quantity) for symbol, quantity in left.at_broker.items()},
        "orders": [as_json(order_row(row)) for row in left.orders],
        "positions": [as_json(share(row.strategy, row.symbol, row)) for row in left.positions],
    }


def _not_flat(account: str, left: Flattening) -> str:
    """Why an account is not flat, or not known to be."""
    if not (left.over and left.is_flat):
        held = ", ".join(f"{plain(row.quantity)} {row.symbol} of {row.strategy}" for row in left.positions)
        more = "and would not close" if left.over else "and the engine goes on closing"
        return f"{account} is not flat yet: {held or 'no position'}, {terminal.many(len(left.orders), 'order')} open, {more}"
    if left.verified is None:
        return f"{account} is flat in the books; the broker has not said yet that it is: `holdfast reconcile` asks it"
    there = ", ".join(f"{plain(quantity)} {symbol}" for symbol, quantity in left.at_broker.items())
    return (
        f"{account} is flat in the books, and the broker holds {there}: `holdfast reconcile --accept` takes that over"
    )


def confirm(question: str) -> None:
    """Ask where a person can answer. Raises :class:`~holdfast.errors.Refused` for a no."""
    if terminal.is_interactive() and not Confirm.ask(question, default=False):
        raise Refused("nothing was done")
