"""Building the parts that backtest, paper and live share from a configuration: state, strategies, feed, exchange."""

import datetime as dt
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Context as DecimalContext
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.adapters import registry
from holdfast.brokers.adapter import FeedRequest, Login, Watched
from holdfast.calendars import calendar_note, trading_calendar
from holdfast.config import FROM_FEED, AccountConfig, Config, FeedConfig, StrategyConfig, pair_of
from holdfast.config.secrets import KeptSessions
from holdfast.core.adjustments import CorporateAction
from holdfast.core.arithmetic import EXACT, getcontext, setcontext, use_exact
from holdfast.core.broker_rules import BrokerRules
from holdfast.core.currencies import currency_of
from holdfast.core.exits import ExitRules
from holdfast.core.instruments import NIL, Named, instrument_for, instrument_of
from holdfast.core.rates import FeedRate, RateSources
from holdfast.core.risk.limits import StrategyLimits
from holdfast.core.risk.volatility import bars_needed
from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.settings import AccountSettings
from holdfast.core.state import EngineState
from holdfast.core.state.settings import take_settings
from holdfast.core.strategy.api import Strategy
from holdfast.core.strategy.host import Runner
from holdfast.core.strategy.measures import LogLine
from holdfast.core.strategy.parameters import to_params
from holdfast.core.strategy.sessions import NEVER
from holdfast.core.strategy.shape import fault_of_shape
from holdfast.core.strategy.timeframe import parse_timeframe, timeframe_name
from holdfast.core.types import SECOND_NS, StrategyId, iso_time, to_price
from holdfast.errors import ConfigError, InvalidValue
from holdfast.feeds.live import LiveFeed
from holdfast.feeds.port import Feed
from holdfast.telemetry.channels import STRATEGY_LOG
from holdfast.telemetry.redact import REDACTOR
from holdfast.venue.exchange import Exchange
from holdfast.venue.settings import FillAt

if TYPE_CHECKING:
    import pyarrow as pa

PAIR_CALENDARS = ("24/7", "24/5")
"""Those of coins, and of currencies."""

_ARITHMETIC: dict[str, DecimalContext] = {}
"""The decimal context that a strategy's module has set as it was imported, which is once in a process."""


Classes = Mapping[str, type[Strategy]]
NO_CLASSES: Classes = MappingProxyType({})

FRAME = "the data"
"""What errors call data that is no file."""

LATE_BARS_NS = 10 * SECOND_NS
"""So much later than its end may a live bar come before a longer one is built without it; most come within two seconds."""


def calendar_of(account: AccountConfig) -> TradingCalendar:
    """An account's calendar. Raises ConfigError."""
    return trading_calendar(account.calendar, account.calendar_sessions)


def calendar_notes(config: Config, date: str) -> list[str]:
    """What a person who trades on ``date`` (ISO) should know about the calendars. Raises ConfigError."""
    calendars = {calendar.name: calendar for calendar in map(calendar_of, config.accounts)}
    notes = [calendar_note(calendar, date) for calendar in calendars.values()]
    return [note for note in notes if note is not None] + [
        _coin_note(strategy, account)
        for account in config.accounts
        for strategy in config.strategies_on(account.name)
        if account.calendar not in PAIR_CALENDARS and _pairs(strategy)
    ]


def _coin_note(strategy: StrategyConfig, account: AccountConfig) -> str:
    return (
        f"strategy {strategy.id} trades {', '.join(_pairs(strategy))}, which trade at all hours, on calendar {account.calendar}: "
        f'days, hours and silence go by that exchange; write calendar = "24/7" in [[accounts]] {account.name}'
    )


def _pairs(strategy: StrategyConfig) -> list[str]:
    return [symbol for symbol in strategy.symbols if "/" in symbol]


def build_feed(
    config: Config, source: FeedConfig | None = None, frame: "pa.Table | None" = None, name: str = FRAME
) -> Feed:
    """A feed that can be played again: ``source``, or the only one. ``frame`` is what is in memory in place of a file, and its ``name``.

    Raises ConfigError or DataError.
    """
    if source is None and len(config.sources) > 1:
        names = ", ".join(each.name for each in config.sources)
        raise ConfigError(f"there are several feeds ({names}), and this is about one of them; say which")
    feed = source or config.sources[0]
    bar_ns = _bar_ns(feed.bar)
    if feed.kind == "synthetic":
        if isinstance(bar_ns, dict):
            raise ConfigError("feed.bar by symbol is for files; the synthetic market's bars are all of one length")
        given = {} if bar_ns is None else {"bar_ns": bar_ns}
        from holdfast.feeds.synthetic import SYMBOLS, SyntheticFeed

        return SyntheticFeed(
            feed.seed,
            _calendar_on(config, feed),
            symbols=feed.symbols or _strategy_symbols(config, feed) or SYMBOLS,
            start_date=feed.start,
            days=feed.days,
            history_days=feed.history_days,
            as_ticks=feed.ticks,
            **given,
        )
    if feed.is_live:
        other = ", --feed NAME a feed that can" if len(config.sources) > 1 else ""
        raise ConfigError(f"{feed.label} is live and can't be played again; --data PATH names data that can{other}")
    return _stored_feed(config, feed, bar_ns, frame, name)


