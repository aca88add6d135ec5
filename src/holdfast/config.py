"""The configuration: one TOML file, any key of which can also come from the environment.

``HOLDFAST_SECTION__KEY`` overrides ``key`` of ``[section]``; lists are counted from 0, as in
``HOLDFAST_ACCOUNTS__0__CASH=50000``. Relative paths are meant from the folder of the file. Unknown keys are refused with
the nearest right one.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from holdfast.adapters import registry
from holdfast.brokers.adapter import Adapter
from holdfast.core.currencies import check_currency
from holdfast.core.exits import ExitRules
from holdfast.core.messages import PAPER, BrokerName
from holdfast.core.portfolio.portfolio import EXTERNAL
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
    Seed,
    Within,
)
from holdfast.core.risk.limits import PROFILES, RiskLimits, StrategyLimits, many_symbols
from holdfast.core.session.calendar import SpecialSession
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import MANUAL, NAME_LENGTH, SECOND_NS, Money, to_price
from holdfast.errors import ConfigError, HoldfastError, InvalidValue, Refused
from holdfast.feeds.instruments import InstrumentRules, read_instruments
from holdfast.feeds.live import Stream
from holdfast.feeds.pace import parse_speed
from holdfast.locks.lock import SHORTEST_LEASE_S
from holdfast.observe.exporter import parse_address
from holdfast.venue.models import Commission, NoCommission
from holdfast.venue.settings import FillAt, VenueSettings

PREFIX = "HOLDFAST_"
DEFAULT_PATH = Path("holdfast.toml")
SQLITE = "sqlite:///"
JOURNALS = {
    "sqlite": "sqlite:///holdfast.db",
    "postgresql": "postgresql://user@host/database",
    "mariadb": "mariadb://user@host/database",
    "mysql": "mariadb://user@host/database",
}
REPLAYABLE = ("file", "synthetic")
"""The kinds of feeds that can be played again; all others are adapters' own, and live."""
LOCK_STORES = {"redis": "redis://host:6379/0", "rediss": "redis://host:6379/0", "unix": "redis://host:6379/0"}
LOCAL = ("sqlite", "unix")
"""Schemes of what is a file."""
LARGEST_FILE = 1 << 20
"""Bytes. A configuration of a thousand strategies has a tenth of it."""


BasisPoints = Annotated[Decimal, Within(0, 10_000, below=True)]
"""Hundredths of a percent, less than all."""


