"""What is missing, and who says that it is there again."""

from holdfast.core.messages import Health
from holdfast.runtime.live.health import NOT_YET, Cause, Monitor


class Told(list[tuple[str, bool]]):
    """What the core was told."""

    def __call__(self, health: Health) -> None:
        self.append((health.cause, health.ok))


def monitor(told: Told, *, manual: bool = False) -> Monitor:
    return Monitor(told, lambda: 7, manual=manual)


def test_a_person_is_asked_for_where_the_policy_says_so() -> None:
    """Nothing is told to be there again, and a second loss is told still."""
    told = Told()
    watched = monitor(told, manual=True)
    watched.set(Cause.ORDER_EVENTS, ok=False, reason="closed")
    watched.set(Cause.ORDER_EVENTS, ok=True, reason="back")
    watched.set(Cause.ORDER_EVENTS, ok=False, reason="closed again")
    assert told == [(Cause.ORDER_EVENTS, False)] * 2


def test_market_data_that_has_yet_to_come_needs_no_person() -> None:
    """Each start begins without: what was never lost may come back by itself, what was lost may not."""
    told = Told()
    watched = monitor(told, manual=True)
    watched.set(Cause.MARKET_DATA, ok=False, reason=NOT_YET)
    watched.set(Cause.MARKET_DATA, ok=True, reason="subscribed")
    assert told == [(Cause.MARKET_DATA, False), (Cause.MARKET_DATA, True)]
    watched.set(Cause.MARKET_DATA, ok=False, reason="closed")
    watched.set(Cause.MARKET_DATA, ok=True, reason="subscribed")
    assert told[2:] == [(Cause.MARKET_DATA, False)]


def test_what_is_missing_still_can_be_told_again() -> None:
    """All of it, and nothing that is there."""
    told = Told()
    watched = monitor(told)
    watched.set(Cause.BOOKS, ok=False, reason="cash")
    watched.set(Cause.KEYS, ok=False, reason="401")
    watched.set(Cause.KEYS, ok=True, reason="taken")
    told.clear()
    watched.tell_again()
    assert told == [(Cause.BOOKS, False)]
