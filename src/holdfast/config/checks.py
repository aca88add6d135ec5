"""What no single section of the configuration can know: whether its parts fit each other."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from holdfast.adapters import registry
from holdfast.brokers.adapter import Adapter
from holdfast.config.alerts import faults_in
from holdfast.config.outside import check_outside
from holdfast.config.posts import PostsConfig, check_posts
from holdfast.config.sections import LAYOUT_KEYS, REPLAYABLE, AccountConfig, Config, FeedConfig, WatchdogConfig
from holdfast.core.currencies import check_currency
from holdfast.core.messages import PAPER
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.risk.limits import RiskLimits
from holdfast.core.strategy.timeframe import parse_timeframe
from holdfast.core.types import MANUAL, check_name, to_price
from holdfast.errors import ConfigError, HoldfastError, InvalidValue, Refused
from holdfast.feeds.pace import parse_speed
from holdfast.telemetry.exporter import parse_address
from holdfast.vault.references import SecretText, is_reference, is_whole_reference

JOURNALS = {
    "sqlite": "sqlite:///holdfast.db",
    "postgresql": "postgresql://user@host/database",
    "mariadb": "mariadb://user@host/database",
    "mysql": "mariadb://user@host/database",
}
LOCK_STORES = {"redis": "redis://host:6379/0", "rediss": "redis://host:6379/0", "unix": "redis://host:6379/0"}
LOCAL = ("sqlite", "unix")
"""Schemes of what is a file."""


def check(config: Config, name: str) -> None:
    """What no single section can know. Raises :class:`~holdfast.errors.ConfigError`."""
    _check_names(config, name)
    if not config.accounts:
        raise ConfigError(f"{name}: there is no account; add [[accounts]] with at least a name")
    names = [account.name for account in config.accounts]
    for strategy in config.strategies:
        if bool(strategy.account) is bool(strategy.accounts):
            raise ConfigError(
                f'{name}: strategy {strategy.id} needs either account = "{names[0]}" or accounts = ["{names[0]}", ...]'
            )
        for account_name in strategy.on:
            if account_name not in names:
                hint = registry.nearest(account_name, names)
                raise ConfigError(f"{name}: strategy {strategy.id} is on account {account_name!r}; {hint}")
        if not strategy.symbols or strategy.id in (EXTERNAL, MANUAL):
            raise ConfigError(
                f"{name}: strategy {strategy.id!r} needs an id of its own (not {MANUAL}, nor {EXTERNAL}) and at least one symbol"
            )
    for account in config.accounts:
        _check_limits(account.risk, f"{name}: account {account.name}")
    if faults := list(faults_in(config.alerts)):
        raise ConfigError(f"{name}: {'; '.join(faults)}")
    _check_feeds(config, name)
    _check_texts(config, name)
    _check_logins(config, name)
    _check_lease(config, name)
    if config.watchdog != WatchdogConfig():  # one that nobody has written says nothing of a lease of another length
        check_watchdog(config, name)
    if config.posts != PostsConfig():
        check_posts(config.posts, name)


def _check_names(config: Config, name: str) -> None:
    """What a journal keeps by name can be one, and is there once: accounts, strategies, feeds and symbols."""
    try:
        for account in config.accounts:
            check_name("an account's name", account.name)
        for source in config.feeds:
            if source.name:  # one without is told how to write it, below
                check_name("a feed's name", source.name)
        for strategy in config.strategies:
            check_name("a strategy's id", strategy.id)
            for symbol in strategy.symbols:
                check_name(f"strategy {strategy.id}: a symbol", symbol)
        for source in config.sources:
            for symbol in source.symbols or ():
                check_name(f"{source.label}: a symbol", symbol)
        for symbol in config.instruments:
            check_name("instruments: a symbol", symbol)
    except InvalidValue as error:
        raise ConfigError(f"{name}: {error}") from None
    _check_unique("account", [account.name for account in config.accounts], name)
    _check_unique("strategy", [strategy.id for strategy in config.strategies], name)
    lists: dict[str, Sequence[str]] = {f"accounts of strategy {row.id}": row.on for row in config.strategies}
    lists |= {f"symbols of strategy {row.id}": row.symbols for row in config.strategies}
    lists |= {f"symbols of {source.label}": source.symbols or () for source in config.sources}
    for what, values in lists.items():
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ConfigError(f"{name}: {what}: {twice} is there {values.count(twice)} times; keep one")


def _check_texts(config: Config, name: str) -> None:
    """Everything that is written as text and means something else: addresses, speeds, lengths of bars, the venue's rules."""
    try:
        for source in config.sources:
            parse_speed(str(source.speed))
            _check_files(source)
            for timeframe in source.bar.values() if isinstance(source.bar, dict) else [source.bar]:
                if timeframe is not None:
                    parse_timeframe(timeframe)
        for strategy in config.strategies:
            parse_timeframe(strategy.timeframe)
        config.venue.settings()
        _check_listen("metrics.listen", config.metrics.listen)
        _check_listen("monitor.listen", config.monitor.listen)
        check_outside(config.tracing, config.sentry)
        for broker, section in config.adapters.items():
            registry.load(broker).check_section(section)
        _check_currencies(config)
        _check_token_secret(config.web.access.token_secret)
    except HoldfastError as error:
        raise ConfigError(f"{name}: {error}") from None
    _check_url(f"{name}: journal.url", config.journal.url, JOURNALS)
    if config.locks.url is not None:
        _check_url(f"{name}: locks.url", config.locks.url, {**JOURNALS, **LOCK_STORES})


