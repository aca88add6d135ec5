"""Figures of round trips."""

from collections.abc import Sequence
from statistics import fmean, median

from holdfast.statistics.record import RoundTrip, TripStatistics


def trip_statistics(trips: Sequence[RoundTrip]) -> TripStatistics:
    """What the trips come to. Win rate is of all trips, those that came to nothing included."""
    profits = [trip.profit for trip in trips]
    wins, losses = [value for value in profits if value > 0], [value for value in profits if value < 0]
    multiples = [multiple for trip in trips if (multiple := trip.r_multiple) is not None]
    held_s = [trip.holding_s for trip in trips]
    lost = -sum(losses)
    return TripStatistics(
        count=len(trips),
        wins=len(wins),
        losses=len(losses),
        longs=sum(trip.side == "long" for trip in trips),
        shorts=sum(trip.side == "short" for trip in trips),
        win_rate_pct=len(wins) / len(trips) * 100 if trips else None,
        profit_factor=sum(wins) / lost if lost else None,
        expectancy=_mean(profits),
        average_win=_mean(wins),
        average_loss=_mean(losses),
        payoff_ratio=fmean(wins) / -fmean(losses) if wins and losses else None,
        largest_win=max(wins, default=None),
        largest_loss=min(losses, default=None),
        losses_in_a_row=_losses_in_a_row(trips),
        with_risk=len(multiples),
        expectancy_r=_mean(multiples),
        best_r=max(multiples, default=None),
        worst_r=min(multiples, default=None),
        average_worst=_mean([trip.worst for trip in trips if trip.worst is not None]),
        average_best=_mean([trip.best for trip in trips if trip.best is not None]),
        holding_mean_s=_mean(held_s),
        holding_median_s=median(held_s) if held_s else None,
        holding_longest_s=max(held_s, default=None),
        bars_mean=_mean([float(trip.bars) for trip in trips]),
        fees=float(sum(trip.fees for trip in trips)),
    )


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _losses_in_a_row(trips: Sequence[RoundTrip]) -> int:
    """The most losses one after the other, in the order in which the trips ended."""
    most = now = 0
    for trip in sorted(trips, key=lambda trip: trip.exit_ns):
        now = now + 1 if trip.profit < 0 else 0
        most = max(most, now)
    return most
