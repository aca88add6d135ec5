"""The page says what the run says, harms nobody, asks nobody, and is there for every kind of run."""

import base64
import hashlib
import re

import numpy as np
import pytest

from holdfast.errors import InvalidValue
from holdfast.report import Counts, Part, Report, page, sweep_table, words
from holdfast.report.definitions import DEFINITIONS, shown
from tests.unit.report.reading import Seen, numbers
from tests.unit.report.runs import DEPOSIT, benchmark, indicator, run

EVIL = "</script><img src=x onerror=alert(1)>\"'&\u2028"


def seen(*runs: object, **said: object) -> Seen:
    return Seen(page(Report(title="Title", runs=runs, **said)))  # type: ignore[arg-type]


def test_every_number_is_the_statistics_own() -> None:
    """Each number that is defined stands on the page as the statistics have it, with its meaning."""
    made = run(benchmark=benchmark())
    text = seen(made).text
    for name, row in DEFINITIONS.items():
        assert shown(made.statistics, name) in text, name
        assert row.says in text, name
    assert words.change(made.statistics.total_return_pct) in text
    assert f"{made.statistics.end_equity:,.2f}" in text


def test_months_and_years_are_the_statistics_own() -> None:
    """Each month's return is in its cell."""
    made = run(sessions=300)
    text = seen(made).text
    for row in (*made.statistics.monthly, *made.statistics.yearly):
        assert words.change(row.return_pct, 1).split("\N{NARROW NO-BREAK SPACE}")[0] in text


def test_charts_are_drawn_from_the_run() -> None:
    """What the script unpacks is the curve, the candles, the round trips and the indicators of the run, to the cent."""
    made = run(trades=30, indicators=[indicator()], benchmark=benchmark())
    data = seen(made).data
    curve = data["runs"][0]
    assert np.allclose(numbers(curve["equity"]), made.curve.equity, atol=0.005)
    assert np.array_equal(np.cumsum(curve["t"]), made.curve.time_ns // 1_000_000)
    assert numbers(curve["benchmark"]["y"])[0] == DEPOSIT
    ordered = sorted(made.trades, key=lambda trade: (trade.entry_ns, trade.exit_ns))
    assert np.allclose(numbers(data["trades"]["profit"]), [trade.profit for trade in ordered], atol=0.005)
    assert [data["words"][place] for place in data["trades"]["side"]] == [trade.side for trade in ordered]
    assert data["trades"]["r"] == [
        None if trade.risk is None else round(trade.profit / trade.risk, 3) for trade in ordered
    ]
    rows, packed = made.candles["SPY"], data["candles"][0]
    scale = 10 ** packed["d"]
    close, opens = 0, []
    for difference, body in zip(packed["o"], packed["c"], strict=True):
        opens.append((close + difference) / scale)
        close += difference + body
    assert np.allclose(opens, rows.open)
    assert close / scale == pytest.approx(rows.close[-1])
    assert np.allclose(numbers(data["indicators"][0]["y"]), made.indicators[0].values, atol=1e-4)


def test_names_are_harmless() -> None:
    """Whatever a symbol, strategy, parameter, rule, note or title is called, it is text: no element and no attribute comes of it."""
    plain = run(symbols=("SPY",), benchmark=benchmark(), indicators=[indicator()])
    evil = run(
        name=EVIL,
        symbols=(EVIL,),
        strategy=EVIL,
        benchmark=benchmark(name=EVIL),
        indicators=[indicator(EVIL, EVIL, EVIL)],
        parameters={EVIL: {EVIL: EVIL}},
        settings={EVIL: {EVIL: EVIL}},
        facts={EVIL: EVIL, "Holdfast": EVIL, "Data": EVIL},
        fine_print=[EVIL],
        notes=[EVIL],
        again=EVIL,
        fill=EVIL,
        parts=[Part(strategy=EVIL, orders=1, fills=1, net=0, unrealised=0, fees=0, stopped=EVIL)],
        counts=Counts(
            bars=1,
            orders=1,
            fills=1,
            refusals={EVIL: 1},
            refusal_words={EVIL: EVIL},
            unfilled={EVIL: 1},
            orders_by_state={EVIL: 1},
        ),
    )
    sweep = sweep_table(
        [{EVIL: EVIL, "y": EVIL, EVIL + "f": 1.0}], EVIL, "y", EVIL + "f", chosen={EVIL: EVIL, "y": EVIL}
    )
    allowed = {name for name, _ in seen(plain).elements} | {
        "ul",
        "li",
        "h3",
        "details",
        "summary",
        "pre",
        "code",
        "meter",
        "td",
        "p",
        "strong",
    }
    for found in (seen(evil, sweep=sweep), Seen(page(Report(title=EVIL, runs=[evil, plain])))):
        assert {name for name, _ in found.elements} <= allowed
        assert len(found.scripts) == 2
        assert not [
            said
            for _, said in found.elements
            if any(name.startswith("on") or name in ("style", "src") for name in said)
        ]
        assert EVIL in found.text


def test_nothing_is_loaded_from_anywhere() -> None:
    """No address is in the page but that of SVG's names, and the policy allows this style and this script, and nothing else."""
    single, double = Report(title="Title", runs=[run()]), Report(title="Two", runs=[run(), run(name="b", seed=2)])
    for text in (page(single), page(double)):
        found = Seen(text)
        written = text.replace(found.scripts[0][1], "")  # the packed data is letters and strokes
        assert set(re.findall(r"(?:https?:)?//[\w.]+", written)) <= {"http://www.w3.org"}
        assert not re.search(r"url\((?!#)|@import|\bfetch\(|XMLHttpRequest|WebSocket|innerHTML|eval\(", written)
        policy = next(
            said["content"] for name, said in found.elements if said.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy is not None
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        for content in (found.styles[0], found.scripts[1][1]):
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
        for _, said in found.elements:
            assert (said.get("href") or "#").startswith(("#", "data:,"))


def test_the_same_run_has_the_same_page() -> None:
    """To the byte: there is no clock and no chance in it."""
    assert page(Report(title="Title", runs=[run()])) == page(Report(title="Title", runs=[run()]))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"trades": 0}, "No round trip was made."),
        ({"sessions": 1, "trades": 1}, "1 session: too few"),
        ({"sessions": 3, "equity": [100_500, 50_000, -20], "trades": 1}, "The account was ruined"),
        ({"symbols": [f"S{number}" for number in range(200)], "trades": 400}, "S199"),
        ({"candles": {}}, "No prices were kept"),
        ({"fill": "close"}, "Nobody can have that price"),
        ({"counts": Counts(bars=5, orders=2, fills=1, decided_bars=8, ambiguous_bars=2)}, "2 of 8 (25.0 %)"),
        ({"counts": Counts(bars=5, orders=0, fills=0, refusals={"max_positions": 3}, refusal_words={"max_positions": "would hold 6 of 5"})}, "would hold 6 of 5"),
        ({"parts": [Part(strategy="a", orders=0, fills=0, net=0, unrealised=0, fees=0, stopped="KeyError at x.py:3")]}, "KeyError at x.py:3"),
    ],
)  # fmt: skip
def test_every_kind_of_run_has_a_page(said: dict[str, object], expected: str) -> None:
    """Runs at the edges have a page, and it says what is odd about them."""
    assert expected in seen(run(**said)).text  # type: ignore[arg-type]


