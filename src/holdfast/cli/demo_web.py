"""The demo with its page: this process starts the web process and the engine, and starts the engine again when it was killed.

The engine has the terminal, as in a demo without a page. It is killed as a power cut would: by SIGKILL, which it can't hear.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from types import FrameType

from holdfast.cli import terminal
from holdfast.cli.demo_broker import broker_child
from holdfast.cli.place import DEMO_CONFIG, DEMO_FOLDER
from holdfast.cli.web_child import Buttons, open_browser, web_child
from holdfast.config import Config
from holdfast.telemetry.leash import Leash

LOG = "web.log"
LOOK_S = 0.1
CRASHES, IN_S = 5, 60.0
"""An engine that was killed so often in so many seconds, and by nobody at the page, is not started again."""
SCREEN_OFF = "\x1b[?1049l\x1b[?25h"
"""Gives the terminal back from a screen that could not do so itself."""


class Supervisor:
    """Keeps an engine running. ``asked`` is the end of a pipe: a byte in it asks for a crash."""

    def __init__(self, arguments: Sequence[str], duration_s: float | None, asked: int) -> None:
        self._arguments = arguments
        self._ends_s = None if duration_s is None else time.monotonic() + duration_s
        self._asked = asked
        self._crashes: deque[float] = deque(maxlen=CRASHES)
        self._engine: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Until the engine ends in order. Gives its exit status."""
        before = {number: signal.signal(number, self._pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
        before[signal.SIGINT] = signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # the terminal sends it to the engine as well
        try:
            while True:
                status, was_asked = self._live()
                if status != -signal.SIGKILL or not (was_asked or self._may_again()):
                    return 128 - status if status < 0 else status
                if sys.stdout.isatty():
                    print(SCREEN_OFF, end="", flush=True)
                terminal.say("the engine was killed (SIGKILL); it is started again")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _live(self) -> tuple[int, bool]:
        """One life of an engine: its exit status, and whether its end was asked for at the page."""
        leash = Leash()
        left = [] if self._ends_s is None else ["--for", f"{max(0.1, self._ends_s - time.monotonic()):.1f}s"]
        command = [sys.executable, "-m", "holdfast", "demo", "--leash", str(leash.child), *self._arguments, *left]
        self._engine = subprocess.Popen(command, pass_fds=[leash.child])  # noqa: S603 - this very program
        leash.handed_over()
        was_asked = False
        try:
            while self._engine.poll() is None:
                if select.select([self._asked], [], [], LOOK_S)[0] and os.read(self._asked, 1):
                    was_asked = True
                    self._engine.kill()
                    self._engine.wait()
            return self._engine.returncode, was_asked
        finally:
            leash.close()
            if self._engine.poll() is None:
                self._engine.kill()
                self._engine.wait()

    def _may_again(self) -> bool:
        """Whether an engine that somebody else killed is started again."""
        self._crashes.append(time.monotonic())
        return len(self._crashes) < CRASHES or self._crashes[-1] - self._crashes[0] > IN_S

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        if self._engine is not None and self._engine.poll() is None:
            self._engine.send_signal(number)


def run(config: Config, arguments: Sequence[str], duration_s: float | None, browser: bool | None) -> int:
    """The demo with its page, until the engine ends in order."""
    asked, asks = os.pipe()
    os.set_inheritable(asks, True)
    DEMO_FOLDER.mkdir(exist_ok=True)
    with (
        (DEMO_FOLDER / LOG).open("wb") as log,
        broker_child(config) as broker,
        web_child(DEMO_CONFIG, config, log, or_next=True, demo=Buttons(asks, broker)) as url,
    ):
        os.close(asks)
        terminal.say(f"the page is at {url}")
        open_browser(url, browser)
        status = Supervisor([*arguments, "--page", url], duration_s, asked).run()
    os.close(asked)
    return status
