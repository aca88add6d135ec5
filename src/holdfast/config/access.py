"""The section ``[web.access]``: who may use the web process, and how often."""

from typing import Annotated

from holdfast.core.ranges import Count, Ranged, Seconds, Within


class AccessConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may use the web process (docs/web-access.md).

    ``hosts`` are the names by which it is reached from elsewhere, such as ``trade.example.org``; ``proxies`` the addresses or networks
    whose ``X-Forwarded-For`` is believed.

    A session ends ``session_idle_s`` after its last request and ``session_s`` after its login. A program's token is good for ``token_s``
    and can be renewed for ``refresh_s``. ``login_tries`` are the failed logins of one user from one address in a quarter of an hour.
    ``requests_per_minute`` is what one user or one key may ask. ``signal_window_s``: so long the same alert without an id is the same signal.

    ``password_memory_kib``, ``password_passes`` and ``password_lanes`` are what checking a password costs (argon2id), ``logins_at_once``
    how many are checked at a time.

    ``token_secret`` names the secret that tokens are signed with, as ``secret:NAME``, where ``JWT_SECRET_KEY`` is not set.
    """

    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    session_idle_s: Seconds = 12 * 3600.0
    session_s: Seconds = 7 * 86_400.0
    token_s: Annotated[float, Within(10, 86_400)] = 900.0
    refresh_s: Seconds = 30 * 86_400.0
    login_tries: Count = 5
    requests_per_minute: Count = 1200
    signal_window_s: Annotated[float, Within(1, 3600)] = 30.0
    password_memory_kib: Annotated[int, Within(8, 4_194_304)] = 65_536
    password_passes: Annotated[int, Within(1, 100)] = 3
    password_lanes: Annotated[int, Within(1, 64)] = 4
    logins_at_once: Annotated[int, Within(1, 64)] = 2
    token_secret: str | None = None
