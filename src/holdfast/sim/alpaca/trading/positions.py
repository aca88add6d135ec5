"""How positions look, and the orders that close them."""

from decimal import ROUND_FLOOR, Decimal

from holdfast.core.types import ZERO, OrderType, Side, TimeInForce, from_float, plain
from holdfast.sim.alpaca.errors import ApiError, invalid, not_found
from holdfast.sim.alpaca.market.assets import Asset, make_asset
from holdfast.sim.alpaca.trading.request import OrderRequest
from holdfast.sim.alpaca.trading.trading_account import TradingAccount
from holdfast.sim.alpaca.trading.wire import Json, rounded
from holdfast.sim.chassis.market.view import MarketView

_UNIT = Decimal("1e-9")
_WHOLE = Decimal(100)


def positions_json(trading: TradingAccount, market: MarketView) -> list[Json]:
    """``GET /v2/positions``."""
    return [position_json(trading, market, make_asset(symbol)) for symbol in sorted(trading.books.ledgers)]


def position_json(trading: TradingAccount, market: MarketView, asset: Asset) -> Json:
    """One position. Figures per unit and in per cent are fractions, rounded; quantities, costs and values are exact.

    A short's quantity, cost and value are below zero (observed; not documented). Raises `ApiError` (404) when flat.
    """
    ledger = trading.books.ledgers.get(asset.symbol)
    if ledger is None:
        raise not_found("position does not exist")
    quantity, cost = ledger.quantity, ledger.cost
    price = trading.funds.price(asset.symbol) or ledger.average_price
    previous = market.previous_close(asset.symbol)
    last_day = price if previous is None else from_float(previous)
    value = quantity * price
    free = abs(quantity) - trading.funds.held(asset.symbol)
    overnight = _overnight(trading, asset.symbol, quantity)
    day_cost = overnight * last_day + (cost * (quantity - overnight) / quantity)
    return {
        "asset_id": str(asset.id),
        "symbol": asset.position_symbol,
        "exchange": asset.exchange,
        "asset_class": asset.asset_class,
        "asset_marginable": not asset.is_crypto,
        "avg_entry_price": rounded(cost / quantity),
        "qty": plain(quantity),
        "qty_available": plain(free if quantity > 0 else -free),
        "side": "long" if quantity > 0 else "short",
        "market_value": plain(value),
        "cost_basis": plain(cost),
        "unrealized_pl": plain(value - cost),
        "unrealized_plpc": rounded((value - cost) / abs(cost)) if cost else "0",
        "unrealized_intraday_pl": rounded(value - day_cost),
        "unrealized_intraday_plpc": rounded((value - day_cost) / abs(day_cost)) if day_cost else "0",
        "current_price": plain(price),
        "lastday_price": plain(last_day),
        "change_today": rounded((price - last_day) / last_day) if last_day else "0",
    }


def _overnight(trading: TradingAccount, symbol: str, quantity: Decimal) -> Decimal:
    """How much of a position was there when the day began."""
    before = trading.books.overnight.get(symbol, ZERO)
    if before * quantity <= 0:
        return ZERO
    return min(before, quantity) if quantity > 0 else max(before, quantity)


def closing_request(
    trading: TradingAccount, asset: Asset, qty: Decimal | None, percentage: Decimal | None
) -> OrderRequest:
    """The market order that closes a position or part of one. Raises `ApiError`.

    Alpaca: of whole shares a percentage is whole shares too (documented: a fraction is sold of a fraction only).
    """
    held = trading.books.quantity(asset.symbol)
    if not held:
        raise not_found("position does not exist")
    if qty is not None and percentage is not None:
        raise invalid("only one of qty or percentage is accepted")
    wanted = abs(held)
    if percentage is not None:
        if not 0 < percentage <= _WHOLE:
            raise invalid("percentage must be between 0 and 100")
        is_whole = not asset.is_crypto and wanted % 1 == 0
        step = Decimal(1) if is_whole else _UNIT
        wanted = (wanted * percentage / _WHOLE).quantize(step, rounding=ROUND_FLOOR)
    elif qty is not None:
        wanted = qty
    return OrderRequest(
        symbol=asset.symbol,
        side=Side.SELL if held > 0 else Side.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC if asset.is_crypto else TimeInForce.DAY,
        qty=wanted,
    )


def position_asset(trading: TradingAccount, name: str) -> Asset:
    """The asset that a position's path names. Raises `ApiError` (404): what is not traded here is held by nobody."""
    try:
        return trading.asset(name)
    except ApiError as error:
        raise not_found("position does not exist") from error


def closed_nothing(asset: Asset, error: ApiError) -> Json:
    """An item of the answer to closing everything, for a position that would not close."""
    return {"symbol": asset.position_symbol, "status": error.status, "body": {"symbol": asset.symbol, **error.body()}}
