"""What an engine serves to Prometheus, and when it begins to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from holdfast.core.session.account import AccountState
from holdfast.core.state import EngineState
from holdfast.errors import Refused
from holdfast.journal.writer import Journal
from holdfast.runtime.standby import Waiting
from holdfast.telemetry.exporter import Exporter, Gauges

if TYPE_CHECKING:
    from holdfast.runtime.compose import Engine

Serve = Callable[["Engine"], str | None]
"""Shows an engine's metrics; gives the address back, or None where nothing is served."""


@contextmanager
def serving(listen: str | None, waits: Waiting) -> Iterator[Serve]:
    """Listen at ``listen`` before anything of the engine is taken, so that an address in use stops a start that has done nothing.

    A standby begins when it has the accounts: the engine that it stands by for may serve at the same address until then, and
    where it still does the standby trades without. Raises :class:`~holdfast.errors.Refused`.
    """
    if listen is None:
        yield lambda _engine: None
        return
    with ExitStack() as stack:

        def opened() -> Exporter:
            exporter = Exporter(listen)
            stack.callback(exporter.close)
            return exporter

        early = None if waits.stands_by else opened()

        def serve(engine: "Engine") -> str | None:
            try:
                exporter = early or opened()
            except Refused as error:
                waits.tell(str(error))
                return None
            _show(exporter, engine)
            return exporter.url

        yield serve


def _show(exporter: Exporter, engine: "Engine") -> None:
    exporter.add(engine.journal.database.metrics.registry)
    for account in engine.accounts:
        state = account.state
        labels = {"account": state.account, "broker": str(state.broker)}
        exporter.add(Gauges(partial(_gauges, state, engine.journal)), **labels)
        metrics = engine.metrics.get(state.account)
        if metrics is not None:
            exporter.add(metrics.registry, **labels)


def _gauges(state: EngineState, journal: Journal) -> dict[str, float]:
    return {
        "holdfast_epoch": state.epoch,
        "holdfast_records": state.sequence,
        "holdfast_records_durable": journal.watermark(state.account),
        "holdfast_open_orders": len(state.orders.live),
        "holdfast_takes_risk": float(AccountState(state.account_state).takes_risk),
        "holdfast_market_time_seconds": state.now_ns / 1e9,
    }
