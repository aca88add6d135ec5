"""A login over real HTTP: the page of the local Kite, its way back, and what is kept."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
import requests

from holdfast.adapters.zerodha.connection.failures import ErrorAnswer
from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.session import Tokens, kept_session
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.login.begin import begin_session, session_note
from holdfast.adapters.zerodha.login.redirect import listening, login_page, token_in
from holdfast.brokers.sessions import Person
from holdfast.errors import ConfigError, InvalidValue, Refused
from tests.local_kite import LOGIN, LocalKite, local_kite
from tests.local_server import PATIENCE_S
from tests.unit.adapters.zerodha.connection.at_local_kite import settings_at
from tests.unit.adapters.zerodha.connection.test_session import Shelf

ANY_PORT = 0


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKite]:
    """A local Kite."""
    with local_kite() as running:
        yield running


def settings(server: LocalKite, **more: object) -> KiteSettings:
    """Of a login there."""
    return msgspec.structs.replace(settings_at(server.url), redirect_port=ANY_PORT, **more)


class Visitor:
    """A person with a browser: follows the page and presses its button. ``address`` is where the browser ended."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.lines: list[str] = []
        self.address = ""
        self.last: requests.Response | None = None

    def open_page(self, page: str) -> None:
        self.pages.append(page)

    def press(self, page: str) -> None:
        """Look at the page, and log in."""
        assert "Log in as" in requests.get(page, timeout=PATIENCE_S).text
        answer = requests.post(page, allow_redirects=False, timeout=PATIENCE_S)
        self.address = answer.headers.get("Location", "")

    def person(self, read: Callable[[], str] | None = None) -> Person:
        return Person(self.lines.append, self.open_page, read)


def test_the_page_leads_back_and_the_token_is_kept(server: LocalKite) -> None:
    """By a browser: what is kept opens the account, until six; nothing that is told has the token in it."""
    visitor, shelf, of = Visitor(), Shelf(), settings(server, user_id=LOGIN.user_id)

    def open_page(page: str) -> None:
        visitor.press(page)
        visitor.last = requests.get(visitor.address, timeout=PATIENCE_S)

    told = begin_session(of, shelf, Person(visitor.lines.append, open_page))
    assert visitor.last is not None
    assert (visitor.last.status_code, "Logged in" in visitor.last.text) == (200, True)
    session = kept_session(shelf, of)
    assert session is not None
    assert told == f"AB1234 is logged in at Zerodha; the session ends at {session.end}"
    assert KiteRest(of, Tokens(of, shelf)).request("GET", "user.profile")["user_id"] == LOGIN.user_id
    assert session.token.reveal() not in " ".join([told, *visitor.lines])
    note = session_note(of, shelf)
    assert note.lives
    assert note.text.startswith(f"the session of AB1234 at Zerodha ends at {session.end}; log in again after that")


def test_what_comes_with_another_state_is_not_heard(server: LocalKite) -> None:
    """From a page that somebody else has made, or for another host; the login goes on and waits for its own."""
    visitor, of = Visitor(), settings(server)
    with listening(ANY_PORT, "rightstate") as redirect:
        visitor.press(login_page(of, "rightstate", redirect.url))
        right = visitor.address
        assert "state=rightstate" in right
        wrong = right.replace("rightstate", "wrongstate")
        statuses = [
            requests.get(address, headers=headers, timeout=PATIENCE_S).status_code
            for address, headers in (
                (wrong, {}),
                (right.replace("state=", "other="), {}),
                (right, {"Host": "evil.example"}),
                (right.replace("status=success", "status=failed"), {}),
                (f"{redirect.url}favicon.ico", {}),
            )
        ]
        assert statuses == [403, 403, 403, 403, 404]
        with pytest.raises(Refused, match="nobody has logged in"):
            redirect.wait(0.0)
        assert requests.get(right, timeout=PATIENCE_S).status_code == 200
        assert redirect.wait() in right


@pytest.mark.parametrize("whole", [True, False])
def test_what_the_page_ended_with_is_pasted(server: LocalKite, whole: bool) -> None:
    """The address or the token alone; a token is good once."""
    visitor, shelf, of = Visitor(), Shelf(), settings(server)

    def read() -> str:
        visitor.press(f"{visitor.pages[-1]}&redirect_url=http://127.0.0.1:9/")
        token = token_in(visitor.address, visitor.address.partition("state=")[2])
        return f" {visitor.address}\n" if whole else f"{token}\n"

    begin_session(of, shelf, visitor.person(read))
    assert kept_session(shelf, of) is not None
    with pytest.raises(ErrorAnswer, match="invalid or has expired"):
        begin_session(
            of, Shelf(), visitor.person(lambda: token_in(visitor.address, visitor.address.partition("state=")[2]))
        )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", InvalidValue),
        ("no token", InvalidValue),
        ("http://127.0.0.1:8181/?action=login", InvalidValue),
        ("http://127.0.0.1:8181/?request_token=abc&status=success", Refused),
        ("http://127.0.0.1:8181/?request_token=abc&status=success&state=other", Refused),
        ("http://127.0.0.1:8181/?status=cancelled&state=mine", Refused),
    ],
)
def test_what_is_no_login_of_ours(text: str, error: type[Exception]) -> None:
    """Is refused; a bare token says nothing of its state, and a person has copied it."""
    with pytest.raises(error):
        token_in(text, "mine")
    assert token_in("abcDEF123\n", "mine") == "abcDEF123"


def test_nothing_is_kept_of_another_user_or_without_the_secret(server: LocalKite) -> None:
    """And the port that is taken is named."""
    visitor, shelf = Visitor(), Shelf()
    other = settings(server, user_id="ZZ9999")

    def read() -> str:
        visitor.press(f"{visitor.pages[-1]}&redirect_url=http://127.0.0.1:9/")
        return visitor.address

    with pytest.raises(Refused, match="user AB1234 has logged in, and the account is that of ZZ9999"):
        begin_session(other, shelf, visitor.person(read))
    with pytest.raises(ConfigError, match="ZERODHA_API_SECRET is not set"):
        begin_session(settings(server, api_secret=None), shelf, visitor.person(read))
    assert shelf.kept == {}
    assert not session_note(other, shelf).lives
    with listening(ANY_PORT, "state") as redirect:
        port = int(redirect.url.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(Refused, match="redirect_port"):
            begin_session(_at_port(settings(server), port), shelf, visitor.person())


def _at_port(of: KiteSettings, port: int) -> KiteSettings:
    return msgspec.structs.replace(of, redirect_port=port)
