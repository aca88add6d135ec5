"""What an order has to look like, whoever sends it. What the account can afford is `admission`'s.

Alpaca's own words where they are recorded; where only the rule is documented the words are ours.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

from holdfast.core.types import OrderType, Side, TimeInForce, plain
from holdfast.sim.alpaca.errors import forbidden, invalid, unprocessable
from holdfast.sim.alpaca.market.assets import Asset
from holdfast.sim.alpaca.trading.hours import new_york
from holdfast.sim.alpaca.trading.order import OrderClass
from holdfast.sim.alpaca.trading.request import OrderRequest

LEAST_NOTIONAL = Decimal(1)
LEAST_CRYPTO_COST = Decimal(10)
MOST_DECIMALS = -9
CENT = Decimal("0.01")
_SMALL_TICK = Decimal("0.0001")
_ONE = Decimal(1)

_DAY, _GTC = TimeInForce.DAY, TimeInForce.GTC
_RESTING = frozenset({_DAY, _GTC})
_EVERY_TIME = frozenset(TimeInForce)
EQUITY_TIMES: Mapping[OrderType, frozenset[TimeInForce]] = {
    OrderType.MARKET: _EVERY_TIME,
    OrderType.LIMIT: _EVERY_TIME,
    OrderType.STOP: _RESTING,
    OrderType.STOP_LIMIT: _RESTING,
    OrderType.TRAILING_STOP: _RESTING,
}
"""Alpaca: documented, January 2026."""
CRYPTO_TIMES: Mapping[OrderType, frozenset[TimeInForce]] = {
    OrderType.MARKET: frozenset({_GTC, TimeInForce.IOC}),
    OrderType.LIMIT: frozenset({_GTC, TimeInForce.IOC}),
    OrderType.STOP_LIMIT: frozenset({_GTC}),
}
"""Alpaca: documented."""

_WITH_LIMIT = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_WITH_STOP = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})

_EVENING, _OPG_ENDS, _CLS_ENDS = dt.time(19, 0), dt.time(9, 28), dt.time(15, 50)


def cut_quantity(request: OrderRequest, asset: Asset) -> None:
    """Alpaca: of a coin's quantity the decimals beyond its smallest step are left out (observed), as floats have them."""
    if request.qty is None or asset.min_trade_increment is None:
        return
    cut = request.qty.quantize(asset.min_trade_increment, rounding=ROUND_DOWN)
    if cut != request.qty:
        request.qty = cut


def check_order(request: OrderRequest, asset: Asset, now_ns: int) -> None:
    """Every rule that needs neither the account nor the market. Raises `ApiError`."""
    _check_amount(request)
    _check_prices(request, asset)
    if asset.is_crypto:
        _check_crypto(request)
    else:
        _check_equity(request, now_ns)
        _check_class(request)


def _check_amount(request: OrderRequest) -> None:
    if request.qty is None and request.notional is None:
        raise invalid("qty or notional is required")
    if request.qty is not None and request.notional is not None:
        raise invalid("only one of qty or notional is accepted")
    for name, value in (("qty", request.qty), ("notional", request.notional)):
        if value is not None and value <= 0:
            raise invalid(f"{name} must be > 0")
    if request.qty is not None and request.qty != round(request.qty, -MOST_DECIMALS):
        raise invalid(f"qty must be limited to {-MOST_DECIMALS} decimal places")
    if request.notional is not None and request.notional < LEAST_NOTIONAL:
        raise unprocessable("notional must be >= 1.00")
    if request.notional is not None and request.notional % CENT:
        raise unprocessable("notional value must be limited to 2 decimal places")


def _check_prices(request: OrderRequest, asset: Asset) -> None:
    order_type, limit, stop = request.type, request.limit_price, request.stop_price
    if request.order_class is not OrderClass.OCO:
        _check_type_prices(order_type, limit, stop)
    trails = (request.trail_price is not None) + (request.trail_percent is not None)
    if order_type is OrderType.TRAILING_STOP:
        if trails != 1:
            raise invalid("trailing stop orders must specify one of trail_price or trail_percent")
        check_trail(request.trail_price, request.trail_percent)
    elif trails:
        raise invalid("only trailing stop orders accept trail_price and trail_percent")
    check_increment("limit_price", limit, asset)
    check_increment("stop_price", stop, asset)


