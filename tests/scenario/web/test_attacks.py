"""What somebody tries who may not: other sites, other machines, forged tokens, wrong headers, too much of everything."""

import base64
import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
import pytest

from holdfast.config import Config
from holdfast.core.types import SECOND_NS
from holdfast.errors import ConfigError, Refused
from holdfast.web.app import create_app
from holdfast.web.auth.permissions import Role
from tests.scenario.web.serving import API, PASSWORD, SECRET, TEST, Answer, Served, bearer, serving, signed, with_access

HALT = "/accounts/house/halt"
ELSEWHERE = "203.0.113.7"


def halted(served: Served, headers: dict[str, str]) -> Answer:
    return served.api("POST", HALT, {"reason": "test"}, {"Idempotency-Key": "one"} | headers)


# --- other sites ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tricks",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
    ],
    ids=str,
)
def test_another_site_can_not_use_a_session(standing: Served, tricks: dict[str, str]) -> None:
    """The cookie alone is not enough to change anything, and neither is the token where the browser says whose page asks."""
    assert halted(standing, standing.log_in("trader") | tricks).status == 403


def test_the_page_itself_can(standing: Served) -> None:
    """The same request as its own page sends it."""
    own = {"Origin": f"http://127.0.0.1:{standing.port}", "Sec-Fetch-Site": "same-origin"}
    assert halted(standing, standing.log_in("trader") | own).status == 202


def test_the_token_is_of_its_session(standing: Served) -> None:
    """The token of another session of the same user is not taken."""
    one, other = standing.log_in("trader"), standing.log_in("trader")
    assert halted(standing, one | {"X-CSRF-Token": other["X-CSRF-Token"]}).status == 403


def test_another_site_can_not_log_somebody_in(standing: Served) -> None:
    """Not into an account of the attacker's either; and a form that sends text instead of JSON is not read."""
    body = {"name": "trader", "password": PASSWORD}
    assert standing.api("POST", "/login", body, {"Origin": "https://evil.example"}).status == 403
    form = standing.ask("POST", f"{API}/login", headers={"Content-Type": "text/plain"}, raw=json.dumps(body).encode())
    assert form.status == 422


def test_another_site_can_do_nothing_where_nobody_has_to_log_in(empty: Served) -> None:
    """Without users whoever is on this machine is its admin, but a page of another site in their browser is not."""
    assert halted(empty, {}).status == 202
    assert halted(empty, {"Idempotency-Key": "two", "Origin": "https://evil.example"}).status == 403
    assert halted(empty, {"Idempotency-Key": "two", "Sec-Fetch-Site": "cross-site"}).status == 403


def test_no_answer_may_be_read_by_another_site(standing: Served) -> None:
    """No origin is allowed to read, to ask beforehand, or to frame the page."""
    asked = standing.api(
        "OPTIONS", "/orders", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    )
    read = standing.api("GET", "/orders", headers=standing.log_in("viewer") | {"Origin": "https://evil.example"})
    for answer in (asked, read):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["x-frame-options"] == "DENY"


# --- other machines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tricks",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "127.0.0.1@evil.example"},
        {"Host": "localhost/"},
        {"Host": "10.0.0.5"},
        {"Host": ""},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/health", f"{API}/accounts", f"{API}/version"])
def test_without_a_user_only_this_machine_is_served(bare: Served, path: str, tricks: dict[str, str]) -> None:
    """A name that is not this machine's (a site that has turned its own name to 127.0.0.1), or a proxy in between, gets nothing at all."""
    answer = bare.ask("GET", path, headers=tricks)
    assert answer.status == 403
    assert "only this machine is served" in answer.error


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:{port}", "127.0.0.1:{port}"])
def test_this_machine_is_served_by_its_own_names(bare: Served, host: str) -> None:
    """As browsers write them."""
    assert bare.api("GET", "/me", headers={"Host": host.format(port=bare.port)}).json["name"] == "local"


def test_with_the_first_user_everybody_has_to_log_in(empty: Served) -> None:
    """The page itself can make the first user, who must be an admin; from then on nobody is one by being here."""
    refused = empty.api("POST", "/users", {"name": "eve", "password": PASSWORD, "role": "viewer"})
    assert (refused.status, "first user must be an admin" in refused.error) == (409, True)
    made = empty.api("POST", "/users", {"name": "ada", "password": PASSWORD, "role": "admin"})
    assert made.status == 201, made.body
    assert empty.api("GET", "/me").status == 401
    assert halted(empty, {}).status == 401
    assert empty.api("DELETE", "/users/ada", headers=empty.log_in("ada")).status == 409, "nobody would be left"


