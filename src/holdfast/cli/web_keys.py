"""``holdfast web key``: keys of programs that use the web process."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from holdfast.cli import terminal
from holdfast.cli.web_users import here, opened
from holdfast.errors import InvalidValue
from holdfast.web.auth.keys import Key, KeyKind, Keys, Wanted
from holdfast.web.auth.permissions import SCOPES, Permission

COLUMNS = [terminal.Column(name) for name in ("key", "user", "kind", "scopes", "strategy", "for")]


class Asked(NamedTuple):
    """A key as it was typed."""

    label: str
    owner: str
    scopes: Sequence[str]
    signing: bool
    strategy: str


def add(config: Path | None, asked: Asked, as_json: bool) -> None:
    """Make a key and show it."""
    wrong = [scope for scope in asked.scopes if scope not in list(SCOPES)]
    if wrong:
        raise InvalidValue(f"a scope is {', '.join(SCOPES)}, not {wrong[0][:40]!r}")
    kind = KeyKind.SIGNING if asked.signing else KeyKind.BEARER
    scopes = [Permission(scope) for scope in asked.scopes]
    with opened(config) as (store, _):
        key, secret = Keys(store).add(Wanted(asked.owner, asked.label, scopes, kind, asked.strategy), here())
    if as_json:
        terminal.print_json({**_json(key), "secret": secret})
        return
    terminal.console().print(secret, soft_wrap=True, markup=False)
    terminal.say(f"this is shown once; {key.prefix} is how it is recognised")


def show(config: Path | None, as_json: bool) -> None:
    """List the keys."""
    with opened(config) as (store, _):
        found = Keys(store).all()
    if as_json:
        terminal.print_json([_json(key) for key in found])
        return
    rows = [
        (key.prefix, key.owner, key.kind.value, ", ".join(sorted(key.scopes)), key.strategy, key.label) for key in found
    ]
    if not rows:
        terminal.say("there is no key")
        return
    console = terminal.console()
    console.print(terminal.table(COLUMNS, rows, console.width))


def remove(config: Path | None, prefix: str) -> None:
    """Remove a key."""
    with opened(config) as (store, _):
        Keys(store).remove(prefix, here())
    terminal.console().print(f"key {prefix} is removed", soft_wrap=True)


def _json(key: Key) -> dict[str, object]:
    return {
        "prefix": key.prefix,
        "owner": key.owner,
        "label": key.label,
        "kind": key.kind,
        "scopes": sorted(key.scopes),
        "strategy": key.strategy,
    }