def _stored_feed(
    config: Config, feed: FeedConfig, bar_ns: int | dict[str, int] | None, frame: "pa.Table | None", name: str
) -> Feed:
    """The feed of files, of a catalogue, or of ``frame`` in their place."""
    paths = [Path(path) for path in feed.paths or ([feed.path] if feed.path is not None else [])]
    if not paths and frame is None:
        raise ConfigError('feed.path is missing: name the data file, or use kind = "synthetic"')
    from holdfast.feeds.opened import FeedSettings, catalogue_feed, file_feed, frame_feed  # Arrow takes a while to load

    settings = FeedSettings(
        feed.symbols,
        _time_ns(feed.start, "feed.start"),
        _time_ns(feed.end, "feed.end"),
        bar_ns,
        lambda symbols: _actions(config, feed, symbols),
    )
    if frame is not None:
        return frame_feed(Path(name), frame, settings)
    if feed.kind == "catalogue":
        wanted = feed.symbols or _strategy_symbols(config, feed) or None
        return catalogue_feed(paths[0], msgspec.structs.replace(settings, symbols=wanted))
    return file_feed(paths, feed.layout(), _calendar_on(config, feed).name, settings)


def _actions(config: Config, feed: FeedConfig, symbols: Sequence[str]) -> Sequence[CorporateAction]:
    """The splits and dividends that the configuration names, by the days of the first account's calendar."""
    if feed.actions is None:
        return ()
    from holdfast.feeds.actions import read_actions

    return read_actions(Path(feed.actions), _calendar_on(config, feed), symbols)


def _calendar_on(config: Config, feed: FeedConfig) -> TradingCalendar:
    """The calendar of the first account on a feed."""
    return calendar_of(config.accounts_on(feed)[0])


def _bar_ns(bar: str | dict[str, str] | None) -> int | dict[str, int] | None:
    """``feed.bar`` in nanoseconds. Raises InvalidValue."""
    if isinstance(bar, dict):
        return {symbol: parse_timeframe(text) for symbol, text in bar.items()}
    return None if bar is None else parse_timeframe(bar)


def _strategy_symbols(config: Config, feed: FeedConfig) -> list[str]:
    strategies = config.strategies_on(*(account.name for account in config.accounts_on(feed)))
    return sorted({symbol for strategy in strategies for symbol in strategy.symbols})


