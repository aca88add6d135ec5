"""Locks in one Redis: a key each that expires by itself, and a counter each for the fences.

What Redis forgets nobody holds: a restart without its data, or a replica that takes over before it was told, may hand out a
lock that somebody still trusts in. So a Redis that has not been up for a whole lease grants none, and fences begin with the time
in milliseconds, so that they go on rising. A holder who must be safe from the rest shows his fence to what the lock guards.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.retry import Retry

from holdfast.errors import ConfigError
from holdfast.locks.lock import LockManager, StoreUnreachable

PREFIX = "holdfast:lock:"
TIMEOUT_S = 2.0
"""How long a request may take; a lock is renewed often enough to survive several that don't come back."""

TAKE = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
local up_s = tonumber(string.match(redis.call('info', 'server'), 'uptime_in_seconds:(%d+)'))
if not holder and up_s * 1000 < tonumber(ARGV[2]) then return -1 end
if redis.call('exists', KEYS[2]) == 0 then
    local now = redis.call('time')
    redis.call('set', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000))
end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('incr', KEYS[2])
"""
EXTEND = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"
GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class RedisLocks(LockManager):
    """The locks of one Redis, ``redis://user:password@host:port/number``; every change of one is a script, so it happens at once."""

    def __init__(self, url: str) -> None:
        try:
            self._redis = Redis.from_url(
                url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
            )
            self._shown = _shown(url)
        except (ValueError, RedisError):
            raise ConfigError("locks.url can't be read; write it as redis://host:6379/0") from None
        self._take, self._extend, self._give_back = map(self._redis.register_script, (TAKE, EXTEND, GIVE_BACK))

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self._shown

    def take(self, name: str, token: str, lease_ms: int) -> int | None:
        """Ask for a lock: the fence, None when another token has it. Raises StoreUnreachable."""
        fence = self._run(self._take, [f"{PREFIX}{name}", f"{PREFIX}{name}:fence"], [token, lease_ms])
        if fence < 0:
            raise StoreUnreachable(
                f"the Redis at {self._shown} was started less than {lease_ms / 1000:g} s ago and may have forgotten who has "
                f"lock {name!r}; try again when it has been up for that long"
            )
        return fence or None

    def extend(self, name: str, token: str, lease_ms: int) -> bool:
        """Ask for ``lease_ms`` from now on; False when the token has it no longer. Raises StoreUnreachable."""
        return self._run(self._extend, [f"{PREFIX}{name}"], [token, lease_ms]) == 1

    def give_back(self, name: str, token: str) -> bool:
        """Free the token's lock; False when it had it no longer. Raises StoreUnreachable."""
        return self._run(self._give_back, [f"{PREFIX}{name}"], [token]) == 1

    def close(self) -> None:
        """Let connections go."""
        self._redis.close()

    def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> int:
        try:
            return int(script(keys=keys, args=arguments))
        except RedisError as error:
            raise StoreUnreachable(
                f"the locks in Redis at {self._shown} can't be reached ({' '.join(str(error).split())[:200]}); "
                "start it, or mend locks.url"
            ) from error


def _shown(url: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=place, query="", fragment=""))
