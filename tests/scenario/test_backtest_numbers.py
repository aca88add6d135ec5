"""The numbers of a backtest on the command line, and what they rest on."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from holdfast.calendars import trading_calendar
from holdfast.cli.backtest import Shown, backtest

DAYS = [day.date for day in trading_calendar("XNYS").days if "2023-11-01" <= day.date < "2024-03-01"]
MISSING = 20
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A backtest of the crossing of averages over four months of two symbols, without one session; gives back the account's JSON."""

    def run(venue: str, shown: Shown, volume: int = 1000, days: Sequence[str] = DAYS) -> dict[str, Any]:
        rows = ["symbol,ts,open,high,low,close,volume"]
        for number, date in enumerate(days):
            for symbol, swing in (("AAA", 7), ("BBB", 11)):
                price = 100 + (number % swing) * (1 if number // swing % 2 else -1)
                if number != MISSING:
                    rows.append(f"{symbol},{date}T05:00:00Z,{price},{price + 1},{price - 1},{price},{volume}")
        (tmp_path / "bars.csv").write_text("\n".join(rows) + "\n")
        (tmp_path / "holdfast.toml").write_text(
            f'[feed]\npath = "bars.csv"\n[venue]\n{venue}\n[[accounts]]\nname = "a"\nrisk = {{ allow_short = true }}\n'
            '[[strategies]]\nid = "cross"\nclass = "holdfast.strategies:EmaCross"\naccount = "a"\nsymbols = ["AAA", "BBB"]\n'
            'timeframe = "1Day"\nparams = { fast = 2, slow = 5, quantity = 150, allow_short = true }\n'
        )
        assert backtest(tmp_path / "holdfast.toml", None, str(tmp_path / "out.json"), shown=shown) == 0
        account: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())["accounts"][0]
        return account

    return run


def test_the_result_says_what_it_rests_on(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Model and what is written beside it, large fills, the session without data, trials; in the report as in the JSON."""
    account = run('model = "realistic"\nvolume_share = 0\nborrow_pct = 20', Shown(trials=7))
    said = " ".join(account["fine_print"])
    assert "fill = next_open" in said
    assert "venue model realistic, but volume_share = none, borrow_pct = 20" in said
    assert account["large_fills"] == account["fills"] > 3
    assert "took more than 10 % of it" in said
    assert account["missing_sessions"] == 1
    assert "no data in 1 session of the calendar" in said
    assert "the best of 7 trials" in said
    shown = " ".join(capsys.readouterr().out.split())
    assert "no data in 1 session" in shown
    assert "with 7 trials" in shown


def test_days_at_a_fixed_hour_are_told_and_do_not_count_as_missing(run: Run) -> None:
    """At 05:00 UTC all summer each Monday would seem to be missing; told is the one day that is, as data check counts, and what is wrong."""
    summer = [day.date for day in trading_calendar("XNYS").days if "2023-06-01" <= day.date < "2023-10-01"]
    account = run("", Shown(), days=summer)
    assert account["missing_sessions"] == 1
    assert account["shifted_days"] > 50
    assert "end in another session than their own" in " ".join(account["fine_print"])


def test_the_costs_are_those_that_were_paid(run: Run) -> None:
    """Spread and slippage are 2 bps a trade of what it was worth; the fee for borrowing is in the books and in the statistics."""
    costly = run('spread_bps = 2\nslippage_bps = 1\nborrow_pct = 20\ncommission = "none"', Shown())
    free = run("slippage_bps = 0", Shown())
    costs, statistics = costly["statistics"]["costs"], costly["statistics"]
    assert costs["slippage"] == pytest.approx(
        statistics["exposure"]["turnover"] * 0.0002, rel=0.5
    )  # rounded to the cent, against the trader
    assert costs["slippage"] >= statistics["exposure"]["turnover"] * 0.00019
    assert costs["borrow"] == pytest.approx(float(costly["borrow"]))
    assert costs["borrow"] > 0
    lost = float(free["equity"]) - float(costly["equity"])
    assert lost == pytest.approx(costs["total"], abs=0.01)


def test_months_and_a_benchmark_are_shown_where_they_are_asked_for(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two years of months in a table; both symbols bought and held."""
    account = run("", Shown(monthly=True, benchmark="hold"))
    shown = capsys.readouterr().out
    assert [row["period"] for row in account["statistics"]["monthly"]] == ["2023-11", "2023-12", "2024-01", "2024-02"]
    assert " 2023 " in shown
    assert " 2024 " in shown
    assert account["statistics"]["benchmark"]["name"] == "buy and hold 2 symbols"
    assert "buy and hold 2 symbols" in shown


def test_orders_that_met_no_volume_are_told(run: Run) -> None:
    """Data without volume and a bound by volume: nothing fills, and the fine print says why and what to write."""
    account = run('model = "cautious"', Shown(), volume=0)
    assert account["fills"] == 0
    assert account["bars_without_volume"] > 0
    assert "write volume_share = 0" in " ".join(account["fine_print"])
