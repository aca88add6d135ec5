"""The real program with its journal on a server: every command works there, and none shows the password."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.budget import in_a_campaign
from tests.databases import fresh_database, run_on_server, server_url
from tests.process.program import Done, run, succeed
from tests.process.test_cli_run import CONFIG

pytestmark = pytest.mark.process

PASSWORD = "hunter22-made-up"


@contextmanager
def somebody(kind: str) -> Iterator[str]:
    """A user of the server with a password."""
    name = f"holdfast_{secrets.token_hex(6)}"
    identified = "PASSWORD" if kind == "postgresql" else "IDENTIFIED BY"
    run_on_server(kind, f"CREATE USER {name} {identified} '{PASSWORD}'")
    try:
        yield name
    finally:
        run_on_server(kind, f"DROP USER {name}")


@pytest.fixture(params=["postgresql", in_a_campaign("mariadb")])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a journal on a server, with a user and a password of its own."""
    kind = request.param
    server_url(kind)  # or there is none, and that is said
    with somebody(kind) as user, fresh_database(kind, tmp_path) as made:
        place = make_url(made)
        if kind == "postgresql":
            run_on_server(kind, f"ALTER DATABASE {place.database} OWNER TO {user}")
        else:
            run_on_server(kind, f"GRANT ALL ON {place.database}.* TO {user}")
        yield place.set(username=user, password=PASSWORD).render_as_string(hide_password=False)


def test_every_command_on_a_server(url: str, tmp_path: Path) -> None:
    """check, run, status, orders, fills, positions, audit and check again, by a URL from the environment."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    said: list[Done] = []

    def typed(*arguments: str) -> Done:
        said.append(succeed(tmp_path, *arguments, HOLDFAST_JOURNAL__URL=url))
        return said[-1]

    assert "will be made by the first start" in typed("check").out
    ran = typed("run", "--json").json
    assert ran["fills"] > 0
    assert ran["database"]["commits"] > 0
    assert typed("status", "--json").json["accounts"][0]["running"] is False
    assert len(typed("fills", "--json", "-n", "100000").json) == ran["fills"]
    assert typed("orders", "--json").json
    assert typed("positions", "--json").json
    assert typed("audit", "verify", "--json").json["ok"] is True
    assert "all proven" in typed("check").out
    typed("run")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".db"] == []
    assert not any(PASSWORD in done.out + done.err for done in said)


def test_wrong_password_is_one_line(url: str, tmp_path: Path) -> None:
    """A server that can't be used is one line on stderr without the password, and exit status 1."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    wrong = make_url(url).set(database="holdfast_nowhere").render_as_string(hide_password=False)
    for command in ("run", "status", "audit"):
        arguments = (command, "verify") if command == "audit" else (command,)
        done = run(tmp_path, *arguments, HOLDFAST_JOURNAL__URL=wrong)
        assert done.status == 1
        assert "holdfast_nowhere" in done.error
        assert PASSWORD not in done.out + done.err
