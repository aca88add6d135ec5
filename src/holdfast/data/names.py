"""The names under which columns of market data go."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from holdfast.data.kinds import BARS, QUOTES, TRADES, Kind
from holdfast.data.layout import Column

TIMES = (
    "ts", "ts_event", "window_start", "sip_timestamp", "participant_timestamp", "timestamp", "open_time", "unix", "unix_timestamp",
    "unix_time", "epoch", "datetime", "date_time", "gmt_time", "local_time", "utc_time", "time_utc", "utc", "start", "start_time",
    "bar_start", "begins_at", "begin", "candle_begin_time", "t", "time", "date", "trade_date", "trading_date", "trading_day",
    "business_date", "day", "timestamp_utc", "ts_utc", "quote_time", "trade_time", "trd_dt", "trad_dt", "created_at", "zeitstempel", "datum",
    "fecha", "data",
)  # fmt: skip
"""Of the time, the likeliest first. Names in German, French, Spanish, Italian and Portuguese are known too, without their accents."""
END_TIMES = ("end", "end_time", "bar_end", "close_time")
"""Of a bar's end."""
DATES = ("date", "day", "trade_date", "trading_date", "yyyymmdd", "dtyyyymmdd", "local_date", "datum", "fecha", "data")
CLOCKS = ("time", "hour", "time_of_day", "hhmmss", "ms_of_day", "zeit", "uhrzeit", "heure", "hora", "ora")
"""Of the time of day beside a date."""
SYMBOLS = (
    "symbol", "ticker", "sym", "instrument", "secid", "tradingsymbol", "trading_symbol", "act_symbol", "code", "ric", "asset", "pair",
    "market", "stock", "security", "tckr_symb", "stock_code", "ts_code", "underlying", "root", "name",
)  # fmt: skip
_ROLES: dict[str, tuple[str, ...]] = {
    "open": ("open", "o", "open_price", "opening_price", "price_open", "opn_pric", "first", "open_rate",
             "eroffnung", "eroffnungskurs", "erster", "ouverture", "ouv", "apertura", "abertura"),
    "high": ("high", "h", "high_price", "price_high", "highest", "max", "hgh_pric", "day_high",
             "hoch", "hochst", "hochstkurs", "tageshoch", "haut", "plus_haut", "maximo", "massimo", "alto"),
    "low": ("low", "l", "low_price", "price_low", "lowest", "min", "lw_pric", "day_low",
             "tief", "tiefst", "tiefstkurs", "tagestief", "bas", "plus_bas", "minimo", "minima", "basso", "bajo"),
    "close": ("close", "c", "close_price", "closing_price", "price_close", "close_last", "cls_pric", "last", "last_price", "settle",
              "settlement", "price", "ltp",
             "schluss", "schlusskurs", "cloture", "clot", "dernier", "cierre", "chiusura", "fechamento", "ultimo"),
    "volume": ("volume", "v", "vol", "share_volume", "shares_traded", "traded_volume", "total_traded_quantity", "ttl_trd_qnty", "tottrdqty",
               "ttl_trad_vol", "no_of_shares", "real_volume", "volume_from", "base_volume", "tot_vol", "size", "qty", "quantity",
               "tick_volume", "tickvol",
             "volumen", "stuck", "volumi"),
    "price": ("price", "p", "trade_price", "last_price", "px", "last", "rate"),
    "size": ("size", "s", "qty", "quantity", "amount", "trade_size", "volume", "last_size", "q", "vol", "shares"),
    "bid": ("bid", "bid_price", "bp", "best_bid", "best_bid_price", "bid_px_00", "bid_px", "bidprice", "b"),
    "bid_size": ("bid_size", "bs", "bid_qty", "bid_volume", "best_bid_qty", "best_bid_amount", "bid_sz_00", "bid_sz", "bidsize", "bid_amount",
                 "bidvolume"),
    "ask": ("ask", "ask_price", "ap", "best_ask", "best_ask_price", "ask_px_00", "ask_px", "askprice", "offer", "a"),
    "ask_size": ("ask_size", "as", "ask_qty", "ask_volume", "best_ask_qty", "best_ask_amount", "ask_sz_00", "ask_sz", "asksize", "ask_amount",
                 "offer_size", "askvolume"),
}  # fmt: skip
NOT_A_KEY = ("volume", "size", "bid_size", "ask_size")
"""What may be missing: currencies and indices have no volume."""


def folded(name: str) -> str:
    """A name without its dress: ``<OPEN>``, ``Open ``, ``1. open`` and ``openPrice`` become open, open, open, open_price; ``Eröffnung`` eroffnung."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name).strip())
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    text = re.sub(r"[^0-9a-z]+", "_", plain).strip("_")
    return re.sub(r"^\d+_(?=[a-z])", "", text)


class Named:
    """The columns of a file or frame by folded name."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._by_folded: dict[str, str] = {}
        for name in names:
            self._by_folded.setdefault(folded(name), name)

    def first(self, *wanted: str) -> str | None:
        """The column of the first of these names that is there."""
        return next((self._by_folded[name] for name in wanted if name in self._by_folded), None)

    def has(self, *wanted: str) -> bool:
        """Whether all are there."""
        return all(name in self._by_folded for name in wanted)

    def like(self, pattern: str) -> str | None:
        """The first whose whole folded name is like this."""
        return next((name for key, name in self._by_folded.items() if re.fullmatch(pattern, key)), None)


def kind_of(named: Named) -> Kind | None:
    """What the names say it is: bars before quotes before trades; None if they say nothing."""
    for kind in (BARS, QUOTES, TRADES):
        if all(named.first(*_ROLES[role]) for role in kind.numbers if role not in NOT_A_KEY):
            return kind if kind is not TRADES or named.first(*_ROLES["size"]) else None
    return None


def roles_of(named: Named, kind: Kind) -> dict[str, Column]:
    """The column of each role that is there, each column once."""
    found: dict[str, Column] = {}
    for role in kind.numbers:
        name = named.first(*(word for word in _ROLES[role] if named.first(word) not in found.values()))
        if role == "volume" and name is None:
            name = named.like("volume_(?!quote|usd|notional|currency|weighted).*")
        if name is not None:
            found[role] = name
    symbol = named.first(*SYMBOLS)
    if symbol is not None:
        found["symbol"] = symbol
    return {**time_roles(named), **found}


def time_roles(named: Named) -> dict[str, Column]:
    """The columns of the time: ``ts``, or ``date`` and ``time``; an end only where there is no other."""
    day = named.first(*DATES)
    whole = named.first(*TIMES)
    if day is not None and (whole is None or folded(whole) in (*DATES, *CLOCKS)):
        clock = named.first(*(name for name in CLOCKS if named.first(name) != day))
        if clock is not None:
            return {"date": day, "time": clock}
    name = whole or named.first(*END_TIMES)
    return {} if name is None else {"ts": name}


def is_end(columns: Mapping[str, Column]) -> bool:
    """Whether the time is a bar's end by its name."""
    return folded(str(columns.get("ts", ""))) in END_TIMES
