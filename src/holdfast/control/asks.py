"""Commands as people mean them: closing a position, steering a strategy."""

import json
from collections.abc import Mapping
from typing import Any

from holdfast.core.messages import Action, PlaceOrder, Signal
from holdfast.core.steering import SetParameters, StartStrategy, StopStrategy
from holdfast.core.strategy.parameters import from_json
from holdfast.core.types import NO_QUANTITY, StrategyId, plain
from holdfast.errors import InvalidValue
from holdfast.journal.reader import Reader


def close(reader: Reader, account: str, symbol: str, strategy: str | None = None) -> PlaceOrder:
    """Close what a strategy (``manual`` and ``external`` too) holds of a symbol, at the market; its exits are canceled for that.

    ``strategy`` may be left out where one holds it. Raises :class:`~holdfast.errors.InvalidValue` where nobody does, or several.
    """
    rows = [row for row in reader.positions(account) if row.strategy and row.quantity and row.symbol == symbol]
    mine = [row for row in rows if strategy in (None, row.strategy)]
    if not mine:
        held = ", ".join(f"{plain(row.quantity)} of {row.strategy}" for row in rows) or "nobody holds any"
        raise InvalidValue(f"{strategy or account} holds no {symbol}; {held}")
    if len(mine) > 1:
        names = ", ".join(row.strategy for row in mine)
        raise InvalidValue(f"{symbol} is held by {names}: say whose is meant (--strategy)")
    owner = StrategyId(mine[0].strategy)
    return PlaceOrder(Signal(strategy=owner, symbol=symbol, action=Action.CLOSE, quantity=NO_QUANTITY))


def stop_strategy(strategy: str, reason: str = "") -> StopStrategy:
    """Switch a strategy off, until it is started again."""
    return StopStrategy(StrategyId(strategy), reason)


def start_strategy(strategy: str, reason: str = "") -> StartStrategy:
    """Let a strategy run again."""
    return StartStrategy(StrategyId(strategy), reason)


def set_parameters(strategy: str, params: Mapping[str, Any], reason: str = "") -> SetParameters:
    """Change some parameters of a strategy; none: go back to the configuration's. The engine checks them all.

    Raises :class:`~holdfast.errors.InvalidValue` for what JSON can't tell: a number without an end, half a character.
    """
    try:
        text = json.dumps(dict(params), allow_nan=False, ensure_ascii=False, separators=(",", ":")) if params else ""
        text.encode()
    except ValueError as error:
        raise InvalidValue(f"strategy {strategy}: the parameters can't be kept as JSON ({error})") from None
    return SetParameters(StrategyId(strategy), text, reason)


def written(pairs: list[str]) -> dict[str, Any]:
    """``fast=5`` ``symbols=["A"]`` as parameters: what reads as JSON is that, anything else a text. Raises InvalidValue."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise InvalidValue(f"a parameter is written NAME=VALUE, such as fast=5, not {pair!r}")
        try:
            found[name.strip()] = from_json(f'{{"value": {value}}}')["value"]
        except InvalidValue:
            found[name.strip()] = value.strip()
    return found
