"""Layouts that are known by their names or their first lines, and what their makers say of them.

Only what the maker documents is taken for certain: the zone of its times, whether a bar is stamped at its start or end.
"""

import re
from collections.abc import Sequence

import msgspec

from holdfast.data.layout import Column, Stamp, Unit


class Known(msgspec.Struct, frozen=True):
    """A layout that is known.

    ``header``: folded names that are all there; ``line``: what one of the first lines is like; ``file``: what its file name is like, where
    that is needed; ``symbol``: where in the file name the symbol stands, if that is certain. The rest is as in `Layout`.
    """

    name: str
    header: tuple[str, ...] = ()
    line: str = ""
    file: str = ""
    symbol: str = ""
    timezone: str | None = None
    calendar: str | None = None
    unit: Unit | None = None
    stamp: Stamp | None = None
    day_first: bool | None = None
    price_scale: float | None = None
    columns: dict[str, Column] = {}
    adjustment: str = ""
    note: str = ""


_NEW_YORK = "America/New_York"
LEAN = "QuantConnect LEAN"
_IN_ORDER: dict[str, Column] = {"ts": 1, "open": 2, "high": 3, "low": 4, "close": 5, "volume": 6}
KNOWN = (
    Known(
        "Databento",
        ("ts_event", "rtype", "publisher_id", "instrument_id"),
        stamp="start",
    ),
    Known("Polygon", ("ticker", "window_start", "transactions"), stamp="start"),
    Known("CryptoDataDownload", ("unix", "date", "symbol", "open"), stamp="start"),
    Known(
        "Binance",
        ("open_time", "open", "high", "low", "close", "volume", "close_time"),
        symbol=r"^([A-Z0-9]{5,20})-\d+[smhdw]o?-\d{4}",
        stamp="start",
    ),
    Known(
        "Binance",
        line=r"^\d{13,16},[\d.]+,[\d.]+,[\d.]+,[\d.]+,[\d.]+,\d{13,16},[\d.]+,\d+,",
        symbol=r"^([A-Z0-9]{5,20})-\d+[smhdw]o?-\d{4}",
        columns=_IN_ORDER,
        stamp="start",
    ),
    Known(
        "Nasdaq Data Link",
        ("date", "open", "high", "low", "close", "volume", "ex_dividend", "split_ratio"),
        calendar="XNYS",
        adjustment="raw",
        note="prices are as traded; the 'Adj.' columns aren't read",
    ),
    Known(
        "Yahoo",
        ("date", "open", "high", "low", "close", "adj_close", "volume"),
        adjustment="splits",
        note="prices are Close, adjusted for splits; 'Adj Close' (for dividends too) isn't read",
    ),
    Known("yfinance", line=r"^Datetime,(Adj Close,)?(Close,High,Low,Open|Open,High,Low,Close)", stamp="start", adjustment="splits"),
    Known("Alpaca", ("symbol", "timestamp", "open", "high", "low", "close", "volume", "trade_count", "vwap"), stamp="start"),
    Known(
        "Interactive Brokers",
        ("date", "open", "high", "low", "close", "volume", "average", "bar_count"),
        stamp="start",
    ),
    Known(
        "MetaTrader 5",
        line=r"^<DATE>\t(<TIME>\t)?<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>",
        symbol=r"^([A-Za-z0-9.#]+)_(?:M\d+|H\d+|D1|W1|MN1|Daily)_\d{12}_\d{12}$",
        stamp="start",
        note="times are those of the broker's server, often EET: your broker says which",
    ),
    Known("TradingView", line=r"^time,open,high,low,close(,[A-Z].*)?$", stamp="start"),
    Known("Alpaca or Polygon", ("t", "o", "h", "l", "c", "v", "n", "vw"), stamp="start"),
    Known("Dukascopy", ("gmt_time", "open", "high", "low", "close"), timezone="UTC", day_first=True, stamp="start"),
    Known("Dukascopy", ("local_time", "open", "high", "low", "close"), day_first=True, stamp="start"),
    Known("Dukascopy", ("time_utc", "open", "high", "low", "close"), timezone="UTC", stamp="start"),
    Known("Dukascopy", ("time_eet", "open", "high", "low", "close"), timezone="EET", stamp="start"),
    Known("nasdaq.com", ("date", "close_last", "volume", "open", "high", "low"), day_first=False, calendar="XNYS"),
    Known("NSE", ("date", "series", "open", "high", "low", "prev_close", "ltp", "close"), calendar="XBOM", day_first=True),
    Known("Stooq", ("ticker", "per", "date", "time", "open", "high", "low", "close", "vol", "openint")),
    Known(
        "HistData",
        line=r"^\d{8} \d{6}(\d{3})?[;,]",
        file=r"^DAT_(ASCII|NT)_",
        symbol=r"^DAT_(?:ASCII|NT)_([A-Z0-9]{5,12})_",
        timezone="Etc/GMT+5",
        stamp="start",
        note="HistData's times are of New York without summer time; its bars are of bid prices",
    ),
    Known(
        "FirstRate",
        line=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,[\d.]+,[\d.]+,[\d.]+,[\d.]+,\d",
        file=r"(?i)firstrate|_full_(1|5|30)min|_full_1hour",
        symbol=r"^([A-Z][A-Z.\-]*)_(?:full_)?1?\w*(?:min|hour)",
        timezone=_NEW_YORK,
        stamp="start",
    ),
    Known("TradeStation", ("date", "time", "open", "high", "low", "close", "up", "down"), stamp="end", day_first=False),
    Known(LEAN, line=r"^\d{1,8},[\d.]+,[\d.]+,[\d.]+,[\d.]+,[\d.]", file=r"^\d{8}_[a-z0-9.]+_(second|minute)_trade$", columns=_IN_ORDER, stamp="start"),
    Known(LEAN, line=r"^\d{8} \d\d:\d\d,\d+,\d+,\d+,\d+,\d", columns=_IN_ORDER, calendar="XNYS", stamp="start"),
)  # fmt: skip
LEAN_FILE = r"^(?P<date>\d{8})_(?P<symbol>[a-z0-9.]+)_(?P<length>second|minute)_trade$"


