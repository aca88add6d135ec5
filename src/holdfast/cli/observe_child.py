"""The observer as a child: of `holdfast run --observe`, and of `holdfast web --observe`. It is started again when it ends, and ends with its parent."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.telemetry.leash import Leash

END_S = 10.0
"""How long it may take to end."""
FIRST_S, LONGEST_S = 1.0, 60.0
"""After so long one that ended is started again; doubled each time up to the longest, until it has run for so long."""

logger = logging.getLogger(__name__)


class Watched:
    """An observer of a configuration, in a process of its own, and a thread that waits for its end to start it again."""

    def __init__(self, config_file: Path | None) -> None:
        named = [] if config_file is None else ["-c", str(config_file)]
        self._command = [sys.executable, "-m", "holdfast", "observe", *named]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and start it no more."""
        with self._lock:
            self._over.set()
            if self._child is not None:
                self._child.terminate()
        self._thread.join(END_S)
        with self._lock:
            if self._child is not None:
                self._child.kill()
        self._thread.join()

    def _run(self) -> None:
        wait_s = FIRST_S
        while not self._over.is_set():
            status, is_steady = self._live()
            if self._over.is_set():
                return
            wait_s = FIRST_S if is_steady else min(LONGEST_S, wait_s * 2)
            logger.error("the observer ended with status %d; it is started again in %g s", status, wait_s)
            self._over.wait(wait_s)

    def _live(self) -> tuple[int, bool]:
        """One life: its exit status, and whether it lasted."""
        leash = Leash()
        with self._lock:
            if self._over.is_set():
                return 0, True
            self._child = subprocess.Popen(  # noqa: S603 - this very program
                [*self._command, "--leash", str(leash.child)],
                stdin=subprocess.DEVNULL, stdout=2, pass_fds=[leash.child], start_new_session=True,
            )  # fmt: skip
        leash.handed_over()
        try:
            self._child.wait(LONGEST_S)
            is_steady = False
        except subprocess.TimeoutExpired:
            is_steady = True
        status = self._child.wait()
        with self._lock:
            self._child = None
        leash.close()
        return status, is_steady


@contextmanager
def observe_child(config_file: Path | None) -> Iterator[None]:
    """Observe, in a process beside this one, as long as this is entered. What it has to say goes where its log goes, else to stderr."""
    watched = Watched(config_file)
    watched.start()
    try:
        yield
    finally:
        watched.stop()
