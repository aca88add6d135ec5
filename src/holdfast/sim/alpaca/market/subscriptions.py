"""What one client of a data stream has asked for, and the rules about what it may."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

EVERYTHING = "*"
_SHARE = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,31}")
_PAIR = re.compile(r"[A-Z0-9]{1,16}/[A-Z0-9]{1,16}")
IMPLIED = ("corrections", "cancelErrors")
"""What comes with trades, and can't be asked for by itself (Alpaca, documented)."""


class StreamKind(msgspec.Struct, frozen=True):
    """One endpoint. ``symbol_limit`` is on trades and quotes together (None: no limit)."""

    name: str
    is_crypto: bool
    symbol_limit: int | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """What can be subscribed to."""
        if self.is_crypto:
            return ("trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars")
        return ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")


class StreamError(Exception):
    """An error frame (Alpaca, documented): ``code`` and its text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


INVALID_SYNTAX = 400, "invalid syntax"
NOT_AUTHENTICATED = 401, "not authenticated"
AUTH_FAILED = 402, "auth failed"
ALREADY_AUTHENTICATED = 403, "already authenticated"
AUTH_TIMEOUT = 404, "auth timeout"
SYMBOL_LIMIT = 405, "symbol limit exceeded"
CONNECTION_LIMIT = 406, "connection limit exceeded"
SLOW_CLIENT = 407, "slow client"
INVALID_ACTION = 410, "invalid subscribe action for this feed"


class Subscriptions:
    """Symbols by channel. Subscribing adds; a refused request changes nothing."""

    def __init__(self, kind: StreamKind, symbols_there_are: int) -> None:
        self._kind = kind
        self._symbols_there_are = symbols_there_are
        self._symbols: dict[str, frozenset[str]] = dict.fromkeys(kind.channels, frozenset())

    def wants(self, channel: str, symbol: str) -> bool:
        """Whether what happens on a channel to a symbol is to be told. Everything is all of the endpoint's kind."""
        symbols = self._symbols.get(channel, frozenset())
        return symbol in symbols or (EVERYTHING in symbols and ("/" in symbol) == self._kind.is_crypto)

    def is_empty(self) -> bool:
        """Whether nothing is wanted."""
        return not any(self._symbols.values())

    def subscribe(self, message: Mapping[str, Any]) -> None:
        """Add symbols. Raises `StreamError`."""
        wanted = self._read(message)
        changed = {channel: symbols | wanted.get(channel, frozenset()) for channel, symbols in self._symbols.items()}
        self._check_limit(changed)
        self._symbols = changed

    def unsubscribe(self, message: Mapping[str, Any]) -> None:
        """Take symbols away. Raises `StreamError`."""
        unwanted = self._read(message)
        self._symbols = {
            channel: symbols - unwanted.get(channel, frozenset()) for channel, symbols in self._symbols.items()
        }

    def told(self) -> dict[str, Any]:
        """The full set, as each request is answered with."""
        channels = {channel: sorted(symbols) for channel, symbols in self._symbols.items()}
        implied = {} if self._kind.is_crypto else dict.fromkeys(IMPLIED, channels["trades"])
        return {"T": "subscription", **channels, **implied}

    def _read(self, message: Mapping[str, Any]) -> dict[str, frozenset[str]]:
        wanted: dict[str, frozenset[str]] = {}
        for channel, symbols in message.items():
            if channel == "action" or channel in IMPLIED:
                continue
            if channel not in self._kind.channels:
                raise StreamError(*INVALID_ACTION)
            if not isinstance(symbols, list) or not all(self._is_symbol(symbol) for symbol in symbols):
                raise StreamError(*INVALID_SYNTAX)
            wanted[channel] = frozenset(symbols)
        return wanted

    def _is_symbol(self, symbol: object) -> bool:
        form = _PAIR if self._kind.is_crypto else _SHARE
        return isinstance(symbol, str) and (symbol == EVERYTHING or form.fullmatch(symbol) is not None)

    def _check_limit(self, symbols: Mapping[str, frozenset[str]]) -> None:
        limit = self._kind.symbol_limit
        if limit is not None and self._counted(symbols["trades"]) + self._counted(symbols["quotes"]) > limit:
            raise StreamError(*SYMBOL_LIMIT)

    def _counted(self, symbols: frozenset[str]) -> int:
        return self._symbols_there_are if EVERYTHING in symbols else len(symbols)
