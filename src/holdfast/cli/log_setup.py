"""Where a command's log goes: the section ``[logs]``, and ``LOG_LEVEL`` of the environment before its ``level``."""

import logging
import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import InvalidValue
from holdfast.telemetry.channels import Channel, Levels
from holdfast.telemetry.logs import FileSetting, LogFormat, LogSetting, set_up

if TYPE_CHECKING:
    from holdfast.config import LogsConfig

LOG_LEVEL = "LOG_LEVEL"
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
OTHER_WORDS = {"warn": "warning", "critical": "error", "fatal": "error"}
TOLD_ELSEWHERE = {Channel.TRADING: logging.ERROR, Channel.AUDIT: logging.ERROR}
"""What a command tells people in its own words; it is on stderr as well where a level is written."""
MEBIBYTE = 1 << 20


def level_of_environment(environment: Mapping[str, str] | None = None) -> int | None:
    """What ``LOG_LEVEL`` says, in any case; None where it says nothing. Raises :class:`~holdfast.errors.InvalidValue`."""
    text = (os.environ if environment is None else environment).get(LOG_LEVEL, "")
    if not text.strip():
        return None
    word = text.strip().lower()
    level = LEVELS.get(OTHER_WORDS.get(word, word))
    if level is None:
        near = get_close_matches(word, LEVELS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(LEVELS)}"
        raise InvalidValue(f"the environment variable {LOG_LEVEL} is {text!r}, which is no level; {hint}")
    return level


def log_setting(config: "LogsConfig", default: int, part: str = "", *, queued: bool = True) -> LogSetting:
    """What ``config`` and the environment say. ``default`` is the level of stderr where they say nothing.

    ``part`` names a process that is not the engine; its file is one of its own. Raises :class:`~holdfast.errors.InvalidValue`.
    """
    said = level_of_environment()
    level = said if said is not None else LEVELS[config.level] if config.level is not None else None
    channels = {Channel(name): LEVELS[word] for name, word in config.levels.items()}
    log_format = LogFormat(config.format)
    is_quiet = level is None and not channels and log_format is LogFormat.CONSOLE
    if config.file is None:
        base = level if level is not None else logging.INFO if log_format is LogFormat.JSON else default
        return LogSetting(log_format, Levels(base, TOLD_ELSEWHERE if is_quiet else channels), queued=queued)
    base = level if level is not None else logging.INFO
    path = Path(config.file)
    if part:
        path = path.with_name(f"{path.stem}.{part}{path.suffix}")
    file = FileSetting(path, Levels(base, channels), int(config.max_mb * MEBIBYTE), config.keep)
    return LogSetting(log_format, Levels(max(default, level or 0), TOLD_ELSEWHERE), file, queued)


def set_up_from(config: "LogsConfig", default: int, part: str = "") -> LogSetting:
    """Send the log where the configuration says, and give that back. Raises :class:`~holdfast.errors.InvalidValue`."""
    setting = log_setting(config, default, part)
    set_up(setting)
    return setting
