"""Logging in, staying logged in, and being out again."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pyotp
import pytest

from holdfast.config import Config
from holdfast.core.types import SECOND_NS
from holdfast.web.auth import watch
from holdfast.web.auth.permissions import Role
from tests.scenario.web.serving import API, PASSWORD, PATIENCE_S, TEST, Answer, Served, bearer, serving, with_access

OTHER = "another 8 good password"
TRUSTED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "Host": "trade.example.org"}


def attempt(served: Served, name: str, password: str, **headers: str) -> Answer:
    return served.api("POST", "/login", {"name": name, "password": password}, headers)


def is_in(served: Served, headers: dict[str, str]) -> bool:
    return served.api("GET", "/me", headers=headers).status == 200


def test_a_login_begins_a_session_that_a_logout_ends(served: Served) -> None:
    """The cookie lets its browser in, is out of reach for scripts and other sites, and is worth nothing after the logout."""
    answer = attempt(served, "trader", PASSWORD)
    cookie, attributes = answer.cookies[0].split(";", 1)
    assert answer.json["role"] == "trader"
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in attributes.split(";")}
    session = {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf"]}
    me = served.api("GET", "/me", headers=session)
    assert (me.json["name"], me.json["csrf"]) == ("trader", answer.json["csrf"])
    assert served.api("POST", "/logout", headers=session).status == 204
    assert not is_in(served, session)


def test_over_tls_the_cookie_is_bound_to_its_host(config: Config, tmp_path: Path) -> None:
    """Behind a trusted proxy with TLS the cookie is Secure and `__Host-`; without TLS no password is taken from elsewhere."""
    with serving(with_access(config, tmp_path, proxies=("127.0.0.1",), hosts=("trade.example.org",))) as served:
        served.add_user("trader", "admin")
        cookie = attempt(served, "trader", PASSWORD, **TRUSTED).cookies[0]
        assert cookie.startswith("__Host-holdfast=")
        assert "; Secure" in cookie
        plain = attempt(served, "trader", PASSWORD, **(TRUSTED | {"X-Forwarded-Proto": "http"}))
        assert plain.status == 403
        assert "plain HTTP" in plain.error
        session = {"Cookie": cookie.partition(";")[0].replace("__Host-holdfast", "holdfast")} | TRUSTED
        assert not is_in(served, session), "the name without __Host- can be set by another host"


def test_the_session_before_ends_at_a_login(served: Served) -> None:
    """Whoever planted a session's cookie in a browser has nothing of the login that follows: it gets another, and the planted one ends."""
    planted = served.log_in("viewer")
    answer = attempt(served, "trader", PASSWORD, Cookie=planted["Cookie"])
    assert answer.cookies[0].partition(";")[0] != planted["Cookie"]
    assert not is_in(served, planted)


def test_an_invented_cookie_is_never_taken_over(served: Served) -> None:
    """A login doesn't adopt an id that came with the request."""
    invented = {"Cookie": "holdfast=" + "A" * 43}
    answer = attempt(served, "trader", PASSWORD, **invented)
    assert "A" * 43 not in answer.cookies[0]
    assert not is_in(served, invented)


def test_a_session_ends_by_itself(served: Served) -> None:
    """Twelve hours without a request end it, and seven days in any case."""
    idle = served.log_in("trader")
    served.clock.pass_s(12 * 3600 - 1)
    assert is_in(served, idle)
    served.clock.pass_s(12 * 3600 + 1)
    assert not is_in(served, idle)
    busy = served.log_in("trader")
    for _ in range(16):
        served.clock.pass_s(10 * 3600)
        assert is_in(served, busy)
    served.clock.pass_s(8 * 3600 + 1)
    assert not is_in(served, busy)


@pytest.mark.parametrize("change", ["password", "role", "removal"])
def test_a_change_of_the_user_ends_all_that_was_given_out(served: Served, change: str) -> None:
    """After another password, another role or a removal neither session, token nor refresh token is good; the key goes by the new role."""
    session, tokens = served.log_in("trader"), served.token("trader")
    _, key = served.key("trader", "trade")
    if change == "password":
        served.access.users.set_password("trader", OTHER, TEST)
    elif change == "role":
        served.access.users.set_role("trader", Role.VIEWER, TEST)
    else:
        served.access.users.remove("trader", TEST)
    assert not is_in(served, session)
    assert not is_in(served, bearer(tokens["access_token"]))
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert served.api("POST", "/token/refresh", refresh).status == 401
    halt = served.api("POST", "/accounts/house/halt", {}, bearer(key))
    assert halt.status == {"password": 422, "role": 403, "removal": 401}[change], halt.body


