"""The decimal context that the engine computes in: always the same, whatever a strategy sets for itself.

``decimal`` keeps one context for a thread, and a line as common as ``getcontext().prec = 6`` changes it in place. While the engine's
own context stands there, who changes it gets a copy that is his alone, so the engine's never changes. After each callback the host
looks whether the engine's context is still there, which costs some 20 ns; what a strategy has set is kept for its next callback.
"""

from collections.abc import Callable
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    getcontext,
    setcontext,
)
from typing import Any, TypeVar

Result = TypeVar("Result")

__all__ = ["EXACT", "exactly", "getcontext", "setcontext", "use_exact"]


class _Unchanging(Context):
    """A context whose changes go to a copy of it, which takes its place in the thread that makes them."""

    def __setattr__(self, name: str, value: object) -> None:
        setattr(_own(self), name, value)

    def __getattribute__(self, name: str) -> Any:
        """Traps are changed by their item: who asks for them is given those of his own copy."""
        if name in ("traps", "clear_traps"):
            return getattr(_own(self), name)
        return super().__getattribute__(name)


def _own(unchanging: Context) -> Context:
    """The thread's own context; a copy of the unchanging one takes its place first."""
    if getcontext() is unchanging:
        setcontext(Context.copy(unchanging))
    return getcontext()


EXACT = _Unchanging(
    prec=28,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
"""What the engine computes in: 28 digits, half to even. Journals depend on it: what it gives must stay the same."""


def exactly(compute: Callable[[], Result]) -> Result:
    """What a function gives that computes for a strategy in the engine's context, whatever the strategy's own is."""
    own = getcontext()
    setcontext(EXACT)
    try:
        return compute()
    finally:
        setcontext(own)


def use_exact() -> None:
    """Compute in the engine's context from here on, in this thread (and in tasks that are begun from here)."""
    setcontext(EXACT)