def _time_ns(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{name} is no ISO date or time: {text!r}; write 2013-10-08 or 2013-10-08T14:30:00Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000


def log_in(config: Config, broker: str, name: str, watched: Watched) -> Login:
    """A login of a configuration. Raises ConfigError, which says whose it would be."""
    owners = [f"account {row.name}" for row in config.accounts if (row.broker, row.login) == (broker, name)]
    owners += [row.label for row in config.sources if (row.kind, row.login) == (broker, name)]
    try:
        kept = watched._replace(sessions=KeptSessions(config.secrets))
        return registry.load(broker).log_in(config.section(broker), name, kept)
    except ConfigError as error:
        raise ConfigError(f"{' and '.join(owners)}: {error}") from None


def session_notes(config: Config) -> list[str]:
    """What a person should know of the sessions of brokers that end by the clock. Raises ConfigError."""
    logins = {(str(account.broker), account.login) for account in config.accounts}
    logins |= {(source.kind, source.login) for source in config.sources if source.is_live}
    sessions = KeptSessions(config.secrets)
    notes = (
        registry.load(broker).session_note(config.section(broker), name, sessions) for broker, name in sorted(logins)
    )
    return [note.text for note in notes if note is not None]


def build_live_feed(config: Config, feed: FeedConfig, login: Login) -> LiveFeed:
    """A broker's market data as the configuration wants it. Raises ConfigError."""
    symbols = feed.symbols or _strategy_symbols(config, feed)
    if not symbols:
        raise ConfigError(f"{feed.label} has no symbols: give it symbols, or strategies that have some")
    return login.feed(FeedRequest(symbols, feed.streams, _calendar_on(config, feed), feed.warm_up_minutes))


def open_market(config: Config, feed: FeedConfig, minutes: int) -> tuple[Login, LiveFeed]:
    """A login of its own for asking a live feed for its past: ``minutes`` of trading at least. Close the login.

    Raises ConfigError where there are no keys here.
    """
    from holdfast.telemetry.metrics import ApiMetrics

    longer = msgspec.structs.replace(feed, warm_up_minutes=max(minutes, feed.warm_up_minutes))
    login = log_in(config, feed.kind, feed.login, Watched(ApiMetrics()))
    try:
        return login, build_live_feed(config, longer, login)
    except BaseException:
        login.close()
        raise


def build_state(
    config: Config,
    account: AccountConfig,
    feed: Feed | LiveFeed,
    stale_after_ns: int | None,
    classes: Classes = NO_CLASSES,
) -> EngineState:
    """An account's engine with its strategies, as it is before the first record.

    ``classes`` are strategies that are at hand and need not be imported, by their ids.
    """
    calendar = calendar_of(account)
    state = EngineState(
        account.name,
        account.broker,
        calendar,
        instrument_for(calendar.name),
        account.risk,
        stale_after_ns,
        rules=_rules_of(account, is_live=config.feed_of(account).is_live),
    )
    if config.feed_of(account).is_live:
        state.host.allow_late(LATE_BARS_NS)
    state.host.log = strategy_log(account.name)
    state.host.clean = REDACTOR.text
    own = {symbol for row in config.strategies_on(account.name) for symbol in row.symbols}
    state.register.currency = currency_of_account(account)
    silent = (
        () if currency_of(calendar.name) else [key for key, row in config.instruments.items() if row.currency is None]
    )
    written = {symbol: row.written for symbol, row in config.instruments.items()} if state.rules.lists_rules else None
    state.register.offer(_instruments_of(config, account), own.union(feed.symbols), "configuration", silent, written)
    state.rate_sources = rate_sources(config, account, feed)
    state.configured = account_settings(config, account, stale_after_ns)
    take_settings(state, state.configured)
    for strategy in config.strategies_on(account.name):
        runner = build_runner(strategy, feed, classes.get(strategy.id))
        runner.keep_bars(bars_needed(account.risk, strategy.risk, runner.timeframe_ns))
        state.host.add(runner, feed.bar_ns)
        if strategy.exits != ExitRules():
            state.exit_rules[StrategyId(strategy.id)] = strategy.exits
    return state


def account_settings(config: Config, account: AccountConfig, stale_after_ns: int | None) -> AccountSettings:
    """What an account goes by that may be changed while it trades, as the configuration says it."""
    if stale_after_ns is None and account.risk.max_data_age_s is not None:
        stale_after_ns = NEVER  # when each symbol was last heard of has to be known, and nothing is called stale
    own = {StrategyId(row.id): row.risk for row in config.strategies_on(account.name)}
    return AccountSettings(
        limits=account.risk,
        strategy_limits={strategy: limits for strategy, limits in own.items() if limits != StrategyLimits()},
        protection=account.protection.policy(),
        stale_after_ns=stale_after_ns,
        external_orders=config.supervisor.foreign_orders,
        lost_orders=config.supervisor.lost_orders,
        intraday=account.intraday.policy(),
    )


def strategy_log(account: str) -> Callable[[LogLine], None]:
    """What puts the words of an account's strategies into the log, with the market's time."""

    def say(line: LogLine) -> None:
        import structlog

        own = {"strategy": line.strategy, "account": account, "market_time": iso_time(line.time_ns)}
        taken = {*own, "event", "time", "level", "logger"}
        values = {f"{name}_" if name in taken else name: value for name, value in line.values.items()}
        structlog.get_logger(STRATEGY_LOG).info(line.text, **own, **values)

    return say


def _rules_of(account: AccountConfig, *, is_live: bool) -> BrokerRules:
    """What the account's broker takes. The exchange in memory takes no fees by itself, whoever's rules it keeps."""
    adapter = registry.load(account.broker)
    if is_live and adapter.on_live is not None:
        return adapter.on_live().rules
    return msgspec.structs.replace(adapter.rules, fees=adapter.fees) if is_live else adapter.rules


def build_exchange(config: Config, account: AccountConfig, state: EngineState, begun: FillAt | None = None) -> Exchange:
    """The paper broker's exchange for an account. It goes by the rules of the state's register, as they are at any time.

    ``begun`` is how the account's orders have filled so far; the state is told how they will, and what holding costs.
    """
    settings, register = config.venue.settings(begun), state.register
    state.fill = settings.fill.value
    if not config.feed_of(account).is_live:  # there it keeps books of its own, which know no such cost
        state.carry = config.venue.carry()
    return Exchange(settings, calendar_of(account), register.exchange, register.named)


def named_instruments(config: Config, calendar: str) -> Named:
    """The rules of the symbols that the configuration names, on the exchange of a calendar."""
    account = instrument_for(calendar)
    return {symbol: rules.on(instrument_of(symbol, account, NIL)) for symbol, rules in config.instruments.items()}


def currency_of_account(account: AccountConfig) -> str:
    """The account's own currency; empty where neither it nor its calendar says which."""
    return account.currency or currency_of(calendar_of(account).name)


def _instruments_of(config: Config, account: AccountConfig) -> Named:
    """The rules that the configuration has for an account. What is paid in the account's own currency has no other."""
    own, found = currency_of_account(account), named_instruments(config, calendar_of(account).name)
    return {symbol: rules.but(currency="") if rules.currency == own else rules for symbol, rules in found.items()}


def rate_sources(config: Config, account: AccountConfig, feed: Feed | LiveFeed) -> RateSources:
    """Where the rates of an account come from. Raises ConfigError for a symbol that isn't in the feed and a currency that would have no rate."""
    own = currency_of_account(account)
    fixed: dict[str, Decimal] = {}
    by_feed: dict[str, FeedRate] = {}
    for name, said in config.rates.items():
        first, second = pair_of(name)
        if own not in (first, second):
            continue
        other = second if first == own else first
        if other in fixed or other in by_feed:
            raise ConfigError(f"rates: the rate of {other} in {own} is given twice, by {name} too; keep one")
        source = FeedRate(name, is_inverse=first == own)
        if said != FROM_FEED:
            fixed[other] = source.rate(to_price(said))
        elif name in feed.symbols:
            by_feed[other] = source
        elif other in {
            currency for currency, _ in _needed(config, account)
        }:  # another account's rate is for its own feed
            near = get_close_matches(name, feed.symbols, n=1) or feed.symbols[:5]
            raise ConfigError(f"rates.{name}: {feed.name} has no symbol {name!r}; it has {', '.join(near)}")
    _check_rates(config, account, {*fixed, *by_feed})
    return RateSources(fixed, by_feed)


def _needed(config: Config, account: AccountConfig) -> Sequence[tuple[str, str]]:
    """The other currencies that an account is to trade in or begins with, each with what is in it."""
    own, rules = currency_of_account(account), _instruments_of(config, account)
    symbols = sorted({symbol for row in config.strategies_on(account.name) for symbol in row.symbols})
    needed = [(rules[symbol].currency, symbol) for symbol in symbols if symbol in rules and rules[symbol].currency]
    return [*needed, *((currency, "balances") for currency in account.balances if currency != own)]


def _check_rates(config: Config, account: AccountConfig, known: set[str]) -> None:
    own = currency_of_account(account)
    for currency, what in _needed(config, account):
        if not own:
            raise ConfigError(
                f'account {account.name}: {what} is in {currency}; say what the account is in: currency = "{currency}"'
            )
        if currency not in known:
            raise ConfigError(
                f"account {account.name}: {what} is in {currency}, and no rate of it in {own} is known; give one: [rates] {own}{currency} = "
                f'"1.25", or "feed" where the feed has that symbol'
            )
    if own in account.balances:
        raise ConfigError(f"account {account.name}: balances has {own}, which is the account's own: that is cash")


def tick_notes(config: Config) -> list[str]:
    """What a person should know about symbols without a known tick. Raises ConfigError."""
    notes = []
    for account in config.accounts:
        calendar = calendar_of(account).name
        rules, named = instrument_for(calendar), named_instruments(config, calendar)
        mine = {symbol for row in config.strategies_on(account.name) for symbol in row.symbols}
        unknown = sorted(symbol for symbol in mine if not instrument_of(symbol, rules, named).ticks)
        if unknown:
            notes.append(
                f"account {account.name}: no tick is known for {', '.join(unknown)} on {account.calendar}; orders with a price, a stop "
                f'or a target are refused. Write it: [instruments.{unknown[0]}] tick = "0.01"'
            )
    return notes


def build_runner(config: StrategyConfig, feed: Feed | LiveFeed, strategy_class: type[Strategy] | None = None) -> Runner:
    """A strategy, its parameters and symbols checked; its class is imported where it isn't given. Raises :class:`~holdfast.errors.ConfigError`."""
    for symbol in config.symbols:
        if symbol not in feed.symbols:
            near = get_close_matches(symbol, feed.symbols, n=1) or feed.symbols[:5]
            raise ConfigError(f"strategy {config.id}: {feed.name} has no symbol {symbol!r}; it has {', '.join(near)}")
    use_exact()
    strategy_class = strategy_class or load_strategy(config.class_path)
    if getcontext() is not EXACT:  # what its module sets for decimals is for its strategies alone
        _ARITHMETIC[strategy_class.__module__] = getcontext()
    if strategy_class.__module__ in _ARITHMETIC:
        setcontext(_ARITHMETIC[strategy_class.__module__].copy())
    strategy = _made(config, strategy_class)
    timeframe_ns = parse_timeframe(config.timeframe)
    runner = Runner(StrategyId(config.id), strategy, config.symbols, timeframe_ns, config.wishes_per_minute)
    if getcontext() is not EXACT:
        runner.arithmetic = getcontext()
        use_exact()
    return runner


def _made(config: StrategyConfig, strategy_class: type[Strategy]) -> Strategy:
    """The strategy with its parameters. What its own ``__init__`` does wrong is told in one line."""
    params = params_of(config, strategy_class)
    try:
        strategy = strategy_class(params)
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise ConfigError(
            f"strategy {config.id}: {strategy_class.__name__} can't be made: {type(error).__name__}: {text}"
        ) from error
    if not hasattr(strategy, "params"):
        raise ConfigError(
            f"strategy {config.id}: {strategy_class.__name__}.__init__ has to begin with super().__init__(params)"
        )
    return strategy


def load_strategy(path: str) -> type[Strategy]:
    """The class that ``module:Class`` names; modules in the working directory count. Raises ConfigError."""
    module_name, _, class_name = path.partition(":")
    if not module_name or not class_name:
        raise ConfigError(
            f"strategy class {path!r} is not of the form module:Class, such as holdfast.strategies:EmaCross"
        )
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a user's module does wrong is theirs to read, in one line
        text = str(error).splitlines()[0] if str(error) else ""
        raise ConfigError(
            f"strategy module {module_name!r} can't be imported: {type(error).__name__}: {text}"
        ) from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not issubclass(found, Strategy):
        there = [name for name, value in vars(module).items() if _is_strategy(value)]
        hint = f"; it has {', '.join(there)}" if there else ""
        raise ConfigError(f"{module_name} has no strategy class {class_name!r}{hint}")
    check_shape(found, path)
    return found


def check_shape(strategy_class: type[Strategy], path: str) -> None:
    """Raises ConfigError for a class that the engine can't call."""
    fault = fault_of_shape(strategy_class)
    if fault:
        raise ConfigError(f"strategy class {path}: {fault}")


def _is_strategy(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy


def params_of(config: StrategyConfig, strategy_class: type[Strategy]) -> Any:
    """A strategy's parameters, those by default included. Raises ConfigError."""
    try:
        return to_params(strategy_class, config.params)
    except InvalidValue as error:
        raise ConfigError(f"strategy {config.id}: {error}") from None


def _bar_length_ns(feed: Feed | LiveFeed, symbol: str) -> int | None:
    """How long a symbol's bars are; None where that isn't known, or there are ticks."""
    if feed.kind == "file":
        from holdfast.feeds.files import FileFeed

        if isinstance(feed, FileFeed):
            return feed.lengths_ns.get(symbol)
    return feed.bar_ns


def timeframe_notes(strategies: Sequence[StrategyConfig], feed: Feed | LiveFeed) -> list[str]:
    """What a person should know about strategies that ask for shorter bars than their feed has."""
    notes = []
    for strategy in strategies:
        wanted_ns = parse_timeframe(strategy.timeframe)
        longer: dict[int, list[str]] = {}
        for symbol in strategy.symbols:
            length_ns = _bar_length_ns(feed, symbol)
            if length_ns is not None and length_ns > wanted_ns:
                longer.setdefault(length_ns, []).append(symbol)
        for length_ns, symbols in longer.items():
            of = "" if len(symbols) == len(strategy.symbols) else f" of {', '.join(symbols)}"
            notes.append(
                f"strategy {strategy.id} asks for {strategy.timeframe} bars; {feed.name} has {timeframe_name(length_ns)} bars{of}: "
                "it gets those"
            )
    return notes


def stale_after_ns(feed: FeedConfig) -> int:
    """After how long without data a symbol is marked stale."""
    return int(feed.stale_after_s * SECOND_NS)
