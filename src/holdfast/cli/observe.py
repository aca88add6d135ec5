"""``holdfast observe``: what happens is followed until a signal comes. What it has to say goes to the log."""

import logging
import os
import signal
import threading
from pathlib import Path

from holdfast.cli.interrupts import only_once
from holdfast.cli.log_setup import set_up_from
from holdfast.cli.place import config_for_reading, tell_of_errors
from holdfast.cli.signals import ENDING, on_hang_up
from holdfast.config.rereading import OBSERVER, Rereader
from holdfast.journal.holder import process_name
from holdfast.observer.follower import Follower
from holdfast.observer.reloading import Reloading
from holdfast.observer.watchers import watchers_of
from holdfast.telemetry.leash import follow

logger = logging.getLogger(__name__)


LAST_WORD_S = 60.0
"""One whose parent died goes on for so long: that the engine died is what it has to tell."""
NICE = 5
"""How much the child of an engine lets others go first."""


def observe(config_file: Path | None, leash: int | None = None) -> int:
    """Observe. The first signal ends it in order, the second at once; with a ``leash``, so does the end of who started it. Exit status 0; raises HoldfastError."""
    config = config_for_reading(config_file)
    set_up_from(config.logs, logging.INFO if leash is None else logging.WARNING, "observe")
    tell_of_errors(config, "observer")
    reloading = Reloading(Rereader(OBSERVER, config, lambda: config_for_reading(config_file)))
    beside = "" if leash is None else process_name(os.getppid())
    follower = Follower(config, watchers_of(config, reloading), beside)
    over = threading.Event()
    if leash is not None:
        os.nice(max(0, NICE - os.nice(0)))  # it may be there already, by its parent
        follow(leash, lambda: _say_last_word(over))
    for number in ENDING:
        signal.signal(number, lambda *_: over.set())
        only_once(number)
    on_hang_up(reloading.ask, over.set)
    follower.run(over)
    logger.info("ended; what comes meanwhile is told by the next start")
    return 0


def _say_last_word(over: threading.Event) -> None:
    """End, after a while: who lets a child go in order sends a signal first."""
    logger.warning("who started this observer is gone; it goes on for %g s, then nobody watches", LAST_WORD_S)
    over.wait(LAST_WORD_S)
    over.set()
