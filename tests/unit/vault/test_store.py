"""The secret store: what it keeps, what it refuses, and that no moment of a kill leaves half of anything."""

import base64
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import ConfigError, HoldfastError, InvalidValue, Refused
from holdfast.telemetry.redact import REDACTOR
from holdfast.vault.files import locked
from holdfast.vault.master import NEW_VARIABLE, VARIABLE
from holdfast.vault.store import LARGEST, Place, Store

VALUE = "p@ss w:rd/42\u00e9\"'"


def key(byte: int = 7, length: int = 32) -> str:
    return base64.b64encode(bytes((byte * place + 11) % 256 for place in range(length))).decode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store with its key in a file."""
    made = Store(Place(tmp_path / "holdfast.secrets", tmp_path / "master.key", {}))
    made.make()
    return made


def changed(store: Store, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The store's file after somebody's hand was in it."""
    content = json.loads(store.path.read_bytes())
    change(content)
    store.path.write_text(json.dumps(content))
    return store.path.read_bytes()


def test_a_secret_comes_back_and_is_nowhere_in_the_file(store: Store) -> None:
    """Any printable text; the file and the key's file are their owner's alone."""
    assert not store.set("api", VALUE)
    assert store.get("api").reveal() == VALUE
    assert b"p@ss" not in store.path.read_bytes()
    for path in (store.path, store.path.with_name("master.key")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_set_again_replaces_the_value(store: Store) -> None:
    """The same value again is encrypted to something else: each has a nonce of its own."""
    store.set("api", VALUE)
    before = store.names()["api"]
    assert store.set("api", VALUE)
    assert store.names()["api"].sealed != before.sealed
    assert store.names()["api"].nonce != before.nonce
    store.set("api", "another value")
    assert store.get("api").reveal() == "another value"


def test_a_secret_that_was_read_is_hidden_in_texts(store: Store) -> None:
    """However it is written there: as it is, in a URL, in JSON, as Python prints it."""
    store.set("api", "sh\u00e4ttered\"gl'ass/42&")
    value = store.get("api").reveal()
    for text in (value, repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert "ttered" not in REDACTOR.text(f"it said {text} at 10:00")
    assert "ttered" not in REDACTOR.text("http://host/?k=sh%C3%A4ttered%22gl%27ass%2F42%26")


@pytest.mark.parametrize(
    "value", ["", "short", " padded value ", "two\nlines of it", "tab\tinside", "x" * (LARGEST + 1)]
)
def test_what_is_no_secret_is_refused(store: Store, value: str) -> None:
    """It could not be kept out of logs, or was copied wrongly; the text shows nothing of it."""
    before = store.path.read_bytes()
    with pytest.raises(InvalidValue) as error:
        store.set("api", value)
    assert "padded" not in str(error.value)
    assert "inside" not in str(error.value)
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "with space", "-x", "a/b", "x" * 65, "\u00e9"])
def test_what_is_no_name_is_refused(store: Store, name: str) -> None:
    """So that a reference in a configuration has one meaning."""
    with pytest.raises(ConfigError, match="can't be a secret's name"):
        store.set(name, VALUE)


def test_an_unknown_name_is_told_with_the_nearest(store: Store) -> None:
    """When it is asked for, and when it is to be removed."""
    store.set("alpaca-key", VALUE)
    with pytest.raises(ConfigError, match=r"did you mean alpaca-key\?"):
        store.get("alpaca-kay")
    with pytest.raises(ConfigError, match=r"did you mean alpaca-key\?"):
        store.remove("alpaca-kay")
    store.remove("alpaca-key")
    assert not store.names()


def renamed(content: dict[str, Any]) -> None:
    content["secrets"]["other"] = content["secrets"].pop("api")


def swapped(content: dict[str, Any]) -> None:
    content["secrets"]["api"], content["secrets"]["second"] = content["secrets"]["second"], content["secrets"]["api"]


def backdated(content: dict[str, Any]) -> None:
    content["secrets"]["api"]["set"] = "2020-01-01T00:00:00Z"


def of_another_store(content: dict[str, Any]) -> None:
    content["id"] = "0" * 16


def one_bit(content: dict[str, Any]) -> None:
    data = bytearray(base64.b64decode(content["secrets"]["api"]["sealed"]))
    data[3] ^= 1
    content["secrets"]["api"]["sealed"] = base64.b64encode(data).decode()


def no_base64(content: dict[str, Any]) -> None:
    content["secrets"]["api"]["nonce"] = "????"


