"""Whether accounts and strategies are those that they are taken for. What may be another is refused before anything is sent.

An account taken anew has its holdings booked under ``external``, and its strategies begin flat; so does a strategy under a new name. If the
journal, or another one, has the same holdings under another name, everything would be bought a second time.
"""

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from holdfast.brokers.port import BrokerAccount, BrokerOrder
from holdfast.config import Config
from holdfast.core.portfolio.portfolio import EXTERNAL
from holdfast.core.state import EngineState
from holdfast.core.types import MANUAL, plain
from holdfast.errors import Refused
from holdfast.journal.reader import Reader

OF_HOLDFAST = re.compile("h[0-9a-z]{17}")
"""What `Ids.order` makes, for whichever account."""


class Beginning(msgspec.Struct, frozen=True):
    """What a person says begins here, though it looks like something else under another name.

    ``new_journal``: an account that Holdfast has traded before, with another journal. ``new_strategies``: strategies that trade
    what one holds that is not configured any more.
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


def check_strategies(config: Config, account: str, reader: Reader, accepted: frozenset[str]) -> None:
    """Raise Refused for a strategy that is new to the account and trades what another holds that is configured no more.

    It is either that other one under a new name, or not (``accepted``), and only a person knows.
    """
    rows = [row for row in reader.positions(account) if row.strategy]
    known = {row.strategy for row in rows}
    configured = [row for row in config.strategies if row.account == account]
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
