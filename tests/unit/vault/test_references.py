"""How a configuration's texts name secrets, and that a value gets nowhere but where it is used."""

import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy.engine import make_url

from holdfast.core.codec import encode_params
from holdfast.vault.references import SecretText, is_reference, is_whole_reference, references, resolved

SECRETS = {"a": "value of a", "b.c": "p@ss/w:rd"}


class Inner(msgspec.Struct, frozen=True):
    """A part."""

    text: str
    parts: tuple[str, ...] = ()


class Outer(msgspec.Struct, frozen=True):
    """A whole."""

    inner: Inner
    table: dict[str, Any]
    number: int = 3


def test_a_reference_is_found_and_put_in_wherever_it_stands() -> None:
    """In structs, tables and lists; what has none is the same object as before."""
    whole = Outer(Inner("secret:a", ("x", "secret:b.c")), {"list": [{"deep": "secret:a"}], "plain": "a secret: a"})
    assert list(references(msgspec.to_builtins(whole))) == [
        ("inner.text", "a"),
        ("inner.parts[1]", "b.c"),
        ("table.list[0].deep", "a"),
    ]
    found = resolved(whole, SECRETS)
    assert found.inner == Inner("value of a", ("x", "p@ss/w:rd"))
    assert found.table == {"list": [{"deep": "value of a"}], "plain": "a secret: a"}
    plain = Outer(Inner("a"), {"b": ["c"]})
    assert resolved(plain, SECRETS) is plain


def test_a_password_inside_a_url_is_encoded() -> None:
    """So that any characters may be in it, and the URL's parts stay what they are."""
    url = make_url(resolved("postgresql://me:{secret:b.c}@host:5432/db", SECRETS))
    assert (url.username, url.password, url.host, url.database) == ("me", "p@ss/w:rd", "host", "db")
    assert resolved("Bearer {secret:b.c}!", SECRETS) == "Bearer p@ss/w:rd!"


@pytest.mark.parametrize(
    "text", ["a secret:a", "postgresql://me:secret@host/db", "{secret}", "Secret:a", "{secret:a", ""]
)
def test_what_is_no_reference_stays_as_it_is(text: str) -> None:
    """The mark begins the text, or stands in braces; nothing else means anything."""
    assert not is_reference(text)
    assert resolved(text, SECRETS) is text


def test_what_is_not_there_stays_a_reference() -> None:
    """For who reads a configuration without needing that secret."""
    assert resolved("secret:z", SECRETS) == "secret:z"
    assert resolved("x{secret:a}{secret:z}", SECRETS) == "x{secret:a}{secret:z}"
    assert is_whole_reference("secret:z")
    assert not is_whole_reference("secret:z and more")


def test_a_value_is_printed_as_it_is_written_and_cant_be_encoded() -> None:
    """No encoder of ours takes it, the journal's neither; another process gets the reference."""
    made = resolved(Outer(Inner("secret:a"), {"url": "x://u:{secret:b.c}@h"}), SECRETS)
    assert "value of a" not in repr(made)
    assert "w:rd" not in repr(made)
    assert "'secret:a'" in repr(made)
    for encode in (msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, encode_params):
        with pytest.raises(TypeError, match="SecretText"):
            encode(made)
    again = pickle.loads(pickle.dumps(SecretText("value", "secret:a")))  # noqa: S301 - our own bytes
    assert again == "secret:a"
    assert type(again) is str


def test_a_value_is_a_text_to_who_uses_it(tmp_path: Path) -> None:
    """Whatever takes a text takes it."""
    text = resolved("secret:a", SECRETS)
    assert f"{text}!" == "value of a!"
    assert text.encode() == b"value of a"
    assert str(text) == "value of a"
    (tmp_path / "x").write_text(text)
    assert (tmp_path / "x").read_text() == "value of a"