def test_an_empty_curve_has_a_page() -> None:
    """A run over no session is told of, not divided by."""
    found = seen(run(sessions=0, trades=0, candles={}))
    assert "No session is over" in found.text
    assert "The account was never below an earlier high." in found.text


def test_long_runs_stay_small() -> None:
    """20,000 candles, 10,000 round trips and as many marks as a result keeps are under 2 MB; of more trades the most telling are drawn, and that is said."""
    made = run(sessions=1_900, trades=10_000, bars=20_000, benchmark=benchmark(1_900))
    text = page(Report(title="Title", runs=[made]))
    assert len(text.encode()) < 2_000_000
    many = run(trades=20_100)
    found = seen(many)
    assert "20,000 round trips that earned or lost most, of 20,100" in found.text
    assert f"{many.statistics.trips.count:,}" in found.text
    assert len(found.data["trades"]["bars"]) == 20_000


def test_runs_side_by_side() -> None:
    """A comparison has each run's numbers, what was set otherwise and not the rest, and what the runs don't share."""
    one = run(name="one", parameters={"EmaCross": {"fast": 10, "slow": 30}})
    two = run(name="two", seed=8, sessions=40, parameters={"EmaCross": {"fast": 20, "slow": 30}})
    found = seen(one, two)
    for made in (one, two):
        assert words.number(made.statistics.sharpe) in found.text
    assert "parameters.EmaCross.fast" in found.text
    assert "parameters.EmaCross.slow" not in found.text
    assert "not of the same time" in found.text
    assert [each["name"] for each in found.data["runs"]] == ["one", "two"]


def test_two_runs_of_one_name_are_refused() -> None:
    """They could not be told apart."""
    with pytest.raises(InvalidValue, match="same name"):
        Report(title="Title", runs=[run(), run()])


def test_a_sweep_is_a_table_of_medians() -> None:
    """Runs that differ in a third parameter are one cell; a run that came to nothing is an empty one."""
    rows = [
        {"fast": fast, "slow": slow, "n": n, "sharpe": fast + slow * n}
        for fast in (5, 10)
        for slow in (20, 30)
        for n in (1, 2, 9)
    ]
    found = sweep_table(
        [*rows, {"fast": 15, "slow": 20, "n": 1, "sharpe": None}],
        "fast",
        "slow",
        "sharpe",
        chosen={"fast": 5, "slow": 30},
    )
    assert found.values == [[45.0, 50.0, None], [65.0, 70.0, None]]
    text = seen(run(), sweep=found).text
    assert "median of up to 3 runs" in text
    assert "(fast 5, slow 30)" in text
    with pytest.raises(InvalidValue, match="has no 'sharp'"):
        sweep_table(rows, "fast", "slow", "sharp")
