"""The way from a tick to a profit, stage by stage."""

import pytest

from holdfast.config import Config
from holdfast.journal.reader import Reader
from holdfast.monitor.expected import expected
from holdfast.monitor.fold import RECORDS, AccountFold
from holdfast.monitor.reading import read_fold
from holdfast.monitor.registry import Stage
from holdfast.monitor.verdicts import Judge, Level, Pulse
from holdfast.views.encode import as_json
from holdfast.views.pipeline import Pipelines, StageView, worst_of


def stages(config: Config, reader: Reader, account: str | None = None) -> list[StageView]:
    """As one look shows them."""
    return Pipelines(config).stages(reader, account)


def test_each_stage_shows_its_last_event_and_broker(config: Config, reader: Reader) -> None:
    """Of an account that has traded all of them, in order, each the newest of its kind in the journal."""
    found = stages(config, reader, "house")
    assert [view.stage for view in found] == list(Stage)
    assert {view.broker for view in found} == {"paper"}
    for view in found:
        kinds = {kind.__name__ for kind in RECORDS[view.stage]}
        last = max(record.sequence for record in reader.records("house") if record.type in kinds)
        assert view.sequence == last


def test_an_account_without_events_has_its_stages_all_the_same(config: Config, reader: Reader) -> None:
    """They are idle, and say nothing of another account."""
    found = stages(config, reader, "idle")
    assert [
        view.stage for view in found if view.sequence is None and view.stage in (Stage.SIGNAL, Stage.ORDER, Stage.FILL)
    ]
    assert {view.level for view in found} == {Level.IDLE}
    assert [view.account for view in worst_of(stages(config, reader))] == ["house", "idle"]


def test_an_event_reads_as_a_sentence_and_a_verdict_as_text(config: Config, reader: Reader) -> None:
    """The same words as everywhere, a time in JSON, and what to do with a stopped engine."""
    (fill,) = [view for view in stages(config, reader, "house") if view.stage is Stage.FILL]
    assert fill.text.startswith(("BUY ", "SELL "))
    shown = as_json(fill)
    assert shown["time"].endswith("Z")
    assert (shown["stage"], shown["level"]) == ("fills", "idle")
    assert "the feed ended" in shown["reason"]
    assert "holdfast run" in shown["next_step"]
    assert shown["step_p50_s"] is not None
    assert shown["way_p99_s"] >= shown["way_p50_s"]


@pytest.mark.parametrize("tail", [1, 40, 700])
def test_the_latest_records_and_what_stands_give_what_all_records_give(
    config: Config, reader: Reader, tail: int
) -> None:
    """So a restart, or a single look, reads the end of the journal only and comes to the same verdicts."""
    (house, _) = expected(config)
    whole = AccountFold(house.limits.window_s, house.limits.settle_s)
    whole.take_all(reader.records("house"))
    short = read_fold(reader, house, tail)
    for running in (False, None, True):
        for later_ns in (0, 10**9, 3600 * 10**9):
            judges = [Judge(fold, house, whole.last_ns + later_ns, Pulse(running)) for fold in (whole, short)]
            assert judges[0].verdicts() == judges[1].verdicts()
    assert short.orders.open.keys() == whole.orders.open.keys()
    assert (short.started_ns, short.stopped, short.missing, short.off) == (
        whole.started_ns,
        whole.stopped,
        whole.missing,
        whole.off,
    )
    assert {stage: record.id for stage, record in short.texts.items()} == {
        stage: record.id for stage, record in whole.texts.items()
    }


def test_a_second_look_reads_what_is_new_alone(config: Config, reader: Reader) -> None:
    """And shows the same as the first, when nothing is."""
    pipelines = Pipelines(config)
    first = pipelines.stages(reader, "house")
    assert pipelines.stages(reader, "house") == first