def _check_type_prices(order_type: OrderType, limit: Decimal | None, stop: Decimal | None) -> None:
    if order_type is OrderType.MARKET and (limit is not None or stop is not None):
        raise invalid("market orders require no stop or limit price")
    if order_type is OrderType.LIMIT and limit is None:
        raise invalid("limit orders require a limit price")
    if order_type is OrderType.STOP and stop is None:
        raise invalid("stop orders require a stop price")
    if order_type is OrderType.STOP_LIMIT and (limit is None or stop is None):
        raise invalid("stop limit orders require both stop and limit price")
    if limit is not None and order_type not in _WITH_LIMIT:
        raise invalid(f"{order_type} orders require no limit price")
    if stop is not None and order_type not in _WITH_STOP:
        raise invalid(f"{order_type} orders require no stop price")


def check_trail(price: Decimal | None, percent: Decimal | None) -> None:
    """A trail has to be above zero, and a percentage below a hundred. Raises `ApiError`."""
    if price is not None and price <= 0:
        raise invalid("trail_price must be > 0")
    if percent is not None and not 0 < percent < 100:
        raise invalid("trail_percent must be > 0 and < 100")


def check_increment(name: str, price: Decimal | None, asset: Asset) -> None:
    """Alpaca: cents from one dollar up, hundredths of cents below (documented). Raises `ApiError`."""
    if price is None:
        return
    if price <= 0:
        raise invalid(f"{name} must be > 0")
    tick = asset.price_increment or (CENT if price >= _ONE else _SMALL_TICK)
    if price % tick:
        raise unprocessable(
            f"invalid {name} {plain(price)}. sub-penny increment does not fulfill minimum pricing criteria"
        )


def _check_crypto(request: OrderRequest) -> None:
    """Alpaca: exits without an order class are left out in silence, and the coin is bought bare (alpaca-py#289)."""
    if request.order_class is not OrderClass.SIMPLE:
        raise unprocessable(f"crypto orders not allowed for advanced order_class: {request.order_class}")
    times = CRYPTO_TIMES.get(request.type)
    if times is None:
        raise unprocessable("invalid order type for crypto order")
    if request.time_in_force not in times:
        raise unprocessable("invalid crypto time_in_force")


def _check_equity(request: OrderRequest, now_ns: int) -> None:
    if request.is_fractional:
        _check_fractional(request)
    if request.time_in_force not in EQUITY_TIMES[request.type]:
        raise invalid("invalid time_in_force")
    if request.extended_hours and not (request.type is OrderType.LIMIT and request.time_in_force in _RESTING):
        raise unprocessable("extended hours order must be DAY or GTC limit orders")
    clock = new_york(now_ns).time()
    if request.time_in_force is TimeInForce.OPG and _OPG_ENDS <= clock < _EVENING:
        raise forbidden("opg orders are only accepted between 7:00pm and 9:28am ET")
    if request.time_in_force is TimeInForce.CLS and _CLS_ENDS <= clock < _EVENING:
        raise forbidden("cls orders are only accepted between 7:00pm and 3:50pm ET")


def _check_fractional(request: OrderRequest) -> None:
    if request.time_in_force is not _DAY:
        raise unprocessable("fractional orders must be DAY orders")
    if request.order_class is not OrderClass.SIMPLE:
        raise unprocessable("fractional orders must be simple orders")
    if request.type is OrderType.TRAILING_STOP:
        raise unprocessable("fractional orders cannot be trailing stop orders")


