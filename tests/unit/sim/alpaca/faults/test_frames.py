"""What becomes of the frames on one websocket."""

from holdfast.sim.alpaca.faults.catalogue import FAULTS
from holdfast.sim.chassis.faults.frames import FrameFilter
from holdfast.sim.chassis.faults.registry import Faults


class Wall:
    """A wall clock that a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def told(*raws: dict[str, object], frames: str = "abcd") -> str:
    """What a client of the trade updates gets of these frames."""
    passing = FrameFilter[str](Faults([FAULTS.parse(raw) for raw in raws]), "trade_updates")
    return "".join("".join(passing.pass_on(frame)) for frame in frames)


def test_without_faults_all_passes() -> None:
    """Nothing is touched when nothing is on, or what is on is for the other streams."""
    assert told() == "abcd"
    assert told({"name": "stream_drop", "stream": "data", "times": None}) == "abcd"


def test_a_frame_goes_missing() -> None:
    """A dropped frame never comes; those around it do."""
    assert told({"name": "stream_drop", "after": 1}) == "acd"


def test_a_frame_comes_twice() -> None:
    """A duplicate follows at once."""
    assert told({"name": "stream_duplicate", "after": 2}) == "abccd"


def test_two_frames_change_places() -> None:
    """A reordered frame comes after the next one, or never when none follows."""
    assert told({"name": "stream_reorder", "after": 1}) == "acbd"
    assert told({"name": "stream_reorder", "after": 3}) == "abc"
    assert told({"name": "stream_reorder", "times": None}) == "badc"


def test_faults_meet_in_one_frame() -> None:
    """A frame that is both doubled and reordered comes once before and once after the next."""
    assert told({"name": "stream_duplicate"}, {"name": "stream_reorder"}) == "abacd"


def test_silence_lasts_and_loses() -> None:
    """A mute stream loses what was to be sent while it lasts, and goes on after it."""
    wall = Wall()
    faults = Faults([FAULTS.parse({"name": "stream_mute", "seconds": 3, "after": 1})], wall)
    passing = FrameFilter[str](faults, "data")
    heard = []
    for frame in "abcdef":
        heard += passing.pass_on(frame)
        wall.now_s += 1
    assert heard == ["a", "e", "f"]


def test_an_event_can_be_picked() -> None:
    """A fault narrowed to an event lets the others pass."""
    passing = FrameFilter[str](Faults([FAULTS.parse({"name": "stream_drop", "event": "fill"})]), "trade_updates")
    heard = [passing.pass_on(event, event) for event in ("new", "fill", "fill")]
    assert heard == [["new"], [], ["fill"]]