def known_as(stem: str, folded_names: Sequence[str], first_lines: Sequence[str]) -> Known | None:
    """The first known layout that fits."""
    for known in KNOWN:
        if known.file and not re.search(known.file, stem):
            continue
        if known.header and set(known.header) <= set(folded_names):
            return known
        if known.line and any(re.search(known.line, line) for line in first_lines[:3]):
            return known
    return None


def known_array(place: str | None, width: int, unit: str | None) -> Known | None:
    """JSON with rows that are lists: under ``candles`` as of Kite and Upstox, or alone with milliseconds as of ccxt and freqtrade."""
    if place == "candles":
        return Known("Kite", columns=_IN_ORDER, stamp="start")
    if place is None and width == 12 and unit == "ms":
        return Known("Binance", columns=_IN_ORDER, stamp="start")
    if place is None and width == 6 and unit == "ms":
        return Known("ccxt", columns=_IN_ORDER, stamp="start")
    return None


# --- symbols in file names ------------------------------------------------------------------------------------------------

_NO_SYMBOLS = frozenset(
    [
        "yahoo",
        "yfinance",
        "stooq",
        "web",
        "kaggle",
        "firstrate",
        "firstratedata",
        "binance",
        "bybit",
        "okx",
        "kraken",
        "coinbase",
        "bitfinex",
        "bitstamp",
        "alpaca",
        "py",
        "kite",
        "zerodha",
        "ccxt",
        "freqtrade",
        "databento",
        "polygon",
        "massive",
        "mt4",
        "mt5",
        "metatrader",
        "tradingview",
        "tv",
        "bats",
        "nasdaq",
        "nyse",
        "arca",
        "amex",
        "nse",
        "bse",
        "oanda",
        "dukascopy",
        "histdata",
        "dat",
        "ascii",
        "nt",
        "lean",
        "quantconnect",
        "ndl",
        "wiki",
        "quandl",
        "ib",
        "ibkr",
        "iqfeed",
        "thetadata",
        "theta",
        "tiingo",
        "eodhd",
        "excel",
        "csv",
        "txt",
        "json",
        "data",
        "bars",
        "bar",
        "quotes",
        "quote",
        "trades",
        "trade",
        "ticks",
        "tick",
        "candles",
        "candle",
        "candlestick",
        "klines",
        "kline",
        "ohlc",
        "ohlcv",
        "history",
        "historical",
        "prices",
        "price",
        "daily",
        "day",
        "days",
        "minute",
        "minutes",
        "min",
        "hour",
        "hours",
        "hourly",
        "weekly",
        "monthly",
        "intraday",
        "export",
        "download",
        "sample",
        "full",
        "all",
        "raw",
        "adj",
        "adjusted",
        "adjsplit",
        "adjsplitdiv",
        "unadjusted",
        "df",
        "dataframe",
        "out",
        "new",
        "test",
        "utf8",
        "utf16",
        "utf",
        "bom",
        "ok",
        "spaces",
        "us",
        "uk",
        "in",
        "bid",
        "ask",
        "mid",
        "spot",
        "futures",
        "usdm",
        "um",
        "cm",
        "perp",
        "part",
        "file",
        "market",
        "eod",
        "the",
        "of",
        "for",
        "from",
        "to",
        "with",
        "no",
        "header",
        "nocolon",
        "colon",
        "iso",
        "unix",
        "end",
        "start",
        "stamped",
    ]
)


def symbol_in(stem: str) -> str | None:
    """What looks like the symbol in a file's name; a guess."""
    words = [word for word in re.split(r"[^A-Za-z0-9.\-^=]+", stem) if word]
    words = [part for word in words for part in re.split(r"-(?=\d)|(?<=\d)-", word) if part]
    likely = [word for word in words if _may_be_symbol(word)]
    capital = [word for word in likely if word.isupper()]
    chosen = capital or likely
    if len(capital) == 2 and capital[1] in ("USD", "USDT", "USDC", "EUR", "BTC", "ETH", "GBP", "JPY") and "_" in stem:
        return "/".join(capital)
    return chosen[0].upper() if chosen else None


def _may_be_symbol(word: str) -> bool:
    plain = re.sub(r"[^a-z0-9]", "", word.casefold())
    if not plain or plain in _NO_SYMBOLS or not re.search(r"[a-z]", plain):
        return False
    return not re.fullmatch(r"(\d+[a-z]{1,6}|[mhdw]\d{1,3}|mn1?|v\d+|[a-z]+\d{4,})", plain)
