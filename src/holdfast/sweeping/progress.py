"""How far a sweep is, for who runs it in Python: on stderr, where somebody can see it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[int, int], object]
"""Is told how many trials are done, and of how many."""


@contextmanager
def shown(said: bool | Tell, total: int) -> Iterator[Tell]:
    """A function to tell how many trials are done; ``said`` is who wants to be told, or whether anything is shown."""
    if not isinstance(said, bool):
        yield said
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not said or not (console.is_terminal or console.is_jupyter):
        yield lambda _done, _planned: None
        return
    columns = (
        TextColumn("sweep"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("sweep", total=total)
        yield lambda done, planned: bar.update(task, completed=done, total=planned)
