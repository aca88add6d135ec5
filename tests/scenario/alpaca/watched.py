"""The observer beside an engine at the local Alpaca: every alert that it keeps, as `holdfast observe` would."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import pytest

from holdfast.alerting import shown
from holdfast.alerting import watcher as watching
from holdfast.alerting.book import Finding
from holdfast.alerting.shown import KeptAlert, Wanted
from holdfast.alerting.tables import kept_at
from holdfast.config import Config
from holdfast.config.alerts import RULES, AlertRule, AlertsConfig
from holdfast.observer.follower import Follower
from holdfast.observer.places import BEGINNING, Places
from holdfast.observer.watcher import Moment
from tests.scenario.alpaca.engine import Running


def with_rules(config: Config, wait_s: float, **waits_s: float) -> Config:
    """The configuration with every rule on, and those that wait waiting for so long, or for what ``waits_s`` says of a rule."""
    waits = {name: wait_s for name, rule in RULES.items() if rule.after_s is not None} | waits_s
    rules = [AlertRule(rule=name, on=True, after_s=waits.get(name)) for name in RULES]
    observer = msgspec.structs.replace(config.observer, every_s=0.1)
    return msgspec.structs.replace(config, alerts=AlertsConfig(rules=rules), observer=observer)


class _Counting(watching.AlertWatcher):
    """Counts its looks, so that a test can wait for the next ones."""

    looks = 0

    def _found(self, moment: Moment) -> Iterator[Finding]:
        yield from super()._found(moment)
        self.looks += 1


class Watched:
    """What was told of one configuration's accounts since the test asked last."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._watcher = _Counting(config, sends=False)
        self._follower = Follower(config, [self._watcher])
        self._kept = kept_at(config.observer.url)
        self._seen = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follower.run, args=(self._over,), name="observer", daemon=True)

    def all(self) -> list[KeptAlert]:
        """Every alert, the oldest first."""
        with self._kept.reading() as kept:
            return shown.listed(kept, Wanted(10_000), 0)[::-1]

    def new(self) -> list[KeptAlert]:
        """Those since `told` was asked last."""
        return [alert for alert in self.all() if alert.id > self._seen]

    def rules(self) -> set[str]:
        """The rules of the new ones."""
        return {alert.rule for alert in self.new()}

    def told(self) -> list[str]:
        """The rules of the new ones, a rule as often as it told; they are new no more."""
        new = self.new()
        self._seen = max((alert.id for alert in new), default=self._seen)
        return sorted(alert.rule for alert in new)

    def lasting(self) -> list[str]:
        """The rules of what lasts."""
        return sorted(alert.rule for alert in self.all() if alert.resolved_ns is None)

    def look_twice(self, wait_for: Callable[[Callable[[], Any], str], Any], account: str, end: int) -> None:
        """Until the observer has read the account's record ``end``, and has looked twice after that."""
        with closing(Places(self._config.observer.url)) as places:
            wait_for(lambda: places.of("alerts").get(account, BEGINNING).sequence >= end, "the observer to read")
        looks = self._watcher.looks
        wait_for(lambda: self._watcher.looks > looks + 1, "the observer to look")

    def begin(self) -> None:
        """Observe."""
        self._thread.start()

    def end(self) -> None:
        """Observe no longer."""
        self._over.set()
        self._thread.join(60)
        self._kept.close()
        assert not self._thread.is_alive()


@contextmanager
def watched(config: Config, patch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The observer at work, looking a little more often than it does for people."""
    patch.setattr(watching, "EVERY_S", 0.2)
    found = Watched(config)
    found.begin()
    try:
        yield found
    finally:
        found.end()


def settled(watch: Watched, running: Running) -> None:
    """Until the observer has seen all that the engine has recorded, and looked twice."""
    watch.look_twice(running.wait_for, running.state.account, running.state.sequence)
