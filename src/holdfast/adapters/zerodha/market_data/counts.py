"""What a live feed counts."""

import msgspec


class Counts(msgspec.Struct):
    """Since the feed was made: frames and ticks that came, events that were delivered, and what was wrong.

    ``reconnects`` is how often a connection was lost or refused, ``gaps_filled`` how often missed minutes were fetched, with ``gap_bars``
    delivered from there; ``gaps_left`` how often they could not be had. ``bad`` packets made no sense, ``late`` ticks were older than one before.
    """

    frames: int = 0
    ticks: int = 0
    events: int = 0
    reconnects: int = 0
    gaps_filled: int = 0
    gap_bars: int = 0
    gaps_left: int = 0
    bad: int = 0
    late: int = 0
