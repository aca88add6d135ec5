"""Each number of a run with its name for people and what it says: docs/statistics.md in one sentence each."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from holdfast.report import words
from holdfast.statistics import Statistics

Show = Callable[[Any], str]


class Definition(NamedTuple):
    """How a number is called, how it is written, and what it says."""

    label: str
    show: Show
    says: str


GROUPS: Mapping[str, Mapping[str, Definition]] = {
    "Return and risk": {
        "total_return_pct": Definition(
            "Total return", words.change, "What the opening cash became: the product of all (1 + session return), less 1. It says nothing of time."
        ),
        "cagr_pct": Definition(
            "Growth a year (CAGR)",
            words.change,
            "(1 + total return) ^ (1 / years) - 1, with years of 365.25 days. From a few weeks it is a guess raised to a power.",
        ),
        "volatility_pct": Definition(
            "Volatility a year",
            words.percent,
            "Standard deviation of the session returns, times the root of the sessions a year. Swings within a session are not in it.",
        ),
        "sharpe": Definition(
            "Sharpe ratio",
            words.number,
            "Mean of the session returns above the riskless rate / their standard deviation, times the root of the sessions a year. Rare large losses are not in it until they come.",
        ),
        "probabilistic_sharpe_pct": Definition(
            "Probabilistic Sharpe",
            words.percent,
            "How likely the true Sharpe ratio is above zero, given so many sessions of this shape (Bailey, López de Prado 2012). It takes sessions as independent.",
        ),
        "deflated_sharpe_pct": Definition(
            "Deflated Sharpe",
            words.percent,
            "The same against the ratio that the best of so many trials shows by luck (Bailey, López de Prado 2014). Only as honest as the number of trials.",
        ),
        "trials": Definition("Trials", words.count, "How many runs this is said to be the best of. Count those that were thrown away too."),
        "risk_free_pct": Definition("Riskless rate a year", words.percent, "What the ratios are measured above."),
        "sortino": Definition(
            "Sortino ratio",
            words.number,
            "Mean return above the riskless rate / the root of the mean square of those below it, of a year. It flatters what has not lost yet.",
        ),
        "calmar": Definition("Calmar ratio", words.number, "Growth a year / deepest fall. One event decides it."),
        "skewness": Definition("Skewness", words.number, "Lopsidedness of the session returns. It needs hundreds of sessions."),
        "kurtosis_excess": Definition(
            "Excess kurtosis", words.number, "Fatness of the tails of the session returns; a normal distribution has 0. It needs hundreds of sessions."
        ),
        "best_session_pct": Definition("Best session", words.change, "The largest return of a session."),
        "worst_session_pct": Definition("Worst session", words.change, "The smallest return of a session."),
        "winning_sessions_pct": Definition("Winning sessions", words.percent, "The part of the sessions with a return above zero."),
    },
    "Falls": {
        "drawdown.max_pct": Definition(
            "Deepest fall (max drawdown)",
            words.percent,
            "From the highest worth before it, the opening cash included, at every recorded mark: a fall at noon counts.",
        ),
        "drawdown.days": Definition("Days of the deepest fall", words.days, "Calendar days from its high until that was reached again, or the run's end."),
        "drawdown.recovery_days": Definition("Days from its low to the old high", words.days, "A dash: it was never made good."),
        "drawdown.longest_days": Definition("Longest time below a high, days", words.days, "Calendar days; it need not be the deepest fall."),
        "drawdown.under_water_pct": Definition("Time below a high", words.percent, "The part of the time that was spent below the highest worth so far."),
    },
    "How much was held": {
        "exposure.time_in_market_pct": Definition(
            "Time in market", words.percent, "Part of the time with a position, by the clock: nights and weekends are in it, for that is when gaps come."
        ),
        "exposure.mean_gross_pct": Definition("Mean exposure", words.percent, "Worth of all positions without signs / equity, weighted by time."),
        "exposure.max_gross_pct": Definition("Largest exposure", words.percent, "The largest worth of all positions without signs / equity. Above 100 % is borrowed."),
        "exposure.turnover": Definition("Turnover", words.money, "All that was bought and sold, in money."),
        "exposure.turnover_per_year": Definition(
            "Turnover a year", words.number, "Turnover / mean equity / years. To buy everything and sell it once is 2."
        ),
    },
    "What it cost": {
        "costs.fees": Definition("Fees", words.money, "Commissions of fills."),
        "costs.slippage": Definition(
            "Slippage", words.money, "(Price got - price before spread and slippage) x quantity. A dash: not known."
        ),
        "costs.borrow": Definition("Borrowing", words.money, "Fees for shares that were sold short."),
        "costs.interest": Definition("Interest", words.money, "On cash below zero."),
        "costs.total": Definition("All costs that are known", words.money, "Fees, slippage, borrowing and interest."),
        "costs.total_pct": Definition("Costs of the opening cash", words.percent, "All costs that are known / opening cash."),
    },
    "Round trips": {
        "trips.count": Definition("Round trips", words.count, "Positions of a strategy in a symbol from flat to flat, or until they turned round. Those still open are not counted."),
        "trips.wins": Definition("Won", words.count, "Profit above zero once fees are paid."),
        "trips.losses": Definition("Lost", words.count, "Profit below zero once fees are paid."),
        "trips.longs": Definition("Long", words.count, "Bought first."),
        "trips.shorts": Definition("Short", words.count, "Sold first."),
        "trips.win_rate_pct": Definition("Win rate", words.percent, "Won / all round trips. High with small wins and rare disasters."),
        "trips.profit_factor": Definition(
            "Profit factor", words.number, "Sum of wins / sum of losses. A dash without a loss: that is no infinity, it is too few trips."
        ),
        "trips.expectancy": Definition("Expectancy", words.gained, "Mean profit of a round trip."),
        "trips.average_win": Definition("Average win", words.gained, "Mean profit of those that won."),
        "trips.average_loss": Definition("Average loss", words.gained, "Mean profit of those that lost."),
        "trips.payoff_ratio": Definition("Payoff ratio", words.number, "Average win / average loss."),
        "trips.largest_win": Definition("Largest win", words.gained, "The largest profit of a round trip."),
        "trips.largest_loss": Definition("Largest loss", words.gained, "The smallest profit of a round trip."),
        "trips.losses_in_a_row": Definition("Most losses in a row", words.count, "One after the other, by exit. The next series can be longer."),
        "trips.with_risk": Definition("With a first stop", words.count, "Round trips whose money at risk is known."),
        "trips.expectancy_r": Definition("Expectancy, R", words.number, "Mean of profit / money at risk by the first stop. Only round trips with a stop have one."),
        "trips.best_r": Definition("Best R", words.number, "The largest profit / money at risk."),
        "trips.worst_r": Definition("Worst R", words.number, "The smallest profit / money at risk. Below -1 the stop did not hold."),
        "trips.average_worst": Definition("Mean worst open profit (MAE)", words.gained, "The lowest that the open profit fell to, on average. On bars the worse reading is taken."),
        "trips.average_best": Definition("Mean best open profit (MFE)", words.gained, "The highest that the open profit rose to, on average."),
        "trips.holding_mean_s": Definition("Mean time held", words.duration, "By the clock, from first entry to last exit."),
        "trips.holding_median_s": Definition("Median time held", words.duration, "Half of the round trips were shorter."),
        "trips.holding_longest_s": Definition("Longest time held", words.duration, "By the clock."),
        "trips.bars_mean": Definition("Mean bars held", words.number, "Bars of the symbol while it was held."),
    },
    "Beside the benchmark": {
        "benchmark.total_return_pct": Definition("Benchmark's total return", words.change, "Bought once at the first price and held."),
        "benchmark.cagr_pct": Definition("Benchmark's growth a year", words.change, "As the account's."),
        "benchmark.volatility_pct": Definition("Benchmark's volatility", words.percent, "As the account's."),
        "benchmark.sharpe": Definition("Benchmark's Sharpe ratio", words.number, "As the account's."),
        "benchmark.max_drawdown_pct": Definition("Benchmark's deepest fall", words.percent, "At session ends."),
        "benchmark.excess_return_pct": Definition("Return above the benchmark", words.change, "Total return less the benchmark's."),
        "benchmark.alpha_pct": Definition(
            "Alpha a year", words.change, "Mean session return that beta does not explain, times the sessions a year (Jensen 1968)."
        ),
        "benchmark.beta": Definition("Beta", words.number, "Covariance with the benchmark / variance of the benchmark."),
        "benchmark.correlation": Definition("Correlation", words.number, "Pearson's, by session."),
        "benchmark.tracking_error_pct": Definition(
            "Tracking error a year", words.percent, "Standard deviation of the difference by session, times the root of the sessions a year."
        ),
        "benchmark.information_ratio": Definition("Information ratio", words.number, "Mean difference by session / its standard deviation, of a year."),
    },
}  # fmt: skip

DEFINITIONS: Mapping[str, Definition] = {name: row for group in GROUPS.values() for name, row in group.items()}


def value_of(statistics: Statistics, name: str) -> Any:
    """A number by its dotted name; None for one of a benchmark that isn't there."""
    if statistics.benchmark is None and name.startswith("benchmark."):
        return None
    return attrgetter(name)(statistics)


def shown(statistics: Statistics, name: str) -> str:
    """A number as it is written on the page."""
    return DEFINITIONS[name].show(value_of(statistics, name))
