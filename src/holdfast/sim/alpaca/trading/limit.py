"""How many requests an account may make: so many in a minute of the wall's clock, whatever the market's clock does."""

import time

from holdfast.sim.alpaca.errors import too_many_requests

WINDOW_S = 60


class RateLimit:
    """One account's allowance. A window opens with the first request after the last one ended; 0 allows everything.

    Alpaca: 200 a minute, with X-RateLimit headers (documented); how its windows are cut is not.
    """

    def __init__(self, requests_per_minute: int) -> None:
        self._allowed = requests_per_minute
        self._left = requests_per_minute
        self._ends_s = 0.0

    def spend(self) -> None:
        """One request. Raises `ApiError` (429) when there is none left."""
        if not self._allowed:
            return
        now_s = time.time()
        if now_s >= self._ends_s:
            self._ends_s = now_s + WINDOW_S
            self._left = self._allowed
        if not self._left:
            raise too_many_requests()
        self._left -= 1

    def headers(self) -> dict[str, str]:
        """What every answer says of the allowance."""
        if not self._allowed:
            return {}
        return {
            "X-RateLimit-Limit": str(self._allowed),
            "X-RateLimit-Remaining": str(self._left),
            "X-RateLimit-Reset": str(int(self._ends_s)),
        }
