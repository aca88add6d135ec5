"""A strategy's parameters from what a person writes, all checked or none taken."""

from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

import msgspec

from holdfast.core.codec import encode_params
from holdfast.core.strategy.api import Strategy
from holdfast.errors import InvalidValue


def to_params(strategy_class: type[Strategy], given: Mapping[str, Any]) -> Any:
    """The parameters of a strategy, those by default included. Raises :class:`~holdfast.errors.InvalidValue`."""
    known, name = strategy_class.Params.__struct_fields__, strategy_class.__name__
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'none'}"
            raise InvalidValue(f"{name} has no parameter {key!r}; {hint}")
    for key, value in given.items():
        if not _is_sound(value):
            raise InvalidValue(f"params.{key} must be finite, not {value}")
    try:
        return msgspec.convert(dict(given), strategy_class.Params, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidValue(f"{name}: {str(error).replace(' - at `$.', ' at `params.')}") from None


def from_json(text: str) -> dict[str, Any]:
    """A JSON object of parameters. Raises :class:`~holdfast.errors.InvalidValue`."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise InvalidValue(f'parameters are a JSON object, such as {{"fast": 5}}: {error}') from None
    if not isinstance(found, dict):
        raise InvalidValue(f'parameters are a JSON object, such as {{"fast": 5}}, not {text}')
    return found


def changed(strategy: Strategy, text: str) -> Any:
    """A strategy's parameters with those of a JSON object in their place. Raises :class:`~holdfast.errors.InvalidValue`."""
    return to_params(type(strategy), from_json(encode_params(strategy.params)) | from_json(text))


def _is_sound(value: object) -> bool:
    """Whether no number in a parameter is infinite or none at all, also where it is written as text."""
    if isinstance(value, dict):
        return all(_is_sound(part) for part in value.values())
    if isinstance(value, list):
        return all(_is_sound(part) for part in value)
    if isinstance(value, str):
        return value.strip().lower().lstrip("+-") not in ("nan", "snan", "inf", "infinity")
    return not isinstance(value, float) or isfinite(value)
