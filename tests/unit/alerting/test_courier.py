"""Messages leave once: refused ones are tried again, unanswered ones aren't, storms become one."""

import socket
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.alerting import book
from holdfast.alerting.book import Finding
from holdfast.alerting.courier import Courier
from holdfast.alerting.tables import deliveries
from holdfast.config import Config
from holdfast.core.types import SECOND_NS
from holdfast.journal.holder import process_name
from holdfast.journal.keeping import Keeping
from tests.unit.alerting.receiver import Receiver

NOW = 1_000_000 * SECOND_NS
HOST = socket.gethostname()


def find(keeping: Keeping, config: Config, subject: str = "o-1", rule: str = "unknown_order") -> None:
    with keeping.begin() as kept:
        book.open_alert(kept, config.alerts, Finding(rule, "main", subject, f"{subject} is unknown"), NOW)
        book.tell(kept, config.alerts, NOW)


def states(keeping: Keeping) -> list[tuple[str, str]]:
    with keeping.reading() as kept:
        return [(row.kind, row.state) for row in kept.execute(sa.select(deliveries).order_by("id"))]


def test_a_message_is_refused_tried_again_and_arrives_once(
    keeping: Keeping, config: Config, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Its server's error is no answer that it has arrived; no token of the URL is in the log or the database."""
    courier = Courier(config.alerts, keeping)
    find(keeping, config)
    receiver.answers = "500"
    assert courier.step(NOW)
    assert states(keeping) == [("opened", "waiting")]
    assert "refuses it with status 500" in caplog.text
    receiver.answers = "200"
    assert not courier.step(NOW + 4 * SECOND_NS)
    assert courier.step(NOW + 2**40)
    assert not courier.step(NOW + 2**41)
    assert states(keeping) == [("opened", "sent")]
    assert receiver.titles == ["unknown order main"]
    with keeping.reading() as kept:
        rows = str(kept.execute(sa.select(deliveries)).all())
    assert "t0k3n" not in caplog.text + rows + repr(config)


def test_what_had_no_answer_is_not_repeated_blindly(keeping: Keeping, config: Config, receiver: Receiver) -> None:
    """A critical one once more, and saying so; a warning never."""
    courier = Courier(config.alerts, keeping)
    receiver.answers = "cut"
    find(keeping, config)
    find(keeping, config, "x-1", "external_order")
    assert courier.step(NOW)
    assert courier.step(NOW)
    assert states(keeping)[:2] == [("opened", "unanswered")] * 2
    receiver.answers = "200"
    assert courier.step(NOW + 2**62)
    assert not courier.step(NOW + 2**62)
    assert receiver.titles == ["unknown order main", "external order main", "perhaps again: unknown order main"]


@pytest.mark.parametrize("settings", [{"per_minute": 3}])
def test_a_storm_is_one_message(keeping: Keeping, config: Config, receiver: Receiver, settings: dict[str, Any]) -> None:
    """What comes beyond the limit is told in one, with the numbers; nothing of it is told twice."""
    courier = Courier(config.alerts, keeping)
    for number in range(20):
        find(keeping, config, f"o-{number}")
    while courier.step(NOW):
        pass
    assert receiver.titles == ["unknown order main", "unknown order main", "18 messages at once"]
    assert "18 x unknown order main" in receiver.got[-1]["message"]
    assert not courier.step(NOW + 2**40)


@pytest.mark.parametrize(
    ("state", "then"),
    [("leaving", [("opened", "unanswered"), ("repeated", "sent")]), ("trying", [("opened", "waiting")])],
)
def test_what_a_process_left_behind(
    keeping: Keeping, config: Config, receiver: Receiver, state: str, then: list[tuple[str, str]]
) -> None:
    """If it was leaving it may have arrived and goes again, saying so; else it just goes again. Not before it can't be in hand any more, unless its process is known to be gone."""
    find(keeping, config)
    courier = Courier(config.alerts, keeping)
    values = {"state": state, "tries": 1, "next_ns": NOW}
    with keeping.begin() as kept:
        kept.execute(sa.update(deliveries).values(**values, error=process_name()))
    courier.step(NOW + SECOND_NS)
    assert states(keeping) == [("opened", state)]
    courier.step(NOW + 3_600 * SECOND_NS)
    assert states(keeping) == then
    came = [f"perhaps again: {title}" for title in ["unknown order main"] * (state == "leaving")]
    assert receiver.titles == came
    with keeping.begin() as kept:
        kept.execute(
            sa.update(deliveries).where(deliveries.c.id == 1).values(**values, error=f"pid {2**22 + 1} on {HOST}")
        )
        kept.execute(sa.delete(deliveries).where(deliveries.c.id > 1))
    courier.step(NOW + SECOND_NS)
    assert (states(keeping), receiver.titles) == (then, came * 2)


@pytest.mark.parametrize("settings", [{"timeout_s": 1}])
def test_a_server_that_hangs_is_given_up(keeping: Keeping, config: Config, receiver: Receiver, settings: Any) -> None:
    """The message may have arrived, and the next one gets its turn."""
    receiver.answers = "hang"
    find(keeping, config)
    assert Courier(config.alerts, keeping).step(NOW)
    assert states(keeping) == [("opened", "unanswered"), ("repeated", "waiting")]
