"""Every combination (H1): what an order does x where its process dies x what the broker answers x what the stream tells x class."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest

from holdfast.brokers.capability import IdempotencyClass
from holdfast.torture.exhaustive.cases import Case, Disorder, Script, cases, run_case
from holdfast.torture.exhaustive.choices import every
from holdfast.torture.world.wire import Fate
from tests.budget import TIER, Tier

EACH_TIME = {
    *((script, IdempotencyClass.UNIQUE_ID) for script in Script),
    (Script.TWO_PARTS, IdempotencyClass.LABEL),
    (Script.CANCEL, IdempotencyClass.NOTHING),
}
"""What every run goes through: all scripts at a broker as Alpaca, one at each of the other classes."""
WALKS = [
    pytest.param(script, idempotency, marks=() if (script, idempotency) in EACH_TIME else pytest.mark.campaign)
    for script in Script
    for idempotency in IdempotencyClass
]


def test_every_combination_comes_once() -> None:
    """Choices that depend on earlier ones are all made, in order, and none twice."""
    seen = []
    for choices in every():
        colour = choices.of("red", "green")
        seen.append((colour, choices.of(1, 2, 3) if colour == "red" else 1))
    assert seen == [("red", 1), ("red", 2), ("red", 3), ("green", 1)]


def pairs_of(case: Case) -> set[tuple[object, object]]:
    """Any two of the choices that a case is made of, with their names; a kill is chosen with its passing."""
    chosen = {name: getattr(case, name) for name in ("answer", "disorder", "again", "keeps_commits")}
    return set(combinations([*chosen.items(), ("kill", (case.kill, case.passing))], 2))


def with_every_pair(found: Sequence[Case]) -> Iterator[Case]:
    """As many of the cases as it takes to have any two choices together at least once: what a run has time for.

    Each time the one with the most pairs that were not there yet, of several the first.
    """
    pairs = {case: pairs_of(case) for case in found}
    missing = set().union(*pairs.values())
    while missing:
        case = max(pairs, key=lambda case: len(pairs[case] & missing))
        missing -= pairs.pop(case)
        yield case


def test_two_choices_that_go_together_are_tried_together() -> None:
    """A run that has no time for all combinations leaves none of two out; what it has no time for are those of three."""
    found = list(cases(Script.BRACKET, IdempotencyClass.UNIQUE_ID))
    tried = list(with_every_pair(found))
    assert set().union(*map(pairs_of, tried)) == set().union(*map(pairs_of, found))
    assert len(tried) < len(found) / 7
    assert {case.kill for case in tried} == {case.kill for case in found}


@pytest.mark.proves(
    "K1", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K10", "K13", "K14", "A1", "A2", "A3", "A6", "A7", "S1", "S2", "S4", "S5",
    "I1", "I2", "I3", "I4", "I5", "I6", "I8", "I9", "I10", "I12", "I13", "I14", "I16",
)  # fmt: skip
@pytest.mark.parametrize(("script", "idempotency"), WALKS)
def test_no_combination_breaks_an_invariant(script: Script, idempotency: IdempotencyClass) -> None:
    """A vector that fails prints itself: keep it as a test below."""
    found = list(cases(script, idempotency))
    assert len(found) > 800
    tried = found if TIER is Tier.CAMPAIGN else list(with_every_pair(found))
    failed = [told for told in map(run_case, tried) if told.violations]
    assert not failed, f"{len(failed)} of {len(tried)} combinations, the first:\n{failed[0]}"


LOST = (Disorder.FIRST_LOST, Disorder.SECOND_LOST)


@pytest.mark.proves("S1", "S2")
@pytest.mark.parametrize("disorder", [disorder for disorder in Disorder if disorder not in LOST])
@pytest.mark.parametrize(("script", "idempotency"), [(script, kind) for script in Script for kind in IdempotencyClass])
def test_what_the_stream_tells_need_not_be_asked_for(
    script: Script, idempotency: IdempotencyClass, disorder: Disorder
) -> None:
    """Whatever order its events come in, before the order's answer too: asking brings nothing that they hadn't."""
    told = run_case(Case(script, idempotency, Fate.ANSWERED, disorder, None))
    assert (told.found, told.violations) == (0, [])


KEPT: tuple[Case, ...] = ()
"""Combinations that once broke something."""


@pytest.mark.parametrize("case", KEPT)
def test_kept_combinations_stay_mended(case: Case) -> None:
    """What was broken once is looked at for ever."""
    assert run_case(case).violations == []
