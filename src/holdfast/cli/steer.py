"""``holdfast strategy start``, ``stop`` and ``set``, ``holdfast close``, and ``buy --preview``."""

from pathlib import Path
from typing import NamedTuple

from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.act import REFUSED, client_for, confirm, finish, report
from holdfast.cli.place import JOURNAL, config_for_reading, the_account
from holdfast.cli.terminal import BAD, DIM, GOOD, Cell, count, money, price
from holdfast.control import asks
from holdfast.control.lives import ORDER_LIVES_NS
from holdfast.control.preview import Preview, preview
from holdfast.control.ticket import Ticket
from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader
from holdfast.views.books import Books
from holdfast.views.encode import as_json as to_json


class Wanted(NamedTuple):
    """Parameters as they were typed."""

    strategy: str
    params: list[str]
    from_file: bool


def stop(config: Path | None, account: str | None, strategy: str, reason: str, timeout_s: float, as_json: bool) -> int:
    """Switch a strategy off; where no engine runs, its next start leaves it out."""
    client = client_for(config, account, timeout_s)
    return report(client.ask_or_leave(asks.stop_strategy(strategy, reason), "it is switched off"), as_json)


def start(config: Path | None, account: str | None, strategy: str, reason: str, timeout_s: float, as_json: bool) -> int:
    """Let a strategy run again; where no engine runs, from its next start on."""
    client = client_for(config, account, timeout_s)
    return report(client.ask_or_leave(asks.start_strategy(strategy, reason), "it runs again"), as_json)


def set_parameters(
    config: Path | None, account: str | None, wanted: Wanted, reason: str, timeout_s: float, as_json: bool
) -> int:
    """Change parameters; where no engine runs, its next start does."""
    if wanted.from_file is bool(wanted.params):
        raise InvalidValue("name parameters to change, such as fast=5, or give --from-file")
    command = asks.set_parameters(wanted.strategy, asks.written(wanted.params), reason)
    client = client_for(config, account, timeout_s)
    return report(client.ask_or_leave(command, "they take effect"), as_json)


def close(
    config: Path | None,
    account: str | None,
    which: tuple[str, str | None],
    yes: bool,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Close what a strategy holds of a symbol."""
    client = client_for(config, account, timeout_s)
    client.require_engine()
    with Reader.open(client.url) as reader:
        command = asks.close(reader, client.account, *which)
    if not (yes or as_json):
        confirm(f"Close {command.signal.symbol} of {command.signal.strategy} on {client.account} at the market?")
    return finish(client, command, as_json, ORDER_LIVES_NS)


def show_preview(config: Path | None, account: str | None, ticket: Ticket, as_json: bool) -> int:
    """Say what the engine would say of an order; nothing is ordered. Exit status 3 when it would be refused."""
    found = config_for_reading(config, JOURNAL)
    name = the_account(found, account)
    with Reader.open(found.journal.url) as reader:
        scratch = Books(found).whole(reader, name)
    result = preview(scratch.state, ticket)
    if as_json:
        terminal.print_json(
            to_json(result) | {"account": name, "prices": scratch.market.source, "as_of": scratch.market.why}
        )
        return 0 if result.accepted else REFUSED
    console = terminal.console()
    console.print(Text(result.text, style=GOOD if result.accepted else BAD), soft_wrap=True)
    console.print(terminal.facts(_facts(result)))
    if scratch.market.why:
        console.print(Text(f"by the journal's prices: {scratch.market.why}", style=DIM), soft_wrap=True)
    console.print(Text("nothing was ordered", style=DIM))
    return 0 if result.accepted else REFUSED


def _facts(found: Preview) -> list[tuple[str, Cell]]:
    pairs: list[tuple[str, Cell]] = []
    if found.quantity is not None:
        pairs.append(("order", f"{found.side} {count(found.quantity)} {found.symbol} {found.order_type}"))
    if found.worth is not None:
        pairs.append(("worth", f"{money(found.worth)} at {price(found.price)}"))
    if found.rule:
        pairs.append(("refused by", f"{found.rule}: {found.figure}, allowed {found.limit}"))
    stops = [("stop", found.stop_loss), ("target", found.take_profit)]
    exits = [f"{name} {price(value)}" for name, value in stops if value is not None]
    exits += ["a stop that follows the market"] if found.trails else []
    pairs.append(("exits", ", ".join(exits) or "none"))
    pairs.append(("held by hand", f"{count(found.held)}, then {count(found.held_after)}"))
    pairs.append(("buying power", f"{money(found.buying_power)}, then {money(found.buying_power_after)}"))
    if found.not_judged:
        pairs.append(("not judged", f"{', '.join(found.not_judged)}: only the engine has what it goes by"))
    return pairs
