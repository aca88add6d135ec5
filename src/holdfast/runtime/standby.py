"""Taking the accounts of a configuration, all of them or none, and waiting for those that another engine has."""

import time
from collections.abc import Callable, Sequence

import msgspec
import structlog

from holdfast.config import AccountConfig, Config
from holdfast.errors import JournalError, StaleEpoch
from holdfast.journal.holder import Life
from holdfast.journal.lease import Lease, LeaseTerm, Watch
from holdfast.journal.writer import Journal

LOOKS_A_LEASE = 50
"""How often somebody who waits looks at the journal in the time of his own lease."""
LONGEST_PAUSE_S = 0.5

log = structlog.get_logger(__name__)


def say_nothing(_text: str) -> None:
    """For who doesn't want to hear."""


class Waiting(msgspec.Struct, frozen=True):
    """What to do while another engine has an account.

    A standby waits for as long as it takes. Everybody else waits only for an engine that may be gone, without a sign of life
    and without proof, until its lease is over. ``tell`` is told, in a sentence, what is waited for.
    """

    stands_by: bool = False
    tell: Callable[[str], None] = say_nothing


def take_accounts(journal: Journal, config: Config, process: str, waiting: Waiting) -> list[LeaseTerm]:
    """The configuration's accounts, in its order.

    Raises :class:`~holdfast.errors.Refused` when another engine has one and this one is no standby, and when one belongs to
    another broker; JournalError when the journal can't be read, which a standby sits out.
    """
    return _Taker(journal, config, process, waiting).take()


class _Taker:
    def __init__(self, journal: Journal, config: Config, process: str, waiting: Waiting) -> None:
        self._journal = journal
        self._accounts = config.accounts
        self._process = process
        self._waiting = waiting
        self._lease = Lease(config.lease.duration_s, config.lease.margin_s)
        self._watches = [journal.watch(account.name) for account in config.accounts]
        self._told = ""

    def take(self) -> list[LeaseTerm]:
        while True:
            try:
                blocked = self._look()
                if not blocked:
                    return self._take_all()
                self._wait_for(blocked)
            except StaleEpoch:
                log.info("another engine was quicker", accounts=[account.name for account in self._accounts])
            except JournalError as error:
                if not self._waiting.stands_by:
                    raise
                self._tell(f"standing by, though the journal can't be read now: {error}")
            time.sleep(min(self._lease.duration_s / LOOKS_A_LEASE, LONGEST_PAUSE_S))

    def _look(self) -> list[Watch]:
        for watch in self._watches:
            self._journal.look(watch)
        return [watch for watch in self._watches if watch.rest_s > 0]

    def _take_all(self) -> list[LeaseTerm]:
        lease_terms: list[LeaseTerm] = []
        try:
            for account, watch in zip(self._accounts, self._watches, strict=True):
                lease_terms.append(self._take(account, watch))
        except BaseException:
            for lease_term in lease_terms:
                self._journal.let_go(lease_term.account)
            raise
        return lease_terms

    def _take(self, account: AccountConfig, watch: Watch) -> LeaseTerm:
        return self._journal.take(account.name, account.broker, self._process, self._lease, watch)

    def _wait_for(self, blocked: Sequence[Watch]) -> None:
        watch = max(blocked, key=lambda each: each.rest_s)
        if self._waiting.stands_by:
            self._tell(f"standing by: account {watch.account} is traded by {watch.holder}")
            return
        if watch.holder is not None and watch.holder.is_watchdog:
            self._tell(f"account {watch.account} is guarded by a {watch.holder}; it is had when that gives it back")
            return
        for each in blocked:
            if each.life is Life.HERE or each.has_moved:
                raise self._journal.refusal(each)
        self._tell(
            f"account {watch.account} may still be traded by {watch.holder}, on another machine; "
            f"without a sign of life it is taken over in {watch.rest_s:.0f} s"
        )

    def _tell(self, text: str) -> None:
        """Say it once."""
        if text.partition(";")[0] != self._told:
            self._told = text.partition(";")[0]
            self._waiting.tell(text)
