"""The way from a tick to a profit: of each stage the last event, by account, with the broker that it belongs to."""

from enum import StrEnum

import msgspec

from holdfast.core.messages import (
    Bar,
    OrderAdopted,
    OrderFilled,
    OrderPrepared,
    PnlSnapshot,
    PositionAdopted,
    PositionChanged,
    Quote,
    RiskApproved,
    RiskRefused,
    Signal,
    Trade,
)
from holdfast.journal.reader import Reader
from holdfast.views.wording import sentence


class Stage(StrEnum):
    """A step on the way, in its order."""

    TICK = "tick"
    SIGNAL = "signal"
    RISK = "risk decision"
    ORDER = "order"
    FILL = "fill"
    PORTFOLIO = "portfolio"
    PNL = "pnl snapshot"


RECORDS: dict[Stage, tuple[type, ...]] = {
    Stage.TICK: (Bar, Quote, Trade),
    Stage.SIGNAL: (Signal,),
    Stage.RISK: (RiskApproved, RiskRefused),
    Stage.ORDER: (OrderPrepared, OrderAdopted),
    Stage.FILL: (OrderFilled,),
    Stage.PORTFOLIO: (PositionChanged, PositionAdopted),
    Stage.PNL: (PnlSnapshot,),
}
"""What is recorded at each stage. Of ticks those are recorded that made a strategy ask for something."""


class StageEvent(msgspec.Struct, frozen=True):
    """The last event of a stage."""

    account: str
    """Whose it is."""
    broker: str
    """Where the account trades, as the event itself says."""
    stage: Stage
    """Which step it is of."""
    time_ns: int
    """When it happened, in nanoseconds since 1970."""
    sequence: int
    """The number of its record in the account's journal."""
    type: str
    """The type of its record."""
    text: str
    """What happened, as a sentence."""


def pipeline(reader: Reader, account: str | None = None) -> list[StageEvent]:
    """The last event of each stage of one account or of all; a stage that has none yet is left out."""
    names = [row.account for row in reader.accounts() if account in (None, row.account)]
    return [event for name in names for stage in Stage if (event := _last(reader, name, stage)) is not None]


def _last(reader: Reader, account: str, stage: Stage) -> StageEvent | None:
    found = reader.last_records(account, 1, *(kind.__name__ for kind in RECORDS[stage]))
    if not found:
        return None
    (record,) = found
    text = " ".join(str(sentence(record)).split())
    return StageEvent(account, record.broker, stage, record.time_ns, record.sequence, record.type, text)
