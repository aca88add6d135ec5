"""What was found, and what it means."""

from typing import Any

import msgspec

from holdfast.core.types import iso_time


class Difference(msgspec.Struct, frozen=True):
    """A decision that is another one: at ``time_ns`` of the market ``decided``, and ``instead``.

    Of a future: when what lies after ``changed_ns`` was other. Of a history: when there was less of it before ``changed_ns``.
    """

    time_ns: int
    changed_ns: int
    strategy: str
    decided: str
    instead: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy's decisions rest on.

    ``looks_ahead`` is the first decision that changed with what came after it. ``reacts`` is whether decisions change with the prices shown (None: that
    could not be seen). ``outside`` is data that it has from elsewhere. With ``warm_up`` bars of history (None: the data is too short to tell) ``history``
    is the first decision that a longer history changes, and ``needed`` how many bars change nothing any more (None: more than there are).
    """

    strategies: dict[str, dict[str, Any]]
    data: str
    decisions: int
    instants: int
    cuts: int
    stopped: dict[str, str]
    looks_ahead: Difference | None
    reacts: bool | None
    outside: tuple[str, ...]
    warm_up: int | None
    history: Difference | None
    needed: int | None

    @property
    def passed(self) -> bool:
        """Whether nothing was found, and there was something to look at."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """What is wrong, or could not be shown, in sentences."""
        found = [f"strategy {name} was stopped: {why}" for name, why in self.stopped.items()]
        if not self.decisions:
            return [*found, "it decided nothing in this data, so nothing can be shown"]
        if self.looks_ahead is not None:
            by = self.looks_ahead
            found.append(
                f"it looks ahead: at {iso_time(by.time_ns)} strategy {by.strategy} decided {by.decided!r}, and {by.instead!r} when only what came after "
                f"{iso_time(by.changed_ns)} was other"
            )
        if self.reacts is False:
            found.append(
                "it does not react: with all prices other than they were it decides the same at the same times. It goes by data from elsewhere, which may "
                "know the future, or by the calendar alone"
            )
        found += [f"it has data from elsewhere, which the engine can't answer for: {what}" for what in self.outside]
        if self.history is not None:
            by = self.history
            more = f"about {self.needed:,} bars" if self.needed else "more bars than this data has, or it never forgets"
            found.append(
                f"it needs more warm-up: with {self.warm_up:,} bars of history strategy {by.strategy} decides {by.instead!r} at {iso_time(by.time_ns)}, with all of it "
                f"{by.decided!r}; it needs {more}"
            )
        return found

    @property
    def lines(self) -> list[str]:
        """The report in sentences."""
        who = "; ".join(
            f"{name}({', '.join(f'{key}={value}' for key, value in params.items())})"
            for name, params in self.strategies.items()
        )
        head = f"{who} on {self.data}: {self.decisions:,} decisions in {self.instants:,} instants"
        if self.faults:
            return [head, *self.faults]
        warm = (
            f"with {self.warm_up:,} bars of history it decides as with all of it"
            if self.warm_up is not None
            else "the data is too short to say how much history it needs"
        )
        return [head, f"no decision changed with what came after it, at {self.cuts} times with two futures each", warm]

    def __str__(self) -> str:
        return "\n".join(self.lines)