class Section(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts of a configuration."""


class JournalConfig(Section, frozen=True):
    """Where the journal is: a database URL."""

    url: str = "sqlite:///holdfast.db"


class FeedConfig(Section, frozen=True):
    """Where market data comes from.

    ``file``: ``path``; ``start`` and ``end`` (ISO dates or times, UTC unless they say otherwise) bound what is traded, what
    lies before ``start`` warms the strategies up; ``actions`` is a file of splits and dividends. ``synthetic``: ``seed``, ``symbols``, ``days``, ``start`` (a date),
    ``history_days``. ``speed``: 1 is real pace, N is N times as fast, max is flat out. ``bar``: the length of the bars
    where it can't be seen from the data, of all or by symbol (``{ SPY = "1Min", VIX = "1Day" }``). The name of an adapter: its live
    data of ``symbols`` (those of the strategies), as ``streams`` says;
    ``warm_up_minutes`` of one-minute bars are shown to the strategies before the first.
    """

    kind: str = "file"
    path: str | None = None
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

    @property
    def is_live(self) -> bool:
        """Whether the market doesn't wait, and can't be played again."""
        return self.kind not in REPLAYABLE


class VenueConfig(Section, frozen=True):
    """The paper broker's exchange (docs/venue.md).

    ``fill``: an order meets the bar it was decided on at its close, or the next one at its open. ``commission``: ``none``, or
    a table such as ``{ type = "per_share", rate = "0.005", minimum = "1" }``.
    """

    fill: FillAt = FillAt.CLOSE
    commission: Literal["none"] | dict[str, Any] = "none"
    slippage_bps: BasisPoints = Decimal(0)
    slippage_noise_bps: BasisPoints = Decimal(0)
    volume_share: Annotated[Decimal, Within(0, 1, above=True)] | None = None
    latency_ms: Milliseconds = 0
    latency_jitter_ms: Milliseconds = 0
    seed: Seed = 1

    def settings(self) -> VenueSettings:
        """What the venue is built with. Raises :class:`~holdfast.errors.ConfigError`."""
        return VenueSettings(
            fill=self.fill,
            slippage_bps=self.slippage_bps,
            slippage_noise_bps=self.slippage_noise_bps,
            volume_share=self.volume_share,
            latency_ns=int(self.latency_ms * 1_000_000),
            latency_jitter_ns=int(self.latency_jitter_ms * 1_000_000),
            commission=self._commission(),
            seed=self.seed,
        )

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
    becomes of an order of somebody else because of which the broker takes no way out: ``wait`` for its end, or ``cancel`` it.
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


class AccountConfig(Section, frozen=True):
    """One account at one broker. ``cash`` is what a paper account begins with.

    ``currency`` is the account's own (left out: that of the calendar's exchange), ``balances`` what a paper account begins with in others.

    ``calendar_sessions`` are sessions that the calendar lacks, or has at other hours. ``risk`` names a
    ``profile`` and single limits in place of its own (`core/risk/limits.py` says what each means).
    """

    name: str
    broker: BrokerName = PAPER
    cash: Amount = Money(Decimal(100_000))
    currency: str | None = None
    balances: dict[str, Amount] = msgspec.field(default_factory=dict)
    calendar: str = "XNYS"
    calendar_sessions: tuple[SpecialSession, ...] = ()
    protection: ProtectionConfig = ProtectionConfig()
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
    """``listen``: where the engine serves metrics for Prometheus, such as ``127.0.0.1:9464`` (docs/metrics.md); left out: nowhere."""

    listen: str | None = None


class StrategyConfig(Section, frozen=True, rename={"class_path": "class"}):
    """One strategy on one account. ``class`` is ``module:Class``; ``params`` are its own.

    ``risk`` are limits on what the strategy itself holds and orders, beside those of the account; ``exits`` the
    ways out that its entries get where they ask for none (docs/protection.md). ``wishes_per_minute`` is how many orders and cancels
    it may ask for in a minute of market time before it is stopped for flooding: by default 600, or 10 for each of its symbols.
    """

    id: str
    class_path: str
    account: str
    symbols: list[str]
    timeframe: str = "1Min"
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    risk: StrategyLimits = StrategyLimits()
    exits: ExitRules = ExitRules()
    wishes_per_minute: Count | None = None


class Config(Section, frozen=True):
    """The whole file. ``instruments`` may name a .csv file in its place.

    ``rates`` are prices of currencies by pair, ``EURUSD`` being dollars for a euro: a number, or ``feed`` for those of the feed's symbol of that name.
    """

    journal: JournalConfig = JournalConfig()
    feed: FeedConfig = FeedConfig()
    venue: VenueConfig = VenueConfig()
    live: LiveConfig = LiveConfig()
    lease: LeaseConfig = LeaseConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    locks: LocksConfig = LocksConfig()
    supervisor: SupervisorConfig = SupervisorConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    metrics: MetricsConfig = MetricsConfig()
    accounts: list[AccountConfig] = msgspec.field(default_factory=list)
    strategies: list[StrategyConfig] = msgspec.field(default_factory=list)
    rates: dict[str, str] = msgspec.field(default_factory=dict)
    instruments: dict[str, InstrumentRules] = msgspec.field(default_factory=dict)
    adapters: dict[str, Ranged] = msgspec.field(default_factory=dict)
    """The sections that adapters read, by the broker's name; in the file each is a section of that name."""

    def section(self, broker: str) -> Any:
        """The section of a broker's adapter. Raises :class:`~holdfast.errors.Refused` when there is no such adapter."""
        return self.adapters.get(broker) or registry.load(broker).section()


