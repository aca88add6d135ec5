"""How much a run of the tests may cost: ``HOLDFAST_TESTS`` is ``quick``, ``test`` (the default) or ``campaign``.

| tier | command | what is run |
|---|---|---|
| quick | ``make quick`` | what needs no process, no server and no real data, with few examples: under 90 seconds |
| test | ``make test`` | everything but what is marked ``campaign``: under 8 minutes on two idle cores |
| campaign | ``make campaign`` | what is marked ``campaign``, and all searches long and at random: hours |

A test that is worth it only when it is long gets the mark ``campaign``. One that is also worth something when it is short asks
:func:`by_tier` how often to do what it does, or :func:`examples` how many cases to try, and gets no mark. What is marked leaves
a smaller test of the same row of the fault matrix behind: tools/fault_matrix.py holds the tests to it.
"""

import os
from enum import StrEnum
from typing import TypeVar

import pytest
from _pytest.mark.structures import ParameterSet

T = TypeVar("T")


class Tier(StrEnum):
    """How long a person or a machine is ready to wait."""

    QUICK = "quick"
    TEST = "test"
    CAMPAIGN = "campaign"


TIER = Tier(os.environ.get("HOLDFAST_TESTS") or Tier.TEST)
QUICK_EXAMPLES = 25


def examples(test: int = 50, campaign: int = 2_500) -> int:
    """How many cases a property tries, for ``settings(max_examples=...)``."""
    return min(QUICK_EXAMPLES, test) if TIER is Tier.QUICK else by_tier(test=test, campaign=campaign)


def in_a_campaign(*values: object) -> ParameterSet:
    """Values of parameters that only a campaign tries."""
    return pytest.param(*values, marks=pytest.mark.campaign)


def by_tier(*, test: T, campaign: T) -> T:
    """``campaign`` in a campaign, else ``test``."""
    return campaign if TIER is Tier.CAMPAIGN else test
