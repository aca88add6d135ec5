"""How a file writes its times: their unit, day or month first, the zone of their clock, start or end of a bar."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.core.types import DAY_NS
from holdfast.data import times
from holdfast.data.asking import Asker, first_text
from holdfast.data.convert import column_of, dated, join
from holdfast.data.kinds import BARS
from holdfast.data.known import LEAN, LEAN_FILE
from holdfast.data.layout import Column, Layout
from holdfast.data.names import folded, is_end
from holdfast.data.order import NIGHT_NS
from holdfast.data.times import Times
from holdfast.errors import InvalidValue

OWN = ("symbol", "ts")
"""What Holdfast's own files have: there a bar is stamped at its start, as is documented."""


class TimeGuesser(Asker):
    """The part of a guess that is about times."""

    is_wide = False

    def times(self, layout: Layout) -> Layout:
        """The layout with what its times are; what they don't tell is a doubt."""
        given = self.given
        lean = self._lean(layout)
        if lean is not None:
            return self._stamped(lean, intraday=lean.unit == "midnight")
        texts = self._time_texts(layout.columns)
        if folded(str(layout.columns.get("time", ""))) == "ms_of_day":
            layout = msgspec.structs.replace(layout, unit="midnight")
        unit, day_first = given.unit or layout.unit, False
        if unit is None and "ts" in layout.columns and times.is_numeric(texts):
            unit = times.unit_of(texts)
            if unit is None:
                self.doubt(
                    "unit",
                    f"times are numbers such as {first_text(texts)}, and nothing says what they count",
                    None,
                    "ms",
                )
            elif unit == "excel":
                self.doubt(
                    "unit",
                    f"times are numbers such as {first_text(texts)}, which look like days as Excel counts them",
                    "excel",
                )
        elif unit is None:
            day_first = self._day_first(texts, layout)
        layout = msgspec.structs.replace(layout, unit=unit, day_first=day_first, timezone=given.timezone)
        found = self._read(texts, layout)
        good = found.good & ~(pc.equal(pc.fill_null(times.text_of(texts), ""), "").to_numpy(zero_copy_only=False))
        if good.any():
            clocks = found.timed & ~found.zoned & good
            is_one = len(np.unique(found.ns[good])) == 1  # a midnight that stands alone may be of a day or of a minute
            timed = bool((clocks & ((found.ns % DAY_NS != 0) | is_one)).any())
            if given.timezone is None and not found.zoned[good].all():
                layout = self._zone(layout, first_text(texts), timed=timed)
            gaps = np.diff(np.unique(found.ns[good]))
            intraday = bool((gaps < NIGHT_NS).any()) if len(gaps) else timed
            return self._stamped(layout, intraday=intraday and (timed or bool(found.zoned[good].any())))
        if all(doubt.option not in ("day_first", "unit") for doubt in self.doubts):
            raise InvalidValue(
                f"{self.part.name}: {first_text(texts)!r} is no time that can be read; name the column of times by columns, as ts"
            )
        return layout

    def _read(self, texts: pa.Array, layout: Layout) -> Times:
        if "ts" in layout.columns:
            return times.read(texts, layout.unit, layout.day_first, layout.date)
        return dated(self.column(layout.columns["date"]), self.column(layout.columns["time"]), layout)

    def _time_texts(self, columns: Mapping[str, Column]) -> pa.Array:
        if "ts" in columns:
            return self.column(columns["ts"])
        return join(self.column(columns["date"]), self.column(columns["time"]))

    def _lean(self, layout: Layout) -> Layout | None:
        """LEAN's minutes: milliseconds of the date that is in the file's name."""
        match = re.match(LEAN_FILE, self.part.stem) if self.known.name == LEAN else None
        if match is None:
            return None
        zone = self.given.timezone or "America/New_York"
        if self.given.timezone is None and "usa" not in self.part.folder.split("/"):
            self.doubt(
                "timezone",
                "nothing says of which zone its midnight is (that of New York, if these are shares of the US)",
                zone,
            )
        date = match["date"]
        iso = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        return msgspec.structs.replace(layout, unit="midnight", date=iso, timezone=zone)

    def _day_first(self, texts: pa.Array, layout: Layout) -> bool:
        if self.given.day_first is not None:
            return self.given.day_first
        told = times.day_first_of(texts)
        if told is None and self.known.day_first is not None:
            return self.known.day_first
        if told is None:
            told = self._day_first_of_all(layout)
        if told is None:
            self.doubt(
                "day_first", f"no date tells whether day or month comes first in {first_text(texts)}", None, True
            )
        return bool(told)

    def _day_first_of_all(self, layout: Layout) -> bool | None:
        """What the whole file tells."""
        column = layout.columns.get("ts", layout.columns.get("date", 1))
        for batch in self.part.batches(layout):
            told = times.day_first_of(column_of(batch, column, self.part.name))
            if told is not None:
                return told
        return None

    def _zone(self, layout: Layout, example: str, *, timed: bool) -> Layout:
        if self.known.timezone:
            return msgspec.structs.replace(layout, timezone=self.known.timezone)
        said = _zone_in(self.part.about)
        if said:
            return msgspec.structs.replace(layout, timezone=said)
        if timed:
            self.doubt("timezone", f"times such as {example} name no time zone", None, "America/New_York")
        elif self.calendar is None and self.known.calendar:
            self.calendar = self.known.calendar
        elif self.calendar is None:
            self.doubt("calendar", "nothing says of which exchange's calendar its days are", "XNYS")
        return layout

    def _stamped(self, layout: Layout, *, intraday: bool) -> Layout:
        """At a bar's start or end. Days are their date either way."""
        given, known = self.given, self.known
        if layout.of_kind is not BARS:
            return layout
        stamp = given.stamp or known.stamp or ("end" if is_end(layout.columns) else None)
        names = [folded(name) for name in self.part.sample.column_names]
        if stamp is None and intraday and not self.is_wide and not set(OWN) <= set(names):
            self.doubt("stamp", "nothing says whether a bar's time is its start or its end", "start")
        return msgspec.structs.replace(layout, stamp=stamp or "start")


def _zone_in(about: Mapping[str, Any]) -> str | None:
    """A zone that the document names."""
    for key, text in about.items():
        if isinstance(text, str) and ("zone" in folded(key)) and "/" in text:
            return text
    return None
