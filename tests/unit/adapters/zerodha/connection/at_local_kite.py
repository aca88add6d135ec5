"""Settings and requests of a login at the local Kite."""

import requests

from holdfast.adapters.zerodha.connection.rest import KiteRest
from holdfast.adapters.zerodha.connection.session import Tokens
from holdfast.adapters.zerodha.connection.settings import KiteSettings
from holdfast.brokers.sessions import NoSessions
from holdfast.telemetry.secret import Secret
from tests.local_kite import LOGIN, LocalKite
from tests.local_server import PATIENCE_S

API_SECRET = Secret(LOGIN.api_secret)


def token_at(server: LocalKite) -> Secret:
    """An access token, as if a person had logged in."""
    answer = requests.post(f"{server.url}/_sim/token", timeout=PATIENCE_S)
    return Secret(answer.json()["access_token"])


def settings_at(url: str, socket_url: str = "ws://127.0.0.1:9", token: Secret | None = None) -> KiteSettings:
    """Settings that send everything to this machine."""
    return KiteSettings(
        api_key=Secret(LOGIN.api_key),
        api_secret=API_SECRET,
        access_token=token,
        api_url=url,
        login_url=url,
        socket_url=socket_url,
        read_timeout_s=PATIENCE_S,
        answer_timeout_s=PATIENCE_S,
    )


def rest_at(url: str, token: Secret) -> KiteRest:
    """Requests with a token."""
    settings = settings_at(url, token=token)
    return KiteRest(settings, Tokens(settings, NoSessions()))
