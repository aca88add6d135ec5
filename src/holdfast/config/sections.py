"""The sections of the configuration file, each with its keys."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from holdfast.adapters import registry
from holdfast.config.access import AccessConfig
from holdfast.config.alerts import AlertsConfig
from holdfast.config.audit import AuditConfig
from holdfast.config.logs import LogsConfig
from holdfast.config.monitor import MonitorConfig
from holdfast.config.observer import ObserverConfig
from holdfast.config.outside import SentryConfig, TracingConfig
from holdfast.config.posts import PostsConfig
from holdfast.config.secrets import SecretsConfig
from holdfast.core.carry import Carry
from holdfast.core.exits import ExitRules
from holdfast.core.messages import PAPER, BrokerName
from holdfast.core.protection.policy import OnBlocked, Preservation, ProtectionPolicy
from holdfast.core.protection.records import OnFailure
from holdfast.core.ranges import (
    YEAR_S,
    Amount,
    Count,
    CountOrZero,
    Milliseconds,
    Percent,
    Ranged,
    Seconds,
    SecondsOrZero,
    Seed,
    Within,
)
from holdfast.core.risk.limits import RiskLimits, StrategyLimits
from holdfast.core.session.calendar import SpecialSession
from holdfast.core.session.square_off import IntradayPolicy
from holdfast.core.types import SECOND_NS, Money
from holdfast.data.layout import Options, Stamp, Unit, options
from holdfast.errors import ConfigError, InvalidValue
from holdfast.feeds.instruments import InstrumentRules
from holdfast.feeds.live import Stream
from holdfast.locks.lock import SHORTEST_LEASE_S
from holdfast.venue.models import Commission, NoCommission
from holdfast.venue.presets import PLAIN, PRESETS, Model, Preset
from holdfast.venue.settings import FillAt, VenueSettings

REPLAYABLE = ("file", "catalogue", "synthetic")
"""The kinds of feeds that can be played again; all others are adapters' own, and live."""

LAYOUT_KEYS = tuple(name for name in Options.__struct_fields__ if name != "bar")
"""The keys of ``[feed]`` that say how files are laid out; those of ``holdfast data import`` are the same."""

BasisPoints = Annotated[Decimal, Within(0, 10_000, below=True)]
"""Hundredths of a percent, less than all."""
YearlyPct = Annotated[Decimal, Within(0, 1000)]
"""Percent of a year."""


