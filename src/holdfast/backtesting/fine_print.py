"""What a result rests on, in sentences: said with every result, for a figure without it is a promise."""

from collections.abc import Iterator

from holdfast.backtesting.results import AccountResult
from holdfast.config import VenueConfig
from holdfast.venue.settings import FillAt

_FILLS = {
    FillAt.CLOSE: "market orders fill at the close of the bar that they were decided on, which can't be had in practice (fill = close)",
    FillAt.NEXT_OPEN: "market orders fill at the open of the next bar (fill = next_open)",
}


def fine_print(result: AccountResult, venue: VenueConfig) -> list[str]:
    """How orders were filled and what was left out, what the data could not say, what was refused."""
    return [*_assumptions(result, venue), *_doubts(result)]


def _assumptions(result: AccountResult, venue: VenueConfig) -> Iterator[str]:
    preset = venue.preset
    yield _FILLS[FillAt(result.fill)]
    if venue.model is not None:
        beside = f", but for {', '.join(venue.written)}" if venue.written else ""
        yield f'spread, slippage, volume share, latency and what holding costs are those of venue.model = "{venue.model}"{beside}'
    if not preset.spread_bps and not preset.slippage_bps and not preset.slippage_noise_bps:
        yield "no spread and no slippage: prices are the data's own"
    if venue.commission == "none":
        yield "no commission"
    if preset.volume_share is None:
        yield "orders fill whole, however large they are beside the bar's volume"
    yield from result.not_modelled


def _doubts(result: AccountResult) -> Iterator[str]:
    if result.ambiguous_bars:
        yield (
            f"{result.ambiguous_bars:,} of {result.decided_bars:,} bars within which a stop or target filled leave open what came first: "
            "the worse was taken"
        )
    for rule, count in result.refusals.items():
        yield f"risk refused {count:,} order{'s' if count > 1 else ''} by {rule}"
    for reason, count in result.unfilled.items():
        yield f"{count:,} order{'s' if count > 1 else ''} did not fill whole: {reason}"
    if result.anomalies:
        yield f"{result.anomalies:,} anomalies: reports about orders that could not be"
    for row in result.strategies:
        if row.stopped:
            yield f"strategy {row.strategy} was stopped, and what it held was kept to the end: {row.stopped}"
