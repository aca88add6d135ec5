"""Channels: which lines belong together, and from which level on they are written."""

import logging

import pytest

from holdfast.telemetry.channels import Channel, Levels, channel_of, join

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR


@pytest.mark.parametrize(
    ("logger", "channel"),
    [
        ("holdfast.trading", Channel.TRADING),
        ("holdfast.brokers.sender", Channel.BROKER),
        ("holdfast.adapters.somebody.trading.updates", Channel.BROKER),
        ("holdfast.telemetry.journal_metrics", Channel.PERFORMANCE),
        ("holdfast.runtime.live.reconcile", Channel.ENGINE),
        ("holdfast.brokersage", Channel.ENGINE),
        ("", Channel.ENGINE),
    ],
)
def test_a_channel_goes_by_the_longest_name(logger: str, channel: Channel) -> None:
    """A module belongs to the room that it is in, by whole words; what is nobody's is the engine's."""
    assert channel_of(logger) is channel


def test_an_adapter_joins_its_modules_to_a_channel() -> None:
    """From then on, also those of which somebody has asked before."""
    name = "holdfast.adapters.newcomer.prices"
    assert channel_of(f"{name}.stream") is Channel.BROKER
    join(Channel.MARKET, name)
    assert channel_of(f"{name}.stream") is Channel.MARKET


def test_a_strategy_s_words_are_heard_unless_somebody_says_otherwise() -> None:
    """They are for whoever runs it, whatever the level of the rest is."""
    assert Levels(ERROR).of("holdfast.strategy") == INFO
    assert Levels(DEBUG).of("holdfast.strategy") == DEBUG
    assert Levels(ERROR, {Channel.STRATEGY: WARNING}).of("holdfast.strategy") == WARNING
