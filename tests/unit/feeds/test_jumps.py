"""What looks like a split in data that nobody adjusted."""

from pathlib import Path

import pytest

from holdfast.core.adjustments import CorporateAction
from holdfast.data.splits import ratio_of
from holdfast.feeds.files import FileFeed


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        (645.57, 92.70, (7, 1)), (404, 101, (4, 1)), (101, 50.5, (2, 1)), (150.69, 100.5, (3, 2)), (9.98, 100.12, (1, 10)),
        (1.13, 19.70, (1, 17)), (53.38, 28.06, None), (100, 60, None), (100, 71, None), (100, 139, None), (100, 100, None),
        (1, 200, None), (0, 10, None),
    ],
)  # fmt: skip
def test_only_what_is_near_a_ratio_of_shares_looks_like_a_split(
    before: float, after: float, ratio: tuple[int, int] | None
) -> None:
    """Real splits, one real crash of 47 % and ordinary bad nights; a jump of two hundred is another fault."""
    assert ratio_of(before, after) == ratio


def feed_of(folder: Path, rows: list[tuple[str, float]], **given: object) -> FileFeed:
    """Bars of one symbol at these times."""
    lines = [f"X,{ts},{price},{price},{price},{price},1000" for ts, price in rows]
    (folder / "bars.csv").write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    return FileFeed(folder / "bars.csv", **given)  # type: ignore[arg-type]


def test_a_jump_over_a_night_is_found_once_and_one_within_a_day_is_not(tmp_path: Path) -> None:
    """Minutes: halved over the night, and doubled within a minute of the next day."""
    rows = [
        ("2024-01-02T20:58:00Z", 100.0), ("2024-01-02T20:59:00Z", 100.0), ("2024-01-03T14:30:00Z", 50.0),
        ("2024-01-03T14:31:00Z", 50.0), ("2024-01-03T14:32:00Z", 100.0),
    ]  # fmt: skip
    feed = feed_of(tmp_path, rows)
    feed.check()
    assert [(jump.symbol, jump.new, jump.old) for jump in feed.jumps] == [("X", 2, 1)]


def test_what_a_known_action_explains_is_no_jump(tmp_path: Path) -> None:
    """The split is in the file of actions; a dividend on that day would explain nothing."""
    rows = [("2024-01-02T05:00:00Z", 100.0), ("2024-01-03T05:00:00Z", 25.0), ("2024-01-04T05:00:00Z", 25.0)]
    for new, found in ((4, 0), (1, 1)):
        action = CorporateAction("X", 1_704_258_000_000_000_001, "2024-01-03", new)
        feed = feed_of(tmp_path, rows, actions=lambda _, known=action: (known,))
        feed.check()
        assert len(feed.jumps) == found
