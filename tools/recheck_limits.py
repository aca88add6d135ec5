"""Re-check every limit of an account from its journal, by arithmetic that shares nothing with the engine's own.

    python -m tools.recheck_limits -c holdfast.toml [--account NAME]

Reads the records of an SQLite journal and the file the market data came from, keeps books of its own in fractions, and judges each
order that risk let through again, by what docs/risk.md promises and not by how the engine does it. Prices come from the data;
where several belong to one moment, the one that speaks for the order counts. Prints a table; the exit status is 1 for any breach.

Not checked, for want of the facts in the journal: the volume share, and day trades beyond the fourth itself.
"""

import argparse
import json
import sqlite3
import sys
import tomllib
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from tools.recheck_market import NOTHING, SECOND_NS, Market, Moment, exact

MINUTE_NS = 60_000_000_000
OVER = ("OrderCanceled", "OrderExpired", "OrderRejected", "OrderFailed", "OrderNotSent")
TAKES_RISK = ("IDLE", "ANALYZING", "PENDING_ORDER")
DAY_TRADE_RULE = ("2001-09-28", "2026-06-04", 3, 25_000)
"""FINRA Rule 4210(f)(8)(B) until it was retired: at most 3 day trades in 5 trading days below this equity."""

DEFAULT: dict[str, Any] = {
    "leverage": 2,
    "price_collar_pct": 10,
    "duplicate_window_s": 1,
    "max_open_orders": 200,
    "max_orders_per_minute": 300,
}
PROFILES: dict[str, dict[str, Any]] = {
    "default": {},
    "conservative": {
        "leverage": 1,
        "max_position_pct": 10,
        "max_gross_pct": 80,
        "cash_reserve_pct": 10,
        "max_positions": 10,
        "max_open_orders": 20,
        "max_orders_per_minute": 30,
        "price_collar_pct": 3,
        "daily_loss_pct": 2,
        "max_drawdown_pct": 10,
        "avoid_wash_trades": True,
        "day_trade_rule": True,
    },
    "prop-firm": {
        "leverage": 1,
        "max_position_pct": 20,
        "max_gross_pct": 100,
        "max_positions": 5,
        "max_open_orders": 10,
        "max_orders_per_minute": 20,
        "price_collar_pct": 2,
        "daily_loss_pct": 4,
        "max_drawdown_pct": 8,
        "max_loss_streak": 5,
        "require_stop": True,
        "max_stop_pct": 5,
        "market_hours": "regular",
        "avoid_wash_trades": True,
        "day_trade_rule": True,
    },
}
"""What docs/risk.md says of the profiles, written down a second time; a test holds them against the engine's."""


class Open(NamedTuple):
    """A live order: its terms, what of it may still trade, when it was made, and whether its cancel was asked for."""

    terms: Mapping[str, Any]
    left: Fraction
    made_ns: int
    is_canceling: bool = False

    @property
    def is_entry(self) -> bool:
        """Whether it is no protective order."""
        return bool(self.terms.get("role", "entry") == "entry")


