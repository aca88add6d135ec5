"""What a result rests on, in sentences: said with every result, for a figure without it is a promise."""

from collections.abc import Iterator

from holdfast.backtesting.results import AccountResult
from holdfast.config import FeedConfig, VenueConfig
from holdfast.core.types import plain
from holdfast.venue.settings import FillAt
from holdfast.venue.tally import LARGE_SHARE

_FILLS = {
    FillAt.CLOSE: "market orders fill at the close of the bar that they were decided on, which can't be had in practice (fill = close)",
    FillAt.NEXT_OPEN: "market orders fill at the open of the next bar (fill = next_open)",
}
MOST_NAMES = 5


def fine_print(
    result: AccountResult, venue: VenueConfig, feed: FeedConfig | None = None, *, jumps: int = 0, trials: int = 1
) -> list[str]:
    """How orders were filled and what was left out, what the data could not say, what was refused.

    ``feed`` is where the data came from (None: a frame or a feed that was given), ``jumps`` are those of its prices that look like splits, ``trials``
    the runs of which this is the best.
    """
    return [*_assumptions(result, venue), *_data(result, feed, jumps), *_doubts(result), *_trials(trials)]


def _assumptions(result: AccountResult, venue: VenueConfig) -> Iterator[str]:
    preset = venue.preset
    yield _FILLS[FillAt(result.fill)]
    preset = venue.preset
    if venue.model is not None:
        beside = ", ".join(f"{name} = {_value(getattr(preset, name))}" for name in venue.written)
        yield f"venue model {venue.model}" + (f", but {beside}" if beside else "")
    costs = {"half a spread of": preset.spread_bps, "slippage of": preset.slippage_bps + preset.slippage_noise_bps}
    paid = [f"{name} {plain(bps)} bps" for name, bps in costs.items() if bps]
    yield (
        f"market orders and stops pay {' and '.join(paid)}"
        if paid
        else "no spread and no slippage: prices are the data's own"
    )
    if venue.commission == "none":
        yield "no fees"
    if preset.volume_share is None:
        yield "orders fill whole, however large they are beside the bar's volume" + _large(result)
    else:
        yield f"orders take at most {float(preset.volume_share) * 100:g} % of a bar's volume" + _large(result)
    yield from result.not_modelled


def _value(value: object) -> object:
    return "none" if value is None else value


def _large(result: AccountResult) -> str:
    if not result.large_fills:
        return ""
    return f"; {_many(result.large_fills, 'fill')} took more than {LARGE_SHARE * 100:.0f} % of it, which would have moved the price"


def _data(result: AccountResult, feed: FeedConfig | None, jumps: int) -> Iterator[str]:
    if result.missing_sessions:
        yield f"no data in {_many(result.missing_sessions, 'session')} of the calendar: prices stood still there"
    if result.shifted_days:
        yield (
            f"{_many(result.shifted_days, 'day')} of the data end in another session than their own: strategies saw them a session late; "
            "holdfast data check says how to import them"
        )
    if feed is not None and feed.kind == "file":
        if feed.actions is None:
            yield "splits and dividends are not applied (no actions): prices are taken as adjusted"
        else:
            yield f"splits and dividends are applied from {feed.actions}"
    if jumps:
        yield f"{_many(jumps, 'jump')} of prices look like splits that nobody applied"
    if result.bars_without_volume:
        yield (
            f"orders met bars without volume {result.bars_without_volume:,} times and could not fill there; where data has no volume, "
            "write volume_share = 0"
        )


def _doubts(result: AccountResult) -> Iterator[str]:
    if result.ambiguous_bars:
        yield (
            f"{result.ambiguous_bars:,} of {result.decided_bars:,} bars within which a stop or target filled leave open what came first: "
            "the worse was taken"
        )
    for rule, count in result.refusals.items():
        yield f"risk refused {_many(count, 'order')} by {rule}"
    for reason, count in result.unfilled.items():
        yield f"{_many(count, 'order')} did not fill whole: {reason}"
    if result.positions:
        names = list(result.positions)
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        yield f"still held at the end, at the last price: {', '.join(names[:MOST_NAMES])}{more}"
    if result.anomalies:
        yield f"{result.anomalies:,} anomalies: reports about orders that could not be"
    for row in result.strategies:
        if row.stopped:
            yield f"strategy {row.strategy} was stopped, and what it held was kept to the end: {row.stopped}"


def _trials(trials: int) -> Iterator[str]:
    if trials > 1:
        yield f"the best of {trials:,} trials: the deflated Sharpe ratio takes that into account, the other figures don't"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
