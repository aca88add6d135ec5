"""Each instrument has its own rules, and a journal says which held when: an NSE file with mixed ticks and lots, in backtest and on paper."""

import asyncio
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from holdfast.assembly import build_exchange, build_feed, build_state
from holdfast.backtesting.replay import Replay
from holdfast.config import Config, load_config
from holdfast.core.instruments import Product
from holdfast.core.listings import InstrumentListed
from holdfast.core.messages import Envelope, OrderFilled, OrderPrepared, PnlSnapshot, PositionChanged, RiskRefused
from holdfast.core.protection.records import StopMoved
from holdfast.core.strategy.api import Bar, Context, Parameters, Strategy
from holdfast.errors import Refused
from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from holdfast.runtime.compose import open_engine

RULES = """symbol,tick,lot,asset_class,exchange
M&M,0.05,1,stock,NSE
BAJAJ-AUTO,0:0.01 250:0.05 1000:0.1 5000:0.5,1,stock,NSE
NIFTY24DECFUT,0.05,25,future,NFO
PENNY,0.0001,,,
UNUSED,0.05,1,stock,NSE
"""
PRICES = {"M&M": 1500.0, "BAJAJ-AUTO": 9000.0, "NIFTY24DECFUT": 23_000.0, "PENNY": 0.1234}
START = dt.datetime(2024, 12, 2, 4, 0, tzinfo=dt.UTC)


class Orders(Strategy):
    """Sends on its first bar of each symbol what its parameter has for that: quantity, limit, stop (0: none); trails by 1 %."""

    class Params(Parameters, frozen=True):
        orders: dict[str, list[str]]

    params: Params

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.done: set[str] = set()

    def on_bar(self, context: Context, bar: Bar) -> None:
        if bar.symbol in self.done or bar.symbol not in self.params.orders:
            return
        self.done.add(bar.symbol)
        quantity, limit, stop = self.params.orders[bar.symbol]
        prices: dict[str, Any] = {"stop_loss": stop} if stop != "0" else {"trail_stop": str(bar.close / 100)}
        context.buy(bar.symbol, None if quantity == "0" else quantity, limit_price=limit, **prices)


