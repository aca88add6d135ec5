"""``holdfast rename-account`` and ``rename-strategy``: what is recorded under another name."""

from pathlib import Path

from holdfast.cli import terminal
from holdfast.cli.place import JOURNAL, config_for_reading
from holdfast.journal.database import public
from holdfast.journal.rename import rename_account
from holdfast.journal.rename_strategy import rename_strategy


def run(config_file: Path | None, old: str, new: str, as_json: bool) -> int:
    """Rename an account. Exit status 0; raises HoldfastError."""
    url = config_for_reading(config_file, JOURNAL).journal.url
    records = rename_account(url, old, new)
    if as_json:
        terminal.print_json({"account": new, "former": old, "records": records, "journal": public(url)})
    else:
        terminal.say(
            f"account {old} is {new} now, with its {terminal.many(records, 'record')}; name it so in the configuration too"
        )
    return 0


def run_strategy(config_file: Path | None, account: str | None, old: str, new: str, as_json: bool) -> int:
    """Rename a strategy in one account. Exit status 0; raises HoldfastError."""
    url = config_for_reading(config_file, JOURNAL).journal.url
    account, records = rename_strategy(url, account, old, new)
    if as_json:
        found = {"account": account, "strategy": new, "former": old, "records": records, "journal": public(url)}
        terminal.print_json(found)
    else:
        terminal.say(
            f"strategy {old} of account {account} is {new} now, with all that it holds; name it so in the configuration too"
        )
    return 0
