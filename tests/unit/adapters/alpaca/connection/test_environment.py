"""Alpaca's settings: where they come from, which goes first, and what is refused before anything is sent."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.alpaca.connection.environment import (
    LIVE_CONSENT,
    AlpacaLoginSection,
    AlpacaSection,
    check_section,
    load_alpaca,
)
from holdfast.adapters.alpaca.connection.settings import (
    LIVE_TRADING_URL,
    PAPER_TRADING_URL,
    AlpacaSettings,
    Mode,
    StockFeed,
)
from holdfast.errors import ConfigError, InvalidValue
from holdfast.telemetry.redact import REDACTOR

PAPER = {"ALPACA_PAPER_API_KEY": "PKPAPER123456789", "ALPACA_PAPER_API_SECRET": "paperSecret123456789"}
LIVE = {"ALPACA_LIVE_API_KEY": "AKLIVE1234567890", "ALPACA_LIVE_API_SECRET": "liveSecret1234567890"}
CONSENT = {"ALPACA_MODE": "live", "ALPACA_LIVE_CONSENT": LIVE_CONSENT}


def load(environment: dict[str, str], dotenv: Path | None = None, **section: Any) -> AlpacaSettings:
    return load_alpaca(environment, dotenv, AlpacaSection(**section))


def keys(settings: AlpacaSettings) -> tuple[str, str]:
    return settings.api_key.reveal(), settings.api_secret.reveal()


def test_paper_keys_of_the_environment_are_enough() -> None:
    """With two variables set it is the paper account at Alpaca, IEX data, and the documented limits."""
    settings = load(PAPER)
    assert keys(settings) == tuple(PAPER.values())
    assert (settings.mode, settings.trading_url, settings.stock_feed) == (Mode.PAPER, PAPER_TRADING_URL, StockFeed.IEX)
    assert settings.requests_per_minute == 200


def test_the_environment_goes_before_dotenv_and_that_before_the_file(tmp_path: Path) -> None:
    """Each value is taken from the first of the three that has it."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("ALPACA_PAPER_API_KEY=PKFROMDOTENV\nALPACA_PAPER_API_SECRET=from-dotenv\nALPACA_STOCK_FEED=\n")
    section = {"api_key": "PKFROMFILE", "api_secret": "fromfile", "stock_feed": "sip"}
    assert keys(load(PAPER, dotenv, **section)) == tuple(PAPER.values())
    from_dotenv = load({"ALPACA_PAPER_API_KEY": ""}, dotenv, **section)
    assert keys(from_dotenv)[0] == "PKFROMDOTENV"
    assert from_dotenv.stock_feed is StockFeed.SIP  # an empty line says nothing
    assert keys(load({}, None, **section)) == ("PKFROMFILE", "fromfile")


def test_a_dollar_sign_in_a_secret_is_one(tmp_path: Path) -> None:
    """Nothing is put in for it from elsewhere."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("ALPACA_PAPER_API_KEY=PKFROMDOTENV\nALPACA_PAPER_API_SECRET=abc${HOME}def\n")
    assert keys(load({}, dotenv))[1] == "abc${HOME}def"


def test_the_dotenv_file_is_not_exported(tmp_path: Path) -> None:
    """Programs that this one starts don't inherit the keys."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("".join(f"{name}={value}\n" for name, value in PAPER.items()))
    before = dict(os.environ)
    load({}, dotenv)
    assert dict(os.environ) == before


def test_no_dotenv_file_is_none_and_one_that_is_no_text_is_told(tmp_path: Path) -> None:
    """A missing file is no mistake; one that can't be read is."""
    assert load(PAPER, tmp_path / "missing").mode is Mode.PAPER
    broken = tmp_path / ".env"
    broken.write_bytes(b"ALPACA_PAPER_API_KEY=\xff\xfe\n")
    with pytest.raises(ConfigError, match="can't be read"):
        load({}, broken)


def test_missing_keys_are_told_with_what_to_do() -> None:
    """Which variables, where keys come from, and how to go without an account."""
    with pytest.raises(ConfigError) as caught:
        load({"ALPACA_PAPER_API_KEY": "PKABCDEF"})
    text = str(caught.value)
    assert text.startswith("ALPACA_PAPER_API_SECRET is not set")
    for part in ("app.alpaca.markets", ".env", "holdfast sim alpaca", "ALPACA_TRADING_URL", "ALPACA_DATA_STREAM_URL"):
        assert part in text
    assert "PKABCDEF" not in text


