"""Instrument files: what they say, and what is refused in one line."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from holdfast.config import load_config
from holdfast.core.instruments import CRYPTO, INDIA_EQUITY, UNKNOWN_TICKS, US_EQUITY, AssetClass
from holdfast.errors import ConfigError, InvalidValue
from holdfast.feeds.instruments import InstrumentRules, read_instruments

NSE = """symbol,tick,lot,asset_class,exchange
M&M,0.05,1,stock,NSE
BAJAJ-AUTO,0:0.01 250:0.05 1000:0.1 5000:0.5,,,NSE
NIFTY24DECFUT,0.05,25,future,NFO
GOLDBEES,0.01,,,
"""


def file(folder: Path, text: str) -> Path:
    path = folder / "nse.csv"
    path.write_text(text)
    return path


def test_a_row_says_what_differs_from_the_exchange(tmp_path: Path) -> None:
    """What a row leaves out is as on the account's exchange; a tick may go by the price."""
    rules = read_instruments(file(tmp_path, NSE))
    assert list(rules) == ["M&M", "BAJAJ-AUTO", "NIFTY24DECFUT", "GOLDBEES"]
    share, future = rules["BAJAJ-AUTO"].on(INDIA_EQUITY), rules["NIFTY24DECFUT"].on(INDIA_EQUITY)
    ticks = [str(share.tick(Decimal(price))) for price in ("249.99", "250", "1000", "9000")]
    assert ticks == ["0.01", "0.05", "0.1", "0.5"]
    assert [share.lot, share.quantity_increment, share.exchange] == [1, 1, "NSE"]
    assert [future.lot, future.quantity_increment, future.asset_class] == [25, 25, AssetClass.FUTURE]
    assert rules["GOLDBEES"].on(INDIA_EQUITY).exchange == ""


def test_a_tick_of_ones_own_holds_at_all_times(tmp_path: Path) -> None:
    """Also after the exchange has changed its table; a lot of one's own goes with each of the exchange's tables."""
    later_ns = 1_800_000_000_000_000_000
    assert InstrumentRules(tick=Decimal("0.05")).on(INDIA_EQUITY).at(later_ns).tick(Decimal(30_000)) == Decimal("0.05")
    lots_only = InstrumentRules(lot=Decimal(25)).on(INDIA_EQUITY).at(later_ns)
    assert [lots_only.tick(Decimal(30_000)), lots_only.lot] == [5, 25]


def test_a_step_finer_than_the_lot() -> None:
    """Orders go by the step, sizes by the lot; a step that the exchange's lot is no multiple of is the lot as well."""
    rules = InstrumentRules(lot=Decimal(100), quantity_increment=Decimal(1)).on(US_EQUITY)
    assert [rules.lot, rules.quantity_increment] == [100, 1]
    coarse = InstrumentRules(quantity_increment=Decimal(10)).on(UNKNOWN_TICKS)
    assert [coarse.lot, coarse.quantity_increment] == [10, 10]
    assert InstrumentRules(quantity_increment=Decimal("0.000000001")).on(CRYPTO).lot == CRYPTO.lot


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("symbol,tick\nA,0\n", "nse.csv row 1 (A): tick must be above 0"),
        ("symbol,tick\nA,0.05\nB,-1\n", "nse.csv row 2 (B): tick must be above 0"),
        ("symbol,tick\nA,0.05\n\nA,0.05\n", "nse.csv row 3: A is there twice, in row 1 too"),
        ("symbol,tick\nA,nan\n", "nse.csv row 1 (A): tick must be a number, not 'nan'"),
        ("symbol,tick\nA,5 paise\n", "nse.csv row 1 (A): tick must be a number"),
        ("symbol,tick\nA,250:0.05\n", "nse.csv row 1 (A): tick says nothing of prices from 0"),
        ("symbol,tick\nA,0:0.01 250:0\n", "nse.csv row 1 (A): tick must be above 0"),
        ("symbol,tick\nA,0:0.01 0.0:1\n", "nse.csv row 1 (A): tick has a price twice"),
        ("symbol,tick\nA,0:0.01 -1:1\n", "the price that a tick begins at must be at least 0, not -1"),
        ("symbol,lot,quantity_increment\nA,10,3\n", "row 1 (A): lot must be a multiple of quantity_increment"),
        ("symbol,asset_class\nA,stonk\n", "nse.csv row 1 (A): asset_class: Invalid enum value 'stonk'"),
        ("symbol,tik\nA,1\n", "there is no column 'tik' of instruments; did you mean tick?"),
        ("symbol,tick,tick\nA,1,1\n", "column tick is there 2 times"),
        ("tick\n1\n", "there is no column symbol"),
        ("", "there is no column symbol; the file has no columns"),
        ("symbol,tick\nA\n", "nse.csv row 1: it has 1 cells, and the header 2"),
        ("symbol,tick\n,1\n", "nse.csv row 1: a symbol has 1 to 64 printable characters"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, words: str) -> None:
    """By file, row and symbol, in one line."""
    with pytest.raises(ConfigError) as caught:
        read_instruments(file(tmp_path, text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """One that isn't there, is of another kind, or is no text."""
    with pytest.raises(ConfigError, match="there is no such file"):
        read_instruments(tmp_path / "no.csv")
    with pytest.raises(ConfigError, match=r"read from a \.csv file, not '\.xls'"):
        read_instruments(tmp_path / "no.xls")
    (tmp_path / "raw.csv").write_bytes(b"symbol\n\xff\xfe\n")
    with pytest.raises(ConfigError, match="can't be read"):
        read_instruments(tmp_path / "raw.csv")


CONFIG = '[[accounts]]\nname = "a"\ncalendar = "XBOM"\n'


def test_the_configuration_names_the_file(tmp_path: Path) -> None:
    """From its own folder; or it has the rules itself, with the same fields."""
    file(tmp_path, NSE)
    path = tmp_path / "holdfast.toml"
    path.write_text('instruments = "nse.csv"\n' + CONFIG)
    assert load_config(path, {}).instruments == read_instruments(tmp_path / "nse.csv")
    path.write_text(CONFIG + '[instruments."M&M"]\ntick = { 0 = "0.01", 250 = "0.05" }\nlot = 5\n')
    rules = load_config(path, {}).instruments["M&M"]
    assert rules.on(INDIA_EQUITY).tick(Decimal(300)) == Decimal("0.05")
    assert rules.lot == 5


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ('tik = "0.05"', "unknown key instruments.ABC.tik; did you mean tick?"),
        ("tick = 0", "tick must be above 0"),
        ('tick = { 250 = "0.05" }', "tick says nothing of prices from 0"),
    ],
)
def test_rules_in_the_configuration_are_checked_the_same(tmp_path: Path, rules: str, words: str) -> None:
    """A mistyped name gets the nearest right one."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG + f"[instruments.ABC]\n{rules}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert words in str(caught.value)


def test_rules_that_are_made_are_checked() -> None:
    """Whoever makes them."""
    with pytest.raises(InvalidValue, match="lot must be"):
        InstrumentRules(lot=Decimal(0))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"tick": "x"}, InstrumentRules)
