"""The way from a tick to a profit, stage by stage."""

from holdfast.journal.reader import Reader
from holdfast.views.encode import as_json
from holdfast.views.pipeline import RECORDS, Stage, pipeline


def test_each_stage_shows_its_last_event_and_broker(reader: Reader) -> None:
    """Of an account that has traded all seven, in order, each the newest of its kind in the journal."""
    found = pipeline(reader, "desk")
    assert [event.stage for event in found] == list(Stage)
    assert {event.broker for event in found} == {"paper"}
    for event in found:
        kinds = {kind.__name__ for kind in RECORDS[event.stage]}
        last = max(record.sequence for record in reader.records("desk") if record.type in kinds)
        assert event.sequence == last


def test_an_account_without_events_has_no_stages(reader: Reader) -> None:
    """What never happened is left out, and says nothing of another account."""
    stages = {event.stage for event in pipeline(reader, "idle")}
    assert stages.isdisjoint({Stage.SIGNAL, Stage.ORDER, Stage.FILL})
    assert {event.account for event in pipeline(reader)} >= {"desk"}


def test_an_event_reads_as_a_sentence(reader: Reader) -> None:
    """The same words as everywhere, and a time in JSON."""
    (fill,) = [event for event in pipeline(reader, "desk") if event.stage is Stage.FILL]
    assert fill.text.startswith(("BUY ", "SELL "))
    shown = as_json(fill)
    assert shown["time"].endswith("Z")
    assert shown["stage"] == "fill"
