"""What is written as text in a configuration is read when the file is: by `check` and by `run` alike."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.config import LARGEST_FILE, load_config, parse_config
from holdfast.errors import ConfigError, HoldfastError, Refused


def parsed(**sections: Any) -> None:
    parse_config({"accounts": [{"name": "a"}], **sections}, "test", Path())


@pytest.mark.parametrize(
    "url",
    [
        "banana", "", "://", "redis:", "redis://", "redis:///0", "redis://host:notaport/0", "redis://host:99999/0", "http://host/0",
        "postgresql://", "sqlite://", "sqlite:///", "unix://", "redis://[::1/0", "redis://ho\nst/0",
    ],
)  # fmt: skip
def test_an_address_of_locks_that_is_none_is_refused(url: str) -> None:
    """In one line that says how to write it, and shows nothing of it."""
    with pytest.raises(ConfigError, match=r"locks\.url") as error:
        parsed(locks={"url": url})
    assert "write it as" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["redis://host:6379/0", "rediss://host/1", "unix:///run/redis.sock", "sqlite:///x.db", "mariadb://u@h/d"]
)
def test_an_address_of_locks_that_is_one_is_taken(url: str) -> None:
    """Redis, or the database of a journal."""
    parsed(locks={"url": url})


@pytest.mark.parametrize(
    "url", ["banana", "mysqll://u:hunter2@h/d", "postgresql://u:hunter2@h:port/d", "redis://host/0", "postgresql:///d"]
)
def test_a_journals_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    """It was told only when something connected."""
    with pytest.raises(ConfigError, match=r"journal\.url") as error:
        parsed(journal={"url": url})
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("field", ["trading_url", "data_url", "data_stream_url"])
@pytest.mark.parametrize("url", ["banana", "http://example.com", "https://user:hunter2@example.com", "https://h/v2"])
def test_a_brokers_address_is_read_whether_it_is_used_or_not(field: str, url: str) -> None:
    """A mistake in it is found on paper, not on the day it goes live."""
    with pytest.raises(ConfigError, match=f"alpaca.{field}") as error:
        parsed(alpaca={field: url})
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"feed": {"speed": "fast"}}, "speed"), ({"feed": {"bar": "1Fortnight"}}, "1Fortnight"),
        ({"alpaca": {"stock_feed": "nyse"}}, "iex or sip"),
        ({"venue": {"commission": {"type": "per_sharee"}}}, "commission"),
        ({"strategies": [{"id": "s", "class": "x:Y", "account": "a", "symbols": ["A"], "timeframe": "1min"}]}, "timeframe"),
    ],
)  # fmt: skip
def test_a_word_that_means_nothing_is_refused_when_the_file_is_read(sections: dict[str, Any], said: str) -> None:
    """Whichever section it is in, used or not."""
    with pytest.raises(ConfigError, match=said):
        parsed(**sections)


@pytest.mark.parametrize("broker", ["upstox", "ibkr"])
@pytest.mark.parametrize("feed", ["synthetic", "file", "alpaca"])
def test_a_broker_that_there_is_no_code_for_is_refused(broker: str, feed: str) -> None:
    """It would trade on paper, and the journal would call it that broker for ever."""
    with pytest.raises(Refused, match=f"account b is at {broker}") as error:
        parsed(feed={"kind": feed}, accounts=[{"name": "a"}, {"name": "b", "broker": broker}])
    assert error.value.exit_status == 3


def test_a_broker_with_a_wrong_name_is_told_what_there_is() -> None:
    """A misspelt one comes back with the nearest there is."""
    with pytest.raises(Refused, match=r"account a is at alpacca.*did you mean alpaca\?"):
        parsed(accounts=[{"name": "a", "broker": "alpacca"}])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe[\x00f\x00e\x00", "not UTF-8"),
        (b"#" * (LARGEST_FILE + 1), "larger than"),
        (b"[feed", "TOML"),
        (b'\x00[feed]\nkind = "file"', "TOML"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    """In another encoding, far too large, cut off."""
    path = tmp_path / "holdfast.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        load_config(path, {})


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom", "/", "/dev/null/x"])
def test_what_has_no_end_or_is_no_file_is_given_up(path: str) -> None:
    """At once, and with one line."""
    with pytest.raises(HoldfastError) as error:
        load_config(Path(path), {})
    assert "\n" not in str(error.value)


def test_a_variable_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 come as surrogates, which nothing can print or keep."""
    path = tmp_path / "holdfast.toml"
    path.write_text('[[accounts]]\nname = "a"\n')
    with pytest.raises(ConfigError, match="HOLDFAST_ACCOUNTS__0__NAME is not UTF-8"):
        load_config(path, {"HOLDFAST_ACCOUNTS__0__NAME": b"\xff".decode(errors="surrogateescape")})
