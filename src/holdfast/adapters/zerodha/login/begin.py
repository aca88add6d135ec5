"""A session for a person's login: request token in, access token kept, and never shown."""

import time
from collections.abc import Callable

from holdfast.adapters.zerodha.connection.client import KiteClient
from holdfast.adapters.zerodha.connection.failures import TokenDead
from holdfast.adapters.zerodha.connection.session import (
    Session,
    Tokens,
    keep_session,
    login_command,
    session_name,
)
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.login.redirect import listening, login_page, new_state, token_in
from holdfast.brokers.http.failures import UnreadableAnswer
from holdfast.brokers.sessions import Person, SessionNote, Sessions
from holdfast.errors import ConfigError, Refused
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret


def begin_session(
    settings: KiteSettings, sessions: Sessions, person: Person, now_ns: Callable[[], int] = time.time_ns
) -> str:
    """Have a person log in, and keep the access token until it ends; says of whom and until when.

    Raises ConfigError without the app's secret, Refused when it was another user or nobody, a RequestFailed when Zerodha says no.
    """
    secret = settings.api_secret
    if secret is None:
        name = f"ZERODHA_{settings.login.upper()}_API_SECRET" if settings.login else "ZERODHA_API_SECRET"
        raise ConfigError(f"{name} is not set, and a login needs the app's secret; a run doesn't")
    sessions.get(session_name(settings.login))  # what can't be kept isn't asked for
    request_token = Secret(_request_token(settings, person))
    protect(request_token)
    session = _begun(settings, request_token, secret, now_ns())
    if settings.user_id is not None and session.user_id != settings.user_id:
        raise Refused(
            f"user {session.user_id} has logged in, and the account is that of {settings.user_id} (zerodha.user_id); nothing was kept"
        )
    keep_session(sessions, settings.login, session)
    return f"{session.user_id} is logged in at Zerodha; the session ends at {session.end}"


def _request_token(settings: KiteSettings, person: Person) -> str:
    state = new_state()
    if person.read is not None:
        person.open_page(login_page(settings, state))
        person.show("log in there, then paste the request token, or the whole address of the page that comes then")
        return token_in(person.read(), state)
    with listening(settings.redirect_port, state) as redirect:
        person.open_page(login_page(settings, state, redirect.url))
        person.show(
            f"log in there; the page leads back to {redirect.url}, which your app must name as its redirect URL"
        )
        return redirect.wait()


def _begun(settings: KiteSettings, request_token: Secret, secret: Secret, now_ns: int) -> Session:
    client = KiteClient(settings)
    try:
        answer = client.begin(request_token.reveal(), secret)
    finally:
        client.close()
    token, user = answer.get("access_token"), answer.get("user_id")
    if not isinstance(token, str) or not isinstance(user, str) or not token:
        raise UnreadableAnswer("POST /session/token: the answer has no access_token or user_id; begin again")
    access = Secret(token)
    protect(access)
    return Session(access, settings.key_digest, user, now_ns)


def session_note(settings: KiteSettings, sessions: Sessions, now_ns: Callable[[], int] = time.time_ns) -> SessionNote:
    """Whether there is a token for a run that begins now, and until when."""
    tokens = Tokens(settings, sessions, now_ns)
    try:
        tokens.current()
    except TokenDead as error:
        return SessionNote(False, str(error))
    session = tokens.session
    if settings.access_token is not None or session is None:
        return SessionNote(
            True, "Zerodha's access token comes from the environment; it ends at six in the morning of India"
        )
    return SessionNote(
        True,
        f"the session of {session.user_id} at Zerodha ends at {session.end}; log in again after that: "
        f"`{login_command(settings.login)}`",
    )
