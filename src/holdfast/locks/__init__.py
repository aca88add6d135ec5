"""Locks that engines, workers and machines share, in the journal's database or in Redis."""

from holdfast.errors import ConfigError
from holdfast.locks.lock import Lock, LockManager

REDIS_SCHEMES = ("redis://", "rediss://", "unix://")

__all__ = ["Lock", "LockManager", "open_locks"]


def open_locks(url: str) -> LockManager:
    """The locks at a URL: ``redis://host:port/number``, or that of a journal, whose database then keeps them.

    Nothing is connected to yet. Raises :class:`~holdfast.errors.ConfigError` for a URL of another form, and when the driver for it
    isn't installed.
    """
    if not url.startswith(REDIS_SCHEMES):
        from holdfast.journal.database import open_database
        from holdfast.locks.database import DatabaseLocks

        return DatabaseLocks(open_database(url))
    try:
        from holdfast.locks.redis import RedisLocks
    except ImportError as error:
        raise ConfigError(f"locks in Redis need redis ({error}); pip install 'holdfast[redis]'") from None
    return RedisLocks(url)
