"""How far a listener has heard: the last record of each account, as the ``id`` of an event has it."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

Places = dict[str, int]
"""The last record of each account."""


def to_id(places: Mapping[str, int]) -> str:
    """``demo=1234,live=88``; names are quoted as in URLs."""
    return ",".join(f"{quote(account, safe='')}={sequence}" for account, sequence in sorted(places.items()))


def from_id(text: str) -> Places | None:
    """What an id means; None when it is none."""
    found: Places = {}
    for part in text.split(",") if text else ():
        name, equals, number = part.partition("=")
        if not equals or not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        found[unquote(name)] = int(number)
    return found


def gap(before: Mapping[str, int], now: Mapping[str, int]) -> int | None:
    """How many records lie between; None when ``before`` is ahead, so it is of another journal."""
    steps = [now.get(account, 0) - before.get(account, 0) for account in {*before, *now}]
    return None if any(step < 0 for step in steps) else sum(steps)
