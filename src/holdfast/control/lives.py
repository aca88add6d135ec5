"""How long what a person asks for may be taken, when no engine is there to take it at once.

What takes risk away holds for ever: a halt, PRESERVATION, a flatten or a strategy's stop was meant, whenever the engine comes back. What lets
risk out was meant for the moment in which it was asked for, and the person who asked looks no more: it must be asked for again.
"""

from holdfast.core.messages import Command, Resume
from holdfast.core.steering import StartStrategy
from holdfast.core.types import MINUTE_NS, SECOND_NS

ORDER_LIVES_NS = 30 * SECOND_NS
"""After this an order that no engine has taken is refused: the market it was meant for has gone."""
RELEASE_LIVES_NS = 10 * MINUTE_NS
"""After this a resume, or the start of a strategy, that no engine has taken is refused: long enough to start one, and no longer."""
RELEASES = (Resume, StartStrategy)
"""What lets out risk that was held back."""


def lives_ns(command: Command) -> int | None:
    """How long an engine may take it, in nanoseconds, unless who asks says otherwise; None for ever."""
    return RELEASE_LIVES_NS if isinstance(command, RELEASES) else None


def until(command: Command) -> str:
    """What is to be said of that to a person, after what happens at the next start; empty where there is no end."""
    lives = lives_ns(command)
    if lives is None:
        return ""
    return f", if that is within {lives // MINUTE_NS} minutes; later it has to be asked for again"