class Account:
    """The books of one account, from its records."""

    def __init__(self) -> None:
        self.cash = NOTHING
        self.held: dict[tuple[str, str], Fraction] = defaultdict(Fraction)  # strategy and symbol
        self.together: dict[str, Fraction] = defaultdict(Fraction)  # symbol
        self.cost: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.earned: dict[tuple[str, str], Fraction] = defaultdict(Fraction)  # realised less fees
        self.trip_start: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.streaks: dict[str, int] = defaultdict(int)
        self.live: dict[str, Open] = {}
        self.terms: dict[str, Mapping[str, Any]] = {}
        self.approved: dict[str, Mapping[str, Any]] = {}
        self.entries: deque[tuple[int, str]] = deque(maxlen=100_000)
        self.state = "RECOVERING"
        self.day = ""
        self.days: list[str] = []
        self.day_start = self.peak = NOTHING
        self.day_start_pnl: dict[str, Fraction] = {}
        self.opened: dict[str, Fraction] = {}
        self.day_trades: list[str] = []
        self.flattening = False
        self.signals: dict[str, Mapping[str, Any]] = {}

    def position(self, symbol: str, owner: str = "") -> Fraction:
        """What the account holds, or one of its strategies."""
        return self.held.get((owner, symbol), NOTHING) if owner else self.together.get(symbol, NOTHING)

    def worst(self, symbol: str, owner: str = "") -> tuple[Fraction, Fraction]:
        """The position if every open buy filled, and if every open sell did. Protective orders only close what is there."""
        sides: dict[str, Fraction] = {"buy": NOTHING, "sell": NOTHING}
        for order in self.live.values():
            terms = order.terms
            if terms["symbol"] == symbol and order.is_entry and owner in ("", terms["strategy"]):
                sides[terms["side"]] += order.left
        held = self.position(symbol, owner)
        return held + sides["buy"], held - sides["sell"]

    def symbols(self, owner: str = "") -> set[str]:
        """What is held or may come to be; what strategies hold against each other the account doesn't hold."""
        if owner:
            held = {symbol for (who, symbol), units in self.held.items() if units and who == owner}
        else:
            held = {symbol for symbol, units in self.together.items() if units}
        entries = [order.terms for order in self.live.values() if order.is_entry]
        return held | {terms["symbol"] for terms in entries if owner in ("", terms["strategy"])}

    # --- records ------------------------------------------------------------------------------------------------------

    def fill(self, body: Mapping[str, Any], owner: str, sign: int = 1) -> None:
        """Book an execution (``sign`` -1: its undoing), average-cost method."""
        symbol, units, price = body["symbol"], exact(body["quantity"]), exact(body["price"])
        signed, fee = units * sign * (1 if body["side"] == "buy" else -1), sign * Fraction(body.get("fee", 0))
        self._count_day_trade(symbol, signed)
        self.cash -= signed * price + fee
        key = (owner, symbol)
        held, cost = self.held[key], self.cost[key]
        closing = min(abs(held), abs(signed)) if held * signed < 0 else NOTHING
        out = cost * closing / abs(held) if closing else NOTHING
        self.earned[key] += (closing * price * (1 if held > 0 else -1) - out if closing else NOTHING) - fee
        opened = abs(signed) - closing
        self.cost[key] = cost - out + opened * price * (1 if signed > 0 else -1)
        self.held[key] = held + signed
        self.together[symbol] += signed
        if held and held * self.held[key] <= 0:
            if sign > 0:
                lost = self.earned[key] < self.trip_start[key]
                for who in (owner, ""):
                    self.streaks[who] = self.streaks[who] + 1 if lost else 0
            self.trip_start[key] = self.earned[key]

    def _count_day_trade(self, symbol: str, signed: Fraction) -> None:
        held = self.position(symbol)
        closing = min(abs(held), abs(signed)) if held * signed < 0 else NOTHING
        if closing and self.opened.pop(symbol, NOTHING):
            self.day_trades.append(self.day)
        if abs(signed) > closing:
            self.opened[symbol] = self.opened.get(symbol, NOTHING) + abs(signed) - closing

    def begin_day(self, body: Mapping[str, Any]) -> None:
        """A trading day begins."""
        self.day = body["trading_day"]
        self.days = [*self.days, self.day][-5:]
        self.day_start = Fraction(body["day_start_equity"])
        self.day_start_pnl = {who: Fraction(pnl) for who, pnl in body.get("strategy_pnl", {}).items()}
        self.opened = {}
        self.streaks.clear()
        self.day_trades = [date for date in self.day_trades if date >= body.get("day_trades_from", "")]


class Finding(NamedTuple):
    """One rule on one order: what it came to, and what is allowed."""

    rule: str
    figure: Fraction
    limit: Fraction
    is_broken: bool