@pytest.mark.parametrize(
    "value", ["your_key_here", "YOUR-SECRET", "<secret>", "xxxxxxxx", "changeme", "${KEY}", "put_it_here"]
)
def test_placeholders_are_refused(value: str) -> None:
    """What an example file has in the place of a key is not sent to Alpaca."""
    with pytest.raises(ConfigError, match="ALPACA_PAPER_API_SECRET still has the placeholder"):
        load({**PAPER, "ALPACA_PAPER_API_SECRET": value})


@pytest.mark.parametrize("value", ["two words", "tab\there", "schlüssel", "line\nfeed"])
def test_keys_that_no_header_can_carry_are_refused_and_not_shown(value: str) -> None:
    """A key with blanks or foreign letters was copied wrongly."""
    with pytest.raises(ConfigError, match="copy it again") as caught:
        load({**PAPER, "ALPACA_PAPER_API_SECRET": value})
    assert value not in str(caught.value)


def test_keys_are_kept_out_of_logs_from_then_on() -> None:
    """Whatever logs them later shows stars."""
    load({**PAPER, "ALPACA_PAPER_API_SECRET": "onlyInThisTest1234"})
    assert REDACTOR.text("it was onlyInThisTest1234") == "it was ***"


# --- whose money ------------------------------------------------------------------------------------------------------


def test_live_needs_a_second_consent() -> None:
    """The mode alone trades no real money: the exact sentence must be given too, and the error says it."""
    for consent in ("", "yes", LIVE_CONSENT.upper(), LIVE_CONSENT + "!"):
        with pytest.raises(ConfigError, match="real money") as caught:
            load({**LIVE, "ALPACA_MODE": "live", "ALPACA_LIVE_CONSENT": consent})
        assert LIVE_CONSENT in str(caught.value)
    settings = load({**LIVE, **CONSENT})
    assert (settings.mode, settings.trading_url) == (Mode.LIVE, LIVE_TRADING_URL)
    assert keys(settings) == tuple(LIVE.values())


def test_live_never_uses_paper_keys() -> None:
    """Neither those of the environment nor those that the file has for its own mode."""
    with pytest.raises(ConfigError, match="ALPACA_LIVE_API_KEY and ALPACA_LIVE_API_SECRET are not set"):
        load({**PAPER, **CONSENT}, api_key="PKFROMFILE", api_secret="fromfile")
    assert keys(load(CONSENT, mode="live", api_key="AKFROMFILE", api_secret="fromfile"))[0] == "AKFROMFILE"


def test_an_unknown_mode_is_paper_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    """A typing mistake in the mode costs no money."""
    assert load({**PAPER, "ALPACA_MODE": "liev"}, mode="live").mode is Mode.PAPER
    assert "ALPACA_MODE is neither paper nor live" in caplog.text
    assert load({**PAPER, "ALPACA_MODE": " Paper "}).mode is Mode.PAPER


