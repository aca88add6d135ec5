"""What posts tell: the values of a trade or a day, by the names that templates have for them, out of the journal."""

from decimal import Decimal

import msgspec

from holdfast.config.posts import PostsConfig
from holdfast.core.arithmetic import EXACT
from holdfast.core.messages import OrderPrepared, OrderTerms
from holdfast.core.milestones import EngineStarted
from holdfast.core.types import SECOND_NS, ZERO
from holdfast.errors import Refused
from holdfast.journal.reader import OrderRow, Reader
from holdfast.posts import words
from holdfast.views.day import Day, day
from holdfast.views.trips import Deal, Trip, risk_of, trip_of
from holdfast.views.worth import Worth

OPENED, REDUCED, CLOSED, DAY, TEXT = "opened", "reduced", "closed", "day", "text"
"""What a post is about; also the names of the templates, of which a free text has none."""
LONG, SHORT, CUT, WON, LOST, EVEN = "📈", "📉", "✂️", "✅", "❌", "➖"
SYMBOLS = 5
"""So many symbols of a day are named."""


class Facts(msgspec.Struct, frozen=True):
    """What a post tells. ``key`` is the same for the same news, so that none is posted twice; ``values`` by field, empty where there is none."""

    kind: str
    key: str
    account: str
    values: dict[str, str]
    notes: tuple[str, ...] = ()


def trade(reader: Reader, client_order_id: str, posts: PostsConfig) -> Facts:
    """The trade that an order is of, as it stands: over; else, if the order closed a part of it, that part; else its begin.

    Raises :class:`~holdfast.errors.InvalidValue` when there is no such order, Refused when nothing of it has traded.
    """
    order = reader.order(client_order_id)
    worth = Worth(reader, order.account, [order.symbol])
    unit = worth.unit(order.symbol)
    trip = trip_of(reader, client_order_id, unit)
    if trip is None:
        raise Refused(_nothing(order))
    currency = worth.currency(order.symbol) or currency_of(reader, order.account)
    common = _common(trip, posts)
    if trip.is_over:
        return _closed(reader, trip, common, currency, unit)
    closed = [deal for deal in trip.of(client_order_id) if not deal.opens]
    if closed:
        return _reduced(trip, closed, common, currency, unit)
    return _opened(reader, trip, common)


def _nothing(order: OrderRow) -> str:
    if order.filled_quantity:
        return f"order {order.client_order_id} is of no trade: what it had filled was undone by the exchange"
    return f"order {order.client_order_id} is {order.state} and has not traded, so there is nothing to tell of it"


def currency_of(reader: Reader, account: str) -> str:
    """The account's own currency, by its newest start; empty where it has no name."""
    started = reader.last_record(account, EngineStarted.__name__)
    return started.body.currency if started is not None and isinstance(started.body, EngineStarted) else ""


# --- trades -----------------------------------------------------------------------------------------------------------


def _common(trip: Trip, posts: PostsConfig) -> dict[str, str]:
    date, time = words.clock(trip.exit_ns or trip.deals[-1].time_ns, posts.timezone)
    return {
        "symbol": words.cashtag(trip.symbol),
        "side": trip.side,
        "entry": words.price(trip.entry_price),
        "strategy": trip.strategy,
        "account": trip.account,
        "date": date,
        "time": time,
    }


def _first(trip: Trip) -> str:
    """The order that began a trip: what the trip is known by."""
    return next((deal.client_order_id for deal in trip.deals if deal.client_order_id), f"adopted {trip.symbol}")


def _notes(trip: Trip) -> tuple[str, ...]:
    word = words.cashtag(trip.symbol)
    return () if words.is_cashtag(word) else (f"{word} can't be a cashtag: X makes one of 1 to 6 letters",)


def _opened(reader: Reader, trip: Trip, common: dict[str, str]) -> Facts:
    is_long = trip.side == "long"
    terms = _entry_terms(reader, trip)
    values = {
        **common,
        "icon": LONG if is_long else SHORT,
        "verb": "Bought" if is_long else "Sold short",
        "size": words.size(trip.held),
        "price": words.price(trip.entry_price),
        "stop": "" if terms is None else words.price(terms.stop_loss),
        "target": "" if terms is None else words.price(terms.take_profit),
        "fees": words.price(trip.fees),
    }
    return Facts(OPENED, f"opened {_first(trip)}", trip.account, values, _notes(trip))


def _entry_terms(reader: Reader, trip: Trip) -> OrderTerms | None:
    """What the trip's first order asked for; None for one from elsewhere."""
    row = reader.order(trip.deals[0].client_order_id) if trip.deals[0].client_order_id else None
    for record in [] if row is None else reader.records_at(row.account, row.created_ns, OrderPrepared):
        if (
            isinstance(record.body, OrderPrepared)
            and record.body.terms.client_order_id == trip.deals[0].client_order_id
        ):
            return record.body.terms
    return None


