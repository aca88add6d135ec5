"""Where the log goes: what the configuration says, LOG_LEVEL before it, and what neither says."""

import logging
from pathlib import Path

import pytest

from holdfast.cli.log_setup import level_of_environment, log_setting
from holdfast.config import LogsConfig, parse_config
from holdfast.errors import ConfigError, InvalidValue
from holdfast.telemetry.channels import Channel, Levels

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR


@pytest.fixture(autouse=True)
def no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)


def test_nothing_is_said_twice() -> None:
    """A run tells people of orders in its own words: without a level of its own, the log on stderr does not."""
    levels = log_setting(LogsConfig(), WARNING).levels
    assert (levels.of("holdfast.trading"), levels.of("holdfast.audit"), levels.of("holdfast.x")) == (
        ERROR,
        ERROR,
        WARNING,
    )


def test_a_level_is_that_of_all_but_those_channels_that_have_their_own() -> None:
    """On stderr where there is no file."""
    setting = log_setting(LogsConfig(level="info", levels={"broker": "debug"}), WARNING)
    assert setting.levels == Levels(INFO, {Channel.BROKER: DEBUG})
    assert setting.file is None
    assert setting.queued


def test_json_is_for_programs_which_hear_all() -> None:
    """Without a level, from info on."""
    assert log_setting(LogsConfig(format="json"), WARNING).levels == Levels(INFO)


def test_a_file_takes_what_is_asked_for_and_stderr_the_warnings() -> None:
    """The file of another process than the engine is one of its own: two that turn one over would only be in each other's way."""
    config = LogsConfig(file="/logs/hf.log", level="debug", max_mb=2, keep=4)
    setting = log_setting(config, WARNING)
    assert setting.file is not None
    assert (setting.file.path, setting.file.max_bytes, setting.file.keep) == (Path("/logs/hf.log"), 2 << 20, 4)
    assert setting.file.levels == Levels(DEBUG)
    assert setting.levels.of("holdfast.x") == WARNING
    other = log_setting(config, WARNING, "web").file
    assert other is not None
    assert other.path == Path("/logs/hf.web.log")


@pytest.mark.parametrize(("text", "level"), [("DEBUG", DEBUG), ("warn", WARNING), (" info ", INFO), ("", None)])
def test_the_environment_has_the_last_word(monkeypatch: pytest.MonkeyPatch, text: str, level: int | None) -> None:
    """LOG_LEVEL stands before ``level``, in capitals or not; an empty one says nothing."""
    monkeypatch.setenv("LOG_LEVEL", text)
    assert level_of_environment() == level
    assert log_setting(LogsConfig(level="error"), WARNING).levels.base == (ERROR if level is None else level)


def test_a_level_that_is_none_is_named() -> None:
    """With the nearest that is one."""
    with pytest.raises(InvalidValue, match=r"LOG_LEVEL is 'debgu', which is no level; did you mean debug\?"):
        level_of_environment({"LOG_LEVEL": "debgu"})


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ({"levl": "info"}, r"unknown key logs\.levl; did you mean level\?"),
        ({"level": "wrning"}, r"logs\.level: there is no 'wrning'; did you mean warning\?"),
        ({"levels": {"brokr": "debug"}}, r"levels: there is no channel 'brokr'; did you mean broker\?"),
        ({"levels": {"broker": "loud"}}, r"logs\.levels\.broker: there is no 'loud'; there are debug, info"),
        ({"format": "jsn"}, r"logs\.format: there is no 'jsn'; did you mean json\?"),
        ({"max_mb": 0}, r"max_mb must be at least 0\.001"),
        ({"keep": -1}, r"keep must be at least 0"),
    ],
)
def test_a_section_that_is_wrong_is_refused_with_the_right_word(
    logs: dict[str, object], said: str, tmp_path: Path
) -> None:
    """Before anything is started."""
    data = {"feed": {"kind": "synthetic"}, "accounts": [{"name": "a"}], "logs": logs}
    with pytest.raises(ConfigError, match=said):
        parse_config(data, "test", tmp_path)


def test_a_relative_file_is_beside_the_configuration(tmp_path: Path) -> None:
    """As every path of a configuration."""
    data = {"feed": {"kind": "synthetic"}, "accounts": [{"name": "a"}], "logs": {"file": "logs/hf.log"}}
    assert parse_config(data, "test", tmp_path).logs.file == str(tmp_path / "logs" / "hf.log")
