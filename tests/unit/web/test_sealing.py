"""Secrets of the users' database at rest: sealed by the secret store's key where there is one, kept as they are where there is none."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyotp
import pytest
import sqlalchemy as sa

from holdfast.config.access import AccessConfig
from holdfast.core.types import SECOND_NS
from holdfast.vault.store import Place
from holdfast.vault.store import Store as Vault
from holdfast.web.auth import schema
from holdfast.web.auth.keys import KeyKind, Keys, Wanted
from holdfast.web.auth.passwords import Passwords
from holdfast.web.auth.permissions import SIGNAL, Role
from holdfast.web.auth.sealing import SEALED, SealError, Sealing
from holdfast.web.auth.store import Store
from holdfast.web.auth.totp import SecondFactor
from holdfast.web.auth.users import By, Users
from tests.databases import KINDS, fresh_database

BY = By("test", "")
CHEAP = AccessConfig(password_memory_kib=8, password_passes=1, password_lanes=1)
START = 1_790_000_000
Open = Callable[..., Store]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A secret store that nobody has made so far."""
    return Vault(Place(tmp_path / "holdfast.secrets", tmp_path / "master.key", {}))


@pytest.fixture
def kind() -> str:
    return "sqlite"


@pytest.fixture
def url(kind: str, tmp_path: Path) -> Iterator[str]:
    with fresh_database(kind, tmp_path) as found:
        yield found


def secrets_of(store: Store) -> tuple[str, str]:
    """A user with a second factor and a signing key: both secrets."""
    Users(store, Passwords(CHEAP)).add("ada", "correct horse 7 battery", Role.ADMIN, BY)
    totp, _ = SecondFactor(store).enrol("ada")
    assert SecondFactor(store).confirm("ada", code(totp, 0), BY)
    _, signing = Keys(store).add(Wanted("ada", "machine", [SIGNAL], KeyKind.SIGNING), BY)
    return totp, signing


def code(secret: str, step: int) -> str:
    return str(pyotp.TOTP(secret).at(START + 30 * step))


def opened(url: str, sealing: Sealing | None, step: int = 0) -> Store:
    return Store(url, lambda: (START + 30 * step) * SECOND_NS, sealing)


def everything(store: Store) -> str:
    """All that is in the database."""
    with store.reading() as connection:
        return "\n".join(
            str(row) for table in schema.metadata.sorted_tables for row in connection.execute(sa.select(table))
        )


def prefix(store: Store) -> str:
    [key] = Keys(store).all()
    return key.prefix


def signing(store: Store) -> str:
    found = Keys(store).signing(prefix(store))
    assert found is not None
    return found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_secret_store_they_are_sealed(url: str, vault: Vault) -> None:
    """Nobody finds them in the database, they serve as before, also in another process and after another master key; what is removed is gone."""
    vault.make()
    with closing(opened(url, Sealing(vault))) as store:
        totp, key = secrets_of(store)
        assert totp not in everything(store)
        assert key not in everything(store)
    vault.rotate()
    with closing(opened(url, Sealing(vault), 1)) as again:
        assert signing(again) == key
        assert not SecondFactor(again).matches("ada", "000000")
        assert SecondFactor(again).matches("ada", code(totp, 1))
        Keys(again).remove(prefix(again), BY)
        SecondFactor(again).remove("ada", BY)
        with again.reading() as connection:
            assert connection.execute(sa.select(schema.sealed)).all() == []


def test_without_one_they_are_kept_and_sealed_once_there_is_one(url: str, vault: Vault) -> None:
    """At the next start; nothing else changes. A user who is removed takes them along."""
    with closing(opened(url, Sealing(vault))) as store:
        totp, key = secrets_of(store)
        assert totp in everything(store)
        assert key in everything(store)
    vault.make()
    with closing(opened(url, Sealing(vault), 1)) as again:
        assert totp not in everything(again)
        assert key not in everything(again)
        assert signing(again) == key
        assert SecondFactor(again).matches("ada", code(totp, 1))
        Users(again, Passwords(CHEAP)).remove("ada", BY, even_last=True)
        with again.reading() as connection:
            assert connection.execute(sa.select(schema.sealed)).all() == []


def test_without_the_key_nobody_gets_in_by_them(url: str, vault: Vault, tmp_path: Path) -> None:
    """A store that is gone, another one's key, a secret that was put to somebody else: an error that says what to do, and no login."""
    vault.make()
    with closing(opened(url, Sealing(vault))) as store:
        totp, _ = secrets_of(store)
    other = Vault(Place(tmp_path / "other.secrets", tmp_path / "other.key", {}))
    other.make()
    for sealing, why in ((Sealing(None), "there is no secret store"), (Sealing(other), "doesn't open")):
        with closing(opened(url, sealing, 1)) as store:
            with pytest.raises(SealError, match=why):
                SecondFactor(store).matches("ada", code(totp, 1))
            with pytest.raises(SealError, match=why):
                Keys(store).signing(prefix(store))
    with closing(opened(url, Sealing(vault), 1)) as store:
        with store.begin() as connection:
            connection.execute(sa.update(schema.sealed).where(schema.sealed.c.kind == "totp").values(id="bob"))
        with pytest.raises(SealError, match="lost it"):
            SecondFactor(store).matches("ada", code(totp, 1))
        with store.begin() as connection:
            connection.execute(
                sa.update(schema.sealed).where(schema.sealed.c.kind == "signing").values(kind="totp", id="ada")
            )
        with pytest.raises(SealError, match="moved"):
            SecondFactor(store).matches("ada", code(totp, 1))
        assert SEALED in everything(store)
    (tmp_path / "master.key").chmod(0o644)
    with closing(opened(url, Sealing(vault), 1)) as store, pytest.raises(SealError, match="chmod 600"):
        SecondFactor(store).matches("ada", code(totp, 1))
