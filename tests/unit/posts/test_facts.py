"""What posts say of trades and days, against stories that the real core has lived and reckonings of their own."""

from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.config.posts import PostsConfig, TemplatesConfig
from holdfast.core.instruments import INDIA_EQUITY
from holdfast.core.messages import Action, Envelope, OrderFilled, Report
from holdfast.core.types import OrderType, Quantity
from holdfast.errors import InvalidValue, Refused
from holdfast.posts import words
from holdfast.posts.compose import compose
from holdfast.posts.facts import Facts, trade, trading_day
from holdfast.venue.settings import VenueSettings
from tests.scenario.account import Account, bar, price
from tests.scenario.kept import bust_of, kept

UTC = PostsConfig(timezone="UTC")


def told(account: Account, folder: Path, number: int, posts: PostsConfig = UTC) -> Facts:
    """What is said of the ``number``-th order."""
    with kept(account, folder) as reader:
        return trade(reader, account.order(number).terms.client_order_id, posts)


def said(account: Account, folder: Path, number: int) -> str:
    return compose(told(account, folder, number), UTC).text


def traded(symbol: str, *deals: tuple[Action, str, float], **more: object) -> Account:
    """A person's market orders, a minute apart, each filled at its price."""
    account = Account(symbols=(symbol,), **more)  # type: ignore[arg-type]
    for number, (action, quantity, at) in enumerate(deals, 1):
        account.run(bar(number, at, symbol=symbol))
        account.place(action, quantity, symbol=symbol)
    return account


def test_a_long_with_a_stop(tmp_path: Path) -> None:
    """Its begin with stop and target; its result with the percent of what it cost and the multiple of what was at risk."""
    account = Account(symbols=("AAPL",)).run(bar(1, 187.42, symbol="AAPL"))
    account.place(Action.BUY, 10, symbol="AAPL", stop_loss=price("185.42"), take_profit=price(195))
    assert said(account, tmp_path, 1) == "📈 Bought 10 $AAPL @ 187.42\nStop 185.42\nTarget 195.00"
    account.run(bar(13, 190.0, symbol="AAPL"))
    account.place(Action.SELL, 10, symbol="AAPL")
    assert said(account, tmp_path, 1) == (
        "✅ Closed long $AAPL 10\nIn 187.42, out 190.00\nPnL +25.80 (+1.38%)\n+1.29R\nHeld 12m"
    )


def test_a_loss_is_told_as_plainly(tmp_path: Path) -> None:
    """The same words, in the same places; a short that was bought back dearer."""
    account = traded("TSLA", (Action.SELL, "5", 200.0), (Action.BUY, "5", 212.5))
    assert said(account, tmp_path, 2) == "❌ Closed short $TSLA 5\nIn 200.00, out 212.50\nPnL -62.50 (-6.25%)\nHeld 1m"
    facts = told(account, tmp_path, 1)
    assert facts.notes == ("no R: not every entry of it had a stop",)


def test_a_short_begins_with_a_sale(tmp_path: Path) -> None:
    """Down is where it is to go."""
    assert said(traded("TSLA", (Action.SELL, "5", 200.0)), tmp_path, 1) == "📉 Sold short 5 $TSLA @ 200.00"


def test_neither_won_nor_lost(tmp_path: Path) -> None:
    """Zero has no sign."""
    account = traded("TSLA", (Action.BUY, "5", 200.0), (Action.SELL, "5", 200.0))
    assert "➖ Closed long $TSLA 5\nIn 200.00, out 200.00\nPnL 0.00 (0.00%)" in said(account, tmp_path, 2)


def test_a_part_that_was_closed(tmp_path: Path) -> None:
    """Of ten, four: what those have made, and what is left."""
    account = traded("AAPL", (Action.BUY, "10", 100.0), (Action.SELL, "4", 110.0))
    assert said(account, tmp_path, 2) == "✂️ Sold 4 $AAPL @ 110.00\nPnL +40.00 (+10.00%)\n6 left"
    assert said(account, tmp_path, 1) == "📈 Bought 6 $AAPL @ 100.00"


