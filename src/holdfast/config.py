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
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from holdfast.connections.alpaca.environment import AlpacaSection
from holdfast.core.messages import BrokerName
from holdfast.core.risk.limits import PROFILES, RiskLimits
from holdfast.core.types import Money
from holdfast.errors import ConfigError
from holdfast.feeds.alpaca.wire import Kind
from holdfast.venue.models import Commission, NoCommission
from holdfast.venue.settings import FillAt, VenueSettings

PREFIX = "HOLDFAST_"
DEFAULT_PATH = Path("holdfast.toml")
SQLITE = "sqlite:///"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts of a configuration."""


class JournalConfig(Section, frozen=True):
    """Where the journal is: a database URL."""

    url: str = "sqlite:///holdfast.db"


class FeedConfig(Section, frozen=True):
    """Where market data comes from.

    ``file``: ``path``; ``start`` and ``end`` (ISO dates or times, UTC unless they say otherwise) bound what is traded, what
    lies before ``start`` warms the strategies up. ``synthetic``: ``seed``, ``symbols``, ``days``, ``start`` (a date),
    ``history_days``. ``speed``: 1 is real pace, N is N times as fast, max is flat out. ``bar``: the length of the bars
    where it can't be seen from the data. ``alpaca``: live data of ``symbols`` (those of the strategies), as ``streams`` says;
    ``warm_up_minutes`` of one-minute bars are shown to the strategies before the first.
    """

    kind: Literal["file", "synthetic", "alpaca"] = "file"
    path: str | None = None
    speed: str | float = "max"
    start: str | None = None
    end: str | None = None
    bar: str | None = None
    seed: int = 1
    symbols: list[str] | None = None
    days: int | None = None
    history_days: int = 1
    ticks: bool = False
    streams: list[Kind] = msgspec.field(default_factory=lambda: [Kind.BARS])
    warm_up_minutes: int = 390
    stale_after_s: float = 300.0


class VenueConfig(Section, frozen=True):
    """The paper broker's exchange (docs/venue.md).

    ``fill``: an order meets the bar it was decided on at its close, or the next one at its open. ``commission``: ``none``, or
    a table such as ``{ type = "per_share", rate = "0.005", minimum = "1" }``.
    """

    fill: FillAt = FillAt.CLOSE
    commission: Literal["none"] | dict[str, Any] = "none"
    slippage_bps: Decimal = Decimal(0)
    slippage_noise_bps: Decimal = Decimal(0)
    volume_share: Decimal | None = None
    latency_ms: float = 0
    latency_jitter_ms: float = 0
    seed: int = 1

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


class RiskConfig(Section, frozen=True):
    """A profile, and single limits that override it (`core/risk/limits.py` says what each means)."""

    profile: str = "default"
    max_position_value: Decimal | None = None
    max_gross_exposure: Decimal | None = None
    leverage: Decimal | None = None
    max_open_orders: int | None = None
    max_orders_per_minute: int | None = None
    price_collar_pct: Decimal | None = None
    duplicate_window_s: float | None = None
    daily_loss_pct: Decimal | None = None
    size_pct: Decimal | None = None

    def limits(self) -> RiskLimits:
        """The profile with what was overridden. Raises :class:`~holdfast.errors.ConfigError` for impossible limits."""
        profile = PROFILES.get(self.profile)
        if profile is None:
            raise ConfigError(f"there is no risk profile {self.profile!r}; there are {', '.join(PROFILES)}")
        given = {name: value for name in RiskLimits.__struct_fields__ if (value := getattr(self, name)) is not None}
        for name, value in given.items():
            if value <= 0 and name != "duplicate_window_s":
                raise ConfigError(f"risk limit {name} must be above zero, not {value}; leave it out for none")
        return msgspec.structs.replace(profile, **given)


class AccountConfig(Section, frozen=True):
    """One account at one broker. ``cash`` is what a paper account begins with."""

    name: str
    broker: BrokerName = BrokerName.PAPER
    cash: Decimal = Decimal(100_000)
    calendar: str = "XNYS"
    risk: RiskConfig = RiskConfig()

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

    error_threshold: int = 3
    leave_preservation: Literal["auto", "manual"] = "auto"
    check_every_s: float = 10.0
    reconcile_every_s: float = 30.0


class StrategyConfig(Section, frozen=True, rename={"class_path": "class"}):
    """One strategy on one account. ``class`` is ``module:Class``; ``params`` are its own."""

    id: str
    class_path: str
    account: str
    symbols: list[str]
    timeframe: str = "1Min"
    params: dict[str, Any] = {}


class Config(Section, frozen=True):
    """The whole file."""

    journal: JournalConfig = JournalConfig()
    feed: FeedConfig = FeedConfig()
    venue: VenueConfig = VenueConfig()
    alpaca: AlpacaSection = AlpacaSection()
    live: LiveConfig = LiveConfig()
    accounts: list[AccountConfig] = []
    strategies: list[StrategyConfig] = []


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read, override, check. Raises :class:`~holdfast.errors.ConfigError` with every mistake that can be told at once."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no configuration file {path}; `holdfast demo` needs none, `-c FILE` names one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration file {path} can't be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    _override(data, os.environ if environment is None else environment)
    return parse_config(data, str(path), path.resolve().parent)


def parse_config(data: dict[str, Any], name: str, folder: Path) -> Config:
    """The configuration that ``data`` means; ``name`` is what errors call it, ``folder`` where relative paths begin."""
    unknown = list(_unknown_keys(data, Config, ""))
    if unknown:
        raise ConfigError(f"{name}: {'; '.join(unknown)}")
    try:
        config = msgspec.convert(data, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_in_words(str(error))}") from None
    _check(config, name)
    return _with_paths(config, folder)


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
    for key, value in data.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            yield f"unknown key {place}{key}; {hint}"
            continue
        inner = known[key]
        if isinstance(value, list) and get_args(inner):
            for index, item in enumerate(value):
                yield from _unknown_keys(item, get_args(inner)[0], f"{place}{key}[{index}].")
        else:
            yield from _unknown_keys(value, inner, f"{place}{key}.")


def _override(data: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable in sorted(environment):
        path = variable.removeprefix(PREFIX).lower().split("__")
        if variable.startswith(PREFIX) and len(path) > 1 and path[0] in Config.__struct_fields__:
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
        if not strategy.symbols or strategy.id in ("", "manual"):
            raise ConfigError(
                f"{name}: strategy {strategy.id!r} needs an id of its own (not manual) and at least one symbol"
            )
    _check_live(config, name)
    for account in config.accounts:
        if account.cash <= 0:
            raise ConfigError(f"{name}: account {account.name} needs cash above zero, not {account.cash}")


def _check_live(config: Config, name: str) -> None:
    """Live data and a live broker belong together: neither can be played again, and neither waits."""
    at_alpaca = [account.name for account in config.accounts if account.broker is BrokerName.ALPACA]
    elsewhere = [account.name for account in config.accounts if account.broker is not BrokerName.ALPACA]
    if config.feed.kind == "alpaca" and elsewhere:
        raise ConfigError(
            f'{name}: account {elsewhere[0]} trades on paper in here and feed.kind "alpaca" can\'t be played again; '
            'use broker = "alpaca" with keys of an Alpaca paper account, or a feed of kind file or synthetic'
        )
    if config.feed.kind != "alpaca" and at_alpaca:
        raise ConfigError(f'{name}: account {at_alpaca[0]} is at Alpaca; it needs feed.kind = "alpaca"')
    if len(at_alpaca) > 1:
        raise ConfigError(
            f"{name}: accounts {' and '.join(at_alpaca)} are at Alpaca; one engine has one pair of keys, and so one account there"
        )
    for field in ("error_threshold", "check_every_s", "reconcile_every_s"):
        if getattr(config.live, field) <= 0:
            raise ConfigError(f"{name}: live.{field} must be above zero, not {getattr(config.live, field)}")


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
    return msgspec.structs.replace(config, journal=journal, feed=feed)
