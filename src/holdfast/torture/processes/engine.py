"""The engine under torture: its configuration, and what its journal tells of it while it lives and after it died."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from holdfast.core.messages import CancelOrders, CancelRefused, CancelReleased
from holdfast.core.milestones import Impaired, RecoveryCompleted, Restored
from holdfast.core.session.account import AccountState
from holdfast.errors import HoldfastError, JournalError
from holdfast.journal.commands import file_command
from holdfast.journal.reader import OrderRow, Reader
from holdfast.torture.processes.books import ACCOUNT, WITHOUT_ANSWER
from holdfast.torture.processes.broker import Broker
from holdfast.torture.processes.programs import Program
from holdfast.torture.processes.stores import Store

POLL_S = 0.02
"""How often the journal is looked at: a look takes half a millisecond."""
AT_REST = (AccountState.IDLE, AccountState.PENDING_ORDER)

TEMPLATE = f"""
{{sections}}
[live]
check_every_s = 0.3
reconcile_every_s = 0.3
[lease]
duration_s = 5.0
margin_s = 2.1
[supervisor]
interval_s = 0.3
lost_orders = "cancel"
[[accounts]]
name = "{ACCOUNT}"
broker = "{{broker}}"
risk = {{{{ leverage = 3, max_orders_per_minute = 100000, max_open_orders = 500 }}}}
{{account}}
[[strategies]]
id = "restless"
class = "holdfast.torture.processes.strategy:Busy"
account = "{ACCOUNT}"
symbols = {{symbols}}
params = {{{{ seed = {{seed}} }}}}
"""


def configure(folder: Path, broker: Broker, name: str, seed: int) -> None:
    """Write the configuration file for the broker called ``name``; the journal's URL, which may hold a password, comes by the environment."""
    box = broker.box
    text = TEMPLATE.format(
        sections=box.sections(broker.url),
        broker=name,
        account=box.account(),
        symbols=json.dumps(box.symbols),
        seed=seed,
    )
    (folder / "holdfast.toml").write_text(text)


def surroundings(store: Store, broker: Broker, extra: Mapping[str, str]) -> dict[str, str]:
    """The engine's environment."""
    return {"HOLDFAST_JOURNAL__URL": store.engine_url, **broker.witness.environment(), **extra}


class Watch:
    """One journal, looked at from outside. Opened when first needed; `let_go` leaves it, as a reader would keep its log alive."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._reader: Reader | None = None

    def reader(self) -> Reader:
        """The journal. Raises JournalError while there is none."""
        if self._reader is None:
            self._reader = Reader.open(self._url)
        return self._reader

    def let_go(self) -> None:
        """Close it."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def where(self) -> tuple[int, int]:
        """The account's epoch and last sequence; zeros while there is no such account."""
        with suppress(JournalError):
            for row in self.reader().accounts():
                if row.account == ACCOUNT:
                    return row.epoch, row.last_sequence
        return 0, 0

    def is_ready(self, since: int) -> bool:
        """Whether an engine has come through its recovery after record ``since``."""
        if self.where()[1] <= since:
            return False
        last = self.reader().last_record(ACCOUNT, RecoveryCompleted.__name__)
        return last is not None and last.sequence > since

    def is_at_rest(self) -> bool:
        """Whether every order is explained, nothing keeps the account from trading, and no command or cancel is under way."""
        row = self.reader().account(ACCOUNT)
        live = self.reader().orders(ACCOUNT, live_only=True)
        if row.state not in AT_REST or self.reader().unanswered(ACCOUNT):
            return False
        return not any(order.state in WITHOUT_ANSWER for order in live) and not self._is_canceling(live)

    def _is_canceling(self, live: Sequence[OrderRow]) -> bool:
        """Whether a cancel of one of these orders was sent, and nothing came of it yet."""
        asked: set[str] = set()
        for record in self.reader().records(ACCOUNT):
            if isinstance(record.body, CancelReleased):
                asked.add(record.body.client_order_id)
            elif isinstance(record.body, CancelRefused):
                asked.discard(record.body.client_order_id)
        return not asked.isdisjoint(order.client_order_id for order in live)

    def unrest(self) -> str:
        """What keeps it from rest, in words: the account's state, what it misses, and the orders without an answer."""
        missing: dict[str, str] = {}
        for record in self.reader().records(ACCOUNT):
            if isinstance(record.body, Impaired):
                missing[record.body.cause] = record.body.reason
            elif isinstance(record.body, Restored):
                missing.pop(record.body.cause, None)
        live = self.reader().orders(ACCOUNT, live_only=True)
        words = [f"the account is {self.reader().account(ACCOUNT).state}"]
        words += [f"missing {cause}: {reason}" for cause, reason in missing.items()]
        words += [f"order {order.client_order_id} is {order.state}" for order in live if order.state in WITHOUT_ANSWER]
        return "; ".join(words)

    def cancel_all(self) -> None:
        """Ask the engine to cancel every order."""
        with suppress(HoldfastError):
            file_command(self._url, ACCOUNT, CancelOrders(), "torture", None, time.time_ns())


def wait_until_ready(program: Program, watch: Watch, since: int, within_s: float) -> bool | None:
    """True when it is ready, False when it has ended, None when neither comes about."""
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s:
        if watch.is_ready(since):
            return True
        if program.ended(POLL_S) is not None:
            return False
    return None


def wait_for_records(program: Program, watch: Watch, sequence: int, within_s: float) -> bool:
    """Whether it has recorded up to ``sequence``, and lives."""
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s:
        if program.ended(POLL_S) is not None:
            return False
        if watch.where()[1] >= sequence:
            return True
    return program.ended() is None
