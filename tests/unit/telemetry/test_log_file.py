"""The log file: turned over without losing a line, shared, and never an obstacle."""

import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holdfast.telemetry.log_file import LogFile

COMPLAINTS: list[str] = []


def told(lines: int) -> str:
    return f"{lines} missing"


def log_file(path: Path, max_bytes: int = 1 << 20, keep: int = 3, complaints: list[str] | None = None) -> LogFile:
    return LogFile(path, max_bytes, keep, (COMPLAINTS if complaints is None else complaints).append)


def lines_of(folder: Path) -> list[str]:
    """Every line of every file, in no order."""
    return [line for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def test_a_full_file_is_turned_over_and_no_line_is_lost(tmp_path: Path) -> None:
    """All lines are there, each once and whole, in files that are no longer than they may be; the first is the newest."""
    file = log_file(tmp_path / "hf.log", 100, keep=30)
    for number in range(100):
        file.write(f"line {number:04}", told)
    file.close()
    assert sorted(lines_of(tmp_path)) == [f"line {number:04}" for number in range(100)]
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 100
    assert (tmp_path / "hf.log").read_text().splitlines() == [f"line {number:04}" for number in range(90, 100)]
    assert (tmp_path / "hf.log.1").read_text().startswith("line 0080\n")


def test_only_as_many_are_kept_as_are_wanted(tmp_path: Path) -> None:
    """The oldest go."""
    file = log_file(tmp_path / "hf.log", 50, keep=2)
    for number in range(50):
        file.write(f"line {number:04}", told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf.log", "hf.log.1", "hf.log.2"]


def test_several_writers_of_one_file_lose_nothing(tmp_path: Path) -> None:
    """As processes do that share it: each turns it over when it is full, and follows when another has."""
    files = [log_file(tmp_path / "hf.log", 400, keep=200) for _ in range(4)]

    def write(index: int) -> None:
        for number in range(200):
            files[index].write(f"writer {index} line {number:04}", told)

    threads = [threading.Thread(target=write, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = sorted(f"writer {index} line {number:04}" for index in range(4) for number in range(200))
    assert sorted(lines_of(tmp_path)) == expected


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    """As logrotate does it, without telling anybody."""
    file, path = log_file(tmp_path / "hf.log"), tmp_path / "hf.log"
    file.write("one", told)
    path.rename(tmp_path / "elsewhere")
    file.write("two", told)
    assert (path.read_text(), (tmp_path / "elsewhere").read_text()) == ("two\n", "one\n")


def test_a_file_is_the_user_s_own(tmp_path: Path) -> None:
    """Nobody else reads what is traded."""
    log_file(tmp_path / "logs" / "hf.log").write("one", told)
    assert (tmp_path / "logs" / "hf.log").stat().st_mode & 0o777 == 0o600


def test_what_can_t_be_written_is_counted_and_told_once(tmp_path: Path) -> None:
    """A full device: one complaint, no error; when it can be written again the file says how many lines are missing."""
    now_s = [0.0]
    complaints: list[str] = []
    path = tmp_path / "hf.log"
    path.symlink_to("/dev/full")
    file = LogFile(path, 1 << 20, 3, complaints.append, lambda: now_s[0])
    for number in range(10):
        file.write(f"line {number}", told)
    assert len(complaints) == 1
    assert "No space left on device" in complaints[0]
    path.unlink()
    file.write("too soon", told)
    now_s[0] = 100.0
    file.write("here again", told)
    assert path.read_text() == "11 missing\nhere again\n"
    assert complaints[1:] == [f"the log file {path} can be written again; 11 lines are missing in it"]


def test_a_folder_that_can_t_be_changed_lets_the_file_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that fails loses no line."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = log_file(tmp_path / "hf.log", 50)
    monkeypatch.setattr(Path, "replace", refuse)
    for number in range(50):
        file.write(f"line {number:04}", told)
    assert (tmp_path / "hf.log").read_text().splitlines() == [f"line {number:04}" for number in range(50)]


SCRIPT = """
import logging, sys
from pathlib import Path
from holdfast.telemetry.channels import Levels
from holdfast.telemetry.logs import FileSetting, LogFormat, LogSetting, end_logs, set_up
file = FileSetting(Path(sys.argv[1]), Levels(logging.INFO), 1 << 30, 2)
set_up(LogSetting(LogFormat.CONSOLE, Levels(logging.ERROR), file, True))
for number in range(500):
    logging.getLogger("holdfast.trading").info("line %d", number)
end_logs()
print("went on")
"""


def test_a_disk_that_is_full_stops_nobody(tmp_path: Path) -> None:
    """A real limit in the middle of a line: whoever logs goes on, stderr has one line about it, and what was written is whole lines but the last."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "hf.log")],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        preexec_fn=limit,
    )
    assert (done.returncode, done.stdout) == (0, "went on\n"), done
    assert len(done.stderr.splitlines()) == 1
    assert "can't be written (File too large); trading goes on" in done.stderr
    assert (tmp_path / "hf.log").stat().st_size == 5000
