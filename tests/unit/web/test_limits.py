"""How often somebody may do something."""

from holdfast.web.auth import limits
from holdfast.web.auth.limits import Limiter, sender


class Seconds:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_tries_come_back_with_time() -> None:
    """Three in thirty seconds: the fourth waits ten, and one at a time comes back."""
    seconds = Seconds()
    limiter = Limiter(3, 30, seconds)
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 10]
    seconds.now_s = 9.5
    assert limiter.take("a") == 1
    seconds.now_s = 10.5
    assert [limiter.take("a"), limiter.take("a")] == [0, 10]
    assert limiter.take("b") == 0
    seconds.now_s = 1000
    assert [limiter.take("a") for _ in range(4)] == [0, 0, 0, 10]


def test_a_try_can_be_given_back() -> None:
    """No more than there were."""
    limiter = Limiter(1, 30, Seconds())
    limiter.take("a")
    limiter.give_back("a")
    limiter.give_back("a")
    assert [limiter.take("a"), limiter.take("a")] == [0, 30]


def test_only_so_many_are_kept() -> None:
    """Whoever comes under ever new names fills no memory."""
    limiter = Limiter(1, 30, Seconds())
    for number in range(limits.MOST_KEPT + 10):
        limiter.take(number)
    assert len(limiter._buckets) == limits.MOST_KEPT


def test_a_sender_is_a_network_where_one_has_a_whole_one() -> None:
    """Anybody with IPv6 has 2**64 addresses; what is no address is itself."""
    assert sender("203.0.113.7") == "203.0.113.7"
    assert sender("2001:db8:1:2:3:4:5:6") == sender("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert sender("::ffff:203.0.113.7") == "::ffff:203.0.113.7"
    assert sender("testclient") == "testclient"
