"""Records in, spans out: finds each record's chain, sampled by trace, in memory that doesn't grow."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence

from holdfast.core.messages import Envelope
from holdfast.errors import HoldfastError
from holdfast.tracing.chain import COMMANDS, MAKE_SPANS, Chain
from holdfast.tracing.span import Span, is_sampled, trace_id

MOST_CHAINS = 1_000
"""Chains that are remembered; one that was forgotten is read from the journal again when it goes on."""

Load = Callable[[str, Collection[str], int], Iterable[Envelope]]
"""The records of an account's chains, by their correlation ids, before a sequence; in order."""

logger = logging.getLogger(__name__)


class Tracer:
    """Makes the spans of records that are handed over in order, account by account. ``share`` of the traces (0 to 1) are made.

    What a record's spans are depends on its chain alone: a tracer that begins in the middle makes the same.
    """

    def __init__(self, load: Load, share: float = 1.0, most: int = MOST_CHAINS) -> None:
        self._load, self._share, self._most = load, share, most
        self._chains: OrderedDict[tuple[str, str], Chain] = OrderedDict()

    def take(self, account: str, records: Sequence[Envelope]) -> list[Span]:
        """The spans that are complete with an account's next records. Raises what ``load`` raises, and has then taken none."""
        wanted = [record for record in records if self._is_wanted(record)]
        recalled = self._recall(account, wanted)
        spans: list[Span] = []
        for record in wanted:
            chain = self._chain(record, begins=_begins(record) or record.correlation_id in recalled)
            if chain is not None:
                spans += self._safely(chain, record)
        while len(self._chains) > self._most:
            self._chains.popitem(last=False)
        return spans

    def forget(self) -> None:
        """Know of no chain any more: they are read again where they go on."""
        self._chains.clear()

    def _is_wanted(self, record: Envelope) -> bool:
        return is_sampled(trace_id(record.account, record.correlation_id), self._share)

    def _chain(self, record: Envelope, *, begins: bool) -> Chain | None:
        """The chain of a record; None where nothing is known of it, as nothing came of it yet."""
        key = record.account, record.correlation_id
        chain = self._chains.get(key)
        if chain is not None:
            self._chains.move_to_end(key)
        elif begins:
            chain = self._chains[key] = Chain(record)
        return chain

    def _recall(self, account: str, records: Sequence[Envelope]) -> set[str]:
        """Read the beginnings of the chains that go on here and are not remembered; which those are."""
        begun: set[str] = set()
        missing: set[str] = set()
        for record in records:
            known = record.correlation_id
            if _begins(record):
                begun.add(known)
            elif known not in begun and (account, known) not in self._chains and type(record.body) in MAKE_SPANS:
                missing.add(known)
        if missing:
            for record in self._load(account, missing, records[0].sequence):
                chain = self._chain(record, begins=True)
                if chain is not None:
                    self._safely(chain, record)
        return missing

    def _safely(self, chain: Chain, record: Envelope) -> list[Span]:
        """A record that doesn't fit its chain costs its own spans and nothing else."""
        try:
            return chain.take(record)
        except HoldfastError as fault:
            logger.warning("record %d of %s makes no span: %s", record.sequence, record.account, fault)
            return []


def _begins(record: Envelope) -> bool:
    """Whether a record is the first of its chain: its own id names it, or it is a command, which has been given one."""
    return record.id == record.correlation_id or isinstance(record.body, COMMANDS)
