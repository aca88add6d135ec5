"""One account at Alpaca behind the port: orders and cancels out, answers and events in, questions answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import structlog

from holdfast.adapters.alpaca.connection.limiter import Urgency
from holdfast.adapters.alpaca.connection.rest import AlpacaRest, ErrorAnswer, RequestFailed
from holdfast.adapters.alpaca.connection.settings import AlpacaSettings
from holdfast.adapters.alpaca.connection.times import parse_time_ns
from holdfast.adapters.alpaca.trading import wire
from holdfast.adapters.alpaca.trading.capability import alpaca_capability
from holdfast.adapters.alpaca.trading.classify import NOT_FOUND, outcome_of
from holdfast.adapters.alpaca.trading.questions import Questions
from holdfast.adapters.alpaca.trading.reports import reports_of, undoes
from holdfast.adapters.alpaca.trading.updates import TradeUpdates
from holdfast.brokers.holds import Holds
from holdfast.brokers.known_orders import KnownOrders, ids_in, pair_of
from holdfast.brokers.outcome import Accepted, Outcome, RateLimited, Rejected, Unauthorized, Unknown
from holdfast.brokers.port import (
    AccessDenied,
    Asset,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    Doubt,
    LastCheck,
    ReportSink,
    StreamStatus,
    Unavailable,
)
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.codec import foreign_order_id, is_foreign
from holdfast.core.messages import (
    BrokerName,
    BrokerReport,
    CancelOrder,
    CancelRefused,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrderTerms,
    OrderUnknown,
    Report,
    SubmitOrder,
)
from holdfast.core.orders.order import Order
from holdfast.core.types import ClientOrderId, OrderRole, Quantity

PAIR_WAIT_S = 0.5
"""How long one order of a linked pair waits for the other; they are released together."""
SENDS = 30
"""How often an order that was definitely not taken is sent, under its id, while it is fresh.

