"""Cash and positions beside the broker's: a difference is told when it stays, with its cause, and a person may accept it."""

from collections.abc import Sequence

import msgspec

from holdfast.brokers.port import BrokerAccount
from holdfast.core.adjustments import BrokerActivity
from holdfast.core.findings import Comparison, ExternalExecution
from holdfast.core.portfolio.compare import CENT, Compared, compare
from holdfast.core.types import Money, plain
from holdfast.runtime.live.health import Cause
from holdfast.runtime.live.surroundings import Surroundings

PASSES_S = 15.0
"""For how long executions that are about to be booked excuse a difference: they are booked within ten seconds, or something that only
a person can explain (`holdfast resolve`) stands in their way."""


CASH_DIFFERS = "cash: "


class Books:
    """Compares what the broker's answers say with the books, at moments at which no order is unresolved."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._seen: tuple[str, ...] = ()
        self._told: tuple[str, ...] = ()
        self._seen_count = -1
        self._since_s = 0.0

    @property
    def seen(self) -> tuple[str, ...]:
        """Where they differed when they were last compared, in words; nothing where they agreed."""
        return self._seen

    @property
    def is_judged(self) -> bool:
        """Whether it is known how the books and the broker compare."""
        return not self._seen or Cause.BOOKS in self._around.monitor.missing

    def compare(self, account: BrokerAccount, external_executions: Sequence[ExternalExecution] = ()) -> bool:
        """A difference counts when it is seen twice and nothing was recorded in between. Whether this has been seen so.

        It costs the account its freedom, unless executions that are about to be booked (``external_executions``) are all of it, and that
        doesn't last.
        """
        around = self._around
        comparison = self._comparison(account, external_executions)
        found = compare(around.state.portfolio, around.state.orders.live.values(), comparison)
        before, now = self._seen, differences(around.state.portfolio.cash, account.cash, found)
        unchanged = self._seen_count == around.executions.count
        if now != before:
            self._since_s = around.clock.monotonic_s()
        self._seen, self._seen_count = now, around.executions.count
        is_sure = not now or (now == before and unchanged)
        self._tell(
            now, is_sure=is_sure and not (found.passes and around.clock.monotonic_s() - self._since_s < PASSES_S)
        )
        gaps = {line.symbol: line.gap for line in found.lines if not line.agrees}
        if is_sure and (now != self._told or gaps != around.state.gaps):
            self._told = now
            self._deliver(comparison)
        return is_sure

    def _tell(self, differ: Sequence[str], *, is_sure: bool) -> None:
        """Say what differs, positions by themselves as well: a difference in cash alone is no reason to close anything."""
        monitor = self._around.monitor
        symbols = [text.partition(":")[0] for text in differ if not text.startswith(CASH_DIFFERS)]
        for cause, reason in ((Cause.BOOKS, "; ".join(differ)), (Cause.POSITIONS, ", ".join(symbols))):
            if not reason:
                monitor.set(cause, ok=True, reason="they agree with the broker's")
            elif is_sure:
                monitor.set(cause, ok=False, reason=reason)

    def record(
        self,
        account: BrokerAccount,
        external_executions: Sequence[ExternalExecution] = (),
        *,
        accept: bool = False,
        reason: str = "",
        activities: Sequence[BrokerActivity] = (),
    ) -> None:
        """Record how things compare; with ``accept`` the books become what the broker has, ``activities`` of its own with it."""
        comparison = self._comparison(account, external_executions, accept=accept, reason=reason)
        self._deliver(msgspec.structs.replace(comparison, activities=tuple(activities)))
        if accept:
            self._seen = self._told = ()
            for cause in (Cause.BOOKS, Cause.POSITIONS):
                self._around.monitor.set(cause, ok=True, reason="a person has accepted what the broker has")

    def _comparison(
        self,
        account: BrokerAccount,
        external_executions: Sequence[ExternalExecution],
        *,
        accept: bool = False,
        reason: str = "",
    ) -> Comparison:
        positions = tuple((row.symbol, row.quantity, row.average_price) for row in account.positions)
        now_ns = self._around.clock.now_ns()
        return Comparison(now_ns, account.cash, positions, accept, reason, tuple(external_executions))

    def _deliver(self, comparison: Comparison) -> None:
        self._around.account.inbox.append(comparison)
        self._around.deliver(())


def differences(cash: Money, broker_cash: Money, compared: Compared) -> tuple[str, ...]:
    """Where the two differ, in words with the figures and the cause."""
    found = [
        f"{line.symbol}: {plain(line.ours)} in the books, {plain(line.theirs)} there ({line.cause})"
        for line in compared.lines
        if not line.agrees
    ]
    if abs(cash - broker_cash) >= CENT:
        found.append(f"{CASH_DIFFERS}{plain(cash)} in the books, {plain(broker_cash)} there ({compared.cause})")
    return tuple(found)
