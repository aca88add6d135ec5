"""What records tell at once: each record that is an incident and has a rule, as a finding.

What is an incident, and in which words, is said once for everybody (`views/incidents.py`); here is only which rule tells of which.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.alerting.book import Finding
from holdfast.alerting.takers import is_alive_here
from holdfast.config.alerts import AlertsConfig
from holdfast.core.messages import Envelope, OrderFailed, OrderNotSent, OrderRejected, OrderReleased
from holdfast.core.milestones import EngineStarted, EngineStopped
from holdfast.core.types import SECOND_NS
from holdfast.journal.lists import ListReader
from holdfast.views.incidents import KINDS
from holdfast.views.wording import sentence

LASTING = ("late_protection", "failed_protection", "blocked_exit", "position_left", "lost_order", "external_order")
"""Rules whose alerts begin with a record, and end when the account's state shows it no more (`conditions.py`)."""


def _position(body: Any) -> str:
    return f"{body.strategy} {body.symbol}"


def _order(body: Any) -> str:
    return str(body.client_order_id)


BY_KIND: dict[str, tuple[str, Callable[[Any], str]]] = {
    "late protection": ("late_protection", _position),
    "failed protection": ("failed_protection", _position),
    "blocked exit": ("blocked_exit", _position),
    "position left": ("position_left", _position),
    "lost order": ("lost_order", _order),
    "external order": ("external_order", _order),
    "undone execution": ("undone_fill", _order),
    "anomaly": ("anomaly", _order),
}
"""By the kind of an incident the rule, and what is the alert's subject. Other kinds last, and are told of by `conditions.py`."""
COUNTED = (OrderReleased, OrderRejected, OrderNotSent, OrderFailed)
MOST_COUNTED = 5_000
"""So many of those records are remembered at most: what is counted are tens."""
FEWEST = 10
"""A rate of rejections of fewer orders says nothing."""


class Events:
    """What one account's records tell. It is handed them in order."""

    def __init__(self, account: str, alerts: AlertsConfig) -> None:
        self._account, self._alerts = account, alerts
        self._runs = ""
        self._counted: deque[tuple[int, type]] = deque(maxlen=MOST_COUNTED)

    def take(self, alerts: AlertsConfig) -> None:
        """Go by another section from the next record on."""
        self._alerts = alerts

    def restore(self, reader: ListReader, sequence: int) -> None:
        """Be as after the records up to ``sequence``."""
        names = EngineStarted.__name__, EngineStopped.__name__
        last = reader.last_records(self._account, 1, *names, before=sequence + 1)
        body = last[0].body if last else None
        self._runs = body.process if isinstance(body, EngineStarted) else ""
        counted = [kind.__name__ for kind in COUNTED]
        past = reader.last_records(self._account, MOST_COUNTED, *counted, before=sequence + 1)
        self._counted.clear()
        self._counted.extend((record.time_ns, type(record.body)) for record in reversed(past))

    def of(self, record: Envelope) -> Iterator[Finding]:
        """What a record tells."""
        body = record.body
        if isinstance(body, EngineStarted):
            if self._runs:
                yield self._taken(record, self._runs, body)
            self._runs = body.process
        elif isinstance(body, EngineStopped):
            self._runs = ""
        elif type(body) in KINDS:
            kind, counts = KINDS[type(body)]
            if kind in BY_KIND and counts(body):
                rule, subject = BY_KIND[kind]
                yield Finding(rule, self._account, subject(body), str(sentence(record)), rule in LASTING)
        if isinstance(body, COUNTED):
            self._counted.append((record.time_ns, type(body)))

    def _taken(self, record: Envelope, before: str, now: EngineStarted) -> Finding:
        subject = f"record {record.sequence}"
        if is_alive_here(before) and before != now.process:
            text = f"{now.process} has taken {self._account} from {before}, which still runs and sends nothing more; end it"
            return Finding("engine_fenced", self._account, subject, text, lasts=False)
        text = f"{before} had ended without a word; {now.process} goes on from its journal"
        return Finding("engine_restarted", self._account, subject, text, lasts=False)

    def counts(self, now_ns: int) -> Iterator[Finding]:
        """What is too many, at a time of the account's own."""
        rule = self._alerts.rule("failed_orders")
        failed = self._since(now_ns, rule.window_s, OrderRejected, OrderNotSent, OrderFailed)
        if rule.limit is not None and failed >= rule.limit:
            text = f"{failed} orders of {self._account} have ended without having worked; `holdfast orders` says why each did"
            yield Finding("failed_orders", self._account, "", text)
        rule = self._alerts.rule("rejections")
        released = self._since(now_ns, rule.window_s, OrderReleased)
        rejected = self._since(now_ns, rule.window_s, OrderRejected)
        if rule.limit is not None and released >= FEWEST and rejected * 100 >= rule.limit * released:
            text = f"the broker has refused {rejected} of the last {released} orders of {self._account}"
            yield Finding("rejections", self._account, "", text)

    def _since(self, now_ns: int, window_s: float | None, *kinds: type) -> int:
        first_ns = now_ns - int((window_s or 0) * SECOND_NS)
        return sum(1 for time_ns, kind in self._counted if time_ns >= first_ns and kind in kinds)
