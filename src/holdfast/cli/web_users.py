"""``holdfast web user``: who may log in to the web process."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.cli import terminal
from holdfast.cli.place import config_for_reading
from holdfast.errors import InvalidValue
from holdfast.web.auth.passwords import Passwords
from holdfast.web.auth.permissions import Role
from holdfast.web.auth.sealing import sealing_of
from holdfast.web.auth.store import Store
from holdfast.web.auth.users import By, Users

COLUMNS = [terminal.Column(name) for name in ("user", "role", "second factor", "made")]


def here() -> By:
    """Who types."""
    return By(f"cli:{getpass.getuser()}"[:64], "")


@contextmanager
def opened(config_file: Path | None) -> Iterator[tuple[Store, Users]]:
    """The users of a configuration."""
    config = config_for_reading(config_file, ("web",))
    store, passwords = Store(config.web.url, sealing=sealing_of(config)), Passwords(config.web.access)
    try:
        yield store, Users(store, passwords)
    finally:
        passwords.close()
        store.close()


def add(config: Path | None, name: str, role: str) -> None:
    """Make a user."""
    wanted = role_of(role)
    with opened(config) as (_, users):
        users.add(name, _new_password(), wanted, here())
    terminal.console().print(f"{name} may log in as {wanted}", soft_wrap=True)


def show(config: Path | None, as_json: bool) -> None:
    """List the users."""
    with opened(config) as (_, users):
        found = users.all()
    if as_json:
        terminal.print_json([{"name": one.name, "role": one.role, "totp": one.totp} for one in found])
        return
    rows = [(one.name, one.role.value, "yes" if one.totp else "no", terminal.when(one.created_ns)) for one in found]
    if not rows:
        terminal.say("there is no user: whoever is on this machine is the admin, and no other machine is served")
        return
    console = terminal.console()
    console.print(terminal.table(COLUMNS, rows, console.width))


def passwd(config: Path | None, name: str) -> None:
    """Give another password."""
    with opened(config) as (_, users):
        if users.find(name) is None:
            raise InvalidValue(f"there is no user {name[:80]!r}; `holdfast web user list` shows them")
        users.set_password(name, _new_password(), here())
    terminal.console().print(f"{name} has another password; sessions and tokens have ended", soft_wrap=True)


def role(config: Path | None, name: str, role: str) -> None:
    """Give another role."""
    wanted = role_of(role)
    with opened(config) as (_, users):
        users.set_role(name, wanted, here())
    terminal.console().print(f"{name} is {wanted}; sessions and tokens have ended", soft_wrap=True)


def remove(config: Path | None, name: str) -> None:
    """Remove a user."""
    with opened(config) as (_, users):
        users.remove(name, here(), even_last=True)
        is_last = not users.exist()
    last = "; nobody is left: whoever is on this machine is the admin now" if is_last else ""
    terminal.console().print(f"{name} is removed{last}", soft_wrap=True)


def role_of(text: str) -> Role:
    """The role of that name. Raises :class:`~holdfast.errors.InvalidValue`."""
    if text not in list(Role):
        raise InvalidValue(f"a role is {', '.join(Role)}, not {text[:40]!r}")
    return Role(text)


def _new_password() -> str:
    """A password that was typed twice, or the first line of stdin."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().removesuffix("\n")
    password = getpass.getpass("password: ")
    if getpass.getpass("the same again: ") != password:
        raise InvalidValue("the two passwords differ; nothing was changed")
    return password