def rising(folder: Path, steps: int = 6) -> Path:
    """Bars that rise by a thousandth each."""
    rows = [
        f"{symbol},{(START + dt.timedelta(minutes=n)).isoformat()},{price},{price},{price},{price},100000"
        for n in range(steps)
        for symbol, first in PRICES.items()
        for price in [first * (1 + n / 1000)]
    ]
    path = folder / "bars.csv"
    path.write_text("symbol,ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return path


def configured(
    folder: Path, orders: dict[str, list[str]], rules: str = RULES, risk: str = "", more: str = ""
) -> Config:
    """An account at NSE whose rules come from a file."""
    (folder / "nse.csv").write_text(rules)
    said = ", ".join(f'"{symbol}" = {row}' for symbol, row in orders.items()).replace("'", '"')
    path = folder / "holdfast.toml"
    path.write_text(
        f'instruments = "nse.csv"\n[journal]\nurl = "sqlite:///{folder}/journal.db"\n[feed]\npath = "{rising(folder)}"\n'
        f'[[accounts]]\nname = "a"\ncalendar = "XBOM"\ncash = "100000000"\nrisk = {{ allow_short = true{risk} }}\n'
        f'[[strategies]]\nid = "k"\nclass = "{__name__}:Orders"\naccount = "a"\nsymbols = {list(PRICES)}\n'
        f"params = {{ orders = {{ {said} }} }}\n{more}"
    )
    return load_config(path, {})


def on_paper(config: Config) -> list[Envelope]:
    """All records of a run to the end of the file."""
    with open_engine(config) as engine:
        asyncio.run(engine.loop.run())
    assert verify(config.journal.url).ok
    with Reader.open(config.journal.url) as reader:
        return list(reader.records("a"))


def in_backtest(config: Config) -> list[Envelope]:
    """All records of a backtest."""
    found: list[Envelope] = []
    state = build_state(config, config.accounts[0], feed := build_feed(config), None)
    exchange = build_exchange(config, config.accounts[0], state)
    replay = Replay(state, exchange, lambda turn: found.extend(turn.records))
    replay.begin(config.accounts[0].deposit, "test")
    replay.run(feed.events(), feed.trading_from_ns)
    return found


ASKED = {
    "M&M": ["3", "1503.33", "1481.13"],
    "BAJAJ-AUTO": ["2", "9100.77", "8899.9"],
    "NIFTY24DECFUT": ["50", "23011.11", "22900.01"],
    "PENNY": ["1000", "0.12349", "0.11111"],
}
ROUNDED = {  # a buy's limit down, its stop, which sells, down
    "M&M": ("1503.30", "1481.10"),
    "BAJAJ-AUTO": ("9100.5", "8899.5"),
    "NIFTY24DECFUT": ("23011.10", "22900.00"),
    "PENNY": ("0.1234", "0.1111"),
}


@pytest.mark.parametrize("how", ["backtest", "paper"])
def test_prices_go_by_each_instrument(tmp_path: Path, how: str) -> None:
    """5 paise, 10 paise and tenths of a paisa beside each other; limits, stops and exits alike."""
    config = configured(tmp_path, ASKED)
    records = on_paper(config) if how == "paper" else in_backtest(config)
    entries = {
        body.terms.symbol: body.terms
        for record in records
        if isinstance(body := record.body, OrderPrepared) and body.terms.parent is None
    }
    assert {symbol: (str(terms.limit_price), str(terms.stop_loss)) for symbol, terms in entries.items()} == ROUNDED
    listed = [record.body.symbol for record in records if isinstance(record.body, InstrumentListed)]
    assert listed == sorted(PRICES)  # and not UNUSED, which nobody trades


@pytest.mark.parametrize("how", ["backtest", "paper"])
def test_quantities_go_by_lots(tmp_path: Path, how: str) -> None:
    """What is no multiple is refused; a size that is left to risk is rounded down to the lot."""
    orders = {"NIFTY24DECFUT": ["30", "23011", "22900"], "M&M": ["1.5", "1503", "1481"]}
    config = configured(tmp_path, orders)
    records = on_paper(config) if how == "paper" else in_backtest(config)
    refused = {body.symbol: body.text for record in records if isinstance(body := record.body, RiskRefused)}
    assert refused == {
        "NIFTY24DECFUT": "quantity is no multiple of 25",
        "M&M": "quantity is no multiple of 1",
    }


def test_a_size_is_rounded_down_to_the_lot(tmp_path: Path) -> None:
    """81 contracts would be 10 % of what the account has at this price's limit; 75 are three lots."""
    sizing = ', sizing = { method = "fixed_quantity", quantity = "81" }'
    config = configured(tmp_path, {"NIFTY24DECFUT": ["0", "23011", "22900"]}, risk=sizing)
    (entry,) = [
        body.terms
        for record in in_backtest(config)
        if isinstance(body := record.body, OrderPrepared) and body.terms.parent is None
    ]
    assert entry.quantity == 75


FUTURE = "symbol,tick,lot,asset_class,exchange,multiplier,product\nNIFTY24DECFUT,0.05,25,future,NFO,2,NRML\n"


@pytest.mark.parametrize("how", ["backtest", "paper"])
def test_a_multiplier_is_in_value_profit_and_commission(tmp_path: Path, how: str) -> None:
    """Fifty of a future at 2 a point: cost, gain and a commission by value are twice those of fifty shares; orders say the product."""
    venue = '[venue]\nfill = "close"\ncommission = { type = "bps", bps = "1" }\n'
    config = configured(tmp_path, {"NIFTY24DECFUT": ["50", "23011", "22000"]}, FUTURE, more=venue)
    records = on_paper(config) if how == "paper" else in_backtest(config)
    position = [body for record in records if isinstance(body := record.body, PositionChanged)][-1]
    value = [body for record in records if isinstance(body := record.body, PnlSnapshot)][-1]
    assert position.cost == 2 * 50 * 23_000
    assert position.fees == Decimal("230.00")
    assert value.cash == 100_000_000 - 2_300_000 - 230
    assert value.gross_exposure == position.cost
    assert value.equity == 100_000_000 - 230
    terms = [body.terms for record in records if isinstance(body := record.body, OrderPrepared)]
    assert len(terms) == 2
    assert {each.product for each in terms} == {Product.NRML}


def test_limits_count_what_a_future_is_worth(tmp_path: Path) -> None:
    """Fifty at 23,011 with multiplier 2 are 2.3 million: 1.2 million would be enough for shares, and isn't for these."""
    risk = ', max_position_value = "1200000"'
    config = configured(tmp_path, {"NIFTY24DECFUT": ["50", "23011", "22000"]}, FUTURE, risk)
    refused = [body for record in in_backtest(config) if isinstance(body := record.body, RiskRefused)]
    assert [(body.rule, body.figure) for body in refused] == [("position_value", "2301100.00")]
    shares = configured(tmp_path, {"NIFTY24DECFUT": ["50", "23011", "22000"]}, FUTURE.replace(",2,", ",1,"), risk)
    assert not [record for record in in_backtest(shares) if isinstance(record.body, RiskRefused)]


def test_sizes_count_what_a_future_is_worth(tmp_path: Path) -> None:
    """Ten million are 217 of them at 2 x 23,011: eight lots of 25."""
    sizing = ', sizing = { method = "percent_equity", max_pct = 10 }, max_position_pct = 100'
    config = configured(tmp_path, {"NIFTY24DECFUT": ["0", "23011", "22900"]}, FUTURE, sizing)
    (entry,) = [
        body.terms
        for record in in_backtest(config)
        if isinstance(body := record.body, OrderPrepared) and body.terms.parent is None
    ]
    assert entry.quantity == 200


def test_the_multiplier_of_what_is_held_can_not_change(tmp_path: Path) -> None:
    """The start is refused, with what to do; nothing is recorded. A flat symbol may have another."""
    orders = {"NIFTY24DECFUT": ["50", "23011", "22000"]}
    close = '[venue]\nfill = "close"\n'
    before = on_paper(configured(tmp_path, orders, FUTURE, more=close))
    changed = configured(tmp_path, orders, FUTURE.replace(",2,", ",3,"), more=close)
    words = "50 NIFTY24DECFUT are held with multiplier 2, and it is 3 now; close them first, or put 2 back"
    with pytest.raises(Refused, match=words), open_engine(changed) as engine:
        asyncio.run(engine.loop.run())
    with Reader.open(changed.journal.url) as reader:
        assert len(list(reader.records("a"))) == len(before)
    assert len(on_paper(configured(tmp_path, orders, FUTURE, more=close))) > len(before)


def test_the_multiplier_of_open_orders_can_not_change(tmp_path: Path) -> None:
    """They were approved for what they were worth."""
    orders = {"NIFTY24DECFUT": ["50", "20000", "19000"]}  # a bid far below the market
    before = on_paper(configured(tmp_path, orders, FUTURE))
    assert any(isinstance(record.body, OrderPrepared) for record in before)
    changed = configured(tmp_path, orders, FUTURE.replace(",2,", ",3,"))
    words = "NIFTY24DECFUT has open orders, and another multiplier"
    with pytest.raises(Refused, match=words), open_engine(changed) as engine:
        asyncio.run(engine.loop.run())


def test_part_of_an_order_fills_in_lots(tmp_path: Path) -> None:
    """A share of the bar's volume that is no multiple of the lot is rounded down to it."""
    venue = '[venue]\nvolume_share = "0.0004"\n'  # 40 of 100,000
    config = configured(tmp_path, {"NIFTY24DECFUT": ["50", "23100", "22000"]}, FUTURE, more=venue)
    filled = [body.quantity for record in in_backtest(config) if isinstance(body := record.body, OrderFilled)]
    assert filled == [25, 25]


def test_a_restart_rounds_with_the_rules_that_held_then(tmp_path: Path) -> None:
    """The trail of before comes out as it was, though the file has another tick now; that is recorded and holds from the start on."""
    config = configured(tmp_path, {"M&M": ["3", "1503.33", "0"]})
    before = on_paper(config)
    moved = [str(record.body.stop_loss) for record in before if isinstance(record.body, StopMoved)]
    assert moved
    assert all(Decimal(stop) % Decimal("0.05") == 0 for stop in moved)
    changed = configured(tmp_path, {"M&M": ["3", "1503.33", "0"]}, RULES.replace("M&M,0.05", "M&M,7"))
    with open_engine(changed) as engine:
        state = engine.accounts[0].state
        asyncio.run(engine.loop.run())
        assert [str(guard.stop_loss) for guard in state.guards.values()] == moved[-1:]
        assert state.instrument_of("M&M").tick(Decimal(1500)) == 7
    after = on_paper(changed)
    listed = [(record.epoch, body.symbol) for record in after if isinstance(body := record.body, InstrumentListed)]
    assert listed == [(1, symbol) for symbol in sorted(PRICES)] + [(2, "M&M")]  # and nothing in epoch 3: nothing is new


def test_a_symbol_that_left_the_file_keeps_its_rules(tmp_path: Path) -> None:
    """What is held must not change its rules because a row was deleted."""
    on_paper(configured(tmp_path, {"M&M": ["3", "1503.33", "0"]}))
    shorter = configured(tmp_path, {"M&M": ["3", "1503.33", "0"]}, RULES.replace("M&M,0.05,1,stock,NSE\n", ""))
    with open_engine(shorter) as engine:
        asyncio.run(engine.loop.run())
        assert engine.accounts[0].state.instrument_of("M&M").tick(Decimal(1500)) == Decimal("0.05")
