"""What a sweep is asked to be."""

from concurrent.futures import Executor
from pathlib import Path
from typing import NamedTuple


class Asked(NamedTuple):
    """What a sweep is asked to be, beside the runs themselves."""

    by: str = "sharpe"
    random: int | None = None
    optuna: int | None = None
    seed: int = 1
    train: str | None = None
    test: str | None = None
    walk_forward: int | None = None
    jobs: int | None = None
    executor: Executor | None = None
    out: Path | None = None
