"""``secret:NAME`` in a configuration: where it may be, what it becomes, and what is told where that can't be had."""

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.place import config_for_reading
from holdfast.config import Config, load_config
from holdfast.errors import ConfigError, Refused
from holdfast.vault.references import SecretText
from holdfast.vault.store import Place, Store
from holdfast.web.api.settings import shown

BASE = """
[feed]
kind = "alpaca"
symbols = ["AVOR"]
[secrets]
key_file = "master.key"
[[accounts]]
name = "house"
broker = "alpaca"
"""
KEY, PASSWORD = "PKVAULTEDKEY0001", "p@ss/w:rd of db"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store beside the configuration that `written` writes."""
    made = Store(Place(tmp_path / "holdfast.secrets", tmp_path / "master.key", {}))
    made.make()
    made.set("broker-key", KEY)
    made.set("db", PASSWORD)
    made.set("jwt", "0123456789-abcdefghijklmnopqrstuvwxyz")
    return made


def written(folder: Path, more: str) -> Path:
    path = folder / "holdfast.toml"
    path.write_text(BASE + more)
    return path


def test_secrets_are_put_in_and_shown_by_name(tmp_path: Path, store: Store) -> None:
    """In an adapter's section, in a login of it, in a URL, by the environment; the settings page and a repr have the names."""
    path = written(
        tmp_path,
        '[alpaca]\napi_key = "secret:broker-key"\n[alpaca.logins.two]\napi_secret = "secret:broker-key"\n'
        '[journal]\nurl = "postgresql://me:{secret:db}@host/x"\n[web.access]\ntoken_secret = "secret:jwt"\n',
    )
    config = load_config(path, {"HOLDFAST_ALPACA__API_SECRET": "secret:db"})
    section = config.section("alpaca")
    assert (section.api_key, section.logins["two"].api_secret, section.api_secret) == (KEY, KEY, PASSWORD)
    assert config.journal.url == "postgresql://me:p%40ss%2Fw%3Ard%20of%20db@host/x"
    page = shown(config)
    assert page["alpaca"]["api_key"] == "secret:broker-key"
    assert page["web"]["access"]["token_secret"] == "secret:jwt"
    assert page["journal"]["url"] == "postgresql://me:***@host/x"
    for text in (repr(config), repr(page), repr(section.logins)):
        assert KEY not in text
        assert "p%40" not in text
        assert "w:rd" not in text


def test_a_whole_url_may_be_a_secret(tmp_path: Path, store: Store) -> None:
    """Its name is what is shown."""
    store.set("locks", "redis://:very-secret@host:6379/0")
    store.set("url", "mariadb://me:very-secret@host/x")
    path = written(tmp_path, '[locks]\nurl = "secret:locks"\n[journal]\nurl = "secret:url"\n')
    config = load_config(path, {})
    assert config.locks.url == "redis://:very-secret@host:6379/0"
    assert (shown(config)["locks"]["url"], shown(config)["journal"]["url"]) == ("secret:locks", "secret:url")


def test_every_secret_that_is_missing_is_told_with_its_place(tmp_path: Path, store: Store) -> None:
    """And the nearest right name."""
    path = written(
        tmp_path, '[alpaca]\napi_key = "secret:broker-kay"\napi_secret = "secret:dbx"\nmode = "secret:not a name"\n'
    )
    with pytest.raises(ConfigError) as error:
        load_config(path, {})
    text = str(error.value)
    assert "alpaca.api_key: there is no secret 'broker-kay'" in text
    assert "did you mean broker-key?" in text
    assert "alpaca.api_secret: there is no secret 'dbx'" in text
    assert "alpaca.mode: 'not a name' can't be a secret's name" in text


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ('[[strategies]]\nid = "a"\nclass = "x:Y"\naccount = "house"\nsymbols = ["A"]\nparams = { key = "secret:db" }\n', "strategies[0].params.key"),
        ('calendar = "secret:db"\n', "accounts[0].calendar"),
        ('[venue]\nfill = "{secret:db}"\n', "venue.fill"),
    ],
)  # fmt: skip
def test_no_secret_belongs_into_what_is_recorded(tmp_path: Path, store: Store, more: str, place: str) -> None:
    """The journal keeps names, symbols and parameters, and the store's own place is needed first."""
    with pytest.raises(ConfigError, match="recorded and shown") as error:
        load_config(written(tmp_path, more), {})
    assert place in str(error.value)


def test_a_token_secret_is_a_reference(tmp_path: Path, store: Store) -> None:
    """One that stands in the file in clear is refused, and not shown."""
    with pytest.raises(ConfigError, match='write it as "secret:NAME"') as error:
        load_config(written(tmp_path, '[web.access]\ntoken_secret = "0123456789-in-clear-in-a-file-abcdefg"\n'), {})
    assert "in-clear" not in str(error.value)


def test_who_only_looks_needs_no_master_key(tmp_path: Path, store: Store) -> None:
    """The secrets of the journal's section alone are needed then; all others stay references."""
    path = written(tmp_path, '[alpaca]\napi_key = "secret:broker-key"\n[locks]\nurl = "secret:db"\n')
    (tmp_path / "master.key").unlink()
    assert config_for_reading(path, ("journal",)).section("alpaca").api_key == "secret:broker-key"
    with pytest.raises(ConfigError, match=r"names a secret: the key file .* is not there"):
        load_config(path, {})
    (tmp_path / "master.key").write_text("x")
    (tmp_path / "master.key").chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        load_config(path, {})


def test_without_a_store_a_reference_says_how_to_make_one(tmp_path: Path) -> None:
    """In one line with the place that names the secret."""
    with pytest.raises(
        ConfigError, match=r"alpaca.api_key names a secret: there is no secret store at .*holdfast secrets init"
    ):
        load_config(written(tmp_path, '[alpaca]\napi_key = "secret:x"\n'), {})


def test_no_cryptography_is_loaded_without_a_reference(tmp_path: Path, store: Store) -> None:
    """A start without secrets costs nothing more."""
    path = written(tmp_path, "")
    code = "import sys; from pathlib import Path; from holdfast.config import load_config; load_config(Path(sys.argv[1]), {}); print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "holdfast.config" in said
    assert not [name for name in said if name.startswith(("cryptography", "keyring", "holdfast.vault.store"))]


def test_a_plain_configuration_has_the_usual_store(tmp_path: Path) -> None:
    """Beside the configuration."""
    assert Config().secrets.file == "holdfast.secrets"
    assert isinstance(SecretText("a", "b"), str)
