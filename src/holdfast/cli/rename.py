"""``holdfast rename-account``: an account's records under another name."""

from pathlib import Path

from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading
from holdfast.journal.database import public
from holdfast.journal.rename import rename_account


def run(config_file: Path | None, old: str, new: str, as_json: bool) -> int:
    """Rename. Exit status 0; raises HoldfastError."""
    url = config_for_reading(config_file).journal.url
    records = rename_account(url, old, new)
    if as_json:
        terminal.print_json({"account": new, "former": old, "records": records, "journal": public(url)})
    else:
        terminal.say(f"account {old} is {new} now, with its {records:,} records; name it so in the configuration too")
    return 0