def _reduced(trip: Trip, deals: list[Deal], common: dict[str, str], currency: str, unit: Decimal) -> Facts:
    """What one order has closed, and what that has made: fees of its own paid, those of the entry left aside."""
    quantity = sum((deal.quantity for deal in deals), ZERO)
    got = sum((deal.quantity * deal.price for deal in deals), ZERO)
    fees = sum((deal.fee for deal in deals), ZERO)
    earned = sum((deal.realised for deal in deals), ZERO) - fees
    cost = trip.entry_price * quantity * unit
    date_ns = deals[-1].time_ns
    values = {
        **common,
        "icon": CUT,
        "verb": "Sold" if trip.side == "long" else "Covered",
        "size": words.size(quantity),
        "left": words.size(trip.held),
        "price": words.price(EXACT.divide(got, quantity)),
        "exit": words.price(EXACT.divide(got, quantity)),
        "held": words.span((date_ns - trip.entry_ns) / SECOND_NS),
        "fees": words.price(fees),
        **_profit(earned, cost, currency),
    }
    return Facts(REDUCED, f"reduced {deals[0].client_order_id}", trip.account, values, _notes(trip))


def _closed(reader: Reader, trip: Trip, common: dict[str, str], currency: str, unit: Decimal) -> Facts:
    risk = risk_of(reader, trip)
    values = {
        **common,
        "icon": _verdict(trip.profit),
        "verb": "Closed long" if trip.side == "long" else "Closed short",
        "size": words.size(trip.quantity),
        "price": words.price(trip.exit_price),
        "exit": words.price(trip.exit_price),
        "held": words.span(((trip.exit_ns or trip.entry_ns) - trip.entry_ns) / SECOND_NS),
        "fees": words.price(trip.fees),
        "r": words.multiple(EXACT.divide(trip.profit, risk * unit)) if risk else "",
        **_profit(trip.profit, trip.entry_price * trip.opened * unit, currency),
    }
    notes = _notes(trip) if risk else (*_notes(trip), "no R: not every entry of it had a stop")
    return Facts(CLOSED, f"closed {_first(trip)}", trip.account, values, notes)


def _verdict(profit: Decimal) -> str:
    return WON if profit > 0 else LOST if profit < 0 else EVEN


def _profit(earned: Decimal, cost: Decimal, currency: str) -> dict[str, str]:
    pct = words.percent(EXACT.divide(earned * 100, cost)) if cost > 0 else ""
    return {"pnl": words.change(earned, currency), "pnl_pct": pct}


# --- days -------------------------------------------------------------------------------------------------------------


def trading_day(reader: Reader, account: str, date: str | None) -> Facts:
    """A trading day. Raises :class:`~holdfast.errors.InvalidValue` for a day of which nothing is recorded."""
    found = day(reader, account, date)
    notes = () if found.is_over else (f"the trading day {found.date} is not over: its numbers may change",)
    return Facts(DAY, f"day {account} {found.date}", account, _day_values(found), notes)


def _day_values(found: Day) -> dict[str, str]:
    pnl, trades = found.pnl, found.trades

    def money(amount: Decimal | None) -> str:
        return "" if amount is None else words.change(amount, found.currency)

    values = {
        "icon": EVEN if pnl is None else _verdict(pnl.total),
        "date": found.date,
        "account": found.account,
        "symbols": _symbols(found.symbols),
        "trades": str(trades.count or ""),
        "wins": str(trades.wins),
        "losses": str(trades.losses),
        "best": money(trades.best),
        "worst": money(trades.worst),
        "orders": str(found.placed or ""),
        "fills": str(found.fills or ""),
        "slippage": "" if found.slippage.bps is None else f"{found.slippage.bps:.2f} bps",
        "refused": str(sum(refused.count for refused in found.refused) or ""),
        "incidents": str(sum(found.incidents.values()) or ""),
    }
    if pnl is not None:
        equity = words.money(f"{pnl.end_equity:,.2f}", found.currency)
        values |= {"pnl": money(pnl.total), "pnl_pct": words.percent(pnl.total_pct), "equity": equity}
        values["fees"] = words.price(pnl.fees)
    return values


def _symbols(symbols: list[str]) -> str:
    """A cashtag of one symbol, several as words: X's programs take no more than one cashtag in a post."""
    if len(symbols) == 1:
        return words.cashtag(symbols[0])
    more = f" +{len(symbols) - SYMBOLS}" if len(symbols) > SYMBOLS else ""
    return " ".join(words.base_of(symbol) for symbol in symbols[:SYMBOLS]) + more