SECTIONS = tuple(field for field in Config.__struct_fields__ if field != "adapters")
"""The sections that no adapter reads."""


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read, override, check. Raises :class:`~holdfast.errors.ConfigError` with every mistake that can be told at once."""
    try:
        data = tomllib.loads(_text_of(path))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration file {path}; `holdfast demo` needs none, `-c FILE` names one"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the configuration file {path} is not UTF-8 text ({error.reason}); save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        if isinstance(error, tomllib.TOMLDecodeError):
            raise ConfigError(f"{path} is not valid TOML: {error}") from None
        raise ConfigError(f"the configuration file {path} can't be read: {error}") from None
    _override(data, os.environ if environment is None else environment)
    return parse_config(data, str(path), path.resolve().parent)


def _text_of(path: Path) -> str:
    """What is in the file, which may be a pipe; one without an end is given up. Raises OSError and UnicodeDecodeError."""
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"{path} is larger than {LARGEST_FILE:,} bytes: that is no configuration file; name another with -c"
        )
    return data.decode("utf-8")


def parse_config(data: dict[str, Any], name: str, folder: Path) -> Config:
    """The configuration that ``data`` means; ``name`` is what errors call it, ``folder`` where relative paths begin."""
    _expand_profiles(data, name)
    path = data.get("instruments")
    if isinstance(path, str):
        data = {**data, "instruments": {}}
    own = {key: value for key, value in data.items() if key in SECTIONS or not registry.is_known(key)}
    others = {key: registry.load(key).section for key in data if key not in own}
    unknown = list(_unknown_keys(own, Config, ""))
    for broker, kind in others.items():
        unknown += _unknown_keys(data[broker], kind, f"{broker}.")
    if unknown:
        raise ConfigError(f"{name}: {'; '.join(unknown)}")
    try:
        config = msgspec.convert(own, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_in_words(str(error))}") from None
    if isinstance(path, str):
        config = msgspec.structs.replace(config, instruments=read_instruments(folder / Path(path).expanduser()))
    config = msgspec.structs.replace(
        config, adapters={key: _section(data, key, kind, name) for key, kind in others.items()}
    )
    _check(config, name)
    return _with_paths(config, folder)


def _section(data: dict[str, Any], broker: str, kind: type[Ranged], name: str) -> Ranged:
    """What an adapter reads."""
    try:
        return msgspec.convert(data[broker], kind, strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        place = text.replace("`$", f"`$.{broker}") if "`$" in text else f"{text} - at `$.{broker}`"
        raise ConfigError(f"{name}: {_in_words(place)}") from None


def _expand_profiles(data: dict[str, Any], name: str) -> None:
    """Put the limits of each account's risk profile where the account has none of its own."""
    accounts = data.get("accounts")
    for account in accounts if isinstance(accounts, list) else ():
        risk = account.get("risk", {}) if isinstance(account, dict) else None
        if not isinstance(risk, dict):
            continue
        profile = risk.pop("profile", "default")
        if profile not in PROFILES:
            raise ConfigError(f"{name}: there is no risk profile {profile!r}; there are {', '.join(PROFILES)}")
        room = many_symbols(_symbols_of(data, account.get("name"))) if profile == "default" else {}
        account["risk"] = {**PROFILES[profile], **room, **risk}


def _symbols_of(data: dict[str, Any], account: object) -> int:
    """How many symbols the strategies of an account have, as far as the file makes sense."""
    strategies = data.get("strategies")
    own = [one for one in strategies if isinstance(one, dict)] if isinstance(strategies, list) else []
    lists = [one.get("symbols") for one in own if one.get("account") == account]
    return len({str(symbol) for symbols in lists if isinstance(symbols, list) for symbol in symbols})


def _in_words(error: str) -> str:
    """msgspec's message with the place first and as people write it."""
    text, _, place = error.partition(" - at `$")
    text = text.replace("Object missing required field", "the key is missing:")
    return f"{place.strip('.`')}: {text}" if place else text


