"""The catalogue of the faults."""

from holdfast.sim.alpaca.faults.catalogue import CATALOGUE, FaultName
from holdfast.sim.alpaca.faults.http import manners


def test_every_fault_is_explained() -> None:
    """Each name has an entry, which says what is seen and what is true."""
    assert set(CATALOGUE) == set(FaultName)
    assert all(entry.seen and entry.true for entry in CATALOGUE.values())


def test_faults_around_requests_are_asked_in_the_order_of_the_page() -> None:
    """The page says that the first in its table wins."""
    around = manners()
    asked = [*around.instead, *around.after]
    assert asked == list(FaultName)[: len(asked)]