def test_without_a_key_for_tokens_only_this_machine_is_served(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with users: and there are no tokens, which the answer says how to mend."""
    monkeypatch.delenv("JWT_SECRET_KEY")
    with serving(config) as served:
        served.add_user("ada", "admin")
        assert served.api("GET", "/me", headers={"Host": "trade.example.org"}).status == 403
        assert served.api("GET", "/me", headers=served.log_in("ada")).status == 200
        none = served.api("POST", "/token", {"name": "ada", "password": PASSWORD})
        assert (none.status, "JWT_SECRET_KEY" in none.error) == (409, True)


@pytest.mark.parametrize("key", ["short", "x" * 31, "a" * 64, "changeme" * 4])
def test_a_weak_key_for_tokens_is_refused(config: Config, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """The process doesn't start; the error says how to make a good one, and doesn't show this one."""
    monkeypatch.setenv("JWT_SECRET_KEY", key)
    with pytest.raises(ConfigError, match=r"JWT_SECRET_KEY.*make one: export JWT_SECRET_KEY=") as caught:
        create_app(config)
    assert key not in str(caught.value)


def test_listening_to_others_needs_a_user_and_a_key(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine's own addresses nothing is needed; on any other first a user, then the key."""
    access = create_app(config).state.access
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        access.require_open(host)
    with pytest.raises(Refused, match="web user add"):
        access.require_open("0.0.0.0")  # noqa: S104 - nothing listens
    access.users.add("ada", PASSWORD, Role.ADMIN, TEST)
    access.require_open("192.0.2.1")
    monkeypatch.delenv("JWT_SECRET_KEY")
    with pytest.raises(Refused, match="JWT_SECRET_KEY"):
        create_app(config).state.access.require_open("192.0.2.1")


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxied(config: Config, tmp_path: Path) -> Iterator[Served]:
    """A server that believes one proxy, here, and is called trade.example.org."""
    with serving(
        with_access(config, tmp_path, proxies=("127.0.0.1", "10.0.0.0/8"), hosts=("trade.example.org",))
    ) as served:
        served.add_user("ada", "admin")
        yield served


def address_of(served: Served, **headers: str) -> str:
    """The address under which a failed login is kept."""
    served.api("POST", "/login", {"name": "x", "password": "wrong"}, {"X-Forwarded-Proto": "https"} | headers)
    return served.access.store.events(1)[0][2].address


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        (ELSEWHERE, ELSEWHERE),
        (f"127.0.0.1, {ELSEWHERE}", ELSEWHERE),
        (f"198.51.100.1, {ELSEWHERE}, 10.1.2.3", ELSEWHERE),
        (f"{ELSEWHERE}, nonsense", "127.0.0.1"),
        ("10.1.1.1, 10.1.2.3", "10.1.1.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_trusted_proxy_is_believed_and_no_further(proxied: Served, chain: str, address: str) -> None:
    """The address is the last that no trusted proxy has: what stands before it, the sender may have made up."""
    assert address_of(proxied, **{"X-Forwarded-For": chain, "Host": "trade.example.org"}) == address


def test_nobody_else_is_believed(served: Served) -> None:
    """Without configured proxies the address is the connection's own, whatever the headers say; so is the scheme."""
    assert address_of(served, **{"X-Forwarded-For": ELSEWHERE}) == "127.0.0.1"
    cookie = served.api(
        "POST", "/login", {"name": "viewer", "password": PASSWORD}, {"X-Forwarded-Proto": "https"}
    ).cookies
    assert "Secure" not in cookie[0]


def test_only_the_names_in_the_configuration_are_served(proxied: Served) -> None:
    """Another host name is refused, so no cache and no mail can be led elsewhere by it."""
    headers = {"X-Forwarded-For": ELSEWHERE, "X-Forwarded-Proto": "https"}
    assert proxied.api("GET", "/version", headers=headers | {"Host": "trade.example.org"}).status == 200
    assert proxied.api("GET", "/version", headers=headers | {"Host": "evil.example"}).status == 403


def test_guessing_is_counted_by_the_address_behind_the_proxy(proxied: Served) -> None:
    """Who makes up addresses before the proxy's is counted as one all the same; another address is not."""
    common = {"Host": "trade.example.org", "X-Forwarded-Proto": "https"}

    def guess(chain: str) -> int:
        body = {"name": "ada", "password": "wrong 1 password"}
        return proxied.api("POST", "/login", body, common | {"X-Forwarded-For": chain}).status

    assert [guess(f"198.51.100.{number}, {ELSEWHERE}") for number in range(6)] == [401] * 5 + [429]
    assert guess("198.51.100.77") == 401


# --- forged tokens ----------------------------------------------------------------------------------------------------


def forged(served: Served, kind: str) -> str:
    """An access token that is not quite one."""
    good: str = served.token("admin")["access_token"]
    claims = jwt.decode(good, SECRET, ["HS256"], {"verify_exp": False, "verify_iat": False}, audience="holdfast")
    changed: dict[str, dict[str, Any]] = {
        "another audience": {"aud": "elsewhere"},
        "another issuer": {"iss": "elsewhere"},
        "expired": {"exp": served.clock.ns // SECOND_NS},
        "not begun": {"iat": served.clock.ns // SECOND_NS + 3600},
        "another kind": {"typ": "refresh"},
        "another login": {"fam": "nobodys"},
        "an older generation": {"gen": 0},
        "nobody": {"sub": "nobody"},
        "a number for a name": {"sub": 1},
        "a name for a number": {"exp": "99999999999"},
    }
    if kind in changed:
        return str(jwt.encode(claims | changed[kind], SECRET, "HS256"))
    if kind == "no expiry":
        return jwt.encode({name: value for name, value in claims.items() if name != "exp"}, SECRET, "HS256")
    if kind == "another key":
        return jwt.encode(claims, "another-key-for-tests-0123456789abcdef", "HS256")
    if kind == "another algorithm":
        return jwt.encode(claims, SECRET, "HS512")
    if kind == "another name in it":
        head, _, tail = good.split(".")
        return f"{head}.{encoded(claims | {'sub': 'trader'})}.{tail}"
    if kind == "cut":
        return good[:-3]
    head = encoded({"alg": kind, "typ": "JWT"})
    return f"{head}.{encoded(claims)}."


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "none",
            "None",
            "NONE",
            "RS256",
            "another algorithm",
            "another key",
            "another audience",
            "another issuer",
            "expired",
        ),
        *("not begun", "another kind", "another login", "an older generation", "nobody", "a number for a name"),
        *("a name for a number", "no expiry", "another name in it", "cut"),
    ],
)
def test_a_forged_token_is_refused(standing: Served, kind: str) -> None:
    """Whatever is wrong with it, the answer is the same."""
    answer = standing.api("GET", "/me", headers=bearer(forged(standing, kind)))
    assert answer.status == 401
    assert "the token is not good" in answer.error


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "eyJ", "x" * 5000, "ä.ö.ü", "hf_aaaaaaaa_" + "A" * 43, "hf__"]
)
def test_what_is_no_token_is_refused(standing: Served, text: str) -> None:
    """Nothing that stands there is an error of ours."""
    assert (
        standing.api("GET", "/me", headers={"Authorization": f"Bearer {text}".encode().decode("latin-1")}).status == 401
    )


