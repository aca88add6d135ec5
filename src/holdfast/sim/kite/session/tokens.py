"""Sessions: a login gives a request token, that and the secret give an access token, and the access token dies at six in the morning."""

import hashlib
import hmac
import secrets
from decimal import Decimal

import msgspec

from holdfast.sim.kite.errors import KiteError, no_token
from holdfast.sim.kite.times import token_end_ns

REQUEST_TOKEN_NS = 120 * 1_000_000_000
"""How long a request token is good (a few minutes; Zerodha names no figure)."""


class Login(msgspec.Struct, frozen=True):
    """One account as a file or an option names it: the app's key and secret, the user, the money there is at first."""

    api_key: str = "kitekey"
    api_secret: str = "kitesecret"  # noqa: S105  made up, and the only server that takes it is this one
    user_id: str = "AB1234"
    deposit: Decimal = Decimal(1_000_000)


class Tokens:
    """The tokens of one account. Times are the market's."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.access_token: str | None = None
        self.login_ns = 0
        self._ends_ns = 0
        self._requests: dict[str, int] = {}

    def ask(self, now_ns: int) -> str:
        """The user has logged in: a request token, good once."""
        token = secrets.token_hex(16)
        self._requests[token] = now_ns + REQUEST_TOKEN_NS
        return token

    def make(self, request_token: str, checksum: str, now_ns: int) -> str:
        """The session: an access token in place of any there was. Raises `KiteError` (403) for a wrong or a used request token."""
        expected = self.checksum(request_token)
        if not hmac.compare_digest(expected.encode(), checksum.encode(errors="surrogateescape")):
            raise no_token("Invalid `checksum`.")
        if self._requests.pop(request_token, 0) < now_ns:
            raise no_token("Token is invalid or has expired.")
        return self.put(secrets.token_hex(16), now_ns)

    def put(self, access_token: str, now_ns: int) -> str:
        """An access token that is good from now on."""
        self.access_token, self.login_ns, self._ends_ns = access_token, now_ns, token_end_ns(now_ns)
        return access_token

    def checksum(self, request_token: str) -> str:
        """What proves the secret: SHA-256 of key, token and secret (Kite Connect, "Login flow")."""
        text = f"{self.login.api_key}{request_token}{self.login.api_secret}"
        return hashlib.sha256(text.encode()).hexdigest()

    def kill(self) -> None:
        """The session ends at once."""
        self.access_token = None

    def check(self, access_token: str, now_ns: int) -> None:
        """Whether a token is the account's and lives. Raises `KiteError` (403)."""
        if not self.is_good(access_token, now_ns):
            raise no_token()

    def is_good(self, access_token: str, now_ns: int) -> bool:
        """Whether a token is the account's and lives."""
        known = self.access_token
        return (
            known is not None and now_ns < self._ends_ns and hmac.compare_digest(known.encode(), access_token.encode())
        )


def unknown_key() -> KiteError:
    """No account here has the key."""
    return KiteError(400, "InputException", "Invalid `api_key`.")
