"""From the journal to the collector, in a thread of its own: at its own speed, from where the collector has taken everything.

Nothing waits here but a page of records. While the collector is away the journal keeps what it is to get, so there is no queue
that could run over, and nobody who waits for it.
"""

import logging
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from holdfast.core.messages import Envelope
from holdfast.errors import HoldfastError, JournalCorrupt
from holdfast.journal.chain import GENESIS
from holdfast.journal.lists import ListReader
from holdfast.journal.reader import check_link, to_envelope
from holdfast.journal.tail import OpenReader
from holdfast.tracing.otlp import Collector, Verdict
from holdfast.tracing.places import Place, Places
from holdfast.tracing.span import Span
from holdfast.tracing.tracer import Tracer

BATCH = 512
"""Spans of one request: some 300 kB before they are packed."""
LOOK_S = 5.0
"""How often the journal is looked at though nobody says that there is something new."""
FIRST_S, LONGEST_S = 1.0, 60.0
"""The pause after a failure; doubled each time up to the longest."""

logger = logging.getLogger(__name__)


class _Later(HoldfastError):
    """The collector takes nothing now."""

    def __init__(self, text: str, wait_s: float) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class _Page(NamedTuple):
    """What is to be sent of an account before its place moves on to ``after``."""

    spans: list[Span]
    after: Place


class Sender:
    """Sends the traces of accounts. ``sent``, ``rejected`` and ``left_out`` count spans; ``trouble`` is why nothing is sent now, or empty.

    ``left_out`` are those of batches that the collector refused for good.
    """

    def __init__(self, journal_url: str, places: Places, collector: Collector, share: float) -> None:
        self._open = OpenReader(journal_url, lambda: ListReader.open(journal_url))
        self._places, self._collector = places, collector
        self._tracer = Tracer(self._load, share)
        self._at: dict[str, Place] = {}
        self._pages: dict[str, _Page] = {}
        self._damaged: set[str] = set()
        self._lock = threading.Lock()
        self._over, self._news = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self.sent = self.rejected = self.left_out = 0
        self.trouble = ""

    def begin(self, account: str, place: Place) -> None:
        """Send an account's traces, from where the collector was; a new account's from ``place``. Raises `TracingError`."""
        with self._lock:
            if account in self._at:
                return
            known = self._places.all().get(account)
            if known is None:
                self._places.put(account, place)
            self._at[account] = known or place
            if not self._thread.is_alive():
                self._thread.start()
        self.wake()

    def wake(self) -> None:
        """There is something new in the journal."""
        self._news.set()

    def close(self, timeout_s: float = 1.0) -> None:
        """Send no more. What is on its way is given a moment; what was not taken is sent by the next one."""
        self._over.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        with ExitStack() as at_end:
            at_end.callback(self._open.close)
            at_end.callback(self._places.close)
            at_end.callback(self._collector.close)
            failures = 0
            while not self._over.is_set():
                self._news.wait(LOOK_S)
                self._news.clear()
                wait_s = self._send_all()
                failures = failures + 1 if wait_s is not None else 0
                if wait_s is not None:
                    self._news.set()
                    self._over.wait(max(wait_s, min(LONGEST_S, FIRST_S * 2 ** min(failures - 1, 10))))

    def _send_all(self) -> float | None:
        """Send what there is. Gives back the pause that is asked for after a failure; None: all is sent."""
        try:
            while sum(self._send_whole(account) for account in list(self._at)) and not self._over.is_set():
                pass
            self._say("")
        except _Later as later:
            self._say(str(later))
            return later.wait_s
        except HoldfastError as fault:
            self._begin_anew(str(fault))
            return 0.0
        except Exception as fault:
            logger.exception("the sending of traces broke and is begun again")
            self._begin_anew(f"{type(fault).__name__}: {fault}")
            return 0.0
        return None

    def _begin_anew(self, why: str) -> None:
        """After a fault nothing in memory is trusted."""
        self._say(why)
        self._open.close()
        self._tracer.forget()
        self._pages.clear()

    def _say(self, trouble: str) -> None:
        if trouble and not self.trouble:
            logger.warning("traces are not sent for now, and nothing is lost: %s", trouble)
        elif self.trouble and not trouble:
            logger.info("traces are sent again")
        self.trouble = trouble

    def _send_whole(self, account: str) -> bool:
        """As `_send_page`; an account whose records don't prove themselves stops no other."""
        try:
            more = self._send_page(account)
        except JournalCorrupt as damage:
            if account not in self._damaged:
                logger.error("%s: its traces end before a record that can't be trusted: %s", account, damage)
            self._damaged.add(account)
            return False
        self._damaged.discard(account)
        return more

    def _send_page(self, account: str) -> bool:
        """Send the next records' spans. Returns whether there may be more at once."""
        page = self._pages.get(account) or self._next(account)
        if page is None:
            return False
        self._pages[account] = page
        while page.spans:
            self._send(page.spans[:BATCH])
            del page.spans[:BATCH]
        self._places.put(account, page.after)
        self._at[account] = page.after
        del self._pages[account]
        return True

    def _send(self, spans: Sequence[Span]) -> None:
        answer = self._collector.send(spans)
        if answer.verdict is Verdict.LATER:
            raise _Later(answer.text, answer.wait_s)
        if answer.verdict is Verdict.REFUSED:
            self.left_out += len(spans)
            logger.error("the collector refused %d spans for good: %s", len(spans), answer.text)
            return
        self.sent += len(spans) - answer.rejected
        self.rejected += answer.rejected
        if answer.rejected:
            logger.warning("the collector rejected %d of %d spans: %s", answer.rejected, len(spans), answer.text)

    def _next(self, account: str) -> _Page | None:
        reader = self._open.get()
        place = self._at[account]
        if place.sequence and reader.hash_of(account, place.sequence) != place.hash:
            self._pass_over(reader, account)
            return None
        records, last = _proven(reader, account, place)
        if not records:
            return None
        return _Page(self._tracer.take(account, records), Place(records[-1].sequence, last))

    def _pass_over(self, reader: ListReader, account: str) -> None:
        """Another journal is there than before (a backup was restored): go on from its end."""
        end = reader.end_of(account)
        logger.warning("%s: this is another journal than before; traces go on from its end", account)
        self._tracer.forget()
        self._at[account] = Place(0, "") if end is None else Place(*end)
        self._places.put(account, self._at[account])

    def _load(self, account: str, ids: Collection[str], before: int) -> Iterable[Envelope]:
        return self._open.get().of_chains(account, ids, before)


def _proven(reader: ListReader, account: str, place: Place) -> tuple[list[Envelope], str]:
    """The next records, as far as they prove themselves, and the hash of the last. Raises JournalCorrupt when the first doesn't."""
    records: list[Envelope] = []
    previous = place.hash if place.sequence else GENESIS
    for row in reader.page(account, place.sequence):
        try:
            previous = check_link(previous, place.sequence + len(records) + 1, row)
            records.append(to_envelope(row))
        except HoldfastError:
            if not records:
                raise
            break
    return records, previous
