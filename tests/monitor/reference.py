"""What docs/monitor.md says of each stage, read from the journal in the plainest way: everything is looked up anew for each question.

It shares no code with the monitor: it knows records, a calendar's table, and the page. Slow, and meant to be.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from holdfast.core.messages import Envelope
from holdfast.monitor.expected import Expected
from holdfast.monitor.verdicts import Pulse

S = 1_000_000_000
MINUTE = 60 * S
STAGES = ("market data", "signals", "risk", "orders", "fills", "portfolio")
RANK = {"critical": 0, "degraded": 1}
OF_MARKET = ("market data", "stale data")
OF_ORDERS = ("broker requests", "broker adapter", "keys", "order events", "account", "account blocked", "lost orders")
OF_PORTFOLIO = ("books", "positions")
OVER = ("OrderCanceled", "OrderExpired", "OrderRejected", "OrderFailed", "OrderNotSent")
KINDS = {
    "signals": ("Signal",),
    "risk": ("RiskApproved", "RiskRefused"),
    "orders": (
        "OrderPrepared", "OrderReleased", "OrderAccepted", "OrderRejected", "OrderUnknown", "OrderCanceled", "OrderExpired", "OrderFailed",
        "OrderNotSent", "OrderAdopted",
    ),
    "fills": ("OrderFilled",),
    "portfolio": ("PositionChanged", "PositionAdopted", "PnlSnapshot"),
}  # fmt: skip
REPEATS = {
    "OrderFilled": ("filled", "partly_filled"),
    "OrderCanceled": ("canceled",),
    "OrderExpired": ("expired",),
    "OrderRejected": ("rejected",),
    "OrderReplaced": ("replaced",),
    "FillBusted": ("busted",),
}


class Lookup:
    """One account's records up to a time, and finding things in them."""

    def __init__(self, records: Sequence[Envelope], expected: Expected, now: int, pulse: Pulse) -> None:
        self.records = records
        self.expected = expected
        self.limits = expected.limits
        self.now = now
        self.pulse = pulse
        self.by_kind: dict[str, list[Envelope]] = {}
        self.by_order: dict[str, list[Envelope]] = {}
        for record in records:
            self.by_kind.setdefault(record.type, []).append(record)
            terms: Any = getattr(record.body, "terms", None)
            begins = record.type in ("OrderPrepared", "OrderAdopted")
            key = str(terms.client_order_id if begins else getattr(record.body, "client_order_id", ""))
            self.by_order.setdefault(key, []).append(record)

    def all_of(self, *kinds: str) -> list[Envelope]:
        """The records of some types, in order."""
        found = [record for kind in kinds for record in self.by_kind.get(kind, ())]
        return sorted(found, key=lambda record: record.sequence)

    def bodies(self, kind: str) -> list[Any]:
        """Their bodies."""
        return [record.body for record in self.all_of(kind)]

    def last(self, kind: str) -> Envelope | None:
        """The newest record of a type."""
        found = self.all_of(kind)
        return found[-1] if found else None

    def in_window(self, kind: str) -> int:
        """How many in the last seconds, whole seconds counted."""
        return sum(record.time_ns // S > self.now // S - self.limits.window_s for record in self.all_of(kind))

    def switched_on(self, strategy: str) -> bool:
        """Whether the last switch of a strategy was on."""
        return bool([body.on for body in self.bodies("StrategySwitched") if body.strategy == strategy][-1])

    def missing_now(self) -> bool:
        """Whether anything is impaired."""
        last: dict[str, str] = {}
        for record in self.all_of("Impaired", "Restored"):
            last[str(getattr(record.body, "cause", ""))] = record.type
        return "Impaired" in last.values()

    def of_order(self, key: str) -> list[Envelope]:
        """The records of an order, in order."""
        return self.by_order.get(key, [])

    def filled(self, about: Sequence[Envelope]) -> Decimal:
        """How much of an order has filled."""
        bodies: list[Any] = [record.body for record in about]
        more = [body.quantity for record, body in zip(about, bodies, strict=True) if record.type == "OrderFilled"]
        less = [body.quantity for record, body in zip(about, bodies, strict=True) if record.type == "FillBusted"]
        return Decimal(sum(more) - sum(less))

    def open_orders(self) -> list[str]:
        """The orders that may still trade: that are not ended, and were never filled whole."""
        keys = []
        for record in self.all_of("OrderPrepared", "OrderAdopted"):
            key = str(getattr(record.body, "terms").client_order_id)  # noqa: B009  of one of two types
            about = self.of_order(key)
            if not any(r.type in OVER or self.was_whole(about[: place + 1]) for place, r in enumerate(about)):
                keys.append(key)
        return keys

    def was_whole(self, about: Sequence[Envelope]) -> bool:
        """Whether the last of an order's records is the fill that completes it."""
        sizes = [getattr(r.body, "quantity", 0) for r in about if r.type == "OrderReplaced"]
        terms: Any = getattr(about[0].body, "terms", None)
        size = sizes[-1] if sizes else terms.quantity
        return about[-1].type == "OrderFilled" and self.filled(about) >= size

    def cadence(self) -> int:
        """The shortest bar that was recorded, or as configured, or a minute; no longer than a session."""
        bars = [body.time_ns - body.start_ns for body in self.bodies("Bar")]
        length = min(bars) if bars else self.expected.bar_ns or MINUTE
        for day in self.expected.calendar.days:
            if day.start_ns <= self.now:
                today = day
        pause = 0 if today.break_ns is None else today.break_ns[1] - today.break_ns[0]
        return min(length, today.close_ns - today.open_ns - pause)

    def is_open(self, time_ns: int) -> bool:
        """Whether the exchange trades."""
        for day in self.expected.calendar.days:
            if day.open_ns <= time_ns < day.close_ns:
                return day.break_ns is None or not day.break_ns[0] <= time_ns < day.break_ns[1]
        return False

    def open_time(self, since: int) -> int:
        """How long the exchange has traded since then."""
        total = 0
        for day in self.expected.calendar.days:
            edges = [day.open_ns, *(day.break_ns or ()), day.close_ns]
            for begin, end in zip(edges[::2], edges[1::2], strict=True):
                total += max(0, min(end, self.now) - max(begin, since))
        return total


class Reading(Lookup):
    """Of one account's records up to a time."""

    found: dict[str, list[str]]
    young: bool
    open: bool
    enabled: list[str]

    def levels(self) -> dict[str, str]:
        """The level of each stage."""
        self.found = {stage: [] for stage in STAGES}
        started = self.last("EngineStarted")
        stopped = self.last("EngineStopped")
        if started is None:
            return dict.fromkeys(STAGES, "idle")
        has_ended = stopped is not None and stopped.sequence > started.sequence
        if has_ended and self.pulse.is_running is not True:
            return dict.fromkeys(STAGES, "idle")
        if self.pulse.is_running is False or self.pulse.silent_s is not None:
            return dict.fromkeys(STAGES, "critical")
        cadence = self.cadence()
        self.young = self.now - started.time_ns < max(self.limits.grace_s * S, 2 * cadence)
        self.open = self.is_open(self.now)
        off = {body.strategy for body in self.bodies("StrategySwitched") if not self.switched_on(body.strategy)}
        self.enabled = [name for name in self.expected.strategies if name not in off]
        self.look(cadence, started.time_ns)
        return {stage: self.level(stage) for stage in STAGES}

    def level(self, stage: str) -> str:
        """The worst that was found, else whether it is idle."""
        found = sorted(self.found[stage], key=RANK.__getitem__)
        if found:
            return "degraded" if self.young else found[0]
        if not self.open:
            return "idle"
        if not self.enabled and stage in ("market data", "signals", "risk"):
            return "idle"
        if self.young:
            return "idle"
        if stage != "market data" and not self.all_of(*KINDS[stage]):
            return "idle"
        return "healthy"

    def look(self, cadence: int, started: int) -> None:
        """Go through the table of the page, row by row."""
        self.look_at_what_is_missing()
        self.look_at_the_market(cadence)
        self.look_at_signals(started)
        self.look_at_risk()
        self.look_at_orders()
        self.look_at_fills(cadence)
        self.look_at_the_stream()
        if self.open and not self.young and self.expected.is_live:
            times = [record.time_ns for record in self.all_of(*KINDS["portfolio"])]
            if self.open_time(max([started, *times])) >= self.limits.valued_late_s * S:
                self.found["portfolio"].append("degraded")

    def look_at_what_is_missing(self) -> None:
        """Impaired and not Restored since."""
        for cause in {body.cause for body in self.bodies("Impaired")}:
            last = [r for r in self.all_of("Impaired", "Restored") if getattr(r.body, "cause", "") == cause][-1]
            if last.type == "Restored":
                continue
            reason = getattr(last.body, "reason", "")
            lasting = "critical" if self.now - last.time_ns >= self.limits.outage_lost_s * S else "degraded"
            if cause not in (*OF_MARKET, *OF_ORDERS, *OF_PORTFOLIO):
                self.found["risk"].append("degraded")
            elif reason == "not subscribed yet" and self.young:
                continue
            elif cause in OF_MARKET:
                if self.open and self.enabled:
                    self.found["market data"].append(lasting)
            elif cause in OF_ORDERS:
                self.found["orders"].append(lasting)
            else:
                self.found["portfolio"].append(lasting)

    def look_at_the_market(self, cadence: int) -> None:
        """Symbols that the engine found stale, and the age of the newest price on the board."""
        if not self.open or not self.enabled or self.young:
            return
        opened = self.last("FeedOpened")
        since = opened.sequence if opened else 0
        stale = set()
        for symbol in self.expected.symbols:
            about = [
                record
                for record in self.all_of("MarketStale", "MarketFresh")
                if record.sequence > since and getattr(record.body, "symbol", "") == symbol
            ]
            if about and about[-1].type == "MarketStale":
                stale.add(symbol)
        if stale:
            self.found["market data"].append("critical" if len(stale) == len(self.expected.symbols) else "degraded")
        heard = [time_ns for symbol, time_ns in self.pulse.seen_ns.items() if symbol in self.expected.symbols]
        if not heard:
            return
        late = max(3 * cadence, self.expected.stale_after_ns)
        if self.limits.market_data_late_s is not None:
            late = int(self.limits.market_data_late_s * S)
        silence = self.open_time(max(heard))
        if silence >= 2 * late:
            self.found["market data"].append("critical")
        elif silence >= late:
            self.found["market data"].append("degraded")

    def look_at_signals(self, started: int) -> None:
        """Strategies that were stopped for a fault, and silence where it is judged."""
        stopped = []
        for name in self.enabled:
            about = [
                record
                for record in self.all_of("StrategyStarted", "StrategyStopped", "StrategySwitched")
                if getattr(record.body, "strategy", "") == name
            ]
            ends = [r for r in about if r.type == "StrategyStopped"]
            begins = [r for r in about if r.type == "StrategyStarted" or getattr(r.body, "on", False)]
            if ends and (not begins or begins[-1].sequence < ends[-1].sequence):
                stopped.append(name)
        if stopped:
            self.found["signals"].append("critical" if len(stopped) == len(self.enabled) else "degraded")
        if self.limits.signals_late_s is not None and self.enabled and self.open and not self.young:
            times = [record.time_ns for record in self.all_of("Signal")]
            if self.open_time(max([started, *times])) >= self.limits.signals_late_s * S:
                self.found["signals"].append("degraded")

    def look_at_risk(self) -> None:
        """The account's state, and the part that was refused."""
        changed = self.last("AccountStateChanged")
        state = "" if changed is None else str(getattr(changed.body, "new", ""))
        if state == "HALTED" or (state == "PRESERVATION" and not self.missing_now()):
            self.found["risk"].append("degraded")
        refused = self.in_window("RiskRefused")
        decided = refused + self.in_window("RiskApproved")
        if decided >= self.limits.least and refused / decided >= self.limits.refused_pct / 100:
            self.found["risk"].append("degraded")

    def look_at_orders(self) -> None:
        """Orders that wait for an answer or for proof, that are gone, and those that failed."""
        for key in self.open_orders():
            about = self.of_order(key)
            told = [r for r in about if r.type in ("OrderReleased", "OrderUnknown", "OrderAccepted", "OrderFilled")]
            lost = [r for r in about if r.type == "OrderLost"]
            seen = [r for r in about if r.type in ("OrderAccepted", "OrderFilled")]
            if lost and (not seen or seen[-1].sequence < lost[-1].sequence):
                self.found["orders"].append("critical")
            if not told or told[-1].type in ("OrderAccepted", "OrderFilled"):
                continue
            since = told[-1]
            while since.type == "OrderUnknown":  # the first of a row of them
                before = [r for r in told if r.sequence < since.sequence]
                if not before or before[-1].type != "OrderUnknown":
                    break
                since = before[-1]
            overdue = [r for r in about if r.type == "OrderOverdue"]
            cleared = [r for r in told if r.type != "OrderUnknown"]
            is_overdue = bool(overdue) and (not cleared or cleared[-1].sequence < overdue[-1].sequence)
            waits = self.now - since.time_ns
            if is_overdue or waits >= self.limits.answer_lost_s * S:
                self.found["orders"].append("critical")
            elif waits >= self.limits.answer_late_s * S:
                self.found["orders"].append("degraded")
        failed = self.in_window("OrderRejected") + self.in_window("OrderFailed")
        answered = failed + self.in_window("OrderAccepted")
        if failed >= self.limits.least and failed / answered >= self.limits.failed_pct / 100:
            self.found["orders"].append("critical" if failed == answered else "degraded")

    def look_at_fills(self, cadence: int) -> None:
        """Orders at the market that the broker has and that don't fill."""
        if not self.open or self.young:
            return
        late = 3 * cadence
        if self.limits.fills_late_s is not None:
            late = int(self.limits.fills_late_s * S)
        for key in self.open_orders():
            about = self.of_order(key)
            terms: Any = getattr(about[0].body, "terms", None)
            at_once = str(terms.order_type) == "market" and str(terms.time_in_force) in ("day", "gtc", "ioc", "fok")
            if about[0].type != "OrderPrepared" or not at_once or self.filled(about) != 0:
                continue
            told = [r for r in about if r.type in ("OrderReleased", "OrderUnknown", "OrderAccepted", "OrderFilled")]
            if not told or told[-1].type not in ("OrderAccepted", "OrderFilled"):
                continue
            since = told[-1]
            for record in reversed(told):
                if record.type not in ("OrderAccepted", "OrderFilled"):
                    break
                since = record
            if self.open_time(since.time_ns) >= late:
                self.found["fills"].append("degraded")

    def look_at_the_stream(self) -> None:
        """What asking found and the stream never told."""
        window, settle = self.limits.window_s * S, int(self.limits.settle_s * S)
        for kind, events in REPEATS.items():
            for key in {str(getattr(r.body, "client_order_id", "")) for r in self.all_of(kind)}:
                missed = self.untold(kind, events, key, settle)
                due = [time_ns for time_ns in missed if settle < self.now - time_ns <= settle + window]
                if due:
                    self.found["fills" if kind in ("OrderFilled", "FillBusted") else "orders"].append("degraded")

    def untold(self, kind: str, events: Sequence[str], key: str, settle: int) -> list[int]:
        """When asking found what the stream should have told in ``settle`` and hasn't."""
        waiting: list[int] = []
        missed: list[int] = []
        for record in self.of_order(key):
            for time_ns in [time_ns for time_ns in waiting if time_ns < record.time_ns - settle]:
                waiting.remove(time_ns)
                missed.append(time_ns)
            is_report = record.type == kind
            is_repeat = record.type == "OrderEventIgnored" and getattr(record.body, "event", "") in events
            if is_report and record.source.startswith("asked:") and self.stream_was_well(record):
                waiting.append(record.time_ns)
            elif (is_report or is_repeat) and record.source.startswith("broker:") and waiting:
                waiting.pop(0)
        return missed + waiting

    def stream_was_well(self, at: Envelope) -> bool:
        """Whether the account was through with its start, and the stream not known to be down."""
        lives = self.all_of("EngineStarted", "RecoveryCompleted", "EngineStopped")
        life = [r.type for r in lives if r.sequence < at.sequence]
        told = [r for r in self.all_of("Impaired", "Restored") if getattr(r.body, "cause", "") == "order events"]
        about = [r.type for r in told if r.sequence < at.sequence]
        return life[-1:] == ["RecoveryCompleted"] and about[-1:] != ["Impaired"]
