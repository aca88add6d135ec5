"""Paper accounts and strategies in another place of the configuration: what would begin anew beside what is held is refused."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdfast.config import AccountConfig, Config, JournalConfig, StrategyConfig
from holdfast.core.codec import decode_body
from holdfast.core.milestones import EngineStarted, StrategyStopped
from holdfast.core.types import Money
from holdfast.errors import Refused
from holdfast.journal.reader import Reader
from holdfast.journal.rename import rename_account
from holdfast.runtime.compose import open_engine
from holdfast.runtime.identity import Beginning
from holdfast.runtime.standby import Waiting
from tests.crash.test_every_cut import HARD, configuration, run, run_cut


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A run that was killed while both of its strategies, `ema` and `mr`, had something on account `cut`."""
    config = configuration(tmp_path, HARD)
    run_cut(config, 30, monkeypatch)
    with Reader.open(config.journal.url) as reader:
        assert {row.strategy for row in reader.positions("cut") if row.quantity} == {"", "ema", "mr"}
    return config


def on(config: Config, account: str) -> Config:
    """The account under another name, with its strategies."""
    strategies = [replace(row, account=account) for row in config.strategies]
    return replace(config, accounts=[replace(config.accounts[0], name=account)], strategies=strategies)


def moved(config: Config, back: bool = False) -> Config:
    """Two accounts, with `ema` on the second one."""
    ema, mr = config.strategies
    accounts = [config.accounts[0], replace(config.accounts[0], name="second")]
    return replace(config, accounts=accounts, strategies=[mr, ema if back else replace(ema, account="second")])


def start(config: Config, beginning: Beginning | None = None) -> None:
    """A start that comes through, and is stopped at once."""
    with open_engine(config, beginning=beginning):
        pass


def refusal(config: Config, beginning: Beginning | None = None) -> str:
    with pytest.raises(Refused) as raised:
        start(config, beginning)
    return str(raised.value)


def test_a_paper_account_under_another_name(held: Config) -> None:
    """Refused with both ways, and both work; the account that was refused has no money and no records."""
    text = refusal(on(held, "other"))
    assert "rename-account cut other" in text
    assert "--new-journal" in text
    with Reader.open(held.journal.url) as reader:
        assert reader.last_record("other") is None
    start(held)  # as before
    rename_account(held.journal.url, "cut", "other")
    run(on(held, "other"))


def test_a_paper_account_beside_another(held: Config) -> None:
    """A person says that it is another one, once; from then on it is known. What trades other symbols was never unresolved."""
    first, _ = held.strategies
    elsewhere = replace(on(held, "third"), strategies=[replace(first, id="else", account="third", symbols=["CEDO"])])
    elsewhere = replace(elsewhere, feed=replace(held.feed, symbols=["CEDO"]))
    run(elsewhere)
    start(on(held, "other"), Beginning(new_journal=True))
    run(on(held, "other"))


def test_a_paper_account_of_somebody_else_who_trades_it_now(held: Config) -> None:
    """An engine has the other account at this moment: it is no former name of this one."""
    with open_engine(held):
        start(on(held, "other"))