def _unknown_keys(data: object, kind: Any, place: str) -> Iterator[str]:
    """Every key that a section doesn't have, with the nearest that it does have."""
    if not isinstance(data, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    hints = get_type_hints(kind)
    known = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}
    if kind is Config:
        known = {key: known[key] for key in SECTIONS}
    for key, value in data.items():
        if key not in known:
            there = [*known, *registry.names()] if kind is Config else list(known)
            near = get_close_matches(key, there, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            yield f"unknown key {place}{key}; {hint}"
            continue
        inner = known[key]
        if isinstance(value, dict) and get_origin(inner) is dict:
            for name, item in value.items():
                yield from _unknown_keys(item, get_args(inner)[1], f"{place}{key}.{name}.")
        elif isinstance(value, list) and get_args(inner):
            for index, item in enumerate(value):
                yield from _unknown_keys(item, get_args(inner)[0], f"{place}{key}[{index}].")
        else:
            yield from _unknown_keys(value, inner, f"{place}{key}.")


def _override(data: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable in sorted(environment):
        path = variable.removeprefix(PREFIX).lower().split("__")
        if variable.startswith(PREFIX) and len(path) > 1 and (path[0] in SECTIONS or registry.is_known(path[0])):
            _set(data, path, environment[variable], variable)


def _set(data: Any, path: list[str], value: str, variable: str) -> None:
    try:
        for key in path[:-1]:
            data = data[int(key)] if isinstance(data, list) else data.setdefault(key, {})
        if isinstance(data, list):
            data[int(path[-1])] = value
        else:
            data[path[-1]] = value
    except (IndexError, ValueError, AttributeError, TypeError):
        raise ConfigError(f"the environment variable {variable} names nothing in the configuration file") from None


def _check(config: Config, name: str) -> None:
    """What no single section can know. Raises :class:`~holdfast.errors.ConfigError`."""
    _check_unique("account", [account.name for account in config.accounts], name)
    _check_unique("strategy", [strategy.id for strategy in config.strategies], name)
    if not config.accounts:
        raise ConfigError(f"{name}: there is no account; add [[accounts]] with at least a name")
    names = [account.name for account in config.accounts]
    for strategy in config.strategies:
        if strategy.account not in names:
            near = get_close_matches(strategy.account, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise ConfigError(f"{name}: strategy {strategy.id} is on account {strategy.account!r}; {hint}")
        if not strategy.symbols or strategy.id in ("", EXTERNAL, MANUAL):
            raise ConfigError(
                f"{name}: strategy {strategy.id!r} needs an id of its own (not {MANUAL}, nor {EXTERNAL}) and at least one symbol"
            )
        for text in (strategy.id, *strategy.symbols):
            if len(text) > NAME_LENGTH or not text.isprintable():
                raise ConfigError(
                    f"{name}: strategy {strategy.id!r}: an id or symbol has at most {NAME_LENGTH} printable characters, not {text!r}"
                )
    for account in config.accounts:
        _check_limits(account.risk, f"{name}: account {account.name}")
    _check_texts(config, name)
    _check_live(config, name)
    _check_lease(config, name)
    if config.watchdog != WatchdogConfig():  # one that nobody has written says nothing of a lease of another length
        check_watchdog(config, name)


def _check_texts(config: Config, name: str) -> None:
    """Everything that is written as text and means something else: addresses, speeds, lengths of bars, the venue's rules."""
    try:
        parse_speed(str(config.feed.speed))
        lengths = config.feed.bar if isinstance(config.feed.bar, dict) else {"": config.feed.bar}
        for timeframe in (*lengths.values(), *(strategy.timeframe for strategy in config.strategies)):
            if timeframe is not None:
                parse_timeframe(timeframe)
        config.venue.settings()
        if config.metrics.listen is not None:
            _check_listen(config.metrics.listen)
        for broker, section in config.adapters.items():
            registry.load(broker).check_section(section)
        _check_currencies(config)
    except HoldfastError as error:
        raise ConfigError(f"{name}: {error}") from None
    _check_url(f"{name}: journal.url", config.journal.url, JOURNALS)
    if config.locks.url is not None:
        _check_url(f"{name}: locks.url", config.locks.url, {**JOURNALS, **LOCK_STORES})


def _check_listen(text: str) -> None:
    try:
        parse_address(text)
    except HoldfastError as error:
        raise ConfigError(f"metrics.listen: {error}") from None


FROM_FEED = "feed"


def _check_currencies(config: Config) -> None:
    for account in config.accounts:
        for code in (*([account.currency] if account.currency else []), *account.balances):
            check_currency(code, f"account {account.name}: currency")
    for pair, said in config.rates.items():
        pair_of(pair)
        if said != FROM_FEED:
            to_price(said, f"rates.{pair}")


def pair_of(name: str) -> tuple[str, str]:
    """The currencies of a pair: how much of the second one of the first costs. Raises :class:`~holdfast.errors.InvalidValue`."""
    codes = name.replace("/", "")
    first, second = (check_currency(code, f"rates.{name}: currency") for code in (codes[:3], codes[3:]))
    if first == second:
        raise InvalidValue(f"rates.{name} is a currency in itself; write a pair such as EURUSD")
    return first, second


def _check_url(what: str, url: str, forms: Mapping[str, str]) -> None:
    """Refuse a URL that is none of ``forms`` (scheme to an example) without showing it: there may be a password in it."""
    examples = " or ".join(dict.fromkeys(forms.values()))
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme.partition("+")[0], parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{what} can't be read; write it as {examples}") from None
    if scheme not in forms:
        raise ConfigError(
            f"{what} begins with none of {', '.join(f'{known}:' for known in forms)}; write it as {examples}"
        )
    if not url.isprintable() or (scheme not in LOCAL and not host) or (scheme in LOCAL and not parts.path.strip("/")):
        raise ConfigError(f"{what} names no {'file' if scheme in LOCAL else 'host'}; write it as {examples}")


def _check_limits(limits: RiskLimits, whose: str) -> None:
    """A limit on groups needs groups."""
    if limits.max_group_pct is not None and not limits.correlation_groups:
        raise ConfigError(
            f'{whose}: risk limit max_group_pct needs correlation_groups, such as {{ tech = ["AAPL", "MSFT"] }}'
        )


def _check_live(config: Config, name: str) -> None:
    """A broker elsewhere needs a market that doesn't wait, the exchange in memory one that can be played again."""
    feed = config.feed
    adapters = [_adapter_of(account, name) for account in config.accounts]
    if feed.is_live:
        _check_live_feed(feed, name)
    for account, adapter in zip(config.accounts, adapters, strict=True):
        is_here = adapter.replayed is not None
        if feed.is_live and is_here:
            raise ConfigError(
                f"{name}: account {account.name} trades on paper in here and feed.kind {feed.kind!r} can't be played again; "
                "use an account at a broker, or a feed of kind file or synthetic"
            )
        if not feed.is_live and not is_here:
            raise ConfigError(
                f"{name}: account {account.name} is at {adapter.title}; it needs a live feed, such as feed.kind = {account.broker!r}"
            )
    if feed.is_live and len(config.accounts) > 1:
        names = " and ".join(account.name for account in config.accounts)
        raise ConfigError(
            f"{name}: accounts {names} are at a broker; one engine has one login, and so one account there"
        )


def _check_live_feed(feed: FeedConfig, name: str) -> None:
    kinds = [*REPLAYABLE, *(broker for broker in registry.names() if broker != PAPER)]
    if not registry.is_known(feed.kind) or not registry.load(feed.kind).has_feed:
        raise ConfigError(f"{name}: feed.kind: there is no feed {feed.kind!r}; {registry.nearest(feed.kind, kinds)}")


def _adapter_of(account: AccountConfig, name: str) -> Adapter[Any]:
    """The account's. Raises :class:`~holdfast.errors.Refused` when there is none."""
    try:
        return registry.load(account.broker)
    except Refused as error:
        raise Refused(f"{name}: account {account.name} is at {account.broker}: {error}") from None


def _check_lease(config: Config, name: str) -> None:
    """Between two renewals an engine must be able to send, and what it sends must arrive before somebody else may."""
    lease = config.lease
    if lease.duration_s <= 2 * lease.margin_s:
        raise ConfigError(
            f"{name}: lease.margin_s must be less than half of lease.duration_s, "
            f"not {lease.margin_s:g} of {lease.duration_s:g}"
        )
    for account in config.accounts:
        sending_s = registry.load(account.broker).sending_s(config.section(account.broker))
        if lease.margin_s < sending_s:
            raise ConfigError(
                f"{name}: lease.margin_s is {lease.margin_s:g}, and sending an order to {account.broker} may take {sending_s:g} s; make "
                f"the margin longer or the timeouts of [{account.broker}] shorter"
            )


def check_watchdog(config: Config, name: str) -> None:
    """Raise ConfigError for a watchdog that would take an engine for dead while it still has its account."""
    watchdog, lease_s = config.watchdog, config.lease.duration_s
    if watchdog.silent_after_s <= lease_s:
        raise ConfigError(
            f"{name}: watchdog.silent_after_s must be longer than lease.duration_s ({lease_s:g}), "
            f"not {watchdog.silent_after_s:g}"
        )
    if watchdog.default_stop_pct is not None and watchdog.action != "place":
        raise ConfigError(
            f'{name}: watchdog.default_stop_pct goes with action = "place"; with "{watchdog.action}" no stop is placed: leave it out'
        )


def _check_unique(what: str, names: list[str], file: str) -> None:
    for value in names:
        if names.count(value) > 1:
            raise ConfigError(
                f"{file}: there are {names.count(value)} of {what} {value!r}; each needs a name of its own"
            )


def _with_paths(config: Config, folder: Path) -> Config:
    """Relative paths made absolute, from the file's folder."""
    journal, feed = config.journal, config.feed
    if journal.url.startswith(SQLITE):
        journal = JournalConfig(url=SQLITE + str(folder / journal.url.removeprefix(SQLITE)))
    if feed.path is not None:
        feed = msgspec.structs.replace(feed, path=str(folder / Path(feed.path).expanduser()))
    if feed.actions is not None:
        feed = msgspec.structs.replace(feed, actions=str(folder / Path(feed.actions).expanduser()))
    return msgspec.structs.replace(config, journal=journal, feed=feed)