@pytest.mark.parametrize("environment", [
    {**PAPER, "ALPACA_PAPER_API_KEY": "AKLIVE1234567890"},
    {**LIVE, **CONSENT, "ALPACA_LIVE_API_KEY": "PKPAPER123456789"},
])  # fmt: skip
def test_keys_of_the_other_kind_are_warned_of(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Paper keys begin with PK, live ones with AK, as far as seen: no more than a warning, and without the key."""
    with caplog.at_level(logging.WARNING):
        load(environment)
    assert "looks like a key of a" in caplog.text
    assert "1234567890" not in caplog.text


@pytest.mark.parametrize(("mode", "url"), [("paper", LIVE_TRADING_URL), ("live", PAPER_TRADING_URL)])
def test_mode_and_host_must_agree(mode: str, url: str) -> None:
    """Paper at the live host, or the other way round, is a mistake."""
    with pytest.raises(ConfigError, match="make them agree"):
        load({**PAPER, **LIVE, **CONSENT, "ALPACA_MODE": mode, "ALPACA_TRADING_URL": url + "/"})


# --- addresses ----------------------------------------------------------------------------------------------------------


def test_a_slash_at_the_end_is_taken_off() -> None:
    """Alpaca's SDK would make two of it."""
    urls = {"ALPACA_TRADING_URL": "http://127.0.0.1:8080/", "ALPACA_DATA_URL": "https://data.example.com/alpaca//"}
    settings = load({**PAPER, **urls}, data_stream_url="ws://localhost:8080/")
    assert settings.trading_url == "http://127.0.0.1:8080"
    assert settings.data_url == "https://data.example.com/alpaca"
    assert settings.stocks_stream_url == "ws://localhost:8080/v2/iex"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://127.9.9.9", "http://[::1]:80"])
def test_plain_http_is_for_this_machine(url: str) -> None:
    """A local server needs no certificate."""
    assert load({**PAPER, "ALPACA_TRADING_URL": url}).trading_url == url


@pytest.mark.parametrize(
    "url", ["http://api.alpaca.markets", "http://10.0.0.5:80", "http://127.0.0.1.evil.com", "http://localhost.evil.com"]
)
def test_plain_http_to_elsewhere_is_refused(url: str) -> None:
    """The keys would travel in the clear."""
    with pytest.raises(ConfigError, match="in the clear; use https"):
        load({**PAPER, "ALPACA_TRADING_URL": url})
    with pytest.raises(ConfigError, match="in the clear; use wss"):
        load({**PAPER, "ALPACA_DATA_STREAM_URL": url.replace("http", "ws")})


@pytest.mark.parametrize("url", [
    "paper-api.alpaca.markets", "ftp://x.com", "https://", "https://me:hunter2@x.com", "https://x.com?key=hunter2",
    "https://x.com:port", "https://[x", "https://x.com/v2", "https://x.com/v1beta3/", "wss://x.com", "https://ex ample.com/\x00",
])  # fmt: skip
def test_what_is_no_base_url_is_refused(url: str) -> None:
    """The error names the variable, and shows no password that is in the address."""
    with pytest.raises(ConfigError, match="ALPACA_DATA_URL") as caught:
        load({**PAPER, "ALPACA_DATA_URL": url})
    assert "hunter2" not in str(caught.value)


def test_the_feed_is_iex_or_sip() -> None:
    """Another is refused with the choices."""
    assert load({**PAPER, "ALPACA_STOCK_FEED": "SIP"}).stock_feed is StockFeed.SIP
    with pytest.raises(ConfigError, match="must be iex or sip"):
        load({**PAPER, "ALPACA_STOCK_FEED": "otc"})


@pytest.mark.parametrize("name", ["read_timeout_s", "requests_per_minute"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_bounds_are_above_zero(name: str, value: float) -> None:
    """A timeout of nothing or for ever, or an allowance of none, is refused."""
    with pytest.raises(InvalidValue, match=f"{name} must be at least"):
        AlpacaSection(**{name: value})  # type: ignore[arg-type]


def test_the_section_shows_nothing() -> None:
    """It may hold keys, and configurations get printed."""
    assert "topsecret" not in repr(AlpacaSection(api_key="topsecret"))


def test_a_login_with_a_name_has_keys_of_its_own() -> None:
    """Its variables have the name in them; neither keys, mode nor consent of another serve it."""
    section = AlpacaSection(api_key="PKFIRST", api_secret="first-secret", logins={"second": AlpacaLoginSection()})
    mine = {"ALPACA_SECOND_PAPER_API_KEY": "PKSECOND", "ALPACA_SECOND_PAPER_API_SECRET": "second-secret"}
    both = {**mine, "ALPACA_PAPER_API_KEY": "PKFIRST", "ALPACA_PAPER_API_SECRET": "first-secret"}
    assert load_alpaca(both, None, section, "second").api_key.reveal() == "PKSECOND"
    assert load_alpaca(both, None, section).api_key.reveal() == "PKFIRST"
    with pytest.raises(ConfigError, match="ALPACA_SECOND_PAPER_API_KEY and ALPACA_SECOND_PAPER_API_SECRET are not set"):
        load_alpaca({"ALPACA_PAPER_API_KEY": "PKFIRST"}, None, section, "second")
    live = {"ALPACA_SECOND_MODE": "live", "ALPACA_SECOND_LIVE_API_KEY": "AK", "ALPACA_SECOND_LIVE_API_SECRET": "s3cret"}
    with pytest.raises(ConfigError, match="ALPACA_SECOND_LIVE_CONSENT"):
        load_alpaca({**live, "ALPACA_LIVE_CONSENT": LIVE_CONSENT}, None, section, "second")
    assert load_alpaca({**mine, "ALPACA_MODE": "live"}, None, section, "second").mode is Mode.PAPER


@pytest.mark.parametrize("name", ["Second", "a-b", "", " ", "1"])
def test_a_login_has_a_name_that_a_variable_can_have(name: str) -> None:
    """Small letters, digits and _."""
    with pytest.raises(ConfigError, match="a login is named by"):
        check_section(AlpacaSection(logins={name: AlpacaLoginSection()}))