@pytest.mark.parametrize("change", [renamed, swapped, backdated, of_another_store, one_bit, no_base64])
def test_a_record_that_was_touched_doesnt_open(store: Store, change: Callable[[dict[str, Any]], object]) -> None:
    """The name, the time and the store are authenticated with it; nobody writes on top of what doesn't open."""
    store.set("api", VALUE)
    store.set("second", "a second value")
    content = changed(store, change)
    name = "other" if change is renamed else "api"
    with pytest.raises(ConfigError, match=f"the secret '{name}' in .* doesn't open"):
        store.get(name)
    for write in (lambda: store.set("third", VALUE), store.rotate):
        with pytest.raises(ConfigError, match="doesn't open"):
            write()
    assert store.path.read_bytes() == content


def test_a_file_cut_anywhere_is_refused_and_left(store: Store) -> None:
    """In one line, whatever is asked; the key stays as it is."""
    store.set("api", VALUE)
    whole = store.path.read_bytes()
    master = store.path.with_name("master.key").read_bytes()
    for length in (0, 1, 20, len(whole) // 2, len(whole) - 3):
        store.path.write_bytes(whole[:length])
        for ask in (
            store.names,
            store.rotate,
            lambda: store.get("api"),
            lambda: store.set("b", VALUE),
            lambda: store.remove("api"),
        ):
            with pytest.raises(ConfigError, match="cut short or damaged"):
                ask()
        assert store.path.read_bytes() == whole[:length]
    assert store.path.with_name("master.key").read_bytes() == master


def test_another_master_key_opens_nothing_and_writes_nothing(store: Store) -> None:
    """Told once for the whole store, with the ids of both keys."""
    store.set("api", VALUE)
    store.set("second", VALUE)
    before = store.path.read_bytes()
    other = Store(Place(store.path, None, {VARIABLE: key()}))
    for ask in (other.rotate, lambda: other.get("api"), lambda: other.set("b", VALUE)):
        with pytest.raises(
            ConfigError,
            match=f"encrypted with the master key [0-9a-f]+, and {VARIABLE} has [0-9a-f]+: give the right one",
        ):
            ask()
    assert store.path.read_bytes() == before


def test_a_key_file_that_others_can_read_is_refused(store: Store) -> None:
    """Until its rights are taken away."""
    store.set("api", VALUE)
    path = store.path.with_name("master.key")
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(Refused, match=f"mode {mode:04o}.*chmod 600"):
            store.get("api")
    path.chmod(0o400)
    assert store.get("api").reveal() == VALUE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\u00fc" * 44, "no base64"),
        ("not base64 at all", "no base64"),
        (key(length=31), "of 31 bytes, and 32 at least"),
        (base64.b64encode(b"\1" * 32).decode(), "repeats a few bytes"),
    ],
)
def test_a_weak_master_key_is_refused_with_how_to_make_one(tmp_path: Path, text: str, why: str) -> None:
    """And nothing of it is shown."""
    with pytest.raises(ConfigError, match=why) as error:
        Store(Place(tmp_path / "s", None, {VARIABLE: text})).make()
    assert "python3 -c" in str(error.value)
    assert text[:8] not in str(error.value)
    assert not (tmp_path / "s").exists()


def test_a_master_key_in_the_environment_is_replaced_by_the_one_that_is_to_come(tmp_path: Path) -> None:
    """Nothing can be kept in an environment: both are given while the store is encrypted anew."""
    path, old, new = tmp_path / "s", key(7), key(9)
    store = Store(Place(path, None, {VARIABLE: old}))
    store.make()
    store.set("api", VALUE)
    with pytest.raises(ConfigError, match=f"set {NEW_VARIABLE} to the new one"):
        store.rotate()
    with pytest.raises(ConfigError, match="is the key in use"):
        Store(Place(path, None, {VARIABLE: old, NEW_VARIABLE: old})).rotate()
    assert Store(Place(path, None, {VARIABLE: old, NEW_VARIABLE: new})).rotate() == (1, VARIABLE)
    assert Store(Place(path, None, {VARIABLE: new})).get("api").reveal() == VALUE
    with pytest.raises(ConfigError, match="give the right one"):
        store.get("api")
    assert Store(Place(path, None, {VARIABLE: f"{old}\n{new}"})).get("api").reveal() == VALUE
    with pytest.raises(ConfigError, match=f"{VARIABLE} is not set"):
        Store(Place(path, None, {})).get("api")


def test_a_machine_without_a_keyring_says_what_else_there_is(tmp_path: Path) -> None:
    """As headless servers are: the keyring's library has a backend there that fails."""
    with pytest.raises(ConfigError, match=f"keyring.*{VARIABLE}"):
        Store(Place(tmp_path / "s", None, {})).make("keyring")
    assert not (tmp_path / "s").exists()


