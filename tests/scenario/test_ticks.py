"""A price that can't be rounded is refused and said; one whose tick is configured stays where it was asked."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.assembly import build_exchange, build_feed, build_state, tick_notes
from holdfast.cli.backtest import backtest
from holdfast.config import load_config
from holdfast.core.strategy.api import Bar, Context, Parameters, Strategy


class Asks(Strategy):
    """Asks once for what its parameter names."""

    class Params(Parameters, frozen=True):
        what: str = ""

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.done = False

    def on_bar(self, context: Context, bar: Bar) -> None:
        if not self.done:
            self.done = True
            name, *words = self.params.what.split()
            getattr(context, name)(
                bar.symbol,
                *[word for word in words if "=" not in word],
                **dict(word.split("=") for word in words if "=" in word),
            )


def config(folder: Path, calendar: str, symbol: str, price: float, what: str, more: str = "") -> Path:
    """A backtest of five bars at one price, in 2024, of a strategy that asks once."""
    start = dt.datetime(2024, 1, 2, 15, 0, tzinfo=dt.UTC)
    rows = [
        f"{symbol},{(start + dt.timedelta(minutes=n)).isoformat()},{price},{price},{price},{price},1000"
        for n in range(5)
    ]
    (folder / "bars.csv").write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    path = folder / "holdfast.toml"
    path.write_text(
        f'[feed]\npath = "{folder / "bars.csv"}"\n[[accounts]]\nname = "a"\ncalendar = "{calendar}"\n[[strategies]]\nid = "k"\n'
        f'class = "{__name__}:Asks"\naccount = "a"\nsymbols = ["{symbol}"]\nparams = {{ what = "{what}" }}\n{more}'
    )
    return path


def result(path: Path) -> Any:
    """What the backtest came to."""
    out = path.with_name("result.json")
    backtest(path, None, str(out))
    return json.loads(out.read_text())


@pytest.mark.parametrize(
    "what",
    [
        "buy 1 stop_loss=1.1034",
        "buy 1 limit_price=1.1034",
        "buy 1 take_profit=1.2",
        "buy 1 trail_stop=0.001",
        "sell 1 stop_price=1.1034",
    ],
)
@pytest.mark.parametrize("calendar", ["24/5", "CMES"])
def test_an_order_whose_price_can_not_be_rounded_is_refused(tmp_path: Path, calendar: str, what: str) -> None:
    """Nothing is sent, the refusal is counted by its rule, and what to write is said beforehand."""
    path = config(tmp_path, calendar, "EURUSD", 1.10427, what)
    found = result(path)
    assert found["accounts"][0]["refusals"] == {"tick_known": 1}
    assert found["orders_list"] == []
    (note,) = tick_notes(load_config(path))
    assert '[instruments.EURUSD] tick = "0.01"' in note


@pytest.mark.parametrize("calendar", ["24/5", "XLON", "CMES"])
def test_an_order_without_a_price_needs_no_tick(tmp_path: Path, calendar: str) -> None:
    """A market order fills at the market's price, whatever decimals that has."""
    found = result(config(tmp_path, calendar, "EURUSD", 1.10427, "buy 1"))
    assert [fill["price"] for fill in found["fills_list"]] == ["1.10427"]


def test_a_configured_tick_holds(tmp_path: Path) -> None:
    """A stop at a tenth of a pip stays there; the note is gone."""
    path = config(
        tmp_path, "24/5", "EURUSD", 1.10427, "buy 1 stop_loss=1.10341", '[instruments.EURUSD]\ntick = "0.00001"\n'
    )
    stops = [order["stop_price"] for order in result(path)["orders_list"]]
    assert "1.10341" in stops
    assert tick_notes(load_config(path)) == []


@pytest.mark.parametrize(("calendar", "tick"), [("NYSE", "0.01"), ("NSE", "0.05"), ("BSE", "0.05")])
def test_an_exchange_by_another_name_has_its_ticks(tmp_path: Path, calendar: str, tick: str) -> None:
    """Names that people use lead to the exchange's own rules."""
    loaded = load_config(config(tmp_path, calendar, "ABC", 300.0, "buy 1"))
    state = build_state(loaded, loaded.accounts[0], build_feed(loaded), None)
    state.now_ns = 1_704_200_000_000_000_000
    assert str(state.instrument_of("ABC").ticks[0][1]) == tick
    build_exchange(loaded, loaded.accounts[0], state)