One that protects a position is sent until it is taken or its cancel is asked for, however long Alpaca is away.
"""
HOLDS_WAIT_S = 5.0
"""How long an order waits for shares that an order under cancel still holds; then Alpaca may refuse it, and says so."""
CANCELS = 8
"""How often a cancel that got no answer is sent again: a cancel may safely come twice."""
CANCEL_WAIT_S = 0.5

log = structlog.get_logger(__name__)

Pair = tuple[SubmitOrder, ...]
"""One order, or a stop-loss and a take-profit that cancel each other."""


class Withheld(Exception):
    """The last check before sending said no."""


class AlpacaBroker:
    """Everything said to and heard from one account. Lives in one event loop; requests are made in threads."""

    name = BrokerName("alpaca")

    def __init__(
        self, settings: AlpacaSettings, rest: AlpacaRest, on_change: Callable[[], None] = lambda: None
    ) -> None:
        """``on_change`` is called when what the account holds may be other than it was: after fills and writes."""
        self.capability = alpaca_capability(settings)
        self.updates = TradeUpdates(settings, self._on_update)
        self._rest = rest
        self._on_change = on_change
        self._known = KnownOrders()
        self._pairs: dict[str, SubmitOrder] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._canceling: set[ClientOrderId] = set()
        self._holds = Holds()
        self._is_closed = False
        self._sink: ReportSink
        self._last_check: LastCheck
        self._doubt: Doubt
        self._now_ns: Callable[[], int]
        self._questions = Questions(rest, self._known)
        self._sends = ThreadPoolExecutor(2, "alpaca-orders")
        self._cancels = ThreadPoolExecutor(2, "alpaca-cancels")  # of their own: nothing may hold a cancel up

    # --- orders out ---------------------------------------------------------------------------------------------------

    def open(self, sink: ReportSink, last_check: LastCheck, doubt: Doubt, now_ns: Callable[[], int]) -> None:
        """Start delivering reports to ``sink``, stamped with ``now_ns`` where Alpaca gives no time."""
        self._sink, self._last_check, self._doubt, self._now_ns = sink, last_check, doubt, now_ns

    def know(self, orders: Sequence[Order]) -> None:
        """Be shown orders of an earlier run."""
        for order in orders:
            self._known.restore(order)

    def submit(self, effect: SubmitOrder) -> None:
        """Send an order; the outcome comes as a report. Of a linked pair both go as one."""
        terms = effect.terms
        self._known.sent(terms)
        self._holds.queue(terms.client_order_id)
        if terms.oco_group is None:
            self._start(self._send((effect,)))
            return
        first = self._pairs.pop(terms.oco_group, None)
        if first is None:
            self._pairs[terms.oco_group] = effect
            asyncio.get_running_loop().call_later(PAIR_WAIT_S, self._send_alone, terms.oco_group)
        else:
            self._start(self._send((first, effect)))

    def _send_alone(self, group: str) -> None:
        effect = self._pairs.pop(group, None)
        if effect is not None:
            self._start(self._send((effect,)))

    async def _send(self, effects: Pair) -> None:
        is_exit = all(effect.terms.role is not OrderRole.ENTRY for effect in effects)
        if not await self._holds.released(effects[0].terms, HOLDS_WAIT_S):
            log.warning("shares may still be held by an order under cancel", order=effects[0].terms.client_order_id)
        for effect in effects:
            self._holds.leave(effect.terms.client_order_id)
        for attempt in count(1):
            try:
                outcome = await self._in(self._sends, self._post, effects)
            except Withheld as withheld:
                self._not_sent(effects, str(withheld))
                return
            except Exception as error:
                log.exception("an order could not be followed", order=effects[0].terms.client_order_id)
                outcome = Unknown(f"{type(error).__name__} while it was sent")
            if not isinstance(outcome, RateLimited) or (attempt >= SENDS and not is_exit):
                break
            log.info("an order was not taken and is sent again", reason=outcome.reason)
            await asyncio.sleep(outcome.wait_s)
        self._on_change()
        self._answer(effects, outcome)

    def _post(self, effects: Pair) -> Outcome:
        """Send one order or pair, once, in a thread."""
        terms = [effect.terms for effect in effects]
        pair = len(terms) > 1
        body = wire.linked_exits_body(*pair_of(*terms)) if pair else wire.order_body(terms[0])
        try:
            answer = self._rest.trading("POST", "/orders", body, Urgency.ORDER, lambda: self._check(effects))
            ids = ids_in(answer)
        except RequestFailed as error:
            return outcome_of(error)
        except (KeyError, TypeError) as error:
            return Unknown(f"the answer to the order is not an order ({error!r})")
        if pair and len(ids) < len(terms):
            return Unknown("the pair's answer names no leg")
        return Accepted(ids[0], tuple(ids[1:]))

    def _check(self, effects: Pair) -> None:
        if self._is_closed:
            raise Withheld("the engine has stopped")
        for effect in effects:
            reason = self._last_check(effect)
            if reason is not None:
                raise Withheld(reason)

    def _answer(self, effects: Pair, outcome: Outcome) -> None:
        match outcome:
            case Accepted():
                self._accepted(effects, outcome)
            case Rejected():
                self._tell(effects, lambda key: OrderRejected(key, outcome.reason))
            case Unauthorized():
                log.error("Alpaca refuses the keys; nothing can be sent", reason=outcome.reason)
                self._tell(effects, lambda key: OrderRejected(key, f"unauthorized: {outcome.reason}"))
            case Unknown():
                self._tell(effects, lambda key: OrderUnknown(key, outcome.reason))
            case RateLimited():
                self._not_sent(effects, f"not taken {SENDS} times: {outcome.reason}")

    def _not_sent(self, effects: Pair, reason: str) -> None:
        for effect in effects:
            self._known.forget(effect.terms.client_order_id)
        self._tell(effects, lambda key: OrderNotSent(key, reason))

    def _accepted(self, effects: Pair, outcome: Accepted) -> None:
        terms = [effect.terms for effect in effects]
        if len(terms) > 1:
            stop, profit = pair_of(*terms)
            self._learn(outcome.broker_order_id, profit.client_order_id)
            self._learn(outcome.linked_ids[0], stop.client_order_id)
        else:
            self._learn(outcome.broker_order_id, terms[0].client_order_id)

    def _learn(self, broker_order_id: str, client_order_id: ClientOrderId) -> None:
        """Alpaca has this order: said once, by whatever is the first to show it."""
        if self._known.broker_id(client_order_id) == broker_order_id:
            return
        early = self._known.learn(broker_order_id, client_order_id)
        self._report(OrderAccepted(client_order_id, broker_order_id))
        for update in early:
            self._on_update(update)

    # --- cancels out --------------------------------------------------------------------------------------------------

    def cancel(self, effect: CancelOrder) -> None:
        """Ask for a cancel. Alpaca's yes is a stream event; reported here is its no; without either the order is in doubt."""
        if effect.client_order_id not in self._canceling:
            terms = self._known.terms(effect.client_order_id)
            if terms is not None:
                self._holds.add(terms)
            self._start(self._cancel(effect))

    async def _cancel(self, effect: CancelOrder) -> None:
        self._canceling.add(effect.client_order_id)
        try:
            await self._try_to_cancel(effect)
        finally:
            self._canceling.discard(effect.client_order_id)

    async def _try_to_cancel(self, effect: CancelOrder) -> None:
        key = effect.client_order_id
        for attempt in range(CANCELS):
            if attempt:
                await asyncio.sleep(CANCEL_WAIT_S * attempt)
            if self._known.terms(key) is None and self._known.broker_id(key) is None:
                self._holds.end(key)
                return  # it never left, and was reported so
            try:
                broker_id = await self._broker_id(key)
                if broker_id is None:
                    self._holds.end(key)  # what is not there holds no shares
                else:
                    await self._in(self._cancels, self._delete, broker_id, effect)
                    self._on_change()
                    return
            except ErrorAnswer as error:
                if error.code and error.status != NOT_FOUND:
                    self._holds.end(key)
                    self._report(CancelRefused(key, error.message))
                    break  # its own no: filled, or ended already; what is not found may be shown a little later
                log.warning("a cancel is sent again", order=key, reason=str(error))
            except (RequestFailed, Unavailable, AccessDenied, Withheld) as error:
                log.warning("a cancel is sent again", order=key, reason=str(error))
        self._doubt(key, None)

    async def _broker_id(self, key: ClientOrderId) -> str | None:
        known = self._known.broker_id(key)
        terms = self._known.terms(key)
        if known is not None or terms is None:
            return known
        found = await self.find(terms)
        return None if found is None else found.broker_order_id

    def _delete(self, broker_id: str, effect: CancelOrder) -> None:
        self._rest.trading("DELETE", f"/orders/{broker_id}", None, Urgency.CANCEL, lambda: self._check_cancel(effect))

    def _check_cancel(self, effect: CancelOrder) -> None:
        reason = self._last_check(effect)
        if reason is not None:
            raise Withheld(reason)

    # --- events in ----------------------------------------------------------------------------------------------------

    async def run(self, tell: Callable[[StreamStatus], Awaitable[None]]) -> None:
        """Keep the stream of order events, until cancelled."""
        await self.updates.run(tell)

    def _on_update(self, update: dict[str, Any]) -> None:
        order = update["order"]
        broker_id = str(order["id"])
        key = self._known.find(broker_id, str(order.get("client_order_id") or ""))
        if key is None:
            self._known.keep_early(broker_id, update)
            self._doubt(foreign_order_id(broker_id), None)
            return
        terms = self._known.terms(key) if self._known.broker_id(key) != broker_id else None
        if terms is not None and not wire.is_of(terms, wire.order_of(order)):
            self._doubt(key, None)  # an order of somebody else has its id
            self._doubt(foreign_order_id(broker_id), None)
            return
        self._learn(broker_id, key)
        time_ns = parse_time_ns(str(update["timestamp"])) if update.get("timestamp") else self._now_ns()
        if order.get("status") in wire.ENDINGS:
            self._holds.end(key)
        for body in reports_of(key, update):
            self._on_change()
            self._sink(Report(time_ns, body))
        self._doubt(key, None if undoes(update) else Quantity(wire.decimal_of(order.get("filled_qty"))))

    def _tell(self, effects: Pair, body_of: Callable[[ClientOrderId], BrokerReport]) -> None:
        for effect in effects:
            self._report(body_of(effect.terms.client_order_id))

    def _report(self, body: BrokerReport) -> None:
        self._sink(Report(self._now_ns(), body))

    # --- questions ----------------------------------------------------------------------------------------------------

    async def clock_ns(self) -> int:
        """Alpaca's own time."""
        return await self._questions.clock_ns()

    async def account(self) -> BrokerAccount:
        """Cash and positions now."""
        return await self._questions.account()

    async def assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """What may be done in these symbols."""
        return await self._questions.assets(symbols)

    async def find(self, terms: OrderTerms) -> BrokerOrder | None:
        """The order of these terms, by its id; the stop of a pair as the leg of the other."""
        found = await self._questions.find(terms)
        if found is not None and not is_foreign(terms.client_order_id) and wire.is_of(terms, found):
            self._learn(found.broker_order_id, terms.client_order_id)
        return found

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Every order that works, the held stops of pairs too: one that is in no list is doubted, and nothing is compared then."""
        return await self._questions.open_orders_and_legs()

    async def latest_orders(self) -> Sequence[BrokerOrder]:
        """The orders sent last, newest first."""
        return await self._questions.latest_orders()

    async def fills_since(self, time_ns: int) -> Sequence[BrokerFill]:
        """Every execution since a time, oldest first."""
        return await self._questions.fills_since(time_ns)

    async def activities_since(self, time_ns: int) -> Sequence[BrokerActivity]:
        """What Alpaca has booked by itself since the day of a time, oldest first."""
        return await self._questions.activities_since(time_ns)

    # --- the shell ----------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait until every order and cancel under way has its answer."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def close(self) -> None:
        """Stop; orders at Alpaca are left as they are, and one that still waits for the rate limit never leaves."""
        self._is_closed = True
        for pool in (self._sends, self._cancels):
            pool.shutdown(wait=False, cancel_futures=True)
        self._questions.close()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)


class AskingBroker(AlpacaBroker):
    """One that doesn't wait for the stream of order events, whose place a frozen engine may occupy: what it misses is asked for."""

    async def run(self, tell: Callable[[StreamStatus], Awaitable[None]]) -> None:
        """Keep the stream if it can be had, until cancelled."""
        await tell(StreamStatus(connected=True, reason="everything is asked for"))
        await self.updates.run(_say_nothing)


async def _say_nothing(_: StreamStatus) -> None:
    """Whether the stream is there changes nothing."""
