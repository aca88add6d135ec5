"""What a live feed counts."""

import msgspec


class Counts(msgspec.Struct):
    """Since the feed was made.

    ``messages`` came over the sockets and ``events`` were delivered. ``reconnects`` is how often a connection was lost or
    refused, ``gaps_filled`` how often what was missed was fetched, with ``gap_events`` delivered from there;
    ``gaps_left`` how often it was not, or not all of it. ``bad`` made no sense, ``unknown`` is of types we don't know;
    ``duplicates`` had been delivered already, ``late`` were older than what had been. ``corrections`` is what Alpaca took back or
    changed after telling it.
    """

    messages: int = 0
    events: int = 0
    reconnects: int = 0
    gaps_filled: int = 0
    gap_events: int = 0
    gaps_left: int = 0
    bad: int = 0
    unknown: int = 0
    duplicates: int = 0
    late: int = 0
    corrections: int = 0
