"""Every error Holdfast raises, named by what the person or program that gets it must do.

::

    HoldfastError                 exit status 1
    |-- InvalidValue              a value at the boundary is not usable: mend the value        (2)
    |-- ConfigError               the configuration is wrong: mend the file                    (2)
    |-- DataError                 market data is unusable: mend or replace the data            (1)
    |-- JournalError              the journal can't be read or written: trading must not go on (1)
    |   |-- JournalCorrupt        what is stored contradicts itself: restore a backup          (1)
    |   `-- StaleEpoch            another engine has taken over: this one must stop at once    (3)
    |-- Refused                   it would be unsafe: do what the text says first              (3)
    |   `-- LockAcquisitionError  somebody else holds the lock: wait, or find out who          (3)
    `-- Fatal                     a rule inside the engine was broken: stop, report            (1)

The text of each says what happened, to what, and what to do. No error carries a secret.
"""


class HoldfastError(Exception):
    """Base of all errors of this package. ``exit_status`` is what a command ends with when one reaches the top."""

    exit_status = 1


class InvalidValue(HoldfastError, ValueError):
    """A value handed to us can't be used as it is; nothing was changed."""

    exit_status = 2


class ConfigError(HoldfastError):
    """The configuration can't be used; nothing was started."""

    exit_status = 2


class DataError(HoldfastError):
    """Market data is missing, malformed or out of order; the text names the file, the row and the value."""


class JournalError(HoldfastError):
    """The journal could not be opened, read or written; nothing that was not recorded has been sent."""


class JournalCorrupt(JournalError):
    """The journal's content does not prove itself (a broken hash chain, a missing record): no trading on it."""


class StaleEpoch(JournalError):
    """Another engine holds a newer epoch of this account; nothing of this one's can be committed any more."""

    exit_status = 3


class Refused(HoldfastError):
    """Going on would be unsafe; the text says what to do first."""

    exit_status = 3


class LockAcquisitionError(Refused):
    """A lock could not be had in time: somebody else holds it, or its store can't be reached; what it guards was not touched."""


class Fatal(HoldfastError):
    """An invariant of the engine is broken; it stops rather than trade on a state it can't trust."""
