"""Whether accounts and strategies are those that they are taken for. What may be another is refused before anything is sent.

An account taken anew has its holdings booked under ``external``, and its strategies begin flat; so does a strategy under a new name. If the
journal, or another one, has the same holdings under another name, everything would be bought a second time.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from holdfast.brokers.port import BrokerAccount, BrokerOrder
from holdfast.config import AccountConfig, Config
from holdfast.core.messages import PAPER
from holdfast.core.milestones import EngineStarted, EngineStopped, StrategyStarted, StrategyStopped
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.state import EngineState
from holdfast.core.types import MANUAL, plain
from holdfast.errors import Refused
from holdfast.journal.holder import WATCHDOG
from holdfast.journal.reader import AccountRow, Reader

OF_HOLDFAST = re.compile("h[0-9a-z]{17}")
"""What `Ids.order` makes, for whichever account."""


class Beginning(msgspec.Struct, frozen=True):
    """What a person says begins here, though it looks like something else under another name.

    ``new_journal``: an account that Holdfast has traded before, with another journal, or a paper account beside one that is not
    configured any more. ``new_strategies``: strategies that trade what one holds that is not configured any more, or that
    begin on another account.
    """

    new_journal: bool = False
    new_strategies: frozenset[str] = frozenset()


class Bindings(Protocol):
    """What is recorded of other accounts (`journal/reader.py`)."""

    def others_bound_to(self, account: str, broker_account_id: str) -> Sequence[tuple[str, int]]:
        """The other accounts that are the broker's account of that id, each with the time of its last record."""


def check_identity(
    state: EngineState,
    at_broker: BrokerAccount,
    latest: Sequence[BrokerOrder],
    recorded: Bindings,
    *,
    new_journal: bool,
) -> None:
    """Raise Refused unless the account is the broker's, the journal its latest, and no other name has it.

    ``latest`` are the broker's latest orders. ``new_journal``: a person has said that an account of which nothing is recorded
    begins here, though it was traded by Holdfast before.
    """
    name, bound = state.account, state.broker_account_id
    if bound not in ("", at_broker.account_id):
        raise Refused(
            f"account {name} is bound to the broker's account {bound}, and these keys are for "
            f"{at_broker.account_id}: use the right keys, or another account name and journal"
        )
    for other, last_ns in recorded.others_bound_to(name, at_broker.account_id):
        if not bound or last_ns > state.now_ns:
            raise Refused(
                f"the broker's account {at_broker.account_id} is account {other} in this journal, which has its orders and positions; "
                f"as {name} everything would be bought again. Name it {other} in the configuration, or rename it in the journal: "
                f"holdfast rename-account {other} {name}"
            )
    _check_is_latest(state, latest)
    ours = [order.client_order_id for order in latest if OF_HOLDFAST.fullmatch(order.client_order_id)]
    if not bound and ours and not new_journal:
        raise Refused(
            f"nothing is recorded of account {name} here, and the broker's account {at_broker.account_id} has orders of Holdfast "
            f"({ours[0]} and {len(ours) - 1} more): another journal has its positions. Use that journal; if it is lost, or it "
            "belongs to the past, begin anew with `holdfast run --new-journal`, which takes what is held as nobody's"
        )


def _check_is_latest(state: EngineState, latest: Sequence[BrokerOrder]) -> None:
    """No order of this account's name may be one that its journal doesn't know."""
    strange = [
        order.client_order_id
        for order in latest
        if OF_HOLDFAST.fullmatch(order.client_order_id)
        and order.client_order_id.startswith(state.ids.prefix)
        and state.ids.counter_of(order.client_order_id) > state.order_count
    ]
    if strange:
        raise Refused(
            f"the broker knows orders of account {state.account} that this journal doesn't ({strange[0]} and "
            f"{len(strange) - 1} more): it is not the latest journal of this account. Use that one; if it is lost, close what is "
            "held, give the account another name, whose orders get other ids, and begin anew with `holdfast run --new-journal`"
        )


def check_names(config: Config, reader: Reader, beginning: Beginning) -> None:
    """Raise Refused for an account or a strategy that may be one that the journal has under another name, or in another place."""
    for account in config.accounts:
        is_new = reader.last_record(account.name) is None
        if is_new and beginning.new_journal:
            continue  # it is another one, and so are its strategies
        if is_new and account.broker == PAPER:
            _check_paper_account(config, account, reader)
        _check_strategies(config, account.name, reader, beginning.new_strategies)
        _check_moved(config, account.name, reader, beginning.new_strategies)