@pytest.mark.parametrize("change", ["logout", "role", "key", "password", "removal"])
def test_an_open_stream_ends_with_what_let_it_in(served: Served, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A logout, another role or password, a removed key or user ends a stream that is open at once; those of others go on."""
    monkeypatch.setattr(watch, "GOOD_S", 3600.0)  # the look that is made anyway doesn't come
    headers = served.log_in("trader")
    prefix, key = served.key("trader", "read")
    shown = bearer(key) if change == "key" else headers
    with opened_stream(served, shown) as ended, opened_stream(served, served.log_in("admin")) as others:
        if change == "logout":
            assert served.api("POST", "/logout", headers=headers).status == 204
        elif change == "key":
            served.access.keys.remove(prefix, TEST)
        elif change == "role":
            served.access.users.set_role("trader", Role.VIEWER, TEST)
        elif change == "password":
            served.access.users.set_password("trader", OTHER, TEST)
        else:
            served.access.users.remove("trader", TEST)
        assert b"event: beat" in ended.read()  # to its end, which a stream that goes on has not
        assert b"event" in others.readline() + others.readline(), "it is there still"
        assert len(served.hub.listeners) == 1


@contextmanager
def opened_stream(served: Served, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
    """A stream that was let in."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", f"{API}/stream", headers=dict(headers))
        answer = connection.getresponse()
        assert answer.status == 200
        yield answer
    finally:
        connection.close()


def test_changing_ones_own_password_begins_anew(served: Served) -> None:
    """The password so far is asked for; the browser that changes it stays in with a new session, every other is out."""
    here, elsewhere = served.log_in("trader"), served.log_in("trader")
    wrong = served.api("POST", "/me/password", {"password": OTHER, "new_password": OTHER}, here)
    assert wrong.status == 401
    done = served.api("POST", "/me/password", {"password": PASSWORD, "new_password": OTHER}, here)
    assert done.status == 200, done.body
    assert is_in(served, {"Cookie": done.cookies[0].partition(";")[0]})
    assert not is_in(served, here)
    assert not is_in(served, elsewhere)
    assert attempt(served, "trader", PASSWORD).status == 401
    assert attempt(served, "trader", OTHER).status == 200


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaa", "trader-is-my-name", "x" * 300])
def test_weak_passwords_are_refused_and_not_repeated(served: Served, password: str) -> None:
    """Too short, too long, too plain, or with the name in it: the answer says why and doesn't show it."""
    session = served.log_in("admin")
    got = served.api("POST", "/users/trader/password", {"password": password}, session)
    assert got.status == 422
    assert password not in got.error


def test_guessing_is_stopped(served: Served) -> None:
    """After five wrong passwords for a name nobody is let in from there, not even with the right one, until some time has passed."""
    for _ in range(5):
        assert attempt(served, "trader", "wrong 1 password").status == 401
    stopped = attempt(served, "trader", PASSWORD)
    assert stopped.status == 429
    assert 1 <= int(stopped.headers["retry-after"]) <= 180
    assert attempt(served, "viewer", PASSWORD).status == 200, "another name is no part of it"


def test_guessing_many_names_is_stopped(served: Served) -> None:
    """One address gets so many tries for all names together."""
    seen = [attempt(served, f"name{number}", "wrong 1 password").status for number in range(22)]
    assert seen[:20] == [401] * 20
    assert seen[20:] == [429, 429]


