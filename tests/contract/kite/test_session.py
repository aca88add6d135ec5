"""The SDK's login, and what a dead session looks like."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import InputException, TokenException

from tests.local_kite import LOGIN, LocalKite


def test_the_login_page_leads_back_with_a_token_that_is_good_once(server: LocalKite) -> None:
    """From the page over the redirect to a session; the same request token opens no second one."""
    kite = KiteConnect(LOGIN.api_key, root=server.url)
    kite._default_login_uri = f"{server.url}/connect/login"
    page = kite.login_url()
    assert "Log in as AB1234" in requests.get(page, timeout=10).text
    answer = requests.post(f"{page}&redirect_url=http://127.0.0.1:1/back", allow_redirects=False, timeout=10)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    token = query["request_token"][0]
    session = kite.generate_session(token, LOGIN.api_secret)
    assert (session["user_id"], session["broker"]) == (LOGIN.user_id, "ZERODHA")
    kite.set_access_token(session["access_token"])
    assert kite.profile()["user_id"] == LOGIN.user_id
    with pytest.raises(TokenException):
        kite.generate_session(token, LOGIN.api_secret)


def test_a_wrong_secret_opens_nothing(server: LocalKite) -> None:
    """The checksum proves the secret."""
    kite = KiteConnect(LOGIN.api_key, root=server.url)
    account = server.world.accounts.all()[0]
    token = server.call(lambda: account.tokens.ask(account.now_ns))
    with pytest.raises(TokenException, match="checksum"):
        kite.generate_session(token, "another secret")
    with pytest.raises(InputException, match="api_key"):
        KiteConnect("nobody", root=server.url).generate_session(token, LOGIN.api_secret)


def test_the_page_sends_nobody_to_another_machine(server: LocalKite) -> None:
    """A redirect that leaves this machine is refused."""
    page = f"{server.url}/connect/login?api_key={LOGIN.api_key}&redirect_url=http://example.com/"
    assert requests.post(page, allow_redirects=False, timeout=10).status_code == 400


def test_a_session_that_was_ended_is_told_to_the_hook(server: LocalKite, kite: KiteConnect) -> None:
    """After logging out each request is a TokenException of 403, and the SDK calls its hook."""
    called: list[bool] = []
    kite.set_session_expiry_hook(lambda: called.append(True))
    kite.invalidate_access_token()
    with pytest.raises(TokenException) as raised:
        kite.orders()
    assert (raised.value.code, called) == (403, [True])


def test_tokens_die_at_six_in_the_morning(server: LocalKite) -> None:
    """A token of the day is good until six of the next."""
    account = server.world.accounts.all()[0]
    token = server.call(lambda: account.tokens.put("t", account.now_ns))
    six_ns = 1_720_657_800_000_000_000  # 2024-07-11 06:00 in India
    assert account.tokens.is_good(token, six_ns - 1)
    assert not account.tokens.is_good(token, six_ns)
