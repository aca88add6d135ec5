"""What risk sees of an account: made from its state for one draft, and no more than the limits in force ask for."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace

from holdfast.core.exposure import UNPRICED, worst_case
from holdfast.core.instruments import AssetClass
from holdfast.core.intents import twin_of
from holdfast.core.messages import Bar, OrderTerms
from holdfast.core.orders.order import Order
from holdfast.core.rates import unrated
from holdfast.core.risk.check import loss_pct, raises_risk
from holdfast.core.risk.day_trades import rule_on
from holdfast.core.risk.limits import MarketHours, RiskLimits
from holdfast.core.risk.sizing import Measure, Sizing
from holdfast.core.risk.view import DayTrades, Holding, Others, RiskView, Scope
from holdfast.core.risk.volatility import bars_in_a_year
from holdfast.core.session.counters import ACCOUNT
from holdfast.core.session.square_off import ends_soon
from holdfast.core.state import EngineState
from holdfast.core.types import (
    MINUTE_NS,
    NO_MONEY,
    NO_QUANTITY,
    SECOND_NS,
    ZERO,
    ClientOrderId,
    Money,
    OrderRole,
    Price,
    Quantity,
    Side,
    StrategyId,
    from_float,
)
from holdfast.core.waiting import opposites

_CRYPTO: Final = AssetClass.CRYPTO
_STOCK: Final = AssetClass.STOCK
_MARKETHOURS_REGULAR: Final = MarketHours.REGULAR
_ORDERROLE_REGULAR: Final = OrderRole.REGULAR
_BUY: Final = Side.BUY


def risk_view(state: EngineState, terms: OrderTerms, confidence: float = 1.0, *, may_repeat: bool = False) -> RiskView:
    """The account as risk sees it when it judges this draft; one without a quantity yet may be of any size.

    What only new risk is judged by is left out where there is none. ``may_repeat``: it is no repeat of another, however like.
    """
    symbol, strategy = terms.symbol, terms.strategy
    position, worst_long, worst_short = _worst(state, symbol)
    account = Scope(position, worst_long, worst_short)
    limits = state.strategy_limits.get(strategy)
    raising = terms.role is _ORDERROLE_REGULAR and (
        limits is not None or not terms.quantity or raises_risk(terms.side, terms.quantity, account)
    )
    if not raising:
        gap = state.gaps.get(symbol, NO_QUANTITY)
        return RiskView(
            state.account_state,
            state.price(symbol),
            account,
            instrument=state.instrument_of(symbol),
            gap=gap,
            unit=state.portfolio.unit(symbol),
            unrated=unrated(state, symbol),
        )
    equity, portfolio, instrument = state.equity, state.portfolio, state.instrument_of(symbol)
    view = RiskView(
        state.account_state,
        state.price(symbol),
        _account_scope(state, account, symbol, equity),
        equity,
        portfolio.total.cash,
        None if terms.limit_price is None else _touch(state, symbol, terms.side),
        None if limits is None else _strategy_scope(state, strategy, symbol),
        limits,
        instrument,
        state.rules.exits(instrument),
        state.host.projected((strategy, symbol)),
        confidence,
        twin=None if may_repeat else twin_of(state, terms),
        unexplained=unexplained(state, symbol) if state.overdue else None,
        gap=state.gaps.get(symbol, NO_QUANTITY),
        is_stale=symbol in state.stale,
        permits=state.permits,
        unit=portfolio.unit(symbol),
        unrated=unrated(state, symbol),
        squared_off_ns=ends_soon(state, symbol),
    )
    facts = _asked_for(state, terms, state.limits, equity)
    return replace(view, **facts) if facts else view


def _asked_for(state: EngineState, terms: OrderTerms, limits: RiskLimits, equity: Money) -> dict[str, Any]:
    """The facts that cost something to find, where a limit goes by them."""
    facts: dict[str, Any] = {}
    symbol = terms.symbol
    if limits.max_drawdown_pct is not None:
        facts["drawdown_pct"] = state.counters.drawdown_pct(equity)
    if limits.max_data_age_s is not None and symbol in state.seen_ns:
        facts["data_age_s"] = (state.now_ns - state.seen_ns[symbol]) / SECOND_NS
    if limits.market_hours is _MARKETHOURS_REGULAR:
        facts["is_open"] = _asset(state, symbol) is _CRYPTO or state.calendar.is_open(state.now_ns)
    if limits.avoid_wash_trades:
        facts["opposite"] = next((order.terms.client_order_id for order in opposites(state, terms)), None)
    if limits.day_trade_rule:
        facts["day_trades"] = _day_trades(state, symbol)
    if limits.max_volume_pct is not None:
        facts["bar_volume"] = _bar_volume(history_of(state, terms.strategy, symbol), limits.volume_bars)
    return facts


# --- scopes -----------------------------------------------------------------------------------------------------------


def exposure_of(state: EngineState, symbol: str) -> Scope:
    """The account's position and worst case in a symbol, and nothing else."""
    return Scope(*_worst(state, symbol))


def _worst(state: EngineState, symbol: str) -> tuple[Quantity, Quantity, Quantity]:
    worst_long, worst_short = worst_case(state, symbol)
    return state.portfolio.quantity(symbol), Quantity(worst_long), Quantity(worst_short)


def whole_account(state: EngineState) -> Scope:
    """All that the account holds and may come to hold: its symbols are the scope's ``others``."""
    return _account_scope(state, Scope(), "", state.equity)


def strategy_scope(state: EngineState, strategy: StrategyId) -> Scope:
    """The same of one strategy."""
    return _strategy_scope(state, strategy, "")