@pytest.mark.parametrize("header", ["Basic YWRtaW46eA==", "Bearer", "Digest x", "token"])
def test_another_way_to_authorize_is_refused(standing: Served, header: str) -> None:
    """A session beside it doesn't help: what is shown must be good."""
    assert standing.api("GET", "/me", headers=standing.log_in("viewer") | {"Authorization": header}).status == 401


def test_a_token_ends_after_a_quarter_of_an_hour(served: Served) -> None:
    """To the second."""
    token = bearer(served.token("viewer")["access_token"])
    served.clock.pass_s(899)
    assert served.api("GET", "/me", headers=token).status == 200
    served.clock.pass_s(1)
    assert served.api("GET", "/me", headers=token).status == 401


def test_a_stolen_refresh_token_ends_its_login(standing: Served) -> None:
    """Each is good once. When it comes again, whoever sends it, all that came of the login is void, the newest pair too."""
    first = standing.token("viewer")
    second = standing.api("POST", "/token/refresh", {"refresh_token": first["refresh_token"]})
    assert second.status == 200
    assert standing.api("GET", "/me", headers=bearer(second.json["access_token"])).status == 200
    again = standing.api("POST", "/token/refresh", {"refresh_token": first["refresh_token"]})
    assert (again.status, "used before" in again.error) == (401, True)
    assert standing.api("POST", "/token/refresh", {"refresh_token": second.json["refresh_token"]}).status == 401
    assert standing.api("GET", "/me", headers=bearer(second.json["access_token"])).status == 401
    assert [event.action for _, _, event in standing.access.store.events(9) if event.action == "token reused"]


