"""The local Alpaca over TLS: what clients that trust its authority reach under Alpaca's own names, and what others don't."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.sync.client import connect

from holdfast.errors import ConfigError
from holdfast.sim.alpaca import tls
from tests.local_alpaca import LocalAlpaca, local_alpaca
from tests.local_server import PATIENCE_S


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[LocalAlpaca]:
    with local_alpaca(tls=tls.server_context(tls.certificates(folder)[1])) as running:
        yield running


def trusting(folder: Path) -> ssl.SSLContext:
    """What a client makes of ``SSL_CERT_FILE``: this authority and no other, checked in full."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    return context


@pytest.mark.parametrize("name", [*tls.HOSTS, "localhost"])
def test_each_of_alpacas_names_is_vouched_for(server: LocalAlpaca, folder: Path, name: str) -> None:
    """A client that believes to be at Alpaca's (its name resolved to this machine) gets an answer over a checked connection."""
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as plain,
        trusting(folder).wrap_socket(plain, server_hostname=name) as secure,
    ):
        secure.sendall(f"GET /v2/clock HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        assert secure.recv(64).startswith(b"HTTP/1.1 401")


def test_rest_and_streams_go_over_it(server: LocalAlpaca, folder: Path) -> None:
    """The address of this machine is vouched for too: https for requests, wss for streams of data and of orders."""
    keys = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
    url = f"https://127.0.0.1:{server.port}"
    answer = requests.get(f"{url}/v2/clock", headers=keys, verify=str(folder / "ca.pem"), timeout=PATIENCE_S)
    assert answer.status_code == 200
    for path in ("/v2/iex", "/v1beta3/crypto/us"):
        with connect(f"wss://127.0.0.1:{server.port}{path}", ssl=trusting(folder)) as stream:
            assert '"connected"' in str(stream.recv(PATIENCE_S))
    with connect(f"wss://127.0.0.1:{server.port}/stream", ssl=trusting(folder), additional_headers=keys) as stream:
        stream.send('{"action":"auth","key":"k","secret":"s"}')
        assert b'"authorized"' in bytes(stream.recv(PATIENCE_S))  # type: ignore[arg-type]


def test_nobody_else_trusts_it(server: LocalAlpaca) -> None:
    """A client with the world's authorities refuses; so does one that speaks no TLS."""
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://127.0.0.1:{server.port}/v2/clock", timeout=PATIENCE_S)
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://127.0.0.1:{server.port}/v2/clock", timeout=PATIENCE_S)


def test_it_vouches_for_nothing_else(folder: Path) -> None:
    """The authority is bound to Alpaca's names and this machine, and its own key is kept nowhere."""
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    bound = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert bound.critical
    permitted = [str(one.value) for one in bound.value.permitted_subtrees or ()]
    assert permitted == ["alpaca.markets", "localhost", "127.0.0.1/32", "::1/128"]
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "server.pem"]
    assert b"PRIVATE" not in (folder / "ca.pem").read_bytes()
    assert (folder / "server.pem").stat().st_mode & 0o077 == 0


def test_it_is_made_once_and_anew_before_it_runs_out(tmp_path: Path) -> None:
    """Clients that trust it go on to; one that ends today is replaced."""
    authority, server = tls.certificates(tmp_path / "new")
    first = authority.read_bytes()
    assert tls.certificates(tmp_path / "new")[0].read_bytes() == first
    server.write_bytes(_ending(dt.timedelta(hours=3)))
    assert tls.certificates(tmp_path / "new")[0].read_bytes() != first
    tls.server_context(server)


def test_what_can_not_be_kept_is_said(tmp_path: Path) -> None:
    """A file where the folder should be, and a certificate that is none."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be kept there"):
        tls.certificates(tmp_path / "file")
    (tmp_path / "ca.pem").write_text("")
    (tmp_path / "server.pem").write_text("nonsense")
    with pytest.raises(ConfigError, match="remove it"):
        tls.certificates(tmp_path)


def _ending(left: dt.timedelta) -> bytes:
    """A certificate with so much of its time left."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(days=9), now + left)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
