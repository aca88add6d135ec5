"""Figures that need no script: bars of a distribution, a scatter, one line. Their colours are the style sheet's."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from holdfast.report import words
from holdfast.report.markup import Html, tag
from holdfast.statistics.record import Floats

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 34
MOST_BARS = 28
FEW = 200
"""With more values than this the outermost half percent on each side share the last bar."""
LINE_POINTS = 400

Show = Callable[[float], str]


class Scale(NamedTuple):
    """From values to places on the page."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, inside the figure."""
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, most: int) -> list[float]:
        """Round values on it."""
        step = words.nice_step((self.high - self.low) or 1.0, most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def histogram(values: Floats, *, label: str, show: Show, tick: Show) -> Html:
    """How often what came: bars below zero and above it. ``label`` says what is drawn, for those who can't see it as well."""
    edges, counts = _bins(values)
    x = Scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    y = Scale(0, max(counts), HEIGHT - BOTTOM, TOP)
    bars = []
    for place, many in enumerate(counts):
        if not many:
            continue
        low, high = edges[place], edges[place + 1]
        beyond_low = "below " if place == 0 and values.min() < low - 1e-12 else ""
        beyond_high = " and beyond" if place == len(counts) - 1 and values.max() > high + 1e-12 else ""
        left, right = x.at(low) + 0.5, x.at(high) - 0.5
        side = "down" if high <= 1e-12 else "up"
        text = f"{beyond_low}{show(low)} to {show(high)}{beyond_high}: {many:,}"
        shape = f"M{left:.1f} {y.at(0)}V{y.at(many)}H{max(right, left + 1):.1f}V{y.at(0)}Z"
        bars.append(tag("path", tag("title", text), d=shape, class_=f"bar {side}"))
    return _figure(label, [_grid(x, y, tick, words_of_count), bars, _zero(x)])


def scatter(
    xs: Floats, ys: Floats, is_good: Sequence[bool], *, label: str, x_name: str, y_name: str, tick: Show
) -> Html:
    """Points, of two kinds. The axes leave out what is further than the outermost half percent; such points stand at the edge."""
    x = Scale(*_range(xs), LEFT, WIDTH - RIGHT)
    y = Scale(*_range(ys), HEIGHT - BOTTOM, TOP)
    paths = []
    for kind, name in ((False, "down"), (True, "up")):
        points = [
            f"M{x.at(a)} {y.at(b)}h0"
            for a, b, good in zip(xs.tolist(), ys.tolist(), is_good, strict=True)
            if good is kind
        ]
        paths.append(tag("path", d="".join(dict.fromkeys(points)), class_=f"dots {name}"))
    names = [
        tag("text", x_name, x=WIDTH - RIGHT, y=HEIGHT - 3, class_="axis end"),
        tag("text", y_name, x=LEFT + 4, y=TOP + 8, class_="axis"),
    ]
    return _figure(label, [_grid(x, y, tick, tick), _zero(x), _zero(y, across=True), paths, names])


def line(values: Floats, *, label: str) -> Html:
    """One line without axes, for readers without scripts; the charts take its place."""
    if len(values) > LINE_POINTS:
        values = values[np.linspace(0, len(values) - 1, LINE_POINTS).astype(np.int64)]
    x = Scale(0, max(1, len(values) - 1), 0, 960)
    y = Scale(float(values.min(initial=math.inf)), float(values.max(initial=-math.inf)), 195, 5)
    points = " ".join(f"{x.at(place)},{y.at(value)}" for place, value in enumerate(values.tolist()))
    drawn = tag("polyline", points=points, class_="line s0")
    return tag("svg", drawn, viewBox="0 0 960 200", role="img", aria_label=label, class_="figure plain")


def words_of_count(value: float) -> str:
    """A whole number, or nothing."""
    return f"{value:,.0f}" if value == int(value) else ""


def short_money(value: float) -> str:
    """For axes: 1,200 or 15k or 2.5M."""
    size = abs(value)
    for unit, name in ((1e9, "bn"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            scale = 1e3 if name == "k" else unit
            return words.number(value / scale, 1).replace(".0", "") + name
    return words.number(value, 0 if size >= 10 or value == int(value) else 2)


def _bins(values: Floats) -> tuple[list[float], list[int]]:
    """Edges at round numbers, zero among them, and how many values are between; the outermost have what is beyond as well."""
    low, high = _range(values)
    step = words.nice_step(high - low, MOST_BARS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    edges = [number * step for number in range(first, max(last, first + 1) + 1)]
    inside = np.clip(values, edges[0], edges[-1])
    places = np.clip(np.searchsorted(edges, inside, side="right") - 1, 0, len(edges) - 2)
    return edges, np.bincount(places, minlength=len(edges) - 1).tolist()


def _range(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, (0.005, 0.995)) if len(values) > FEW else (values.min(), values.max())
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    return (low, high) if high - low > 0 else (low - 1.0, high + 1.0)


def _grid(x: Scale, y: Scale, show_x: Show, show_y: Show) -> list[Html]:
    pieces = []
    for value in y.ticks(4):
        place = y.at(value)
        if text := show_y(value):
            pieces.append(tag("path", d=f"M{LEFT} {place}H{WIDTH - RIGHT}", class_="grid"))
            pieces.append(tag("text", text, x=LEFT - 6, y=place + 4, class_="axis end"))
    foot = HEIGHT - BOTTOM + 15
    return pieces + [tag("text", show_x(value), x=x.at(value), y=foot, class_="axis mid") for value in x.ticks(6)]


def _zero(scale: Scale, *, across: bool = False) -> Html:
    place = scale.at(0)
    path = f"M{LEFT} {place}H{WIDTH - RIGHT}" if across else f"M{place} {TOP}V{HEIGHT - BOTTOM}"
    return tag("path", d=path, class_="zero")


def _figure(label: str, content: Sequence[object]) -> Html:
    return tag("svg", content, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label, class_="figure")  # type: ignore[arg-type]
