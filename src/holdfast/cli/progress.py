"""Progress of long work on stderr, at most four times a second, and only where somebody can see it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskProgressColumn, TextColumn
from rich.progress import TimeRemainingColumn as Eta
from rich.text import Text

from holdfast.cli import terminal

EVERY_S = 0.25

Update = Callable[[int, int | None], None]


class Rate(ProgressColumn):
    """How much is done, and how fast it goes."""

    def render(self, task: Task) -> Text:
        """``1,234,567 bars  210,345/s``."""
        speed = task.finished_speed or task.speed
        rate = f"  {speed:,.0f}/s" if speed else ""
        return Text(f"{int(task.completed):,} {task.fields['unit']}{rate}", style="cyan")


@contextmanager
def progress(what: str, unit: str, total: int | None = None, console: Console | None = None) -> Iterator[Update]:
    """Gives a function to tell how much is done, and of how much. Where lines are printed meanwhile, ``console`` is theirs."""
    shown = _progress(console)
    if shown is None:
        yield lambda _done, _total: None
        return
    with shown:
        task = shown.add_task(what, total=total, unit=unit)
        yield lambda done, of: shown.update(task, completed=done, total=of)


@contextmanager
def watched(what: str, unit: str, total: int | None, done: Callable[[], int]) -> Iterator[None]:
    """Looks at ``done`` from a thread of its own, so that the work has nothing to tell."""
    shown = _progress(None)
    if shown is None:
        yield
        return
    with shown:
        task, over = shown.add_task(what, total=total, unit=unit), threading.Event()

        def look() -> None:
            while not over.wait(EVERY_S):
                shown.update(task, completed=done())

        thread = threading.Thread(target=look, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            shown.update(task, completed=done())


def _progress(console: Console | None) -> Progress | None:
    console = console or terminal.console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(24),
        TaskProgressColumn(),
        Rate(),
        Eta(compact=True),
    )
    return Progress(*columns, console=console, refresh_per_second=1 / EVERY_S, transient=True)