def _check_class(request: OrderRequest) -> None:
    order_class, name = request.order_class, request.order_class.value
    profit, loss = request.take_profit, request.stop_loss
    if order_class is OrderClass.SIMPLE:
        if profit is not None or loss is not None:
            raise invalid("take_profit and stop_loss require order_class bracket, oco or oto")
        return
    if request.type is OrderType.TRAILING_STOP:
        raise unprocessable("trailing stop orders must be simple orders")
    if request.type in _WITH_STOP:
        raise invalid(f"{name} orders must be market or limit orders")
    if request.time_in_force not in _RESTING:
        raise invalid(f"{name} orders must be DAY or GTC orders")
    if request.extended_hours:
        raise unprocessable(f"extended hours are not allowed for {name} orders")
    if profit is not None and profit.limit_price is None:
        raise invalid(f"{name} orders require take_profit.limit_price")
    if loss is not None and loss.stop_price is None:
        raise invalid(f"{name} orders require stop_loss.stop_price")
    if order_class is OrderClass.OTO:
        if (profit is None) is (loss is None):
            raise invalid("oto orders require either take_profit or stop_loss")
        return
    if profit is None:
        raise invalid(f"{name} orders require take_profit.limit_price")
    if loss is None:
        raise invalid(f"{name} orders require stop_loss.stop_price")
    if order_class is OrderClass.OCO and request.type is not OrderType.LIMIT:
        raise invalid("oco orders must be limit orders")


def check_exits(request: OrderRequest, asset: Asset, market_price: Decimal | None) -> None:
    """The prices of exits, among each other and against the base price. Raises `ApiError`.

    Alpaca: the base price is the take-profit of an oco, the limit of a limit entry, and for the stop-loss always the
    market's price too (documented); for the take-profit the market's price where the entry has no limit. The refusal
    names the base price it went by (observed). Without a market price yet that part is left out.
    """
    profit = None if request.take_profit is None else request.take_profit.limit_price
    loss = request.stop_loss
    check_increment("take_profit.limit_price", profit, asset)
    if loss is not None:
        check_increment("stop_loss.stop_price", loss.stop_price, asset)
        check_increment("stop_loss.limit_price", loss.limit_price, asset)
    sign = request.side.sign if request.order_class is not OrderClass.OCO else request.side.opposite.sign
    entry_limit = request.limit_price if request.type in _WITH_LIMIT else None
    if profit is not None and request.order_class is not OrderClass.OCO:
        _check_against_base("take_profit.limit_price", profit, sign, entry_limit or market_price)
    if loss is not None and loss.stop_price is not None:
        first = profit if request.order_class is OrderClass.OCO else entry_limit
        for base in (first, market_price):
            _check_against_base("stop_loss.stop_price", loss.stop_price, -sign, base)
        if profit is not None and (profit - loss.stop_price) * sign <= 0:
            relation = "greater" if sign > 0 else "less"
            raise unprocessable(f"take_profit.limit_price must be {relation} than stop_loss.stop_price")


def check_stop(side: Side, stop: Decimal | None, market_price: Decimal | None) -> None:
    """A stop that the market has reached already is refused: of a sell it lies below the price, of a buy above. Raises `ApiError`.

    Alpaca: recorded by many, with these words and both prices. Until there is a market price it is not checked.
    """
    if stop is None or market_price is None or (stop - market_price) * side.sign > 0:
        return
    relation = "greater" if side is Side.BUY else "less"
    raise unprocessable(
        f"stop price must be {relation} than current price", market_price=plain(market_price), stop_price=plain(stop)
    )


def _check_against_base(name: str, price: Decimal, sign: int, base: Decimal | None) -> None:
    """``price`` has to be at least a cent above the base, or below it for a negative ``sign``."""
    if base is None or (price - base) * sign >= CENT:
        return
    relation, margin = (">=", "+ 0.01") if sign > 0 else ("<=", "- 0.01")
    raise unprocessable(f"{name} must be {relation} base_price {margin}", base_price=plain(base))


def stop_cap(side: Side, stop: Decimal, asset_is_crypto: bool) -> Decimal | None:
    """The limit that a stop buy of a share gets: Alpaca turns it into a stop-limit 4 % (2.5 % from 50 dollars) above.

    None where the stop becomes a market order. Alpaca: documented. Rounded down to the tick.
    """
    if side is Side.SELL or asset_is_crypto:
        return None
    cap = stop * (Decimal("1.04") if stop < 50 else Decimal("1.025"))
    tick = CENT if cap >= _ONE else _SMALL_TICK
    return cap // tick * tick
