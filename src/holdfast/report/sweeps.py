"""A table of two parameters from many runs."""

from collections.abc import Iterable, Mapping
from math import isfinite
from statistics import median
from typing import Any

from holdfast.errors import InvalidValue
from holdfast.report.record import Sweep

MOST_CELLS = 10_000


def sweep_table(
    rows: Iterable[Mapping[str, Any]], x: str, y: str, figure: str, *, chosen: Mapping[str, Any] | None = None
) -> Sweep:
    """``figure`` of runs by their parameters ``x`` and ``y``; each row has the parameters and figures of a run.

    Where more than one run has the same two (they differ in others) a cell is their median, which no single lucky run decides. ``chosen`` are the
    parameters of the run that is reported. Raises :class:`~holdfast.errors.InvalidValue` for names that a row doesn't have, and for more than 10,000
    cells.
    """
    cells: dict[tuple[Any, Any], list[float]] = {}
    most = 1
    for row in rows:
        for name in (x, y, figure):
            if name not in row:
                raise InvalidValue(f"sweep: a run has no {name!r}; it has {', '.join(map(str, row))}")
        values = cells.setdefault((row[x], row[y]), [])
        value = row[figure]
        if value is not None and isfinite(value):
            values.append(float(value))
        most = max(most, len(values))
    xs, ys = (sorted({key[place] for key in cells}) for place in (0, 1))
    if len(xs) * len(ys) > MOST_CELLS:
        raise InvalidValue(
            f"sweep: {len(xs):,} times {len(ys):,} cells can't be read; give two parameters with fewer values"
        )
    table = [[median(found) if (found := cells.get((a, b))) else None for a in xs] for b in ys]
    said = f"A cell is the median of up to {most:,} runs that differ in other parameters." if most > 1 else ""
    framed = (str(chosen[x]), str(chosen[y])) if chosen and x in chosen and y in chosen else None
    return Sweep(figure, x, y, [str(a) for a in xs], [str(b) for b in ys], table, framed, said)