@pytest.mark.parametrize(
    ("symbol", "word", "is_tag"),
    [
        ("BTC/USD", "$BTC", True),
        ("BRK.B", "$BRK.B", True),
        ("RELIANCE", "RELIANCE", False),
        ("NSE:INFY", "$INFY", True),
        ("M&M", "M&M", False),
        ("BAJAJ-AUTO", "BAJAJ-AUTO", False),
        ("1INCH/USDT", "1INCH", False),
        ("f", "$F", True),
    ],
)
def test_symbols_are_cashtags_where_x_makes_some(symbol: str, word: str, is_tag: bool) -> None:
    """One to six letters, and one or two after a dot; anything else is written as it is."""
    assert words.cashtag(symbol) == word
    assert words.is_cashtag(word) is is_tag


def test_a_symbol_that_can_be_no_cashtag_is_said(tmp_path: Path) -> None:
    """The post has the name, and who writes it is told why."""
    account = traded("RELIANCE", (Action.BUY, "3", 1285.5), instrument=INDIA_EQUITY)
    facts = told(account, tmp_path, 1)
    assert compose(facts, UTC).text == "📈 Bought 3 RELIANCE @ 1,285.50"
    assert facts.notes == ("RELIANCE can't be a cashtag: X makes one of 1 to 6 letters",)


def test_fractions_of_a_coin(tmp_path: Path) -> None:
    """As exact as they are, and no zeros after that."""
    account = traded("BTC/USD", (Action.BUY, "0.01234500", 64000.5), (Action.SELL, "0.012345", 65000.25))
    assert said(account, tmp_path, 2) == (
        "✅ Closed long $BTC 0.012345\nIn 64,000.50, out 65,000.25\nPnL +12.34 (+1.56%)\nHeld 1m"
    )
    assert [words.price(Decimal(text)) for text in ("0.00001234", "0.0000123456789", "0.5")] == [
        "0.00001234", "0.0000123457", "0.50",
    ]  # fmt: skip


def test_an_order_of_several_executions_has_their_average(tmp_path: Path) -> None:
    """Two prices of one order, by quantity."""
    settings = VenueSettings(volume_share=Decimal("0.01"))
    account = Account(symbols=("ABC",), venue=settings).run(bar(1, 100.0, volume=600.0))
    account.place(Action.BUY, 10)
    account.run(bar(2, 100.0, volume=600.0), bar(3, 103.0, volume=600.0), bar(4, 104.0, volume=600.0))
    fills = list(account.of(OrderFilled))
    assert len(fills) >= 2
    average = sum(fill.quantity * fill.price for fill in fills) / sum(fill.quantity for fill in fills)
    facts = told(account, tmp_path, 1)
    assert facts.values["price"] == words.price(average)
    assert facts.values["size"] == words.size(Quantity(sum((fill.quantity for fill in fills), Decimal(0))))


def test_a_trade_is_known_by_its_first_order(tmp_path: Path) -> None:
    """Whichever of its orders is asked for, it is the same news; another trade is other news."""
    account = traded(
        "A", (Action.BUY, "5", 10.0), (Action.BUY, "5", 11.0), (Action.SELL, "10", 12.0), (Action.BUY, "1", 12.0)
    )
    with kept(account, tmp_path) as reader:
        keys = [trade(reader, account.order(number).terms.client_order_id, UTC).key for number in (1, 2, 3, 4)]
    assert len(set(keys[:3])) == 1
    assert keys[0].startswith("closed ")
    assert keys[3].startswith("opened ")


def test_a_bust_after_the_fact_changes_what_is_told(tmp_path: Path) -> None:
    """The exit undone, the trade is open again; the entry undone as well, there is nothing to tell."""
    account = traded("ABC", (Action.BUY, "10", 100.0), (Action.SELL, "10", 120.0))
    assert told(account, tmp_path, 1).kind == "closed"
    bought, sold = account.of(OrderFilled)
    account.take(Report(account.state.now_ns, bust_of(sold)))
    assert told(account, tmp_path, 1).kind == "opened"
    account.take(Report(account.state.now_ns, bust_of(bought)))
    with pytest.raises(Refused, match=r"of no trade: what it had filled was undone|has not traded"):
        told(account, tmp_path, 1)


