"""Sessions of brokers that end by the clock, and that a person begins: where they are kept between a login and a run."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Sessions(Protocol):
    """Where sessions are kept, by name, out of sight. Each question is answered anew: a login may have come in between."""

    def get(self, name: str) -> str | None:
        """The text that was kept; None when there is none. Raises :class:`~holdfast.errors.ConfigError`."""

    def keep(self, name: str, text: str) -> None:
        """Keep a text in place of one of the same name. Raises :class:`~holdfast.errors.ConfigError`."""


class SessionNote(NamedTuple):
    """What a person should know of a session before trading: whether it lives, and in words until when, or what to do."""

    lives: bool
    text: str


class Person(NamedTuple):
    """Who logs in. ``show`` tells a line, ``open_page`` shows the broker's page of an address.

    ``read`` gives what the page ended with, as it was pasted; None: the page leads back here by itself.
    """

    show: Callable[[str], None]
    open_page: Callable[[str], None]
    read: Callable[[], str] | None = None


class NoSessions:
    """Nothing is kept."""

    def get(self, name: str) -> str | None:  # noqa: ARG002
        """None."""
        return None

    def keep(self, name: str, text: str) -> None:
        """Forget it."""