def _check_files(source: FeedConfig) -> None:
    """The layout of files can be one, and there is one way to say which files."""
    source.layout()
    if source.paths is not None and (source.path is not None or not source.paths):
        raise ConfigError(
            f"{source.label}: paths names files in place of path; it needs at least one, and no path beside it"
        )


def _check_token_secret(text: str | None) -> None:
    if text is not None and not isinstance(text, SecretText) and not is_whole_reference(text):
        raise ConfigError(
            'web.access.token_secret names a secret and is none itself: write it as "secret:NAME", or set JWT_SECRET_KEY'
        )


def _check_listen(key: str, text: str | None) -> None:
    try:
        if text is not None:
            parse_address(text)
    except HoldfastError as error:
        raise ConfigError(f"{key}: {error}") from None


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
    if is_reference(url):
        return  # it names a secret that who reads this configuration doesn't need
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


def _check_feeds(config: Config, name: str) -> None:
    """Every account has a feed that goes with its broker, and every feed has accounts."""
    adapters = [_adapter_of(account, name) for account in config.accounts]
    names = [source.name for source in config.feeds]
    if "" in names:
        raise ConfigError(f'{name}: each of [[feeds]] needs a name; accounts name theirs with feed = "..."')
    _check_unique("feed", names, name)
    for source in config.sources:
        if source.is_live:
            _check_live_feed(source, name)
        _check_keys_of(source, name)
    for account, adapter in zip(config.accounts, adapters, strict=True):
        _check_feed_of(account, adapter, config, name)
    for source in config.sources:
        if not config.accounts_on(source):
            raise ConfigError(
                f"{name}: no account trades on {source.label}; take it away, or name it with feed = in [[accounts]]"
            )


def _check_feed_of(account: AccountConfig, adapter: Adapter[Any], config: Config, name: str) -> None:
    """A broker elsewhere needs a market that doesn't wait."""
    names = [source.name for source in config.feeds]
    if account.feed is None and len(names) > 1:
        raise ConfigError(f"{name}: account {account.name} names no feed; write feed = and one of {', '.join(names)}")
    if account.feed is not None and account.feed not in names:
        hint = registry.nearest(account.feed, names) if names else "only [[feeds]] have names"
        raise ConfigError(f"{name}: account {account.name}: there is no feed {account.feed!r}; {hint}")
    source = config.feed_of(account)
    if adapter.replayed is None and not source.is_live:
        raise ConfigError(
            f"{name}: account {account.name} is at {adapter.title}, which doesn't wait; it needs a live feed, such as kind = "
            f'"{account.broker}", and {source.label} is of kind {source.kind}'
        )
    if adapter.replayed is not None and adapter.on_live is None and source.is_live:
        raise ConfigError(
            f"{name}: account {account.name} trades on paper in here and feed.kind {source.kind!r} can't be played again; "
            "use an account at a broker, or a feed of kind file or synthetic"
        )
    if adapter.replayed is not None and source.is_live and account.balances:
        raise ConfigError(
            f"{name}: account {account.name}: balances are for a feed of kind file or synthetic, and {source.label} is of kind "
            f"{source.kind}; leave them out, and write all of it as cash"
        )


def _check_live_feed(feed: FeedConfig, name: str) -> None:
    kinds = [*REPLAYABLE, *(broker for broker in registry.names() if broker != PAPER)]
    if not registry.is_known(feed.kind) or not registry.load(feed.kind).has_feed:
        raise ConfigError(f"{name}: {feed.label} is of kind {feed.kind!r}; {registry.nearest(feed.kind, kinds)}")


KEYS = {
    "file": ("path", "paths", "actions", "start", "end", *LAYOUT_KEYS),
    "catalogue": ("path", "actions", "start", "end"),
    "synthetic": ("start", "seed", "days", "history_days", "ticks"),
    "live": ("login", "streams", "warm_up_minutes"),
}
"""The keys that feeds of one kind have and others don't; all of them have the rest."""


def _check_keys_of(feed: FeedConfig, name: str) -> None:
    """No key says what a feed of this kind doesn't listen to."""
    kind, default = "live" if feed.is_live else feed.kind, FeedConfig()
    for key in sorted({key for keys in KEYS.values() for key in keys} - set(KEYS[kind])):
        if getattr(feed, key) != getattr(default, key):
            whose = " and ".join(other for other, keys in KEYS.items() if key in keys)
            raise ConfigError(
                f"{name}: {feed.label} is of kind {feed.kind}, and {key} is for {whose} feeds; leave it out"
            )


def _check_logins(config: Config, name: str) -> None:
    """Two accounts can't have one login, and an account in memory has none."""
    taken: dict[tuple[str, str], str] = {}
    for account in config.accounts:
        if registry.load(account.broker).replayed is not None:
            if account.login:
                raise ConfigError(
                    f"{name}: account {account.name} trades on paper in here, without a login; leave it out"
                )
            continue
        other = taken.setdefault((account.broker, account.login), account.name)
        if other != account.name:
            which = f"login {account.login}" if account.login else "its one login"
            raise ConfigError(
                f"{name}: accounts {other} and {account.name} both have {which} at {account.broker}; a login is for one account: give "
                "one of them login = and a name"
            )


def _adapter_of(account: AccountConfig, name: str) -> Adapter[Any]:
    """The account's. Raises :class:`~holdfast.errors.Refused` when there is none."""
    if not account.broker:
        raise ConfigError(
            f"{name}: account {account.name} has an empty broker; there are {', '.join(registry.names())}"
        )
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
