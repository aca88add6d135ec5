"""When the observer reads the file again: a reload's record may be there before its answer."""

from types import SimpleNamespace
from typing import Any

from holdfast.config import Config
from holdfast.config.rereading import OBSERVER, Rereader
from holdfast.core.settings import Reload
from holdfast.observer.reloading import Reloading
from holdfast.observer.watcher import Moment


class Answers:
    """A journal's commands: what was answered so far."""

    def __init__(self) -> None:
        self.status: str | None = None

    def command_or_none(self, command_id: str) -> Any:
        """The one reload."""
        assert command_id == "one"
        return SimpleNamespace(answer=None if self.status is None else SimpleNamespace(status=self.status))


def looks(status: str) -> list[int]:
    """How often the file has been read: at the start, with the record, with its answer, and after that."""
    reads, answers = [0], Answers()

    def load() -> Config:
        reads[0] += 1
        return Config()

    reloading = Reloading(Rereader(OBSERVER, Config(), load))
    moment = Moment(1, answers, "", {})  # type: ignore[arg-type]
    found = []
    reloading.restore(answers, "one", 7)  # type: ignore[arg-type]
    reloading.on_time(moment)
    found.append(reads[0])
    reload: Any = SimpleNamespace(body=Reload(), correlation_id="one")
    reloading.on_records("one", [reload], None)  # type: ignore[arg-type]
    reloading.on_time(moment)
    found.append(reads[0])
    answers.status = status
    reloading.on_time(moment)
    found.append(reads[0])
    reloading.on_time(moment)
    return [*found, reads[0]]


def test_a_reload_is_taken_when_its_answer_is_there() -> None:
    """Once, however long after its record; and the file is read once as the observer finds its place."""
    assert looks("done") == [1, 1, 2, 2]


def test_a_reload_that_is_refused_is_taken_by_nobody() -> None:
    """What an engine refuses is not read."""
    assert looks("refused") == [1, 1, 1, 1]
