"""The session of the day: an access token, kept in the secret store until it ends at six in the morning of India.

Who trades through the night goes on when a person has logged in again: the store is asked anew as soon as the token has ended or was refused.
"""

import threading
import time
from collections.abc import Callable

import msgspec

from holdfast.adapters.zerodha.connection.failures import TokenDead
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.adapters.zerodha.connection.times import ist_text, token_end_ns
from holdfast.brokers.sessions import Sessions
from holdfast.errors import ConfigError
from holdfast.telemetry.redact import protect
from holdfast.telemetry.secret import Secret

ASKED_EVERY_S = 1.0
"""How long after the store had no living token it is not asked again."""


class Session(msgspec.Struct, frozen=True):
    """An access token, of which app and user, and when it was made."""

    token: Secret
    key_digest: str
    user_id: str
    made_ns: int

    @property
    def end_ns(self) -> int:
        """When it ends."""
        return token_end_ns(self.made_ns)

    @property
    def end(self) -> str:
        """When it ends, in India's time, for people."""
        return f"{ist_text(self.end_ns)[:16]} IST"


class _Kept(msgspec.Struct, frozen=True):
    """A session as it is written into the store."""

    access_token: str
    api_key_digest: str
    user_id: str
    made_ns: int


def session_name(login: str) -> str:
    """What the session of a login is called in the store."""
    return f"zerodha-session-{login}" if login else "zerodha-session"


def keep_session(sessions: Sessions, login: str, session: Session) -> None:
    """Keep it for the runs to come. Raises :class:`~holdfast.errors.ConfigError`."""
    kept = _Kept(session.token.reveal(), session.key_digest, session.user_id, session.made_ns)
    sessions.keep(session_name(login), msgspec.json.encode(kept).decode())


def kept_session(sessions: Sessions, settings: KiteSettings) -> Session | None:
    """The session that was kept for these settings' app; None when there is none. Raises :class:`~holdfast.errors.ConfigError`."""
    text = sessions.get(session_name(settings.login))
    try:
        kept = None if text is None else msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError:
        return None
    if kept is None or kept.api_key_digest != settings.key_digest:
        return None
    token = Secret(kept.access_token)
    protect(token)
    return Session(token, kept.api_key_digest, kept.user_id, kept.made_ns)


def login_command(login: str) -> str:
    """What a person types to log in."""
    return f"holdfast login zerodha --login {login}" if login else "holdfast login zerodha"


class Tokens:
    """The token that requests carry now. Used by all threads of a login."""

    def __init__(self, settings: KiteSettings, sessions: Sessions, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._settings = settings
        self._sessions = sessions
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._refused: str | None = None
        self._asked_s = -ASKED_EVERY_S

    @property
    def session(self) -> Session | None:
        """The session that is kept, living or not; None without one, and for a token that the environment gave."""
        return kept_session(self._sessions, self._settings)

    def current(self) -> Secret:
        """The living token. Raises `TokenDead`, which says what to do."""
        given = self._settings.access_token
        if given is not None:
            if given.reveal() == self._refused:
                raise TokenDead(f"the access token from the environment is refused; {self._what_to_do()}")
            return given
        with self._lock:
            if not self._lives() and time.monotonic() - self._asked_s >= ASKED_EVERY_S:
                self._session = self._kept()
                self._asked_s = time.monotonic()
            if self._session is None or not self._lives():
                raise TokenDead(f"{self._why()}; {self._what_to_do()}")
            return self._session.token

    def refused(self, token: Secret) -> None:
        """Zerodha has said that a token is not good: it is not sent again."""
        with self._lock:
            self._refused = token.reveal()
            self._asked_s = -ASKED_EVERY_S

    def _kept(self) -> Session | None:
        """What the store has. Raises `TokenDead` for one that can't be read: a run waits for it as for a login."""
        try:
            return kept_session(self._sessions, self._settings)
        except ConfigError as error:
            raise TokenDead(f"the access token of Zerodha can't be read: {error}") from None

    def _lives(self) -> bool:
        session = self._session
        return session is not None and self._now_ns() < session.end_ns and session.token.reveal() != self._refused

    def _why(self) -> str:
        if self._session is None:
            return "there is no access token of Zerodha"
        if self._now_ns() >= self._session.end_ns:
            return f"the access token of Zerodha has ended at {self._session.end}"
        return "Zerodha refuses the access token: the session was ended elsewhere, or another was begun"

    def _what_to_do(self) -> str:
        return f"log in: `{login_command(self._settings.login)}`; a run that waits goes on by itself then"
