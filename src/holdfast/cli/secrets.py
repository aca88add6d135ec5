"""``holdfast secrets``: what the configuration names as ``secret:NAME`` (docs/secrets.md)."""

import getpass
import sys
from pathlib import Path
from typing import Any

from holdfast.cli import terminal
from holdfast.config import DEFAULT_PATH, read_config
from holdfast.config.secrets import place_of
from holdfast.errors import InvalidValue, Refused
from holdfast.vault.master import NEW_VARIABLE, VARIABLE
from holdfast.vault.references import check_secret_name, references
from holdfast.vault.store import LARGEST, Store

COLUMNS = [
    terminal.Column("secret"),
    terminal.Column("set", 1),
    terminal.Column("key", 2),
    terminal.Column("used by"),
]
MISSING = "missing"


def init(config: Path | None, *, in_keyring: bool) -> None:
    """Make the store."""
    store, _ = _store(config)
    where = store.make("keyring" if in_keyring else "file")
    terminal.console().print(f"{store.path} is made; its master key is in {where}", soft_wrap=True, markup=False)
    terminal.say("keep a copy of the key apart from the store: without it no secret can be opened")


def set_one(config: Path | None, name: str) -> None:
    """Keep a secret."""
    check_secret_name(name)
    store, _ = _store(config)
    store.names()  # what can't be kept isn't asked for
    was_there = store.set(name, _value(name))
    text = "has another value; programs that run go on with the old one" if was_there else f"is kept as secret:{name}"
    terminal.console().print(f"{name} {text}", soft_wrap=True, markup=False)


def list_all(config: Path | None, as_json: bool) -> None:
    """Names, and no values."""
    store, data = _store(config)
    used: dict[str, list[str]] = {}
    for place, name in references(data):
        used.setdefault(name, []).append(place)
    there = store.names() if store.exists() or not used else {}
    missing = sorted(used.keys() - there.keys())
    if as_json:
        rows = [
            {"name": name, "set": record.set, "key": record.key, "used_by": used.get(name, [])}
            for name, record in sorted(there.items())
        ]
        terminal.print_json({"secrets": rows, "missing": [{"name": name, "used_by": used[name]} for name in missing]})
        return
    lines = [(name, record.set, record.key, ", ".join(used.get(name, []))) for name, record in sorted(there.items())]
    lines += [(name, MISSING, "", ", ".join(used[name])) for name in missing]
    if not lines:
        terminal.say("there is no secret")
        return
    console = terminal.console()
    console.print(terminal.table(COLUMNS, lines, console.width))


def rotate(config: Path | None) -> None:
    """Give the store another master key."""
    store, _ = _store(config)
    count, where = store.rotate()
    many = terminal.many(count, "secret")
    terminal.console().print(
        f"{many} encrypted under a new master key, which is in {where}", soft_wrap=True, markup=False
    )
    if where == VARIABLE:
        terminal.say(f"put what {NEW_VARIABLE} has into {VARIABLE} now, wherever that is set")


def remove(config: Path | None, name: str, *, is_sure: bool) -> None:
    """Remove a secret."""
    store, data = _store(config)
    used = [place for place, other in references(data) if other == name]
    if used and not is_sure:
        raise Refused(
            f"{name} is used by {', '.join(used)}, which can't be read without it; --yes removes it all the same"
        )
    store.remove(name)
    terminal.console().print(f"{name} is removed", soft_wrap=True, markup=False)


def _store(config: Path | None) -> tuple[Store, dict[str, Any]]:
    """The store of a configuration, and that as it is written; without a file the store is meant that is in this folder."""
    path = config or DEFAULT_PATH
    data = read_config(path) if config is not None or path.exists() else {}
    return Store(place_of(data, path.resolve().parent)), data


def _value(name: str) -> str:
    """What is typed unseen, or stdin as a whole."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    text = sys.stdin.read(LARGEST + 2)
    if not text:
        raise InvalidValue("stdin is empty; write the secret to it, as in `holdfast secrets set NAME < FILE`")
    return text.removesuffix("\n").removesuffix("\r")