class Judge:
    """Judges approved orders again. Where prices leave a choice, the order has the benefit of it."""

    def __init__(
        self, account: Account, market: Market, limits: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.account = account
        self.market = market
        self.limits = limits
        self.own = own
        self.hours: Callable[[int], bool] = lambda _: True
        self.is_us = False
        self._seen: dict[tuple[str, int], list[Moment]] = {}  # of the order that is judged, as is its equity
        self._equity: dict[int, Fraction] = {}

    def around(self, symbol: str, time_ns: int) -> list[Moment]:
        """What the market may have shown; looked up once for an order."""
        found = self._seen.get((symbol, time_ns))
        if found is None:
            found = self._seen[symbol, time_ns] = self.market.around(symbol, time_ns)
        return found

    def low(self, symbol: str, time_ns: int) -> Fraction:
        """The lowest that a symbol may have been worth."""
        return min((moment.last for moment in self.around(symbol, time_ns)), default=NOTHING)

    def equity(self, time_ns: int) -> Fraction:
        """The most that the account may have been worth."""
        if time_ns not in self._equity:
            worth = sum((self._best(symbol, time_ns) for symbol in self.account.symbols()), NOTHING)
            self._equity[time_ns] = self.account.cash + worth
        return self._equity[time_ns]

    def _best(self, symbol: str, time_ns: int) -> Fraction:
        held = self.account.position(symbol)
        return max((held * moment.last for moment in self.around(symbol, time_ns)), default=NOTHING)

    def raises(self, terms: Mapping[str, Any]) -> bool:
        """Whether an order could add to the account's position, or carry it through zero."""
        units, held = exact(terms["quantity"]), self.account.position(terms["symbol"])
        most, least = self.account.worst(terms["symbol"])
        if terms["side"] == "buy":
            return most + units > max(NOTHING, held)
        return units - least > max(NOTHING, -held)

    def judge(self, body: Mapping[str, Any], signal: Mapping[str, Any], time_ns: int) -> Iterator[Finding]:
        """Every rule on one approved order."""
        terms = body["terms"]
        self._seen.clear()
        self._equity.clear()
        if terms.get("role", "entry") != "entry" or self.account.flattening or not self.raises(terms):
            return
        yield Finding("raises_risk", Fraction(1), Fraction(1), not body["raises_risk"])
        yield Finding("account_state", NOTHING, NOTHING, self.account.state not in TAKES_RISK)
        price = exact(body["reference_price"])
        yield from self._account_rules(terms, price, time_ns)
        owner = terms["strategy"]
        for who, limits in (("", self.limits), (owner, self.own.get(owner, {}))):
            yield from self._counts(who, limits, terms, time_ns)
            yield from self._sizes(who, limits, terms, price, time_ns)
            yield from self._stops(limits, terms, price, time_ns)
            if (least := limits.get("min_confidence")) is not None:
                yield _at_least("min_confidence", Fraction(repr(float(signal.get("confidence", 1.0)))), least)

    def _counts(self, who: str, limits: Mapping[str, Any], terms: Mapping[str, Any], time_ns: int) -> Iterator[Finding]:
        account = self.account
        tag = " (strategy)" if who else ""
        entries = [o for o in account.live.values() if o.is_entry and who in ("", o.terms["strategy"])]
        if (most := limits.get("max_open_orders")) is not None:
            yield _at_most(f"open_orders{tag}", len(entries) + 1, most)
        if (most := limits.get("max_orders_per_minute")) is not None:
            made = sum(1 for made_ns, owner in account.entries if time_ns - made_ns < MINUTE_NS and who in ("", owner))
            yield _at_most(f"order_rate{tag}", made + 1, most)
        symbols = account.symbols(who) | {terms["symbol"]}
        if (most := limits.get("max_positions")) is not None:
            yield _at_most(f"positions{tag}", len(symbols), most)
        for kind, most in (limits.get("max_positions_by_class") or {}).items():
            of_kind = {symbol for symbol in symbols if self._is_crypto(symbol) is (kind == "crypto")}
            if terms["symbol"] in of_kind:
                yield _at_most(f"positions_{kind}{tag}", len(of_kind), most)
        if (most := limits.get("max_loss_streak")) is not None:
            yield _below(f"loss_streak{tag}", Fraction(account.streaks[who]), most)
        if (most := limits.get("daily_loss_pct")) is not None and account.day_start > 0:
            lost = self._lost_today(who, time_ns)
            yield _below(f"daily_loss{tag}", lost * 100 / account.day_start, most)

    is_crypto_account = False

    def _is_crypto(self, symbol: str) -> bool:
        return self.is_crypto_account or "/" in symbol

    def _lost_today(self, who: str, time_ns: int) -> Fraction:
        """The least that the day may have lost."""
        account = self.account
        if not who:
            return account.day_start - self.equity(time_ns)
        earned = NOTHING
        for (owner, symbol), units in account.held.items():
            if owner == who:
                worth = [units * moment.last for moment in self.around(symbol, time_ns)] if units else []
                earned += account.earned[owner, symbol] + max(worth, default=account.cost[owner, symbol])
                earned -= account.cost[owner, symbol]
        return account.day_start_pnl.get(who, NOTHING) - earned

    def _sizes(
        self, who: str, limits: Mapping[str, Any], terms: Mapping[str, Any], price: Fraction, time_ns: int
    ) -> Iterator[Finding]:
        account, symbol, units = self.account, terms["symbol"], exact(terms["quantity"])
        tag = " (strategy)" if who else ""
        buys = terms["side"] == "buy"
        most, least = account.worst(symbol, who)
        most, least = (most + units, least) if buys else (most, least - units)
        worth = max(price, self.low(symbol, time_ns))
        here = worth * max(abs(most), abs(least))
        others = {name: account.worst(name, who) for name in account.symbols(who) - {symbol}}
        gross = here + sum((self.low(n, time_ns) * max(abs(a), abs(b)) for n, (a, b) in others.items()), NOTHING)
        net = worth * (most if buys else -least)
        net += sum((self._net(n, a if buys else -b, time_ns) for n, (a, b) in others.items()), NOTHING)
        equity = self.equity(time_ns)
        for rule, figure, names in (
            ("position", here, ("max_position_value", "max_position_pct")),
            ("gross exposure", gross, ("max_gross_exposure", "max_gross_pct")),
            ("net exposure", net, ("max_net_exposure", "max_net_pct")),
        ):
            for name, of in zip(names, (Fraction(1), equity / 100), strict=True):
                if limits.get(name) is not None:
                    yield _at_most(f"{rule}, {name}{tag}", figure, exact(str(limits[name])) * of)
        if not who:
            yield _at_most("buying_power", gross, equity * exact(str(limits["leverage"])))
            yield from self._only_the_account(limits, terms, worth, least, here, others, time_ns)

    def _net(self, symbol: str, units: Fraction, time_ns: int) -> Fraction:
        return min((units * moment.last for moment in self.around(symbol, time_ns)), default=NOTHING)

    def _only_the_account(
        self,
        limits: Mapping[str, Any],
        terms: Mapping[str, Any],
        worth: Fraction,
        least: Fraction,
        here: Fraction,
        others: Mapping[str, tuple[Fraction, Fraction]],
        time_ns: int,
    ) -> Iterator[Finding]:
        account, symbol, equity = self.account, terms["symbol"], self.equity(time_ns)
        if limits.get("allow_short") is False and terms["side"] == "sell":
            yield _at_least("short_sale", least, 0)
        if terms["side"] == "buy" and (limits.get("cash_reserve") or limits.get("cash_reserve_pct")):
            share = equity * Fraction(str(limits.get("cash_reserve_pct") or 0)) / 100
            kept = max(Fraction(str(limits.get("cash_reserve") or 0)), share)
            yield _at_most("cash_reserve", self._cash_needed(terms, worth, others, time_ns), account.cash - kept)
        for name, members in (limits.get("correlation_groups") or {}).items():
            if symbol in members and limits.get("max_group_pct") is not None:
                low = {n: self.low(n, time_ns) * max(abs(a), abs(b)) for n, (a, b) in others.items() if n in members}
                limit = equity * Fraction(str(limits["max_group_pct"])) / 100
                yield _at_most(f"group_exposure {name}", here + sum(low.values(), NOTHING), limit)

    def _cash_needed(
        self,
        terms: Mapping[str, Any],
        worth: Fraction,
        others: Mapping[str, tuple[Fraction, Fraction]],
        time_ns: int,
    ) -> Fraction:
        """What it takes to let every open buy fill, this one too, or to buy back what is short, whichever is more."""
        account, symbol = self.account, terms["symbol"]
        most, _ = account.worst(symbol)
        held = account.position(symbol)
        needed = worth * max(most + exact(terms["quantity"]) - held, -held, NOTHING)
        for name, (a, _b) in others.items():
            there = account.position(name)
            needed += self.low(name, time_ns) * max(a - there, -there, NOTHING)
        return needed

    def entries(self, terms: Mapping[str, Any], price: Fraction, time_ns: int) -> list[Fraction]:
        """Where an entry may be taken to trade: a short by a stop below the market, all others at the price they are judged by."""
        if terms["side"] == "buy" or terms.get("stop_price") is None:
            return [price]
        if terms.get("limit_price") is not None:
            return [exact(terms["limit_price"])]
        stop = exact(terms["stop_price"])
        return [min(stop, moment.last) for moment in self.around(terms["symbol"], time_ns)] or [stop]

    def _stops(
        self, limits: Mapping[str, Any], terms: Mapping[str, Any], price: Fraction, time_ns: int
    ) -> Iterator[Finding]:
        price = max(self.entries(terms, price, time_ns))
        exits = terms.get("exits") or {}
        distance: Fraction | None = None
        if terms.get("stop_loss") is not None:
            distance = abs(price - exact(terms["stop_loss"]))
        elif exits.get("trail_amount") is not None:
            distance = Fraction(exits["trail_amount"])
        elif exits.get("trail_percent") is not None:
            distance = price * Fraction(exits["trail_percent"]) / 100
        if limits.get("require_stop"):
            yield Finding("require_stop", Fraction(distance is not None), Fraction(1), distance is None)
        if distance is not None and limits.get("max_stop_pct") is not None:
            yield _at_most("max_stop_pct", distance * 100 / price, limits["max_stop_pct"])
        if distance is not None and limits.get("min_stop_pct") is not None:
            yield _at_least("min_stop_pct", distance * 100 / price, limits["min_stop_pct"])

    def _account_rules(self, terms: Mapping[str, Any], price: Fraction, time_ns: int) -> Iterator[Finding]:
        limits, account, symbol = self.limits, self.account, terms["symbol"]
        sign = 1 if terms["side"] == "buy" else -1
        entries = self.entries(terms, price, time_ns)
        for name, way in (("stop_loss", -sign), ("take_profit", sign)):
            if terms.get(name) is not None:
                is_wrong = all((exact(terms[name]) - entry) * way <= 0 for entry in entries)
                yield Finding("protection_side", NOTHING, NOTHING, is_wrong)
        if terms.get("limit_price") is not None:
            limit = exact(terms["limit_price"])
            touches = [moment.ask if sign > 0 else moment.bid for moment in self.around(symbol, time_ns)]
            through = min(((limit - touch) * sign * 100 / touch for touch in touches), default=NOTHING)
            yield _at_most("price_collar", through, limits["price_collar_pct"])
        if (most := limits.get("max_data_age_s")) is not None:
            age = self.market.age_s(symbol, time_ns)
            yield _at_most("stale_data", Fraction(age if age is not None else 10**9), most)
        if limits.get("market_hours") == "regular" and not self._is_crypto(symbol):
            yield Finding("market_hours", NOTHING, NOTHING, not self.hours(time_ns))
        if (most := limits.get("max_drawdown_pct")) is not None and account.peak > 0:
            yield _below("drawdown", (account.peak - self.equity(time_ns)) * 100 / account.peak, most)
        since, until, trades, equity = DAY_TRADE_RULE
        in_force = self.is_us and not self._is_crypto(symbol) and since <= account.day < until
        if limits.get("day_trade_rule") and in_force and self.equity(time_ns) < equity:
            yield _at_most("day_trades", len(account.day_trades) + 1, trades)
        if limits.get("avoid_wash_trades"):
            yield Finding("wash_trade", NOTHING, NOTHING, any(_could_trade(terms, o) for o in account.live.values()))
        yield Finding("duplicate_intent", NOTHING, NOTHING, self._is_repeated(terms, time_ns))

    def _is_repeated(self, terms: Mapping[str, Any], time_ns: int) -> bool:
        window_ns = Fraction(str(self.limits["duplicate_window_s"])) * SECOND_NS
        twins = [order for order in self.account.live.values() if _intent(order.terms) == _intent(terms)]
        return any(
            not (order.is_canceling or order.terms.get("then")) and order.left and time_ns - order.made_ns < window_ns
            for order in twins
        )


def _intent(terms: Mapping[str, Any]) -> dict[str, Any]:
    prices = ("limit_price", "stop_price", "trail_amount", "trail_percent")
    names = ("strategy", "symbol", "side", "quantity", "order_type", "time_in_force", *prices)
    return {name: terms.get(name) for name in names}


def _could_trade(terms: Mapping[str, Any], order: Open) -> bool:
    other = order.terms
    if not order.is_entry or other["symbol"] != terms["symbol"] or other["side"] == terms["side"]:
        return False
    if "trailing_stop" in (terms.get("order_type"), other.get("order_type")):
        return False
    if terms.get("limit_price") is None or other.get("limit_price") is None:
        return True
    buy, sell = (terms, other) if terms["side"] == "buy" else (other, terms)
    return exact(buy["limit_price"]) >= exact(sell["limit_price"])


def _at_most(rule: str, figure: Any, limit: Any) -> Finding:
    figure, limit = Fraction(figure), exact(str(limit)) if not isinstance(limit, Fraction) else limit
    return Finding(rule, figure, limit, figure > limit)


def _below(rule: str, figure: Fraction, limit: Any) -> Finding:
    limit = exact(str(limit))
    return Finding(rule, figure, limit, figure >= limit)


def _at_least(rule: str, figure: Fraction, limit: Any) -> Finding:
    limit = exact(str(limit))
    return Finding(rule, figure, limit, figure < limit)


class Breach(NamedTuple):
    """A broken limit, and the record that broke it."""

    sequence: int
    finding: Finding
    detail: str


class Recheck:
    """Replays an account's records and collects what each rule came to."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.account = judge.account
        self.breaches: list[Breach] = []
        self.checked: dict[str, int] = defaultdict(int)
        self.nearest: dict[str, tuple[Fraction, Fraction]] = {}
        self.refused: Counter[str] = Counter()
        self.orders = self.records = 0

    @property
    def entries(self) -> int:
        """How many approved orders were judged: those that could add risk."""
        return self.checked["raises_risk"]

    def take(self, sequence: int, time_ns: int, kind: str, body: dict[str, Any], ids: tuple[str, str]) -> None:
        """One record, in order. ``ids`` are its own and its cause's."""
        self.records += 1
        event_id, cause = ids
        account = self.account
        if kind == "Signal":
            account.signals = {event_id: body}
        elif kind == "RiskApproved":
            for finding in self.judge.judge(body, account.signals.get(cause, {}), time_ns):
                self._note(sequence, finding, body["terms"])
            account.approved[body["terms"]["client_order_id"]] = body["terms"]
        elif kind == "RiskRefused":
            self.refused[body["rule"]] += 1
        elif kind == "OrderPrepared":
            self._prepared(sequence, time_ns, body["terms"])
        elif kind == "OrderAdopted":
            left = exact(body["terms"]["quantity"]) - Fraction(body.get("filled_quantity", 0))
            self._open(Open(body["terms"], left, time_ns))
        elif kind in ("OrderFilled", "FillBusted"):
            self._executed(time_ns, kind, body)
        elif kind in OVER:
            account.live.pop(body["client_order_id"], None)
        elif kind == "OrderReplaced" and body["client_order_id"] in account.live:
            order = account.live[body["client_order_id"]]
            filled = exact(order.terms["quantity"]) - order.left
            changed = {**order.terms, "quantity": body["quantity"]}
            left = exact(body["quantity"]) - filled
            account.live[body["client_order_id"]] = order._replace(terms=changed, left=left)
        elif kind in ("CancelReleased", "CancelRefused") and body["client_order_id"] in account.live:
            order = account.live[body["client_order_id"]]
            account.live[body["client_order_id"]] = order._replace(is_canceling=kind == "CancelReleased")
        else:
            self._milestone(sequence, time_ns, kind, body)

    def _note(self, sequence: int, finding: Finding, terms: Mapping[str, Any]) -> None:
        rule = finding.rule
        self.checked[rule] += 1
        near, limit = self.nearest.get(rule, (finding.figure, finding.limit))
        if finding.limit and finding.figure * limit >= near * finding.limit:
            near, limit = finding.figure, finding.limit
        self.nearest[rule] = near, limit
        if finding.is_broken:
            text = f"{terms['client_order_id']} {terms['side']} {terms['quantity']} {terms['symbol']}"
            self.breaches.append(Breach(sequence, finding, text))

    def _prepared(self, sequence: int, time_ns: int, terms: Mapping[str, Any]) -> None:
        self.orders += 1
        approved = self.account.approved.pop(terms["client_order_id"], None)
        self._note(sequence, Finding("approved", NOTHING, NOTHING, approved != terms), terms)
        if terms.get("role", "entry") == "entry":
            self.account.entries.append((time_ns, terms["strategy"]))
        self._open(Open(terms, exact(terms["quantity"]) + Fraction(terms.get("then") or 0), time_ns))

    def _open(self, order: Open) -> None:
        self.account.live[order.terms["client_order_id"]] = order
        self.account.terms[order.terms["client_order_id"]] = order.terms

    def _executed(self, time_ns: int, kind: str, body: Mapping[str, Any]) -> None:
        account, key = self.account, body["client_order_id"]
        terms = account.terms.get(key, {"strategy": "external", "quantity": "0"})
        account.fill(body, terms["strategy"], 1 if kind == "OrderFilled" else -1)
        if kind == "FillBusted":
            return
        self.judge.market.filled[body["symbol"]] = (time_ns, exact(body["price"]))
        order = account.live.get(key)
        if order is not None:
            left = order.left - exact(body["quantity"])
            account.live[key] = order._replace(left=left)
            if left <= Fraction(terms.get("then") or 0):
                del account.live[key]

    def _milestone(self, sequence: int, time_ns: int, kind: str, body: Mapping[str, Any]) -> None:
        account = self.account
        if kind == "CashDeposited":
            amount = Fraction(body["amount"])
            account.cash += amount
            account.peak = max(NOTHING, account.peak + amount)
            if account.day:
                account.day_start += amount
        elif kind == "PositionAdopted":
            units = exact(body["quantity"])
            side = "buy" if units > 0 else "sell"
            account.fill({**body, "side": side, "quantity": str(abs(units))}, "external")
            self.judge.market.filled[body["symbol"]] = (time_ns, exact(body["price"]))
        elif kind == "AccountStateChanged":
            account.state = body["new"]
        elif kind == "TradingDayStarted":
            account.begin_day(body)
        elif kind == "PnlSnapshot":
            account.peak = max(account.peak, exact(body["equity"]))
            broken = abs(exact(body["cash"]) - account.cash) > Fraction(1, 100)
            no_order = {"client_order_id": "", "side": "", "quantity": "", "symbol": "cash"}
            self._note(sequence, Finding("cash", exact(body["cash"]), account.cash, broken), no_order)
        elif kind == "Restored" and body["cause"] == "drawdown":
            account.peak = NOTHING
        elif kind in ("Flatten", "Flattened"):
            account.flattening = kind == "Flatten"


def records(path: Path, account: str) -> Iterator[tuple[int, int, str, dict[str, Any], tuple[str, str]]]:
    """An account's records as they stand in the journal's file, which is opened for reading only."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        query = "SELECT sequence, time_ns, type, body, event_id, causation_id FROM records WHERE account = ? ORDER BY sequence"
        for sequence, time_ns, kind, body, event_id, cause in connection.execute(query, (account,)):
            yield sequence, time_ns, kind, json.loads(body), (event_id, cause)
    finally:
        connection.close()


def regular_hours(calendar: str) -> Callable[[int], bool]:
    """Whether a time is within an exchange's regular hours."""
    if calendar == "24/7":
        return lambda _: True
    import exchange_calendars

    found = exchange_calendars.get_calendar(calendar, start="1998-01-01")
    opens = found.opens.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").tolist()
    closes = found.closes.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").tolist()
    return lambda time_ns: bool((at := bisect_right(opens, time_ns)) and time_ns < closes[at - 1])


def recheck(config: Path, account: str | None = None) -> Recheck:
    """Re-check one account of a configuration (the first one, unless it is named)."""
    data = tomllib.loads(config.read_text(encoding="utf-8"))
    wanted = next(row for row in data["accounts"] if account in (None, row["name"]))
    risk = dict(wanted.get("risk", {}))
    own_rows = [row for row in data.get("strategies", []) if row["account"] == wanted["name"]]
    many = len({symbol for row in own_rows for symbol in row["symbols"]})
    usual = DEFAULT | {"max_open_orders": max(200, 2 * many), "max_orders_per_minute": max(300, 3 * many)}
    limits = {**usual, **PROFILES[risk.pop("profile", "default")], **risk}
    own = {row["id"]: row.get("risk", {}) for row in own_rows}
    feed = data.get("feed", {})
    bar_ns = None if "bar" not in feed else {"1Min": MINUTE_NS, "1Hour": 60 * MINUTE_NS}[feed["bar"]]
    file = config.parent / feed["path"] if feed.get("kind", "file") == "file" else None
    judge = Judge(Account(), Market(file, bar_ns), limits, own)
    calendar = wanted.get("calendar", "XNYS")
    judge.hours = regular_hours(calendar) if limits.get("market_hours") == "regular" else judge.hours
    judge.is_us = calendar == "XNYS"
    judge.is_crypto_account = calendar == "24/7"
    found = Recheck(judge)
    url = data.get("journal", {}).get("url", "sqlite:///holdfast.db")
    for record in records(config.parent / url.removeprefix("sqlite:///"), wanted["name"]):
        found.take(*record)
    return found


def show(found: Recheck) -> None:
    """Print what was checked and what was broken."""
    print(f"{found.records} records, {found.orders} orders, {found.entries} entries judged")
    print("refused:", ", ".join(f"{rule} {count}" for rule, count in found.refused.most_common()) or "nothing")
    broken: dict[str, int] = defaultdict(int)
    for breach in found.breaches:
        broken[breach.finding.rule] += 1
    print(f"{'rule':<40}{'checked':>9}{'nearest':>16}{'limit':>16}{'broken':>8}")
    for rule in sorted(found.checked):
        near, most = (f"{float(number):,.2f}" for number in found.nearest[rule])
        print(f"{rule:<40}{found.checked[rule]:>9}{near:>16}{most:>16}{broken[rule]:>8}")
    for breach in found.breaches[:20]:
        figure, limit = float(breach.finding.figure), float(breach.finding.limit)
        print(f"record {breach.sequence}: {breach.finding.rule} {figure:,.4f} against {limit:,.4f}: {breach.detail}")


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="recheck_limits", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-c", "--config", type=Path, default=Path("holdfast.toml"))
    parser.add_argument("--account")
    given = parser.parse_args(arguments)
    found = recheck(given.config, given.account)
    show(found)
    return 1 if found.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
