"""An adapter: everything that the program asks of a broker. Nothing else of a broker is known outside its own folder.

`adapters/registry.py` finds adapters by name: those that ship, and those that other packages offer.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from holdfast.brokers.breaker import Breaker
from holdfast.brokers.history import BarHistory
from holdfast.brokers.port import LiveBroker
from holdfast.brokers.replayed import ReplayedBroker
from holdfast.brokers.sessions import NoSessions, Person, SessionNote, Sessions
from holdfast.core.broker_rules import ANY_ORDER, NO_FEES, BrokerRules, FeeBounds
from holdfast.core.messages import BrokerName
from holdfast.core.ranges import Ranged
from holdfast.core.session.calendar import TradingCalendar

if TYPE_CHECKING:  # the configuration is read by commands that need none of these
    from holdfast.feeds.live import LiveFeed, Stream
    from holdfast.telemetry.metrics import ApiMetrics
    from holdfast.venue.exchange import Exchange


NO_SESSIONS = NoSessions()


class NoSettings(Ranged, frozen=True, forbid_unknown_fields=True):
    """The section of an adapter that has none."""


class Watched(NamedTuple):
    """Who is told of a login's requests. The breakers hold requests back after failures; without one every request is made.

    ``sessions`` are where `Adapter.begin_session` has kept what it began.
    """

    metrics: "ApiMetrics"
    trading: Breaker | None = None
    market_data: Breaker | None = None
    sessions: Sessions = NO_SESSIONS


class FeedRequest(NamedTuple):
    """The market data that is wanted. ``calendar`` says when silence is an alarm; ``warm_up_minutes`` of trading come first."""

    symbols: Sequence[str]
    streams: "Sequence[Stream]"
    calendar: TradingCalendar
    warm_up_minutes: int


class Login(Protocol):
    """One login at a broker, with one account. Its parts share its requests."""

    @property
    def identity(self) -> str:
        """Two logins with the same text are one and the same. Has no secret in it."""

    @property
    def where(self) -> str:
        """What people should know of it: ``paper account at https://...``."""

    def broker(self, *, asks_only: bool = False) -> LiveBroker:
        """The account. ``asks_only``: its stream of order events may be in use elsewhere, and is not waited for."""

    def feed(self, request: FeedRequest) -> "LiveFeed":
        """Market data. Raises :class:`~holdfast.errors.ConfigError` for what it can't carry."""

    def close(self) -> None:
        """Close every connection."""


class Verdict(StrEnum):
    """What came of a step of a proof."""

    OK = "ok"
    NOTE = "warn"
    FAIL = "fail"
    SKIPPED = "skip"


class Step(NamedTuple):
    """A step of a proof, in words, and how long it took."""

    what: str
    verdict: Verdict
    text: str
    seconds: float | None = None


class Proof(NamedTuple):
    """What a proof of the way to a broker asks for, by a login. ``send``: send an order that can't fill, and cancel it."""

    login: str
    symbol: str
    send: bool
    tell: Callable[[Step], None]
    sessions: Sessions = NO_SESSIONS


class InMemory(NamedTuple):
    """Accounts on an exchange in memory, on a live feed.

    ``make`` gives an account's broker: of its name, exchange, deposit, records, the market's clock, and who is told what a person should
    read at the start. ``hear`` gives the feed of which such brokers hear each event before the engine does. ``rules`` are what orders
    they take.
    """

    make: Callable[..., LiveBroker]
    hear: "Callable[[LiveFeed, Sequence[Any]], LiveFeed]"
    rules: BrokerRules


S = TypeVar("S", bound=Ranged)


class Adapter(Generic[S]):
    """A broker, as the program knows it. An adapter has one instance; what it doesn't have, it leaves as it is here.

    ``title`` is what people call the broker. ``section`` is the type of its section ``[name]`` in the configuration file. ``rules`` are what
    orders it takes, ``fees`` what it takes by itself. ``has_feed``: ``kind = "name"`` is a feed of its market data. ``modules`` are
    what a login needs to be imported. ``box`` is the module that has a ``BOX``: the broker on this machine, for proofs (`sim.chassis.tortured`).
    """

    name: BrokerName
    title: str
    section: type[S]
    rules: BrokerRules = ANY_ORDER
    fees: FeeBounds = NO_FEES
    has_feed: bool = False
    modules: Sequence[str] = ()
    box: str = ""
    replayed: "Callable[[str, Exchange], ReplayedBroker] | None" = None
    """Makes the broker of an account on an exchange in memory. None: its accounts are elsewhere, and need a login."""
    on_live: "Callable[[], InMemory] | None" = None
    """Gives what makes the same on a live feed. None: its accounts in memory need a feed that can be played again."""

    def check_section(self, section: S) -> None:
        """Check what can be told of the section without a login. Raises :class:`~holdfast.errors.ConfigError`."""

    def sending_s(self, section: S) -> float:  # noqa: ARG002
        """How long an order may be on its way, in seconds."""
        return 0.0

    def log_in(self, section: S, name: str, watched: Watched) -> Login:
        """The login of a name, with nothing asked yet; "" is the one that needs no name. Nothing of one serves another.

        Raises :class:`~holdfast.errors.ConfigError` for keys that are missing.
        """
        raise NotImplementedError

    def history(self, login: Any) -> BarHistory | None:  # noqa: ARG002
        """The past of its market data, asked by a login of its own. None: it offers none."""
        return None

    def begin_session(self, section: S, name: str, sessions: Sessions, person: Person) -> str:
        """Begin the session of a login that ends by the clock, with a person's help, and keep it; what came of it, in words.

        Raises :class:`~holdfast.errors.HoldfastError`.
        """
        raise NotImplementedError

    def session_note(self, section: S, name: str, sessions: Sessions) -> SessionNote | None:  # noqa: ARG002
        """What a person should know of the session of a login. None: its logins need none. Raises ConfigError for keys that are missing."""
        return None

    async def prove(self, section: S, proof: Proof) -> None:
        """Prove the way to the broker and back, step by step. Raises :class:`~holdfast.errors.ConfigError` for keys that are missing."""
        raise NotImplementedError
