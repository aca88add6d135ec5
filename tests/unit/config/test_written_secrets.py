"""Secrets that are written into the configuration in plain text are kept out of every log, as those of the store are."""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from holdfast.adapters import registry
from holdfast.config import load_config
from holdfast.config.secrets import protect_written
from holdfast.config.sections import SECTIONS, Config
from holdfast.errors import ConfigError
from holdfast.telemetry.redact import REDACTOR, Redactor

Place = tuple[str, ...]

SECRETS_TEXT = """
alerts.targets.url alpaca.api_key alpaca.api_secret alpaca.logins.*.api_key alpaca.logins.*.api_secret posts.apprise
posts.x.access_secret posts.x.access_token posts.x.api_key posts.x.api_secret posts.x.bearer sentry.dsn
tracing.headers.* web.access.token_secret zerodha.api_key zerodha.api_secret zerodha.logins.*.api_key
zerodha.logins.*.api_secret
"""
OPEN_TEXT = """
accounts.calendar accounts.calendar_sessions.close accounts.calendar_sessions.date accounts.calendar_sessions.open
accounts.calendar_sessions.pause accounts.currency accounts.feed accounts.login accounts.name
accounts.risk.correlation_groups.* alerts.daily_at alerts.rules.rule alerts.targets.name alpaca.data_stream_url
alpaca.data_url alpaca.logins.*.mode alpaca.logins.*.stock_feed alpaca.mode alpaca.stock_feed alpaca.trading_url
audit.anchor_file audit.key feed.actions feed.bar feed.bar.* feed.columns.* feed.decimal feed.encoding feed.end
feed.kind feed.login feed.name feed.path feed.paths feed.separator feed.speed feed.start feed.symbol feed.symbols
feed.thousands feed.timezone feeds.actions feeds.bar feeds.bar.* feeds.columns.* feeds.decimal feeds.encoding
feeds.end feeds.kind feeds.login feeds.name feeds.path feeds.paths feeds.separator feeds.speed feeds.start
feeds.symbol feeds.symbols feeds.thousands feeds.timezone instruments.*.currency instruments.*.exchange journal.url
locks.url logs.file metrics.listen monitor.listen observer.url posts.templates.closed posts.templates.day
posts.templates.opened posts.templates.reduced posts.timezone posts.x.url rates.* secrets.file secrets.key_file
sentry.environment strategies.account strategies.accounts strategies.class strategies.id strategies.symbols
strategies.timeframe tracing.otlp web.access.hosts web.access.proxies web.host web.results web.url zerodha.api_url
zerodha.login_url zerodha.logins.*.user_id zerodha.socket_url zerodha.user_id
"""
SECRETS, OPEN = set(SECRETS_TEXT.split()), set(OPEN_TEXT.split())
"""Places of secrets, and of every other text that can be written; who adds one decides where it belongs."""


def sections() -> dict[str, Any]:
    """What can be in the file: our sections, and those of the adapters that ship."""
    hints = get_type_hints(Config, include_extras=True)
    ours = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(Config) if field.name in SECTIONS}
    return ours | {name: registry.load(name).section for name in registry.SHIPPED if name != "paper"}


def texts(kind: Any, place: Place) -> Iterator[Place]:
    """The places of a section where any text can be written."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is str:
        yield place
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind, include_extras=True)
        for field in msgspec.structs.fields(kind):
            yield from texts(hints[field.name], (*place, field.encode_name))
    elif origin is Annotated:
        yield from texts(inner[0], place)
    elif origin in (Union, UnionType, list, tuple):
        for each in inner:
            yield from texts(each, place)
    elif origin is dict:
        yield from texts(inner[1], (*place, "*"))


def written(place: Place, text: str) -> dict[str, Any]:
    """A configuration with a text in one place."""
    value: Any = text
    for name in reversed(place):
        value = {name: value}
    return value if isinstance(value, dict) else {}


PLACES = sorted({".".join(place) for name, kind in sections().items() for place in texts(kind, (name,))})


def is_hidden(place: str, text: str) -> bool:
    redactor = Redactor()
    protect_written(written(tuple(place.split(".")), text), redactor)
    return text not in redactor.text(f"somebody says {text} somewhere")


def test_every_text_of_the_configuration_is_a_secret_or_known_to_be_none() -> None:
    """The list is the schema's: a new key that holds a secret is seen here before it is seen in a log."""
    assert set(PLACES) == SECRETS | OPEN
    assert {place for place in PLACES if is_hidden(place, "planted-4711-word")} == SECRETS


def test_a_password_in_an_address_is_hidden_wherever_one_can_be_written() -> None:
    """By itself too, as it is written and as it is meant."""
    for place in PLACES:
        redactor = Redactor()
        protect_written(written(tuple(place.split(".")), "scheme://user:pl%40nted@there:1/x"), redactor)
        assert redactor.text("pl%40nted and pl@nted") == "*** and ***", place


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("slack://T1JJ3T3L2xyz/A1BRTD4JDxyz/TIiajkdnlazkcOXrIdevi7FQ/#channel", ["T1JJ3T3L2xyz", "A1BRTD4JDxyz", "TIiajkdnlazkcOXrIdevi7FQ"]),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", ["123456789:abcdefg_hijklmnop"]),
        ("https://hooks.example.org/in/b7a3e1f09c2d?key=0123456789ab", ["b7a3e1f09c2d", "0123456789ab"]),
    ],
)  # fmt: skip
def test_of_an_address_that_is_a_secret_what_may_be_a_key_is_hidden_by_itself(url: str, keys: list[str]) -> None:
    """A library tells its errors in other words than the configuration's; the name of a server stays readable."""
    redactor = Redactor()
    protect_written({"alerts": {"targets": [{"name": "desk", "url": url}]}}, redactor)
    for key in keys:
        assert key not in redactor.text(f"it refused {key}")
    assert redactor.text("hooks.example.org") == "hooks.example.org"


def test_reading_a_configuration_is_enough(tmp_path: Path) -> None:
    """A header in the file and one from the environment are known before anything can be told of them, though the rest is refused."""
    path = tmp_path / "holdfast.toml"
    path.write_text('[tracing]\notlp = "http://127.0.0.1:1"\nheaders = { x-key = "planted plain header 1" }\n')
    with pytest.raises(ConfigError):
        load_config(path, {"HOLDFAST_TRACING__HEADERS__X-OTHER": "planted plain header 2"})
    assert REDACTOR.text("planted plain header 1, planted plain header 2") == "***, ***"
