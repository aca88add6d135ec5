"""Strategies one by one: what they are, with which parameters they run and who set them, what they hold and earn, ask for and are refused."""

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.config import AccountConfig, Config, StrategyConfig
from holdfast.core.messages import Envelope, RiskRefused, Signal
from holdfast.core.milestones import EngineStarted, StrategyStarted
from holdfast.core.steering import ParametersSet
from holdfast.core.types import ZERO
from holdfast.journal.reader import Reader
from holdfast.views.board import LastPrice, market
from holdfast.views.performance import performance
from holdfast.views.positions import Share, positions
from holdfast.views.status import StrategyStatus, account_status
from holdfast.views.wording import sentence

READ = 1_000
"""So many of the account's latest signals and refusals are looked through."""
SIGNALS = 20
"""So many of a strategy's latest signals are shown."""


class SignalView(msgspec.Struct, frozen=True):
    """Something that a strategy asked for."""

    sequence: int
    """The record."""
    time_ns: int
    """When, in nanoseconds since 1970."""
    symbol: str
    """Of what."""
    text: str
    """In words."""
    correlation_id: str
    """What came of it has the same."""


class StrategyView(msgspec.Struct, frozen=True):
    """A strategy of the configuration, on one account."""

    account: str
    """Where it trades."""
    status: StrategyStatus
    """Whether it runs, and why not."""
    class_path: str
    """Its class, as the configuration has it."""
    timeframe: str
    """The length of its bars."""
    params: dict[str, Any]
    """Its parameters as it runs, or ran last; those of the configuration before it ever ran."""
    params_by: str
    """Who has set them while it ran (``cli:alice``); empty when they are the configuration's."""
    params_since_ns: int | None
    """When, in nanoseconds since 1970; None when they are the configuration's."""
    configured: dict[str, Any]
    """What the configuration says of them."""
    positions: list[Share]
    """What it holds."""
    unrealised: Decimal | None
    """What that would bring at the last prices, in the symbols' currencies; None where a price isn't known."""
    realised: Decimal
    """Profit of what it closed."""
    fees: Decimal
    """What its trades have cost."""
    fills: int
    """How many executions it had."""
    signals: list[SignalView]
    """What it asked for last, the newest first."""
    refusals: dict[str, int]
    """By rule, how often it was refused since the engine started, of the account's latest thousand refusals."""


def strategies(reader: Reader, config: Config, account: AccountConfig) -> list[StrategyView]:
    """The strategies of an account, in the order of the configuration."""
    row = next((row for row in reader.accounts() if row.account == account.name), None)
    status = {each.strategy: each for each in account_status(config, account, row, reader).strategies}
    mine = config.strategies_on(account.name)
    if row is None:
        return [_never(account.name, strategy, status[strategy.id]) for strategy in mine]
    started = reader.last_record(account.name, EngineStarted.__name__)
    since = 0 if started is None else started.sequence
    refused = reader.last_records(account.name, READ, RiskRefused.__name__, after=since)
    rules: dict[str, Counter[str]] = {}
    for record in refused:
        if isinstance(record.body, RiskRefused):
            rules.setdefault(record.body.strategy, Counter())[record.body.rule] += 1
    earned = {each.strategy: each for each in performance(reader, account.name).strategies}
    shares = [share for position in positions(reader, account.name) for share in position.strategies]
    prices = market(reader, account.name).prices
    params = params_in_force(reader, account.name)
    set_by = parameters_set(reader, account.name)
    asked = _signals(reader, account.name)
    found = []
    for strategy in mine:
        held = [share for share in shares if share.strategy == strategy.id]
        own = earned.get(strategy.id)
        found.append(
            StrategyView(
                account.name,
                status[strategy.id],
                strategy.class_path,
                strategy.timeframe,
                params.get(strategy.id, dict(strategy.params)),
                *_setter(set_by.get(strategy.id)),
                dict(strategy.params),
                held,
                unrealised(held, prices),
                own.realised if own else ZERO,
                own.fees if own else ZERO,
                own.fills if own else 0,
                asked.get(strategy.id, []),
                dict(rules.get(strategy.id, Counter())),
            )
        )
    return found


def params_in_force(reader: Reader, account: str) -> dict[str, dict[str, Any]]:
    """By strategy the parameters with which it was last started."""
    found: dict[str, dict[str, Any]] = {}
    for record in reader.records_of(account, (StrategyStarted,)):
        if isinstance(record.body, StrategyStarted):
            found[record.body.strategy] = msgspec.json.decode(record.body.params)
    return found


def parameters_set(reader: Reader, account: str) -> dict[str, Envelope]:
    """By strategy the record by which a person has last set its parameters; none where the configuration's are in force."""
    found: dict[str, Envelope] = {}
    for record in reader.records_of(account, (ParametersSet,)):
        if isinstance(record.body, ParametersSet):
            found[record.body.strategy] = record
    return {name: record for name, record in found.items() if getattr(record.body, "params", "")}


def in_force(reader: Reader, config: Config, account: str) -> Config:
    """The configuration with the parameters that people have set in an account in place of its own, for what is to be as its engine has it."""
    known = parameters_set(reader, account)
    rows = [
        msgspec.structs.replace(row, params=msgspec.json.decode(found.body.params))
        if (found := known.get(row.id)) is not None and account in row.on and isinstance(found.body, ParametersSet)
        else row
        for row in config.strategies
    ]
    return msgspec.structs.replace(config, strategies=rows)


def _setter(record: Envelope | None) -> tuple[str, int | None]:
    return ("", None) if record is None else (record.source, record.time_ns)


def unrealised(held: list[Share], prices: dict[str, LastPrice]) -> Decimal | None:
    """What shares would bring beyond their cost at the last prices; None where one isn't known."""
    total = ZERO
    for share in held:
        last = prices.get(share.symbol)
        if last is None or not share.average_price:
            return None
        unit = share.cost / (share.quantity * share.average_price)  # the multiplier, but for the rounding of an average
        total += share.quantity * last.price * round(unit, 6) - share.cost
    return round(total, 10)


def _never(account: str, strategy: StrategyConfig, status: StrategyStatus) -> StrategyView:
    return StrategyView(
        account,
        status,
        strategy.class_path,
        strategy.timeframe,
        dict(strategy.params),
        "",
        None,
        dict(strategy.params),
        [],
        ZERO,
        ZERO,
        ZERO,
        0,
        [],
        {},
    )


def _signals(reader: Reader, account: str) -> dict[str, list[SignalView]]:
    found: dict[str, list[SignalView]] = {}
    for record in reader.last_records(account, READ, Signal.__name__):
        body = record.body
        if isinstance(body, Signal):
            mine = found.setdefault(body.strategy, [])
            if len(mine) < SIGNALS:
                text = str(sentence(record))
                mine.append(SignalView(record.sequence, record.time_ns, body.symbol, text, record.correlation_id))
    return found