def _check_paper_account(config: Config, account: AccountConfig, reader: Reader) -> None:
    """Raise Refused for a paper account of which nothing is recorded, while one that isn't configured any more has what it would trade."""
    mine = config.strategies_on(account.name)
    traded = {symbol for row in mine for symbol in row.symbols}
    for other in _idle_accounts(config, reader):
        if other.broker != PAPER:
            continue
        held = next((text for _, symbol, text in _held_on(other.account, reader) if symbol in traded), None)
        if held is not None:
            raise Refused(
                f"nothing is recorded of paper account {account.name}, and account {other.account} of this journal, which is not in the "
                f"configuration any more, has {held}. If {account.name} is {other.account} under a new name, it would begin anew with "
                f"{plain(account.deposit)}: rename it in the journal with `holdfast rename-account {other.account} {account.name}`. If it is "
                "another one, keep both: start once with `holdfast run --new-journal`"
            )


def _check_moved(config: Config, account: str, reader: Reader, accepted: frozenset[str]) -> None:
    """Raise Refused for a strategy that has something on another account, and wasn't on this one when that was last traded."""
    mine = {str(row.id) for row in config.strategies_on(account)} - accepted
    ours = {row.name for row in config.accounts}
    left = sorted({*(ours - {account}), *(row.account for row in _idle_accounts(config, reader))})
    for other in left if mine else ():
        there = {row.id for row in config.strategies_on(other)}  # is looked after there still
        for strategy, _, text in _held_on(other, reader):
            if strategy not in mine - there or _was_here(account, strategy, reader):
                continue
            is_renamed = other not in ours and reader.last_record(account) is None
            rename = (
                f"If {account} is {other} under a new name: `holdfast rename-account {other} {account}`. "
                if is_renamed
                else ""
            )
            raise Refused(
                f"strategy {strategy} is on account {account} now, and it still has {text} on account {other}: on {account} it would begin "
                f"flat, and nobody would trade what it has there. {rename}Put it back on {other} and close that first; or start once with "
                f"`holdfast run --new-strategy {strategy}`, and what it has on {other} stays there"
            )


def _idle_accounts(config: Config, reader: Reader) -> list[AccountRow]:
    """The journal's accounts that aren't in the configuration and that no engine on this machine has: one that has is another's."""
    ours = {account.name for account in config.accounts}
    return [row for row in reader.accounts() if row.account not in ours and not reader.is_running(row.account)]


def _held_on(account: str, reader: Reader) -> Iterator[tuple[str, str, str]]:
    """What the strategies of an account hold, and their live orders: strategy, symbol, and both in words."""
    for row in reader.positions(account):
        if row.strategy and row.quantity:
            yield row.strategy, row.symbol, f"{plain(row.quantity)} {row.symbol}"
    for order in reader.orders(account, live_only=True):
        yield order.strategy, order.symbol, f"an open order for {order.symbol}"


def _was_here(account: str, strategy: str, reader: Reader) -> bool:
    """Whether the strategy was on the account in its last run; a watchdog's doesn't count."""
    is_absent = False
    for body in reader.newest_of(account, EngineStarted, EngineStopped, StrategyStarted, StrategyStopped):
        if isinstance(body, StrategyStopped) and body.strategy == strategy:
            return True  # it is not started again before a stop in order
        if isinstance(body, StrategyStarted) and body.strategy == strategy:
            return not is_absent
        if isinstance(body, EngineStopped) and is_absent:
            return False
        if isinstance(body, EngineStarted) and not body.process.startswith(WATCHDOG):
            is_absent = True
    return False


def _check_strategies(config: Config, account: str, reader: Reader, accepted: frozenset[str]) -> None:
    """Raise Refused for a strategy that is new to the account and trades what another holds that is configured no more.

    It is either that other one under a new name, or not (``accepted``), and only a person knows.
    """
    rows = [row for row in reader.positions(account) if row.strategy]
    known = {row.strategy for row in rows}
    configured = config.strategies_on(account)
    ours = {str(row.id) for row in configured} | {EXTERNAL, MANUAL}
    left = {
        row.symbol: (row.strategy, plain(row.quantity)) for row in rows if row.quantity and row.strategy not in ours
    }
    for order in reader.orders(account, live_only=True) if left.keys() or known - ours else ():
        if order.strategy not in ours and order.parent is None:
            left.setdefault(order.symbol, (order.strategy, "an order for"))
    for strategy in configured:
        shared = next((symbol for symbol in strategy.symbols if symbol in left), None)
        if shared is None or strategy.id in known or strategy.id in accepted:
            continue
        holder, holds = left[shared]
        raise Refused(
            f"account {account}: strategy {holder} has {holds} {shared} and is not in the configuration any more, and {strategy.id}, "
            f"which has traded nothing yet, trades {shared}. If it is {holder} under a new name, it would begin flat: call it {holder} "
            f"again, or rename it in the journal: holdfast rename-strategy {holder} {strategy.id}. If it is another one, start once with `holdfast run --new-strategy {strategy.id}`; "
            f"what {holder} holds stays, with its exits"
        )
