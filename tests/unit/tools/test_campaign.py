"""The long proofs: divided, gone on with, remembered, and noticed when nobody runs them any more."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from holdfast.cli.app import app
from tools import campaign, campaign_record
from tools.campaign import PARTS, Part, Slice, State, slice_of
from tools.campaign_record import OLDEST_COMMITS, Commit, Figures, Passed, commit_now

HERE = Commit("0123456789", 500)


@dataclass(frozen=True)
class Noted(Part):
    """A part that notes its seeds, and fails as long as ``fails`` says so."""

    seeds: list[int]
    fails: Callable[[], bool] = lambda: False

    def run(self, seed: int, folder: Path) -> Figures | None:
        """See `Part`."""
        self.seeds.append(seed)
        (folder / "said.txt").write_text("what it said\n")
        return None if self.fails() else {"cases": 12_345, "books": "equal"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Commit], None]:
    """Says which commit is checked out."""

    def say(commit: Commit) -> None:
        monkeypatch.setattr(campaign, "commit_now", lambda: commit)

    say(HERE)
    return say


def use(monkeypatch: pytest.MonkeyPatch, *parts: Part) -> None:
    monkeypatch.setattr(campaign, "PARTS", parts)


# --- slices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slices", [1, 2, 4, 7, len(PARTS), len(PARTS) + 3])
def test_every_part_is_in_one_slice(slices: int) -> None:
    """However many slices there are, together they are the campaign, and nothing is run twice."""
    found = [part.name for number in range(1, slices + 1) for part in Slice(number, slices).parts()]
    assert sorted(found) == sorted(part.name for part in PARTS)


def test_slices_are_about_as_long_as_each_other() -> None:
    """No slice of four is longer than another by more than one part."""
    minutes = [sum(part.minutes for part in Slice(number, 4).parts()) for number in range(1, 5)]
    assert max(minutes) - min(minutes) <= max(part.minutes for part in PARTS)


def test_commit_after_commit_every_slice_has_its_turn() -> None:
    """So many commits, so many slices; in a clone without a history one of them all the same."""
    turns = {slice_of("commit/12", Commit("0", number)).number for number in range(500, 512)}
    assert turns == set(range(1, 13))
    assert 1 <= slice_of("commit/12", Commit("fedcba9876", None)).number <= 12
    assert 1 <= slice_of("commit/12", Commit("fedcba9876+0011aabb", None)).number <= 12


@pytest.mark.parametrize(
    "arguments", [["--slice"], ["--slice", "0/4"], ["--slice", "5/4"], ["--slice", "x"], ["no-part"]]
)
def test_what_there_is_not_is_misuse(
    arguments: list[str], tmp_path: Path, at: Callable[[Commit], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A slice or a part that there is not ends with 2, and nothing is run."""
    assert campaign.main(arguments, tmp_path) == 2
    assert capsys.readouterr().err


def test_each_seed_that_may_be_drawn_is_one_that_the_command_takes() -> None:
    """The largest seed is no misuse of `holdfast torture`: what is left to complain of is the other argument."""
    command = typer.main.get_command(app).commands["torture"]  # type: ignore[attr-defined]
    (seed,) = (parameter for parameter in command.params if parameter.name == "seed")
    assert seed.type.convert(campaign.SEEDS - 1, seed, None) == campaign.SEEDS - 1
    with pytest.raises(typer.BadParameter):
        seed.type.convert(seed.type.max + 1, seed, None)


# --- going on ---------------------------------------------------------------------------------------------------------


