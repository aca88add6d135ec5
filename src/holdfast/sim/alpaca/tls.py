"""A certificate of this machine's own for Alpaca's names: for clients that speak TLS only, or whose address can't be set.

The authority that signs it is made for it alone: its key is thrown away, and it can vouch for these names and nothing else, so whoever
gets hold of the files can't use them against other connections of the clients that trust it.
"""

import datetime as dt
import ipaddress
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.x509 import CertificateBuilder, GeneralName, Name

HOSTS = (
    "api.alpaca.markets",
    "paper-api.alpaca.markets",
    "data.alpaca.markets",
    "stream.data.alpaca.markets",
    "data.sandbox.alpaca.markets",
    "stream.data.sandbox.alpaca.markets",
)
"""Where Alpaca's clients go when nobody tells them where."""
LOCAL = ("localhost", "127.0.0.1", "::1")
DAYS = 397
"""How long it is good: what clients take at most (CA/Browser Forum, baseline requirements)."""
LEAST_DAYS = 1
"""With less than that left another one is made."""
NAME = "Holdfast's Alpaca on this machine"


def certificates(folder: Path) -> tuple[Path, Path]:
    """The authority that clients are to trust, and the server's certificate with its key; made when they aren't there or run out.

    Raises :class:`~holdfast.errors.ConfigError` when the folder can't be written.
    """
    authority, server = folder / "ca.pem", folder / "server.pem"
    from cryptography import x509

    try:
        if authority.exists() and server.exists():
            ends = x509.load_pem_x509_certificate(server.read_bytes()).not_valid_after_utc
            if ends - dt.datetime.now(dt.UTC) > dt.timedelta(days=LEAST_DAYS):
                return authority, server
        folder.mkdir(parents=True, exist_ok=True)
        trusted, chain = _make()
        authority.write_bytes(trusted)
        server.unlink(missing_ok=True)
        with os.fdopen(os.open(server, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(chain)
    except OSError as error:
        raise ConfigError(f"--tls {folder}: the certificate can't be kept there ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"--tls {folder}: {server} is no certificate; remove it, and another is made") from error
    return authority, server


def server_context(server: Path) -> ssl.SSLContext:
    """What the server speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server)
    return context


def _make() -> tuple[bytes, bytes]:
    """The authority's certificate, and the server's with its key before it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    names = _names()
    theirs, ours = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    authority = (
        _builder(f"{NAME}, authority", theirs.public_key(), f"{NAME}, authority")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=_constraints(), excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(theirs.public_key()), critical=False)
        .sign(theirs, hashes.SHA256())
    )
    server = (
        _builder(NAME, ours.public_key(), f"{NAME}, authority")
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(theirs.public_key()), critical=False)
        .sign(theirs, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = ours.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return authority.public_bytes(pem), server.public_bytes(pem) + key


def _builder(subject: str, key: "EllipticCurvePublicKey", issuer: str) -> "CertificateBuilder":
    from cryptography import x509

    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=DAYS - 1))
    )


def _name(text: str) -> "Name":
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _names() -> "list[GeneralName]":
    from cryptography import x509

    addresses = [x509.IPAddress(ipaddress.ip_address(name)) for name in LOCAL[1:]]
    return [*(x509.DNSName(name) for name in (*HOSTS, LOCAL[0])), *addresses]


def _constraints() -> "list[GeneralName]":
    """What the authority may vouch for: Alpaca's names and this machine."""
    from cryptography import x509

    networks = [x509.IPAddress(ipaddress.ip_network(name)) for name in LOCAL[1:]]
    return [x509.DNSName("alpaca.markets"), x509.DNSName(LOCAL[0]), *networks]