def _account_scope(state: EngineState, here: Scope, symbol: str, equity: Money) -> Scope:
    return Scope(
        here.position,
        here.worst_long,
        here.worst_short,
        state.exposure.others(state, symbol),
        state.orders.regular_count,
        _entries_last_minute(state),
        _day_loss_pct(state, equity),
        state.counters.loss_streaks.get(ACCOUNT, 0),
    )


def _day_loss_pct(state: EngineState, equity: Money) -> Decimal:
    if state.limits.daily_loss_pct is None:
        return ZERO
    return loss_pct(Money(state.day_start_equity - equity), state.day_start_equity)


def _strategy_scope(state: EngineState, strategy: StrategyId, symbol: str) -> Scope:
    portfolio = state.portfolio
    live = [
        order
        for order in state.orders.live.values()
        if order.terms.strategy == strategy and order.terms.role is _ORDERROLE_REGULAR
    ]
    worst: dict[str, tuple[Quantity, Decimal, Decimal]] = {
        held: (ledger.quantity, ledger.quantity, ledger.quantity)
        for (owner, held), ledger in portfolio.ledgers.items()
        if owner == strategy
    }
    for order in live:
        held = order.terms.symbol
        position, most, least = worst.get(held, (Quantity(ZERO), ZERO, ZERO))
        open_quantity = order.outstanding
        buys = order.terms.side is _BUY
        worst[held] = (position, most + open_quantity, least) if buys else (position, most, least - open_quantity)
    here = worst.pop(symbol, (Quantity(ZERO), ZERO, ZERO))
    others = [
        Holding(other, worth_of_unit(state, other), position, Quantity(most), Quantity(least), _asset(state, other))
        for other, (position, most, least) in worst.items()
        if most or least or position
    ]
    earned = portfolio.strategy_pnl(state.price).get(strategy, NO_MONEY)
    lost = Money(state.counters.day_start_pnl.get(strategy, NO_MONEY) - earned)
    return Scope(
        here[0],
        Quantity(here[1]),
        Quantity(here[2]),
        Others.of(others),
        len(live),
        _made_last_minute(state, strategy),
        loss_pct(lost, state.day_start_equity),
        state.counters.loss_streaks.get(strategy, 0),
        f"strategy {strategy}",
    )


def _entries_last_minute(state: EngineState) -> int:
    times = state.entry_times
    while times and state.now_ns - times[0] >= MINUTE_NS:
        times.popleft()
    return len(times)


def _made_last_minute(state: EngineState, strategy: StrategyId) -> int:
    """A strategy's entries of the last minute: those live, and those that have ended since."""

    def counts(order: Order) -> bool:
        mine = order.terms.strategy == strategy and order.terms.role is _ORDERROLE_REGULAR
        return mine and state.now_ns - order.created_ns < MINUTE_NS

    made = sum(counts(order) for order in state.orders.live.values())
    for order in reversed(state.orders.finished.values()):
        if state.now_ns - order.updated_ns >= MINUTE_NS:
            break
        made += counts(order)
    return made


# --- facts ------------------------------------------------------------------------------------------------------------


def unexplained(state: EngineState, symbol: str) -> ClientOrderId | None:
    """An order for which a symbol is in quarantine; None when it isn't."""
    if not state.overdue:
        return None
    return next((key for key, held in list(state.overdue.items()) if held == symbol), None)


def history_of(state: EngineState, strategy: StrategyId, symbol: str) -> Sequence[Bar]:
    """The bars of a symbol that a strategy has seen; for an order that isn't one's, those of the first that reads the symbol."""
    runners = state.host.runners
    own = runners.get(strategy)
    if own is not None and symbol in own.history:
        return own.history[symbol]
    return next((runner.history[symbol] for runner in runners.values() if symbol in runner.history), ())


def volatility_of(state: EngineState, strategy: StrategyId, symbol: str, sizing: Sizing) -> Decimal | None:
    """What a volatility target goes by: the average true range, or the volatility in a year in percent."""
    history = history_of(state, strategy, symbol)
    if not history:
        return None
    length_ns = history[-1].time_ns - history[-1].start_ns
    a_year = bars_in_a_year(length_ns, state.calendar, state.now_ns) if sizing.volatility is Measure.REALISED else 0.0
    return state.volatility.value((strategy, symbol), history, sizing, a_year, state.now_ns)


def worth_of_unit(state: EngineState, symbol: str) -> Price:
    """What one unit of a symbol is worth at the last price."""
    return Price((state.price(symbol) or UNPRICED) * state.portfolio.unit(symbol))


def _asset(state: EngineState, symbol: str) -> AssetClass:
    return state.instrument_of(symbol).asset_class


def _touch(state: EngineState, symbol: str, side: Side) -> Price | None:
    bid, ask = state.quotes.get(symbol, (0.0, 0.0))
    best = ask if side is _BUY else bid
    return Price(from_float(best)) if best else None


def _day_trades(state: EngineState, symbol: str) -> DayTrades | None:
    rule = rule_on(state.trading_day, state.calendar.name, _asset(state, symbol))
    if rule is None:
        return None
    counters = state.counters
    opened = {name for name, quantity in counters.opened_today.items() if quantity}
    opened |= {order.terms.symbol for order in state.orders.live.values() if order.terms.role is _ORDERROLE_REGULAR}
    stocks = [name for name in opened - {symbol} if _asset(state, name) is _STOCK]
    return DayTrades(rule, len(counters.day_trades), len(stocks))


def _bar_volume(history: Sequence[Bar], count: int) -> Decimal | None:
    """The average volume of the last ``count`` bars; None before the first."""
    last = [history[index].volume for index in range(max(0, len(history) - count), len(history))]
    return from_float(sum(last) / len(last)) if last else None
