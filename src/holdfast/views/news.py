"""What happened that people should hear of, from the journal: the records that are news, with how loud they are.

What is wrong now, and who was told of it, are alerts (`holdfast.alerting`).
"""

import msgspec

from holdfast.core.messages import Envelope
from holdfast.core.milestones import AccountStateChanged
from holdfast.core.session.account import AccountState
from holdfast.journal.reader import Reader
from holdfast.views.wording import Sentence, Tone, news_types, sentence

CRITICAL, WARNING, INFO = "critical", "warning", "info"
_LEVELS = {
    Tone.ALARM: CRITICAL,
    Tone.BAD: CRITICAL,
    Tone.NOTICE: WARNING,
    Tone.WARNING: WARNING,
}
_LOUD_STATES = {AccountState.HALTED: CRITICAL, AccountState.PRESERVATION: WARNING}
MOST = 5_000
"""How many are read at once."""


class NewsView(msgspec.Struct, frozen=True):
    """Something that happened."""

    account: str
    """Of which account."""
    sequence: int
    """The record that tells it."""
    time_ns: int
    """When, in nanoseconds since 1970."""
    level: str
    """``critical``: somebody has to act; ``warning``; ``info``."""
    type: str
    """The record's type."""
    text: str
    """What it says."""


def news(reader: Reader, account: str, *, limit: int = 500, before: int | None = None) -> list[NewsView]:
    """The account's news, the newest first: those before a record, if one is named."""
    kinds = (*news_types(), AccountStateChanged.__name__)
    found: list[NewsView] = []
    while len(found) < limit:
        records = reader.last_records(account, min(limit, MOST), *kinds, before=before)
        found += [one for record in records if (one := _news(record)) is not None]
        if len(records) < min(limit, MOST):
            break
        before = records[-1].sequence
    return found[:limit]


def _news(record: Envelope) -> NewsView | None:
    said = sentence(record)
    level = _level(said)
    if isinstance(record.body, AccountStateChanged):
        if record.body.new not in _LOUD_STATES:
            return None
        level = _LOUD_STATES[record.body.new]
    return NewsView(record.account, record.sequence, record.time_ns, level, record.type, str(said))


def _level(said: Sentence) -> str:
    """The loudest of its parts; a fill is no alarm because it is a sale."""
    levels = [_LEVELS[part.tone] for part in said if part.tone in _LEVELS]
    first = said[0].text.strip() if said else ""
    if first in ("BUY", "SELL"):
        return INFO
    return CRITICAL if CRITICAL in levels else WARNING if WARNING in levels else INFO