def test_a_strategy_moved_to_another_account(held: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused while it has something where it was; accepted once, it is known there; and moved back, it is refused again."""
    text = refusal(moved(held))
    assert "strategy ema is on account second now" in text
    assert "on account cut" in text
    assert "--new-strategy ema" in text
    start(held)  # as before
    start(moved(held), Beginning(new_strategies=frozenset({"ema"})))
    run_cut(moved(held), 60, monkeypatch)
    with Reader.open(held.journal.url) as reader:
        assert [row for row in reader.positions("second") if row.strategy == "ema" and row.quantity]
    start(moved(held))
    assert "strategy ema is on account cut now" in refusal(moved(held, back=True))


def test_a_strategy_moved_from_an_account_that_is_not_configured_any_more(held: Config) -> None:
    """The new account has records of its own, so its name says nothing; the strategy's id does."""
    start(replace(on(held, "second"), strategies=[]))
    assert "is on account second now" in refusal(on(held, "second"))


def test_a_strategy_that_was_stopped_is_not_taken_for_one_that_moved(
    held: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't started again after a crash, and belongs to the account all the same."""
    ema, mr = held.strategies
    raising = replace(ema, class_path="tests.crash.break_kit:Everything", params={"fail_at": 80})
    config = moved(replace(held, strategies=[raising, mr]))
    start(config, Beginning(new_strategies=frozenset({"ema"})))
    run_cut(config, 40, monkeypatch)
    with Reader.open(held.journal.url) as reader:
        assert reader.last_record("second", StrategyStopped.__name__) is not None
    start(config)
    start(config)


def told(config: Config) -> list[str]:
    """What a start says before it does anything."""
    lines: list[str] = []
    with open_engine(config, waiting=Waiting(tell=lines.append)):
        pass
    return lines


def test_what_changed_is_told_before_anything_is_done(held: Config) -> None:
    """Calendar, opening cash, feed and class, each in one line, and once where it takes effect; nothing where nothing changed."""
    assert told(held) == []
    (account,), (ema, mr) = held.accounts, held.strategies

    cash = replace(held, accounts=[replace(account, cash=Money(Decimal(5)))])
    (line,) = told(cash)
    assert "began with 100000" in line
    assert "cash = 5 in the configuration changes nothing" in line

    another = replace(held, strategies=[replace(ema, class_path=mr.class_path, params={}), mr])
    (line,) = told(another)
    assert "strategy ema of account cut was a EmaCross and is a MeanReversion now" in line
    run(another)
    assert told(another) == []

    (line,) = told(replace(another, feed=replace(held.feed, seed=6)))
    assert "has other data" in line
    london = replace(
        another, accounts=[replace(account, calendar="XLON", currency="USD")], feed=replace(held.feed, seed=6)
    )
    calendar, feed = told(london)  # a made-up market is open as the calendar says
    assert "was on calendar XNYS and is on XLON now" in calendar
    assert "has other data" in feed


def test_what_nobody_trades_any_more_is_told(held: Config) -> None:
    """A strategy that is left out, and a symbol that is: each start says what they have."""
    ema, mr = held.strategies
    with Reader.open(held.journal.url) as reader:
        has = {(row.strategy, row.symbol): row.quantity for row in reader.positions("cut") if row.quantity}
    without = told(replace(held, strategies=[ema]))
    assert (
        len(
            [
                line
                for line in without
                if f"mr of account cut is not in the configuration any more, and has {has['mr', 'AVOR']} AVOR" in line
            ]
        )
        == 1
    )
    one = replace(held, strategies=[replace(ema, symbols=["AVOR"]), mr])
    symbols = [symbol for strategy, symbol in has if strategy == "ema" and symbol != "AVOR"]
    assert symbols
    assert [line.split(" any more")[0] for line in told(one)] == [
        f"strategy ema of account cut doesn't trade {symbol}" for symbol in symbols
    ]


def test_a_journal_from_before_the_calendar_was_kept() -> None:
    """It says nothing of the calendar."""
    body = decode_body(b'{"type":"EngineStarted","epoch":1,"holdfast_version":"0.9","process":"pid 1 on here"}')
    assert body == EngineStarted(1, "0.9", "pid 1 on here", "")


def test_every_key_that_names_something_is_in_the_table() -> None:
    """A new key of an account or a strategy is either one whose change means that something else is meant, or stands below."""
    settings = {
        "calendar_sessions",
        "intraday",
        "protection",
        "risk",
        "timeframe",
        "params",
        "exits",
        "wishes_per_minute",
    }
    keys = {f"accounts.{name}" for name in AccountConfig.__struct_encode_fields__ if name not in settings}
    keys |= {f"strategies.{name}" for name in StrategyConfig.__struct_encode_fields__ if name not in settings}
    keys |= {f"journal.{name}" for name in JournalConfig.__struct_encode_fields__} | {"feed"}
    page = (Path(__file__).parents[2] / "docs" / "leases.md").read_text(encoding="utf-8")
    table = page.split("## Names")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {key for row in rows for key in re.findall(r"`([a-z_.]+)`", row)} == keys