def test_an_order_that_has_not_traded_has_nothing_to_tell(tmp_path: Path) -> None:
    """It is said in which state it is; one that isn't there is named."""
    account = Account(symbols=("ABC",)).run(bar(1, 100.0))
    account.place(Action.BUY, 1, order_type=OrderType.LIMIT, limit_price=price(99))
    with pytest.raises(Refused, match="is SUBMITTED and has not traded"):
        told(account, tmp_path, 1)
    with kept(account, tmp_path) as reader, pytest.raises(InvalidValue, match="no order 'x'"):
        trade(reader, "x", UTC)


def test_times_are_in_the_users_zone(tmp_path: Path) -> None:
    """Not the exchange's, nor UTC."""
    account = traded("ABC", (Action.BUY, "1", 10.0))
    here = told(account, tmp_path, 1, PostsConfig(timezone="Asia/Kolkata")).values
    there = told(account, tmp_path, 1).values
    assert (there["date"], there["time"]) == ("2023-11-14", "00:01")
    assert (here["date"], here["time"]) == ("2023-11-14", "05:31")


# --- days -------------------------------------------------------------------------------------------------------------


def by_cash(records: list[Envelope]) -> Decimal:
    """What closed trades have brought, by cash alone."""
    cash = Decimal(0)
    for record in records:
        if isinstance(record.body, OrderFilled):
            cash -= record.body.quantity * record.body.side.sign * record.body.price + record.body.fee
    return cash


def test_a_day_is_what_its_trades_brought(tmp_path: Path) -> None:
    """Everything is closed, so its profit is the cash that came in; best and worst are its trades'."""
    account = traded(
        "ABC",
        (Action.BUY, "10", 100.0),
        (Action.SELL, "10", 103.0),
        (Action.SELL, "4", 101.0),
        (Action.BUY, "4", 102.0),
    )
    with kept(account, tmp_path) as reader:
        facts = trading_day(reader, "main", None)
    assert by_cash(account.records) == 26
    values = facts.values
    assert (values["pnl"], values["best"], values["worst"]) == ("+26.00", "+30.00", "-4.00")
    assert (values["trades"], values["wins"], values["losses"], values["fills"]) == ("2", "1", "1", "4")
    assert values["pnl_pct"] == words.percent(Decimal(26) * 100 / 100_000)
    assert facts.notes[0].endswith("is not over: its numbers may change")
    text = compose(facts, UTC).text
    assert text == f"✅ {values['date']} +26.00 (+0.03%)\n2 trades: 1 won, 1 lost\nBest +30.00, worst -4.00\n$ABC"
    assert "100,026" not in text
    assert values["equity"] == "100,026.00"
    shown = PostsConfig(show=("equity",), templates=TemplatesConfig(day="{icon}[ {equity}]"))
    assert compose(facts, shown).text == "✅ 100,026.00"


def test_a_day_without_trades(tmp_path: Path) -> None:
    """There is little to say, and it is said."""
    account = Account(symbols=("ABC",)).run(bar(1, 100.0))
    with kept(account, tmp_path) as reader:
        facts = trading_day(reader, "main", None)
    assert compose(facts, UTC).text == f"➖ {facts.values['date']} 0.00 (0.00%)"


def test_several_symbols_are_words_and_no_cashtags() -> None:
    """X's programs take one cashtag in a post."""
    from holdfast.posts.facts import _symbols

    assert _symbols(["BTC/USD"]) == "$BTC"
    assert _symbols(["AAPL", "BTC/USD"]) == "AAPL BTC"
    assert _symbols([f"S{number}" for number in range(8)]) == "S0 S1 S2 S3 S4 +3"


def test_money_has_its_currency() -> None:
    """A sign where people know one, else the code; the minus stands before it."""
    assert words.change(Decimal("-1250.5"), "INR") == "-₹1,250.50"
    assert words.change(Decimal("12.346"), "CHF") == "+12.35 CHF"
    assert words.change(Decimal("-0.001"), "USD") == "$0.00"
    assert [words.span(seconds) for seconds in (45, 720, 11_100, 187_200)] == ["45s", "12m", "3h 05m", "2d 4h"]
