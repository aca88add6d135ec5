"""Channels: what a line of the log is about, so that each can have a level of its own.

A line's channel goes by its logger's name. Modules log under their own names, and the longest of the names below that theirs begins with
says which channel that is; an adapter adds its modules with :func:`join`. What belongs to none is the engine's.
"""

import logging
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Channel(StrEnum):
    """What lines are about."""

    TRADING = "trading"  # signals, orders, fills, rejections, protection, the account's state
    BROKER = "broker"  # requests to brokers and their answers, sending
    MARKET = "market"  # market data: requests, streams, silence
    AUDIT = "audit"  # who asked for what, starts and stops, settings
    PERFORMANCE = "performance"  # how long things take: slow answers and commits, the way of an order
    STRATEGY = "strategy"  # the words of strategies
    ENGINE = "engine"  # everything else


TRADING_LOG = "holdfast.trading"
BROKER_LOG = "holdfast.broker"
MARKET_LOG = "holdfast.market"
AUDIT_LOG = "holdfast.audit"
PERFORMANCE_LOG = "holdfast.performance"
STRATEGY_LOG = "holdfast.strategy"
"""The logger of what strategies have to say."""

_CHANNELS: dict[str, Channel] = {
    TRADING_LOG: Channel.TRADING,
    BROKER_LOG: Channel.BROKER,
    "holdfast.brokers": Channel.BROKER,
    "holdfast.adapters": Channel.BROKER,
    MARKET_LOG: Channel.MARKET,
    "holdfast.feeds": Channel.MARKET,
    AUDIT_LOG: Channel.AUDIT,
    PERFORMANCE_LOG: Channel.PERFORMANCE,
    "holdfast.telemetry.metrics": Channel.PERFORMANCE,
    "holdfast.telemetry.journal_metrics": Channel.PERFORMANCE,
    STRATEGY_LOG: Channel.STRATEGY,
}
_found: dict[str, Channel] = {}
"""The channels of the loggers that were asked for; there are as many as modules."""


def join(channel: Channel, logger: str) -> None:
    """Have the lines of a logger, and of those below it, belong to a channel. For an adapter's module, as it is imported."""
    _CHANNELS[logger] = channel
    _found.clear()


def channel_of(logger: str) -> Channel:
    """The channel of a logger's lines."""
    found = _found.get(logger)
    if found is None:
        name = logger
        while name not in _CHANNELS and "." in name:
            name = name.rpartition(".")[0]
        found = _found[logger] = _CHANNELS.get(name, Channel.ENGINE)
    return found


class Levels(NamedTuple):
    """From which level on lines are written: ``base``, and those channels that have another."""

    base: int
    channels: Mapping[Channel, int] = MappingProxyType({})

    def of(self, logger: str) -> int:
        """The level of a logger's lines. A strategy's own words are for whoever runs it, unless that is said otherwise."""
        channel = channel_of(logger)
        base = self.base if channel is not Channel.STRATEGY else min(self.base, logging.INFO)
        return self.channels.get(channel, base)

    @property
    def lowest(self) -> int:
        """What is below it is written by no channel."""
        return min(self.base, *self.channels.values()) if self.channels else self.base


class LevelFilter(logging.Filter):
    """Lets through what its handler writes. ``levels`` may be replaced at any time."""

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels = levels

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        return record.levelno >= self.levels.of(record.name)