def test_what_has_passed_here_is_not_run_again(
    tmp_path: Path, at: Callable[[Commit], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off and started again a campaign goes on; at another commit, or changed, it begins anew, with other seeds."""
    first, second = Noted("first", "", 1, []), Noted("second", "", 1, [])
    use(monkeypatch, first, second)
    assert campaign.main(["first"], tmp_path) == 0
    assert campaign.main([], tmp_path) == 0
    assert (len(first.seeds), len(second.seeds)) == (1, 1)
    at(Commit("0123456789+changes1", 500))
    assert campaign.main([], tmp_path) == 0
    assert (len(first.seeds), len(second.seeds)) == (2, 2)
    assert len({*first.seeds, *second.seeds}) == 4


def test_a_seed_that_failed_is_tried_until_it_passes(
    tmp_path: Path, at: Callable[[Commit], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is printed and kept, also at other commits; once the part has passed with it, the next seed is another."""
    is_broken = True
    part = Noted("part", "", 1, [], lambda: is_broken)
    use(monkeypatch, part)
    assert campaign.main([], tmp_path) == 1
    said = capsys.readouterr().out
    assert f"FAILED with seed {part.seeds[0]}" in said
    assert "what it said" in said
    at(Commit("9876543210", 501))
    is_broken = False
    assert campaign.main([], tmp_path) == 0
    assert campaign.main(["part"], tmp_path) == 0
    assert part.seeds[0] == part.seeds[1] != part.seeds[2]


def test_one_part_that_fails_keeps_no_other_from_running(
    tmp_path: Path, at: Callable[[Commit], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is 1, and what passed is remembered as passed."""
    use(monkeypatch, Noted("bad", "", 1, [], lambda: True), Noted("good", "", 1, []))
    assert campaign.main([], tmp_path) == 1
    state = State(tmp_path)
    assert (list(state.passed), list(state.failed)) == (["good"], ["bad"])


def test_every_part_runs_tests_that_there_are() -> None:
    """What the parts name is there, and every test that is marked for campaigns is in a part."""
    root = campaign_record.ROOT
    named = [word for part in PARTS if isinstance(part, campaign.Tests) for call in part.calls for word in call]
    places = [root / word for word in named if word.startswith("tests")]
    assert all(place.exists() for place in places)
    marked = [path for path in (root / "tests").rglob("test_*.py") if "pytest.mark.campaign" in path.read_text()]
    here = Path(__file__)
    for path in marked:
        assert path.parent == here.parent or any(path == place or place in path.parents for place in places), path


# --- the record -------------------------------------------------------------------------------------------------------


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of one part's own."""
    monkeypatch.setattr(campaign_record, "RECORD", tmp_path / "campaign.toml")
    monkeypatch.setattr(campaign_record, "PAGE", tmp_path / "campaign.md")
    return tmp_path / "campaign.toml"


NAMES = {"kills": "engines killed"}
PASSED = Passed(HERE.name, HERE.number, "2026-11-30", 7, 6.5, {"kills": 1_000, "books": "equal"})


def test_what_was_recorded_is_read_and_shown(record: Path) -> None:
    """The record says the same when it is read, the page has its figures, and the check is content."""
    assert campaign_record.record(NAMES, {"kills": PASSED}, HERE) == 0
    assert campaign_record.recorded() == {"kills": PASSED}
    page = campaign_record.PAGE.read_text()
    assert "| kills | engines killed | `0123456789` | 2026-11-30 | 7 | 6.5 |" in page
    assert "| kills | 1,000 |" in page
    assert campaign_record.check(NAMES, HERE) == 0
    campaign_record.PAGE.write_text(page.replace("1,000", "2,000"))
    assert campaign_record.check(NAMES, HERE) == 1


def test_what_passed_on_changed_code_is_not_recorded(record: Path) -> None:
    """Nobody else could run it."""
    campaign_record.record(NAMES, {"kills": PASSED._replace(commit="0123456789+aabbccdd")}, HERE)
    assert campaign_record.recorded()["kills"].commit == ""


@pytest.mark.parametrize(
    ("number", "is_too_old"), [(500, False), (500 + OLDEST_COMMITS, False), (501 + OLDEST_COMMITS, True), (None, False)]
)
def test_a_part_that_nobody_runs_is_noticed(number: int | None, is_too_old: bool, record: Path) -> None:
    """A campaign that is too old fails the check; where the history isn't there, nobody can tell."""
    campaign_record.record(NAMES, {"kills": PASSED}, HERE)
    assert campaign_record.check(NAMES, Commit("aaaaaaaaaa", number)) == int(is_too_old)


def test_a_new_part_is_waited_for_as_long_as_an_old_one(record: Path) -> None:
    """It is noted when it comes, shown as not run yet, and fails the check when nobody runs it."""
    assert campaign_record.check(NAMES, HERE) == 1
    campaign_record.record(NAMES, {}, HERE)
    assert "| kills | engines killed | not yet |" in campaign_record.PAGE.read_text()
    assert campaign_record.check(NAMES, Commit("aaaaaaaaaa", 500 + OLDEST_COMMITS)) == 0
    assert campaign_record.check(NAMES, Commit("aaaaaaaaaa", 501 + OLDEST_COMMITS)) == 1


def test_a_part_without_a_record_and_a_record_without_a_part_are_found(record: Path) -> None:
    """Both are said by name."""
    campaign_record.record(NAMES, {"kills": PASSED}, HERE)
    found = campaign_record.problems({"other": ""}, HERE)
    assert len(found) == 2
    assert "other is new" in found[0]
    assert "no part kills" in found[1]


# --- where the code stands --------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    subprocess.run(["git", *arguments], cwd=folder, env=os.environ | who, check=True, capture_output=True)


def test_commits_are_counted_and_changes_are_seen(tmp_path: Path) -> None:
    """Three commits; what is changed and not committed has a name of its own; a clone without history knows no number."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-q")
    for number in range(3):
        (origin / "file").write_text(str(number))
        git(origin, "add", "file")
        git(origin, "commit", "-q", "-m", "a change")
    clean = commit_now(origin)
    assert clean.number == 3
    (origin / "file").write_text("changed")
    changed = commit_now(origin)
    assert changed.name.startswith(f"{clean.name}+")
    git(tmp_path, "clone", "-q", "--depth", "1", origin.as_uri(), "shallow")
    assert commit_now(tmp_path / "shallow") == Commit(clean.name, None)


def test_without_git_there_is_a_commit_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of the source can be checked and tested; which commit it is nobody knows."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit_now(tmp_path).number is None
    assert json.dumps(slice_of("commit/3", commit_now(tmp_path)).number)