def test_an_unknown_name_is_answered_as_a_wrong_password(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who logs in can't find out which names there are: same words, and a password is checked all the same."""
    known, unknown = attempt(served, "trader", "wrong 1 password"), attempt(served, "nobody", "wrong 1 password")
    assert (known.status, known.body) == (unknown.status, unknown.body) == (401, known.body)
    checked: list[str | None] = []
    matches = served.access.passwords.matches

    def noted(given: str, kept: str | None) -> bool:
        checked.append(kept)
        return matches(given, kept)

    monkeypatch.setattr(served.access.passwords, "matches", noted)
    attempt(served, "nobody", "wrong 1 password")
    assert checked == [None]


def test_only_so_many_passwords_are_checked_at_a_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """While two are checked and sixteen wait, one more is sent away at once, and the process goes on answering everything else."""
    free = threading.Event()
    matches = served.access.passwords.matches
    monkeypatch.setattr(served.access.passwords, "matches", lambda given, kept: free.wait(60) and matches(given, kept))
    answers: list[int] = []
    crowd = [
        threading.Thread(target=lambda n=n: answers.append(attempt(served, f"name{n}", PASSWORD).status))
        for n in range(18)
    ]
    for one in crowd:
        one.start()
    while served.access.passwords._asked < 18:
        threading.Event().wait(0.01)
    sent_away = attempt(served, "trader", PASSWORD)
    assert (sent_away.status, sent_away.headers["retry-after"]) == (429, "3")
    assert served.ask("GET", "/health").status == 200
    free.set()
    for one in crowd:
        one.join()
    assert answers == [401] * 18
    assert attempt(served, "trader", PASSWORD).status == 200


def test_a_second_factor_is_asked_for_once_it_is_confirmed(served: Served) -> None:
    """Enrolling changes nothing before the first code; then a login needs one, and none is good twice."""
    session = served.log_in("trader")
    secret = served.api("POST", "/totp", {}, session).json["secret"]
    assert attempt(served, "trader", PASSWORD).status == 200
    assert served.api("POST", "/totp/confirm", {"code": "000000"}, session).status == 401
    first = code(served, secret)
    recovery = served.api("POST", "/totp/confirm", {"code": first}, session).json["recovery_codes"]
    assert len(set(recovery)) == 10
    missing = attempt(served, "trader", PASSWORD)
    assert (missing.status, missing.json["error"]["code"]) == (401, "code_needed")
    assert with_code(served, first).status == 401, "the code that confirmed it is used up"
    served.clock.pass_s(30)
    second = code(served, secret)
    assert with_code(served, second).status == 200
    assert with_code(served, second).status == 401
    assert with_code(served, recovery[0]).status == 200
    assert with_code(served, recovery[0]).status == 401


def test_a_code_is_good_for_a_minute_and_a_half_and_no_longer(served: Served) -> None:
    """A telephone's clock may be half a minute off, either way; older codes than that are over, as are all before the last one used."""
    session = served.log_in("trader")
    secret = served.api("POST", "/totp", {}, session).json["secret"]
    served.api("POST", "/totp/confirm", {"code": code(served, secret)}, session)
    served.clock.pass_s(120)
    assert with_code(served, code(served, secret, -2)).status == 401
    assert with_code(served, code(served, secret, 1)).status == 200
    assert with_code(served, code(served, secret)).status == 401, "it is of a step before the one that was used"


def test_a_second_factor_goes_with_password_and_code(served: Served) -> None:
    """A session alone can't remove it: whoever finds a browser open has no code."""
    session = served.log_in("trader")
    secret = served.api("POST", "/totp", {}, session).json["secret"]
    served.api("POST", "/totp/confirm", {"code": code(served, secret)}, session)
    assert served.api("POST", "/totp", {}, session).status == 409
    served.clock.pass_s(30)
    assert served.api("POST", "/totp/remove", {"password": PASSWORD, "code": "123456"}, session).status == 401
    removal = {"password": PASSWORD, "code": code(served, secret)}
    assert served.api("POST", "/totp/remove", removal, session).status == 204
    assert attempt(served, "trader", PASSWORD).status == 200


def test_codes_can_not_be_guessed(served: Served) -> None:
    """Wrong codes count as wrong passwords do."""
    session = served.log_in("trader")
    secret = served.api("POST", "/totp", {}, session).json["secret"]
    served.api("POST", "/totp/confirm", {"code": code(served, secret)}, session)
    seen = [with_code(served, f"{number:06}").status for number in range(7)]
    assert seen == [401] * 5 + [429] * 2


def test_who_did_what_is_there_for_admins(served: Served) -> None:
    """Logins, failures, logouts and changes of users stand there with name and address."""
    attempt(served, "trader", "wrong 1 password")
    session = served.log_in("trader")
    served.api("POST", "/accounts/house/halt", {}, {"Cookie": session["Cookie"]})
    served.api("POST", "/logout", headers=session)
    admin = served.log_in("admin")
    served.api("POST", "/users/viewer/role", {"role": "trader"}, admin)
    events = served.api("GET", "/access/events", headers=admin).json["items"]
    told = [(event["who"], event["address"], event["action"], event["outcome"]) for event in events]
    assert told[:6] == [
        ("admin", "127.0.0.1", "role changed", "done"),
        ("admin", "127.0.0.1", "login", "done"),
        ("trader", "127.0.0.1", "logout", "done"),
        ("trader", "127.0.0.1", "request", "refused"),
        ("trader", "127.0.0.1", "login", "done"),
        ("trader", "127.0.0.1", "login", "refused"),
    ]
    older = served.api("GET", f"/access/events?before={events[1]['number']}&limit=1", headers=admin).json["items"]
    assert [event["action"] for event in older] == ["logout"]


def code(served: Served, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(served.clock.ns // SECOND_NS + 30 * steps)


def with_code(served: Served, given: str) -> Answer:
    return served.api("POST", "/login", {"name": "trader", "password": PASSWORD, "code": given})