def test_revoking_ends_a_login(standing: Served) -> None:
    """Its tokens are good no more; other logins are not touched; an unknown token is no error."""
    one, other = standing.token("viewer"), standing.token("viewer")
    assert standing.api("POST", "/token/revoke", {"refresh_token": one["refresh_token"]}).status == 204
    assert standing.api("GET", "/me", headers=bearer(one["access_token"])).status == 401
    assert standing.api("GET", "/me", headers=bearer(other["access_token"])).status == 200
    assert standing.api("POST", "/token/revoke", {"refresh_token": "nothing"}).status == 204


# --- keys and signatures ----------------------------------------------------------------------------------------------


def test_a_key_is_for_its_scopes_and_can_not_make_more(standing: Served) -> None:
    """It is shown once, is listed without its secret, can't make or remove keys or users, and is worth nothing once removed."""
    session = standing.log_in("trader")
    made = standing.api("POST", "/keys", {"label": "bot", "scopes": ["read"]}, session).json
    key = bearer(made["secret"])
    assert standing.api("GET", "/orders", headers=key).status == 200
    assert halted(standing, key).status == 403
    assert standing.api("POST", "/keys", {"label": "more", "scopes": ["read"]}, key).status == 403
    listed = standing.api("GET", "/keys", headers=session)
    assert [item["prefix"] for item in listed.json["items"]] == [made["key"]["prefix"]]
    assert made["secret"].encode() not in listed.body
    assert standing.api("DELETE", f"/keys/{made['key']['prefix']}", headers=session).status == 204
    assert standing.api("GET", "/orders", headers=key).status == 401


def test_a_viewer_can_not_have_a_key_that_trades(standing: Served) -> None:
    """Nor one that signals, nor a key of somebody else's, nor remove one."""
    session = standing.log_in("viewer")
    prefix, _ = standing.key("trader", "read")
    for scope in ("trade", "signal"):
        assert standing.api("POST", "/keys", {"label": "x", "scopes": [scope]}, session).status == 409
    assert standing.api("POST", "/keys", {"label": "x", "scopes": ["read"], "owner": "admin"}, session).status == 403
    assert standing.api("DELETE", f"/keys/{prefix}", headers=session).status == 404
    assert standing.api("GET", "/keys", headers=session).json["items"] == []


def test_a_signed_request_is_taken_once(served: Served) -> None:
    """Replayed, late, early, changed, of another route or method: refused."""
    prefix, secret = served.key("trader", "read", "trade", signing=True)
    path, body = f"{API}{HALT}", b'{"reason": "signed"}'
    more = {"Content-Type": "application/json", "Idempotency-Key": "signed"}
    headers = signed(served.clock, prefix, secret, "POST", path, body) | more
    assert served.ask("POST", path.replace("halt", "resume"), headers=headers, raw=body).status == 401
    assert served.ask("POST", path, headers=headers, raw=b'{"reason": "signeD"}').status == 401
    assert served.ask("POST", path, headers=headers, raw=body).status == 202
    replayed = served.ask("POST", path, headers=headers, raw=body)
    assert (replayed.status, "was taken already" in replayed.error) == (401, True)
    for late_s in (301, -301):
        off = signed(served.clock, prefix, secret, "POST", path, body, late_s=late_s) | more
        assert "seconds off" in served.ask("POST", path, headers=off, raw=body).error
    served.clock.pass_s(302)
    assert "seconds off" in served.ask("POST", path, headers=headers, raw=body).error, (
        "its id is forgotten, its time is not"
    )


@pytest.mark.parametrize(
    "tricks",
    [
        {"webhook-id": ""},
        {"webhook-id": "x" * 129},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "-1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1a,AAAA"},
        {"webhook-signature": " ".join(["v1,AAAA"] * 500)},
        {"webhook-key": ""},
        {"webhook-key": "nobodys"},
    ],
    ids=lambda tricks: str(tricks)[:60],
)
def test_a_bad_signature_is_refused(standing: Served, tricks: dict[str, str]) -> None:
    """Whatever is missing or made up."""
    prefix, secret = standing.key("trader", "read", signing=True)
    path = f"{API}/orders"
    assert standing.ask("GET", path, headers=signed(standing.clock, prefix, secret, "GET", path)).status == 200
    assert standing.ask("GET", path, headers=signed(standing.clock, prefix, secret, "GET", path) | tricks).status == 401


