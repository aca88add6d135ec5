"""The token of the day: kept, ended by the clock, refused by the broker, and there again after a login."""

import pytest

from holdfast.adapters.zerodha.connection import session as module
from holdfast.adapters.zerodha.connection.failures import TokenDead
from holdfast.adapters.zerodha.connection.session import Session, Tokens, keep_session, kept_session
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.connection.times import parse_time_ns
from holdfast.errors import ConfigError
from holdfast.telemetry.redact import REDACTOR
from holdfast.telemetry.secret import Secret

MORNING_NS = parse_time_ns("2026-11-30 08:30:00")
SETTINGS = KiteSettings(api_key=Secret("kitekey"))


class Shelf:
    """Sessions in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def keep(self, name: str, text: str) -> None:
        self.kept[name] = text


def keep(shelf: Shelf, token: str, made_ns: int = MORNING_NS, settings: KiteSettings = SETTINGS) -> None:
    """A login that has just been."""
    keep_session(shelf, settings.login, Session(Secret(token), settings.key_digest, "AB1234", made_ns))


@pytest.fixture
def ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked each time."""
    monkeypatch.setattr(module, "ASKED_EVERY_S", 0.0)


@pytest.mark.usefixtures("ask_at_once")
def test_a_token_lives_until_six_and_the_next_login_is_found() -> None:
    """Without anybody telling: a run that goes on over the morning takes the token of the new day."""
    shelf, now = Shelf(), [MORNING_NS]
    tokens = Tokens(SETTINGS, shelf, lambda: now[0])
    with pytest.raises(TokenDead, match=r"there is no access token of Zerodha; log in: `holdfast login zerodha`"):
        tokens.current()
    keep(shelf, "token-one")
    assert tokens.current().reveal() == "token-one"
    now[0] = parse_time_ns("2026-12-01 05:59:59")
    assert tokens.current().reveal() == "token-one"
    now[0] = parse_time_ns("2026-12-01 06:00:00")
    with pytest.raises(TokenDead, match="has ended at 2026-12-01 06:00 IST"):
        tokens.current()
    keep(shelf, "token-two", now[0])
    assert tokens.current().reveal() == "token-two"


@pytest.mark.usefixtures("ask_at_once")
def test_a_store_that_cannot_be_read_is_waited_for() -> None:
    """It is no end of a run: as soon as it is mended, the token is there."""
    shelf, broken = Shelf(), [True]

    class Damaged(Shelf):
        def get(self, name: str) -> str | None:
            if broken[0]:
                raise ConfigError("the secret store is cut short")
            return shelf.get(name)

    keep(shelf, "token-one")
    tokens = Tokens(SETTINGS, Damaged(), lambda: MORNING_NS)
    with pytest.raises(TokenDead, match="can't be read: the secret store is cut short"):
        tokens.current()
    broken[0] = False
    assert tokens.current().reveal() == "token-one"


@pytest.mark.usefixtures("ask_at_once")
def test_a_token_that_was_refused_is_not_sent_again() -> None:
    """Until a login has put another one in its place."""
    shelf = Shelf()
    keep(shelf, "token-one")
    tokens = Tokens(SETTINGS, shelf, lambda: MORNING_NS)
    tokens.refused(tokens.current())
    with pytest.raises(TokenDead, match="Zerodha refuses the access token"):
        tokens.current()
    keep(shelf, "token-two")
    assert tokens.current().reveal() == "token-two"


def test_a_token_from_the_environment_comes_first() -> None:
    """And is refused like any other."""
    given = KiteSettings(api_key=Secret("kitekey"), access_token=Secret("given-token"), login="two")
    tokens = Tokens(given, Shelf())
    assert tokens.current().reveal() == "given-token"
    tokens.refused(Secret("given-token"))
    with pytest.raises(TokenDead, match="environment is refused; log in: `holdfast login zerodha --login two`"):
        tokens.current()


def test_what_is_kept_is_of_one_app() -> None:
    """A session of another api key, or text that is no session, is none; the token is hidden in logs once it is read."""
    shelf = Shelf()
    keep(shelf, "token-kept-1")
    found = kept_session(shelf, SETTINGS)
    assert found is not None
    assert (found.token.reveal(), found.user_id, found.end) == ("token-kept-1", "AB1234", "2026-12-01 06:00 IST")
    assert "token-kept-1" not in REDACTOR.text("a line with token-kept-1 in it")
    assert "token-kept-1" not in repr(found)
    assert kept_session(shelf, KiteSettings(api_key=Secret("otherkey"))) is None
    shelf.kept["zerodha-session"] = "{}"
    assert kept_session(shelf, SETTINGS) is None