class Section(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts of a configuration."""


class JournalConfig(Section, frozen=True):
    """Where the journal is: a database URL."""

    url: str = "sqlite:///holdfast.db"


class FeedConfig(Section, frozen=True):
    """Where market data comes from.

    ``file``: ``path``; ``start`` and ``end`` (ISO dates or times, UTC unless they say otherwise) bound what is traded, what
    lies before ``start`` warms the strategies up; ``actions`` is a file of splits and dividends. ``paths`` in place of it: several files and
    folders; ``symbol`` to ``holds``: their layout, as far as it can't be seen (docs/data.md). ``catalogue``: ``path`` of one that ``holdfast
    data import`` made; ``symbols`` and ``bar`` choose in it. ``synthetic``: ``seed``, ``symbols``, ``days``, ``start`` (a date),
    ``history_days``. ``speed``: 1 is real pace, N is N times as fast, max is flat out. ``bar``: the length of the bars
    where it can't be seen from the data, of all or by symbol (``{ SPY = "1Min", VIX = "1Day" }``). The name of an adapter: its live
    data of ``symbols`` (those of the strategies), as ``streams`` says, by its ``login``;
    ``warm_up_minutes`` of one-minute bars are shown to the strategies before the first.
    """

    name: str = ""
    kind: str = "file"
    login: str = ""
    path: str | None = None
    paths: list[str] | None = None
    symbol: str | None = None
    columns: dict[str, Annotated[int, Within(1, 1_000)] | str] | None = None
    timezone: str | None = None
    unit: Unit | None = None
    stamp: Stamp | None = None
    day_first: bool | None = None
    separator: str | None = None
    header: bool | None = None
    skip: Annotated[int, Within(0, 1_000_000)] | None = None
    encoding: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    price_scale: Annotated[float, Within(0.000000000001, 1_000_000_000)] | None = None
    holds: Literal["bars", "trades", "quotes"] | None = None
    actions: str | None = None
    speed: str | float = "max"
    start: str | None = None
    end: str | None = None
    bar: str | dict[str, str] | None = None
    seed: Seed = 1
    symbols: list[str] | None = None
    days: Annotated[int, Within(1, 100_000)] | None = None
    history_days: Annotated[int, Within(0, 100_000)] = 1
    ticks: bool = False
    streams: list[Stream] = msgspec.field(default_factory=lambda: [Stream.BARS])
    warm_up_minutes: Annotated[int, Within(0, 1_000_000)] = 390
    stale_after_s: Seconds = 300.0

    def layout(self) -> Options:
        """What is said of the files' layout. Raises :class:`~holdfast.errors.InvalidValue`."""
        return options(**{name: getattr(self, name) for name in LAYOUT_KEYS if getattr(self, name) is not None})

    @property
    def is_live(self) -> bool:
        """Whether the market doesn't wait, and can't be played again."""
        return self.kind not in REPLAYABLE

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"feed {self.name}" if self.name else "the feed"


class VenueConfig(Section, frozen=True):
    """The exchange in memory that backtests and paper accounts trade on (docs/venue.md).

    ``model`` fills in what is left out of all but ``commission`` and ``seed``: ``optimistic``, ``realistic`` or ``cautious``; without one
    orders fill at the next open and cost nothing. ``fill``: an order meets the next bar at its open (``next_open``), or the one it was
    decided on at its ``close``. ``commission``: ``none``, or a table such as ``{ type = "per_share", rate = "0.005", minimum = "1" }``.
    ``borrow_pct`` is the fee for shares that are sold short, ``interest_pct`` the interest on cash below zero, each in percent of a year. A ``volume_share`` of 0 is no bound.
    """

    model: Model | None = None
    fill: FillAt | None = None
    commission: Literal["none"] | dict[str, Any] = "none"
    spread_bps: BasisPoints | None = None
    slippage_bps: BasisPoints | None = None
    slippage_noise_bps: BasisPoints | None = None
    volume_share: Annotated[Decimal, Within(0, 1)] | None = None
    latency_ms: Milliseconds | None = None
    latency_jitter_ms: Milliseconds | None = None
    borrow_pct: YearlyPct | None = None
    interest_pct: YearlyPct | None = None
    seed: Seed = 1

    @property
    def preset(self) -> Preset:
        """The model's settings, with those in their places that are written."""
        written = {name: value for name in self.written if (value := getattr(self, name)) is not None}
        if written.get("volume_share") == 0:
            written["volume_share"] = None
        return msgspec.structs.replace(self._model, **written)

    @property
    def written(self) -> tuple[str, ...]:
        """The settings of a model that are written beside it."""
        return tuple(name for name in Preset.__struct_fields__ if getattr(self, name) is not None)

    @property
    def _model(self) -> Preset:
        return PLAIN if self.model is None else PRESETS[self.model]

    def settings(self, begun: FillAt | None = None) -> VenueSettings:
        """What the venue is built with. Raises :class:`~holdfast.errors.ConfigError`.

        ``begun`` is how orders have filled so far: that goes on where neither ``fill`` nor ``model`` is written.
        """
        preset = self.preset
        is_open = self.fill is None and self.model is None
        return VenueSettings(
            fill=begun if begun is not None and is_open else preset.fill,
            spread_bps=preset.spread_bps,
            slippage_bps=preset.slippage_bps,
            slippage_noise_bps=preset.slippage_noise_bps,
            volume_share=preset.volume_share,
            latency_ns=int(preset.latency_ms * 1_000_000),
            latency_jitter_ns=int(preset.latency_jitter_ms * 1_000_000),
            commission=self._commission(),
            seed=self.seed,
        )

    def carry(self) -> Carry:
        """What holding costs."""
        preset = self.preset
        return Carry(preset.borrow_pct, preset.interest_pct)

    def _commission(self) -> Commission:
        if isinstance(self.commission, str):
            return NoCommission()
        try:
            commission: Commission = msgspec.convert(self.commission, Commission, strict=False)
        except msgspec.ValidationError as error:
            example = '{ type = "per_share", rate = "0.005", minimum = "1" }'
            raise ConfigError(f"venue.commission is not understood ({error}); an example: {example}") from None
        return commission


class ProtectionConfig(Section, frozen=True):
    """What is done where a position is not protected as its strategy asked (docs/protection.md).

    ``on_failure``: what is done with a position whose stop-loss or take-profit the broker doesn't take, after a few tries:
    ``flatten`` closes it, ``retry`` goes on trying, ``alert`` only reports it. After ``late_after_s`` without confirmed
    protection an alarm is raised, whatever the reason. ``preservation``: which positions PRESERVATION closes: none (``hold``), those
    without a stop (``close_unprotected``), or every one (``close_all``). It cancels the entries that would add risk in any
    case; where no more than a connection is missing, both only when it has lasted ``preservation_after_s``. ``on_blocked``: what
    becomes of an order of somebody else because of which the broker takes no closing order: ``wait`` for its end, or ``cancel`` it.
    """

    on_failure: OnFailure = OnFailure.FLATTEN
    late_after_s: Seconds = 10.0
    preservation: Preservation = Preservation.HOLD
    preservation_after_s: Seconds = 15.0
    on_blocked: OnBlocked = OnBlocked.WAIT

    def policy(self) -> ProtectionPolicy:
        """What the engine is built with."""
        return ProtectionPolicy(
            self.on_failure,
            int(self.late_after_s * SECOND_NS),
            self.preservation,
            int(self.preservation_after_s * SECOND_NS),
            self.on_blocked,
        )


class IntradayConfig(Section, frozen=True):
    """What becomes of positions that are held for the day (product MIS), before the broker closes them (docs/risk.md).

    ``square_off_s``: how long before the end of the session it does that; left out: as the broker's adapter says. From ``last_entry_s`` before
    that on nothing is opened that it would close. ``close_s`` before it the account closes them, or with ``end = "broker"`` leaves it to the broker.
    """

    square_off_s: SecondsOrZero | None = None
    last_entry_s: SecondsOrZero = 900.0
    close_s: SecondsOrZero = 300.0
    end: Literal["close", "broker"] = "close"

    def __post_init__(self) -> None:
        """Raises :class:`~holdfast.errors.InvalidValue` where positions would be opened that are being closed."""
        super().__post_init__()
        if self.end == "close" and self.last_entry_s < self.close_s:
            raise InvalidValue(
                "last_entry_s must be longer than close_s: what is opened between the two would be closed at once"
            )

    def policy(self) -> IntradayPolicy:
        """What the engine is built with."""
        return IntradayPolicy(
            None if self.square_off_s is None else int(self.square_off_s * SECOND_NS),
            int(self.last_entry_s * SECOND_NS),
            int(self.close_s * SECOND_NS) if self.end == "close" else None,
        )


class AccountConfig(Section, frozen=True):
    """One account at one broker. ``cash`` is what a paper account begins with.

    ``currency`` is the account's own (left out: that of the calendar's exchange), ``balances`` what a paper account begins
    with in others.

    ``feed`` names the feed that it trades on, where there are several; ``login`` the one at its broker, where there are several.

    ``calendar_sessions`` are sessions that the calendar lacks, or has at other hours. ``risk`` names a
    ``profile`` and single limits in place of its own (`core/risk/limits.py` says what each means).
    """

    name: str
    broker: BrokerName = PAPER
    login: str = ""
    feed: str | None = None
    cash: Amount = Money(Decimal(100_000))
    currency: str | None = None
    balances: dict[str, Amount] = msgspec.field(default_factory=dict)
    calendar: str = "XNYS"
    calendar_sessions: tuple[SpecialSession, ...] = ()
    protection: ProtectionConfig = ProtectionConfig()
    intraday: IntradayConfig = IntradayConfig()
    risk: RiskLimits = RiskLimits()

    @property
    def deposit(self) -> Money:
        """The opening cash."""
        return Money(self.cash)


class LiveConfig(Section, frozen=True):
    """How a broker elsewhere is watched.

    After ``error_threshold`` failed requests in a row the account goes into PRESERVATION; ``leave_preservation`` says who takes
    it out when the cause is gone: ``auto``, or ``manual`` for a person's `holdfast resume`. The broker is asked whether it is there
    every ``check_every_s``, and books, orders and executions are compared with its own every ``reconcile_every_s``.
    """

    error_threshold: Count = 3
    leave_preservation: Literal["auto", "manual"] = "auto"
    check_every_s: Seconds = 10.0
    reconcile_every_s: Seconds = 30.0


class LeaseConfig(Section, frozen=True):
    """How long an engine that falls silent keeps its accounts (docs/leases.md).

    After ``duration_s`` without a word of the engine another one may take them; it stops sending ``margin_s`` earlier by itself, which
    must be longer than sending takes: the time allowed for connecting and for an answer.
    """

    duration_s: Seconds = 40.0
    margin_s: Seconds = 15.0


class RuntimeConfig(Section, frozen=True):
    """How an engine runs (docs/reliability.md).

    A callback of a strategy that takes longer than ``callback_budget_s`` (half of ``lease.duration_s`` at most) is interrupted and its
    strategy stopped; one that can't be interrupted ends the engine after twice that time.
    """

    callback_budget_s: Seconds = 10.0


class LocksConfig(Section, frozen=True):
    """Where locks are kept: in the journal's database, or in Redis (``redis://host:6379/0``) for several journals at once."""

    url: str | None = None


class SupervisorConfig(Section, frozen=True):
    """How pending orders are followed up (docs/reliability.md).

    Every ``interval_s`` the engine claims the orders that have no answer, for ``lease_s``, ``batch`` at most, and explains them. One
    that is proven not to be at the broker is sent again under its id, up to ``resubmissions`` times with a pause that begins at
    ``back_off_s`` and doubles, while it is younger than ``time_to_live_s``.

    ``foreign_orders`` says what happens when the broker shows an order that is not ours; it is always taken into the books under
    ``external`` and counted by risk. ``adopt``: no more than that; ``alert``: it is reported; ``cancel``: it is canceled;
    ``quarantine``: the account takes no new risk until a person resumes it. ``lost_orders`` says what happens when the broker
    no longer shows an order that it had accepted: ``quarantine``, as above; ``alert``: reported, and counted as live still;
    ``cancel``: its cancel is asked for, and it ends with the broker's answer; ``adopt``: what the broker shows is believed, and
    it ends.
    """

    interval_s: Seconds = 5.0
    lease_s: Annotated[float, Within(SHORTEST_LEASE_S, YEAR_S)] = 30.0
    batch: Count = 100
    resubmissions: CountOrZero = 2
    back_off_s: Seconds = 1.0
    time_to_live_s: Seconds = 60.0
    foreign_orders: Literal["adopt", "alert", "cancel", "quarantine"] = "alert"
    lost_orders: Literal["adopt", "alert", "cancel", "quarantine"] = "quarantine"


class WatchdogConfig(Section, frozen=True):
    """What ``holdfast watchdog`` does when no engine gives a sign of life (docs/watchdog.md).

    After ``silent_after_s`` without one, which must be longer than ``lease.duration_s``, the broker's positions are compared with the
    stop orders there, and again every ``check_every_s``. ``action`` is what becomes of a position whose stop is missing or
    too small: ``place`` puts the stop there that was asked for, ``flatten`` closes the position, ``alert`` only says so.
    ``default_stop_pct`` goes with ``place``: a position for which nobody asked for one gets a stop so many percent from the broker's price.
    """

    silent_after_s: Seconds = 60.0
    check_every_s: Seconds = 10.0
    action: Literal["place", "flatten", "alert"] = "place"
    default_stop_pct: Percent | None = None


class MetricsConfig(Section, frozen=True):
    """``listen``: where the engine serves metrics for Prometheus, such as ``127.0.0.1:9464`` (docs/metrics.md); left out: nowhere.

    A request to a broker that takes longer than ``slow_call_s`` is counted as slow and logged.
    """

    listen: str | None = None
    slow_call_s: Seconds = 2.0


class WebConfig(Section, frozen=True):
    """How ``holdfast web`` serves the API and the page (docs/web.md).

    ``host`` and ``port`` are where it listens; ``results`` the folder of saved backtests; ``url`` the database that it keeps for
    itself (users, keys, what was asked for once), left out: ``holdfast-web.db`` beside the configuration; ``access`` who may use it.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Within(0, 65_535)] = 8420
    results: str = "results"
    url: str = "sqlite:///holdfast-web.db"
    access: AccessConfig = AccessConfig()


class StrategyConfig(Section, frozen=True, rename={"class_path": "class"}):
    """One strategy on one account, or on each of ``accounts``. ``class`` is ``module:Class``; ``params`` are its own.

    ``risk`` are limits on what the strategy itself holds and orders, beside those of the account; ``exits`` the
    exits that its entries get where they ask for none (docs/protection.md). ``wishes_per_minute`` is how many orders and cancels
    it may ask for in a minute of market time before it is stopped for flooding: by default 600, or 10 for each of its symbols.
    """

    id: str
    class_path: str
    symbols: list[str]
    timeframe: str = "1Min"
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    risk: StrategyLimits = StrategyLimits()
    exits: ExitRules = ExitRules()
    wishes_per_minute: Count | None = None
    account: str = ""
    accounts: tuple[str, ...] = ()

    @property
    def on(self) -> tuple[str, ...]:
        """The accounts it trades on, each with an instance, a ledger and limits of its own."""
        return self.accounts or (self.account,)


class Config(Section, frozen=True):
    """The whole file. ``instruments`` may name a .csv file in its place.

    ``rates`` are prices of currencies by pair, ``EURUSD`` being dollars for a euro: a number, or ``feed`` for those of the
    feed's symbol of that name.
    """

    journal: JournalConfig = JournalConfig()
    feed: FeedConfig = FeedConfig()
    feeds: list[FeedConfig] = msgspec.field(default_factory=list)
    venue: VenueConfig = VenueConfig()
    live: LiveConfig = LiveConfig()
    lease: LeaseConfig = LeaseConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    locks: LocksConfig = LocksConfig()
    supervisor: SupervisorConfig = SupervisorConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    metrics: MetricsConfig = MetricsConfig()
    monitor: MonitorConfig = MonitorConfig()
    tracing: TracingConfig = TracingConfig()
    sentry: SentryConfig = SentryConfig()
    web: WebConfig = WebConfig()
    secrets: SecretsConfig = SecretsConfig()
    audit: AuditConfig = AuditConfig()
    logs: LogsConfig = LogsConfig()
    observer: ObserverConfig = ObserverConfig()
    posts: PostsConfig = PostsConfig()
    alerts: AlertsConfig = AlertsConfig()
    accounts: list[AccountConfig] = msgspec.field(default_factory=list)
    strategies: list[StrategyConfig] = msgspec.field(default_factory=list)
    rates: dict[str, str] = msgspec.field(default_factory=dict)
    instruments: dict[str, InstrumentRules] = msgspec.field(default_factory=dict)
    adapters: dict[str, Ranged] = msgspec.field(default_factory=dict)
    """The sections that adapters read, by the broker's name; in the file each is a section of that name."""

    @property
    def sources(self) -> Sequence[FeedConfig]:
        """Every feed: those of ``[[feeds]]``, or the one of ``[feed]``."""
        return self.feeds or [self.feed]

    def feed_of(self, account: AccountConfig) -> FeedConfig:
        """The feed that an account trades on."""
        if account.feed is None:
            return self.sources[0]
        return next(source for source in self.sources if source.name == account.feed)

    def accounts_on(self, source: FeedConfig) -> Sequence[AccountConfig]:
        """The accounts that trade on a feed."""
        return [account for account in self.accounts if self.feed_of(account).name == source.name]

    def strategies_on(self, *accounts: str) -> Sequence[StrategyConfig]:
        """The strategies of accounts."""
        return [strategy for strategy in self.strategies if not set(strategy.on).isdisjoint(accounts)]

    def section(self, broker: str) -> Any:
        """The section of a broker's adapter. Raises :class:`~holdfast.errors.Refused` when there is no such adapter."""
        return self.adapters.get(broker) or registry.load(broker).section()


SECTIONS = tuple(field for field in Config.__struct_fields__ if field != "adapters")
"""The sections that no adapter reads."""