def test_a_keyring_keeps_the_master_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the store's own id, so that two stores never share one."""
    keyring: Any = pytest.importorskip("keyring")
    backend: Any = pytest.importorskip("keyring.backend")
    entries: dict[tuple[str, str], str] = {}

    class InMemory(backend.KeyringBackend):  # type: ignore[misc]  # of a library that may be missing
        priority = 1

        def get_password(self, service: str, name: str) -> str | None:
            return entries.get((service, name))

        def set_password(self, service: str, name: str, password: str) -> None:
            entries[service, name] = password

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        stores = [Store(Place(tmp_path / name, None, {})) for name in "ab"]
        for store in stores:
            store.make("keyring")
            store.set("api", VALUE)
        stores[0].rotate()
        assert [store.get("api").reveal() for store in stores] == [VALUE, VALUE]
        assert len(entries) == 2
    finally:
        keyring.set_keyring(before)


def test_writers_at_once_lose_nothing(store: Store) -> None:
    """Each reads what the other has written before it writes."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.set(f"s{number}", f"value number {number}"), range(24)))
    assert {name: store.get(name).reveal() for name in store.names()} == {
        f"s{number}": f"value number {number}" for number in range(24)
    }


def test_a_writer_that_never_ends_is_not_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can't have the lock changes nothing and says which file it is."""
    monkeypatch.setattr("holdfast.vault.files.WAIT_S", 0.0)
    with locked(store.path), pytest.raises(Refused, match="another program has held"):
        store.set("api", VALUE)


def test_a_place_that_takes_no_file_leaves_all_as_it_was(store: Store) -> None:
    """A folder in the way of the new file: nothing is changed, and the line says so."""
    store.set("api", VALUE)
    blocked = store.path.with_name(f".{store.path.name}.new")
    blocked.mkdir()
    with pytest.raises(HoldfastError, match="nothing was changed"):
        store.set("api", "another value")
    blocked.rmdir()
    assert store.get("api").reveal() == VALUE


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import cryptography.hazmat.primitives.ciphers.aead, cryptography.hazmat.primitives.kdf.hkdf
from holdfast.vault.store import Place, Store

base, asked = Path(sys.argv[1]), sys.argv[2]

def die_after(left):
    def counted(function):
        def call(*arguments, **keywords):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **keywords)
        return call
    for name in ("open", "fsync", "close", "fdopen"):
        setattr(os, name, counted(getattr(os, name)))
    for name in ("replace", "unlink", "mkdir"):
        setattr(Path, name, counted(getattr(Path, name)))

for calls in range(200):
    folder = shutil.copytree(base, base.with_name(f"killed-{calls}"))
    child = os.fork()
    if not child:
        store = Store(Place(folder / "holdfast.secrets", folder / "master.key", {}))
        die_after(calls)
        store.rotate() if asked == "rotate" else store.set("api", asked)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(status, flush=True)
    if status == 0:
        break
"""


@pytest.mark.process
@pytest.mark.parametrize("asked", ["rotate", "another value"])
def test_killed_at_any_call_leaves_the_old_or_the_new(tmp_path: Path, asked: str) -> None:
    """A real SIGKILL before each system call in turn: what is there opens with the keys that are there, and a rotation then goes through."""
    base = tmp_path / "base"
    base.mkdir()
    store = Store(Place(base / "holdfast.secrets", base / "master.key", {}))
    store.make()
    store.set("api", VALUE)
    store.set("second", "a second value")
    command = [sys.executable, "-c", KILLED, str(base), asked]
    said = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    statuses = [int(line) for line in said.stdout.split()]
    assert statuses == [-signal.SIGKILL] * (len(statuses) - 1) + [0]
    assert len(statuses) > 10, "there are places to be killed at"
    found = set()
    for calls in range(len(statuses)):
        folder = tmp_path / f"killed-{calls}"
        left = Store(Place(folder / "holdfast.secrets", folder / "master.key", {}))
        found.add(left.get("api").reveal())
        assert left.get("second").reveal() == "a second value"
        assert left.rotate()[0] == 2
        assert len(left.opened().keys) == 1
        assert left.get("second").reveal() == "a second value"
        assert not left.set("third", VALUE)
    assert found == ({VALUE} if asked == "rotate" else {VALUE, asked})


def test_ids_of_keys_say_nothing_of_them(store: Store) -> None:
    """What a record says of its key can't be turned back: it is derived apart from what encrypts."""
    store.set("api", VALUE)
    record = store.names()["api"]
    assert re.fullmatch("[0-9a-f]{16}", record.key)
    text = store.path.with_name("master.key").read_text()
    assert record.key not in base64.b64decode(text).hex()