def test_a_key_that_is_sent_signs_nothing(standing: Served) -> None:
    """What is kept of a bearer's key is a hash, and can't be used to sign; a signing key is no bearer."""
    prefix, text = standing.key("trader", "read")
    kept = "whsec_" + base64.b64encode(bytes.fromhex(hashlib.sha256(text.encode()).hexdigest())).decode()
    path = f"{API}/orders"
    assert standing.ask("GET", path, headers=signed(standing.clock, prefix, kept, "GET", path)).status == 401
    _, secret = standing.key("trader", "read", signing=True)
    assert standing.api("GET", "/orders", headers=bearer(secret)).status == 401


# --- too much, and oddly ----------------------------------------------------------------------------------------------


def test_a_huge_body_is_refused_before_it_is_read(standing: Served) -> None:
    """By what it says it is, and by what comes where it says nothing."""
    head = f"POST {API}/token/refresh HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", standing.port), 60) as connection:
        connection.sendall(f"{head}Content-Length: {(1 << 20) + 1}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", standing.port), 60) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        connection.sendall((b"%x\r\n" % (1 << 16) + b" " * (1 << 16) + b"\r\n") * 16 + b"1\r\n \r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_asking_too_often_is_stopped(config: Config, tmp_path: Path) -> None:
    """By user, in all their sessions together; others go on."""
    with serving(with_access(config, tmp_path, requests_per_minute=10)) as served:
        served.add_user("ada", "admin")
        served.add_user("eve", "viewer")
        sessions = [served.log_in("ada"), served.log_in("ada")]
        seen = [served.api("GET", "/me", headers=sessions[number % 2]) for number in range(14)]
        assert [answer.status for answer in seen[:10]] == [200] * 10
        assert 429 in [answer.status for answer in seen[10:]]
        stopped = next(answer for answer in seen if answer.status == 429)
        assert 1 <= int(stopped.headers["retry-after"]) <= 6
        assert served.api("GET", "/me", headers=served.log_in("eve")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/hooks/../users",
        "/api/v1/hooks/..%2fusers",
        "/api/v1/hooks/%2e%2e/users",
        "//api/v1/users",
        "/api/v1//users",
        "/api/v1/users/",
        "/API/v1/users",
        "/api/v1/users;x=1",
        "/api/v1/users%00",
        "/api/v1/users%20",
        "/static/../api/v1/users",
        "/%61pi/v1/users",
        "/static/x/..%2f..%2f..%2fusers.db",
        "/static/x/%2e%2e/%2e%2e/auth/store.py",
    ],
)
def test_no_path_gets_past_the_door(standing: Served, path: str) -> None:
    """However a path is written, users are not shown to somebody who has not logged in, and no file beside the page's is."""
    answer = standing.ask("GET", path)
    assert b'"items"' not in answer.body
    assert b"SQLite format" not in answer.body
    assert b"class Store" not in answer.body
    assert answer.status < 500


def test_headers_that_come_twice_help_nobody(standing: Served) -> None:
    """Two Host or two Authorization headers: refused, not chosen from."""
    key = bearer(standing.key("admin", "read")[1])["Authorization"]
    lines = [
        f"GET {API}/orders HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {key}",
        "Authorization: Bearer x",
        "",
        "",
    ]
    with socket.create_connection(("127.0.0.1", standing.port), 60) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401")
    lines = [f"GET {API}/version HTTP/1.1", "Host: 127.0.0.1", "Host: evil.example", "", ""]
    with socket.create_connection(("127.0.0.1", standing.port), 60) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(100).split()[1] in (b"400", b"403", b"200")


def test_a_websocket_gets_nowhere(standing: Served) -> None:
    """There is none here."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "eA==",
    }
    assert standing.ask("GET", f"{API}/users", headers=headers).status in (400, 401, 403, 404, 426)


def test_a_database_of_users_that_is_gone_lets_nobody_in(served: Served, tmp_path: Path) -> None:
    """What can't be looked up is refused, whoever asks: 503, and not a guess."""
    session = served.log_in("admin")
    while not (tmp_path / "users.db").is_dir():  # what the process keeps of journals may make the file anew, once
        for file in tmp_path.glob("users.db*"):
            file.unlink()
        with suppress(FileExistsError):
            (tmp_path / "users.db").mkdir()
    answer = served.api("GET", "/users", headers=session)
    assert answer.status == 503, answer.body
    assert answer.json["error"]["code"] == "users_unavailable"
