"""The observer's metrics: of several with one address, on one machine, those of the one whose turn it is. One that doesn't work has none to show."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import structlog

from holdfast.errors import Refused
from holdfast.telemetry.exporter import Exporter, parse_address

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

TRIES_S = 2.0
"""How often it is tried to have the address."""
OLD_S = 30.0
"""One that hasn't worked for so long works no more: another does, or it hangs, and what it would show is old."""
LEFT_TRIES = 5
"""So many tries it leaves the address alone then: whoever works meanwhile takes it."""

log = structlog.get_logger(__name__)


class Served:
    """Serves ``collectors`` at an address. `works` is to be called again and again by whoever works; start it.

    Raises :class:`~holdfast.errors.InvalidValue` for what is no address.
    """

    def __init__(
        self, listen: str, collectors: Sequence["Collector"], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        parse_address(listen)
        self._listen, self._collectors, self._clock_s = listen, collectors, clock_s
        self._worked_s: float | None = None
        self._exporter: Exporter | None = None
        self._was_refused = self._worked = False
        self._left = 0

    def start(self) -> None:
        """Look at it in a thread, as long as the process lives."""
        threading.Thread(target=self._run, name="metrics-served", daemon=True).start()

    def works(self) -> None:
        """This observer works now."""
        self._worked_s = self._clock_s()

    @property
    def _works(self) -> bool:
        worked_s = self._worked_s
        return worked_s is not None and self._clock_s() - worked_s < OLD_S

    def look(self) -> str | None:
        """Have the address if it is free, or let it go. Returns where it serves; None where it doesn't."""
        worked, self._worked = self._worked, self._works
        if worked and not self._worked:
            self.close()
            self._left = LEFT_TRIES
        elif self._left and not self._worked:
            self._left -= 1
        elif self._exporter is None:
            self._exporter = self._opened()
        return None if self._exporter is None else self._exporter.url

    def collect(self) -> "Iterator[Metric]":
        """What there is to show."""
        if self._works:
            for collector in self._collectors:
                yield from collector.collect()

    def close(self) -> None:
        """Let the address go."""
        if self._exporter is not None:
            self._exporter.close()
            self._exporter = None

    def _run(self) -> None:
        while True:
            self.look()
            time.sleep(TRIES_S)

    def _opened(self) -> Exporter | None:
        try:
            exporter = Exporter(self._listen)
        except Refused as error:
            if not self._was_refused:
                log.warning("the observer's metrics aren't served until the address is free", reason=str(error))
            self._was_refused = True
            return None
        if self._was_refused:
            log.info("the observer's metrics are served", at=exporter.url)
        self._was_refused = False
        exporter.add(self)
        return exporter
