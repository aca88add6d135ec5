"""Indicators of TA-Lib and of talipp, behind the same door as ours. Both are extras: ``pip install 'holdfast[talib]'``."""

from collections import deque
from collections.abc import Iterable
from difflib import get_close_matches
from enum import Enum
from importlib import import_module
from inspect import signature
from math import isfinite
from typing import Any

from holdfast.core.messages import Bar
from holdfast.core.strategy.indicator import Indicator, Panel, whole
from holdfast.errors import InvalidValue

FIELDS = ("open", "high", "low", "close", "volume")
SETTLED = 250
"""Without ``window=`` TA-Lib is given so many bars more than it looks back: what is recursive has forgotten its beginning by then."""

KEPT_INPUTS = 2_000
"""talipp keeps all that it was given; of that at least so much is kept, and never more than twice as much."""


class TaLib(Indicator):
    """A function of TA-Lib by its name: ``TaLib("STOCH", fastk_period=5)``. ``value`` is its first output, the others go by their names.

    It is computed anew at each bar over the last ``window`` bars, which costs more than one of `holdfast.indicators`. What is recursive
    (``EMA``, ``RSI``) depends a little on where the window begins. ``price`` is what of a bar it is given where it takes one series, the
    close unless said. Raises :class:`~holdfast.errors.InvalidValue` for a name or parameter that TA-Lib doesn't have, and where it
    isn't installed.
    """

    takes_bars = True

    def __init__(
        self, function: str, *, window: int | None = None, price: str | None = None, **parameters: Any
    ) -> None:
        library = _library("talib", "TA-Lib", "talib")
        name = str(function).upper()
        if name not in library.get_functions():
            raise InvalidValue(f"TA-Lib has no {function!r}{_nearest(name, library.get_functions())}")
        described = import_module("talib.abstract").Function(name)
        for given in parameters:
            if given not in described.parameters:
                raise InvalidValue(f"TA-Lib's {name} has no parameter {given!r}{_nearest(given, described.parameters)}")
        try:
            described.parameters = parameters
            lookback = int(described.lookback)
        except Exception as error:  # noqa: BLE001 - it raises plain Exceptions
            raise InvalidValue(f"TA-Lib's {name} does not take {parameters}: {error}") from None
        if lookback < 0:
            raise InvalidValue(f"TA-Lib's {name} does not take {parameters}")
        info = described.info
        self._function, self._arguments = name, parameters | _price(name, described.input_names, price)
        self.outputs = ("value", *info["output_names"][1:])  # type: ignore[misc]
        is_price = "Output scale same as input" in (info["function_flags"] or [])
        self.panel = Panel.PRICE if is_price else Panel.OWN  # type: ignore[misc]
        texts = ", ".join(str(value) for value in self._arguments.values())
        super().__init__(f"TA-Lib {name}({texts})", lookback + 1)
        length = lookback + SETTLED if window is None else whole("TaLib.window", window, lookback + 1)
        self._bars: deque[tuple[float, ...]] = deque(maxlen=length)
        for output in self._rest:
            setattr(self, output, None)

    def compute(self, value: Bar) -> float | None:
        """Compute it over the window."""
        import numpy as np

        self._bars.append((value.open, value.high, value.low, value.close, value.volume))
        if len(self._bars) < self.bars:
            return None
        columns = dict(zip(FIELDS, np.array(self._bars, np.float64).T.copy(), strict=True))
        found = getattr(import_module("talib.abstract"), self._function)(columns, **self._arguments)
        last = [float(column[-1]) for column in (found if self._rest else [found])]
        if not all(map(isfinite, last)):
            return None
        for output, number in zip(self._rest, last[1:], strict=True):
            setattr(self, output, number)
        return last[0]


def _price(name: str, inputs: Any, price: str | None) -> dict[str, str]:
    """Which series a function of one is given."""
    if price is None:
        return {}
    if price not in FIELDS:
        raise InvalidValue(f"TaLib.price can't be {price!r}{_nearest(price, FIELDS)}")
    if set(inputs) != {"price"}:
        raise InvalidValue(f"TA-Lib's {name} takes more than one series; leave out price={price!r}")
    return {"price": price}


class Talipp(Indicator):
    """An indicator of talipp: ``Talipp("Stoch", 14, 3)`` or ``Talipp("EMA", 20)``, made with what its class takes. It is incremental.

    Where its values have several fields, ``outputs`` has their names and ``value`` is the first of them. It takes whole bars or closes,
    as its class does. A chart draws it in a panel of its own unless ``panel="price"``. Raises :class:`~holdfast.errors.InvalidValue` for a name that talipp doesn't have, what its class doesn't take, and where it
    isn't installed.
    """

    takes_bars = True

    def __init__(self, indicator: str, *parameters: Any, panel: Panel | str = Panel.OWN, **named: Any) -> None:
        _library("talipp", "talipp", "talipp")
        classes = import_module("talipp.indicators")
        kind = getattr(classes, str(indicator), None)
        if not isinstance(kind, type):
            known = [name for name in vars(classes) if isinstance(getattr(classes, name), type)]
            raise InvalidValue(f"talipp has no {indicator!r}{_nearest(str(indicator), known)}")
        try:
            self._inner: Any = kind(*parameters, **named)
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"talipp's {indicator} does not take {parameters or named}: {error}") from None
        texts = ", ".join(str(value) for value in (*parameters, *named.values()))
        super().__init__(f"talipp {indicator}({texts})", 1)
        if panel not in list(Panel):
            raise InvalidValue(f"Talipp.panel must be 'price' or 'own', not {panel!r}")
        self.panel = Panel(panel)  # type: ignore[misc]
        self._takes_bars = "OHLCV" in str(signature(kind).parameters["input_values"].annotation)

    def compute(self, value: Bar) -> float | None:
        """One step further."""
        inner = self._inner
        inner.add(_ohlcv(value) if self._takes_bars else value.close)
        if len(inner) >= 2 * KEPT_INPUTS:
            inner.purge_oldest(KEPT_INPUTS)
        return self._read(inner[-1] if len(inner) else None)

    def _read(self, found: Any) -> float | None:
        if found is None or isinstance(found, int | float):
            return None if found is None else float(found)
        rows = ((name, getattr(found, name)) for name in found.__dataclass_fields__)
        fields = {name: value.value if isinstance(value, Enum) else value for name, value in rows}
        if any(number is None for number in fields.values()):
            return None
        first, *names = [name for name, number in fields.items() if isinstance(number, int | float)]
        self.outputs = ("value", *names)  # type: ignore[misc]
        self._rest = self.outputs[1:]
        for name in names:
            setattr(self, name, float(fields[name]))
        return float(fields[first])


def _ohlcv(bar: Bar) -> Any:
    return import_module("talipp.ohlcv").OHLCV(bar.open, bar.high, bar.low, bar.close, bar.volume)


def _library(module: str, name: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise InvalidValue(f"{name} is not installed: pip install 'holdfast[{extra}]'") from None


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""
