"""What a change of price looks like: a split, or trading."""

from holdfast.core.types import HOUR_NS

A_NIGHT_NS = 3 * HOUR_NS
"""Splits happen between sessions. Prices that are nearer to each other than this move by trading."""
LARGEST = 50
"""More shares for one than any split of a listed share is likely to have given; what jumps further is another fault."""
NEAR = 0.04
"""By so much of itself a price may have moved besides and still be taken for a split's: real ones hardly ever moved more."""
FAR = 5
"""From so many for one on nothing but a split, or a fault in the data, is likely: the nearest ratio is named."""
HALF_NEAR = 0.015
"""For 3 for 2 and 2 for 3, which an ordinary bad night comes near to."""


def ratio_of(before: float, after: float) -> tuple[int, int] | None:
    """The split that a change of price looks like, new for old shares; None for one that looks like trading."""
    if not (before > 0 and after > 0):
        return None
    factor = before / after if before > after else after / before
    if abs(factor / 1.5 - 1) <= HALF_NEAR:
        new, old = 3, 2
    else:
        new, old = round(factor), 1
        if not 2 <= new <= LARGEST or (new < FAR and abs(factor / new - 1) > NEAR):
            return None
    return (new, old) if before > after else (old, new)
