"""The database of users."""

import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.config.access import AccessConfig
from holdfast.errors import InvalidValue, Refused
from holdfast.web.auth import schema
from holdfast.web.auth import store as stores
from holdfast.web.auth.keys import KeyKind, Keys, Wanted
from holdfast.web.auth.passwords import Passwords
from holdfast.web.auth.permissions import READ, SIGNAL, Role
from holdfast.web.auth.sessions import Sessions
from holdfast.web.auth.store import Event, Store, StoreError
from holdfast.web.auth.users import By, Users
from tests.databases import KINDS, fresh_database

PASSWORD = "correct horse 7 battery"
CHEAP: dict[str, Any] = {"password_memory_kib": 8, "password_passes": 1, "password_lanes": 1}
ME = By("test", "")


def users_of(store: Store, **access: Any) -> Users:
    return Users(store, Passwords(AccessConfig(**(CHEAP | access))))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_same_in_every_database(kind: str, tmp_path: Path) -> None:
    """Made at first use; users, sessions and keys are there again for the next process; what is removed is gone."""
    with fresh_database(kind, tmp_path) as url:
        first = Store(url)
        users = users_of(first)
        assert not users.exist()
        users.add("ada", PASSWORD, Role.ADMIN, ME)
        users.add("bob", PASSWORD, Role.TRADER, ME)
        key, text = Keys(first).add(Wanted("bob", "für µ", [SIGNAL, READ]), ME)
        second = Store(url)
        assert [user.name for user in users_of(second).all()] == ["ada", "bob"]
        found = Keys(second).find(text)
        assert found is not None
        assert (found.key.prefix, found.permissions) == (key.prefix, frozenset({READ, SIGNAL}))
        sessions = Sessions(second, AccessConfig())
        token = sessions.begin(found.user, "::1", None)
        assert sessions.find(token) is not None
        users_of(second).remove("bob", ME)
        assert Keys(first).find(text) is None
        assert Sessions(first, AccessConfig()).find(token) is None
        actions = [event.action for _, _, event in second.events(10)]
        assert actions == ["user removed", "login", "key added", "user added", "user added"]
        signing, _ = Keys(first).add(Wanted("ada", "x", [SIGNAL], KeyKind.SIGNING), ME)
        good = Keys(first).signing(signing.prefix)
        assert good is not None
        assert [Keys(second).use_once(good[0], "msg", 2**62) for _ in range(2)] == [True, False]
        first.close()
        second.close()


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    """Nor what SQLite keeps beside it; one that others could read is closed to them."""
    path = tmp_path / "new" / "users.db"
    store = Store(f"sqlite:///{path}")
    users_of(store).add("ada", PASSWORD, Role.ADMIN, ME)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    path.chmod(0o644)
    assert users_of(Store(f"sqlite:///{path}")).exist()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_newer_one_is_refused(tmp_path: Path) -> None:
    """Its tables may mean something else."""
    url = f"sqlite:///{tmp_path / 'users.db'}"
    store = Store(url)
    with store.begin() as connection:
        connection.execute(sa.update(schema.versions).values(version=schema.VERSION + 1))
    with pytest.raises(StoreError, match="use the newer Holdfast"):
        users_of(Store(url)).exist()


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    """By its own name, and not the journal's."""
    (tmp_path / "users.db").write_text("something else, longer than a header of sixteen bytes" * 20)
    with pytest.raises(StoreError, match=r"the users' database .*users\.db can't be used"):
        users_of(Store(f"sqlite:///{tmp_path / 'users.db'}")).exist()


def test_only_so_many_events_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go when the next process begins."""
    monkeypatch.setattr(stores, "EVENTS_KEPT", 3)
    url = f"sqlite:///{tmp_path / 'users.db'}"
    store = Store(url)
    for number in range(5):
        store.tell(Event("ada", "", f"action {number}"))
    assert [event.action for _, _, event in Store(url).events(10)] == ["action 4", "action 3", "action 2"]


def test_the_last_admin_stays(tmp_path: Path) -> None:
    """Neither removed nor made less, while there are others; the last user of all may go where somebody asks for it."""
    users = users_of(Store(f"sqlite:///{tmp_path / 'users.db'}"))
    with pytest.raises(Refused, match="first user must be an admin"):
        users.add("bob", PASSWORD, Role.VIEWER, ME)
    users.add("ada", PASSWORD, Role.ADMIN, ME)
    users.add("bob", PASSWORD, Role.VIEWER, ME)
    with pytest.raises(Refused, match="last admin"):
        users.set_role("ada", Role.TRADER, ME)
    with pytest.raises(Refused, match="last admin"):
        users.remove("ada", ME, even_last=True)
    users.remove("bob", ME)
    with pytest.raises(Refused, match="last admin"):
        users.remove("ada", ME)
    users.remove("ada", ME, even_last=True)
    assert not users.exist()


@pytest.mark.parametrize("name", ["", "Ada", "ada lovelace", "a" * 33, ".ada", "ä", "ada/x", "a@b", "a\n", "local"])
def test_names_that_can_not_be_are_refused(tmp_path: Path, name: str) -> None:
    """A name goes into records and addresses."""
    users = users_of(Store(f"sqlite:///{tmp_path / 'users.db'}"))
    with pytest.raises(InvalidValue, match="a user's name"):
        users.add(name, PASSWORD, Role.ADMIN, ME)


def test_a_password_is_hashed_anew_when_its_price_changes(tmp_path: Path) -> None:
    """At the next login; the user is as before, since the password is the same."""
    store = Store(f"sqlite:///{tmp_path / 'users.db'}")
    user = users_of(store).add("ada", PASSWORD, Role.ADMIN, ME)
    dearer = users_of(store, password_memory_kib=16)
    assert dearer.password_matches("ada", PASSWORD)
    with store.reading() as connection:
        kept = str(connection.execute(sa.select(schema.users.c.password)).scalar())
    assert "m=16," in kept
    assert users_of(store).find("ada") == user


def test_accents_may_be_typed_either_way(tmp_path: Path) -> None:
    """The same text is the same password, however a keyboard composes it."""
    users = users_of(Store(f"sqlite:///{tmp_path / 'users.db'}"))
    users.add("ada", "mein Schl\u00fcssel 7", Role.ADMIN, ME)
    assert users.password_matches("ada", "mein Schlu\u0308ssel 7")
    assert not users.password_matches("ada", "mein Schlussel 7")


class Slow(Store):
    """Waits, before a change is kept, for another change to get as far."""

    both = threading.Barrier(2)

    def note(self, connection: sa.Connection, event: Event) -> None:
        super().note(connection, event)
        with suppress(threading.BrokenBarrierError):
            self.both.wait(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_two_admins_who_take_each_other_away_leave_one(kind: str, tmp_path: Path) -> None:
    """Both changes are under way at once, and the second finds that there is one admin left."""
    with fresh_database(kind, tmp_path) as url:
        store = Store(url)
        for name in ("ada", "bea"):
            users_of(store).add(name, PASSWORD, Role.ADMIN, ME)
        refused: list[str] = []

        def demote(name: str) -> None:
            slow = Slow(url)
            try:
                users_of(slow).set_role(name, Role.VIEWER, ME)
            except Refused:
                refused.append(name)
            finally:
                slow.close()

        threads = [threading.Thread(target=demote, args=(name,)) for name in ("ada", "bea")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [user.name for user in users_of(store).all() if user.role is Role.ADMIN] == refused
        assert len(refused) == 1
        store.close()
