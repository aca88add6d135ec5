"""Which journal goes on in the data it was on, and which takes them as another feed's."""

from pathlib import Path

import msgspec
import pytest

from holdfast.core.messages import Envelope
from holdfast.core.milestones import FeedOpened
from holdfast.core.types import MINUTE_NS
from holdfast.feeds.files import FileFeed
from holdfast.runtime.recovery import same_feed_since
from tests.scenario.account import Account

BEFORE = {"kind": "file", "name": "bars.csv"}
"""What such a record said when events were counted one by one, but for the fingerprint."""


def feed(folder: Path, *symbols: str) -> FileFeed:
    rows = [f"{symbol},2024-01-02T14:3{n}:00Z,1,1,1,1,1" for n in range(3) for symbol in symbols]
    (folder / "bars.csv").write_text("\n".join(["symbol,ts,open,high,low,close,volume", *rows]))
    return FileFeed(folder / "bars.csv", bar_ns=MINUTE_NS)


def opened(data: FileFeed, **more: object) -> Envelope:
    body = msgspec.convert({**BEFORE, "fingerprint": data.fingerprint(), **more}, FeedOpened)
    return msgspec.structs.replace(Account().records[0], sequence=7, body=body)


@pytest.mark.parametrize(
    ("symbols", "more", "since"),
    [
        (("A", "B"), {"by_instant": True}, 7),
        (("A", "B"), {}, 0),
        (("A",), {}, 7),
        (("A",), {"fingerprint": "other", "by_instant": True}, 0),
    ],
)
def test_an_older_journal_replays_where_it_counted_the_same(
    tmp_path: Path, symbols: tuple[str, ...], more: dict[str, object], since: int
) -> None:
    """Bars of one symbol are one an instant. Of several symbols the steps were others: trading goes on behind them."""
    data = feed(tmp_path, *symbols)
    assert same_feed_since(opened(data, **more), data) == since
