"""A journal that a paper run has written."""

from collections.abc import Iterator

import pytest

from holdfast.cli.session import Session
from holdfast.config import Config, load_config
from holdfast.journal.reader import Reader
from holdfast.runtime.compose import open_engine

CONFIG = """
[feed]
kind = "synthetic"
seed = 1
symbols = ["AVOR", "BRYX"]
days = 1
history_days = 0

[[accounts]]
name = "house"
calendar = "24/7"

[[accounts]]
name = "idle"
calendar = "24/7"

[[strategies]]
id = "ema"
class = "holdfast.strategies:EmaCross"
account = "house"
symbols = ["AVOR", "BRYX"]
params = { fast = 5, slow = 15, quantity = 10, allow_short = true }
"""


@pytest.fixture(scope="package")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The configuration of a run that is over."""
    path = tmp_path_factory.mktemp("views") / "holdfast.toml"
    path.write_text(CONFIG)
    found = load_config(path)
    session = Session(found)
    with open_engine(found, session.watch) as engine:
        session.run(engine, None, session.news.clear)
    return found


@pytest.fixture
def reader(config: Config) -> Iterator[Reader]:
    """Its journal."""
    with Reader.open(config.journal.url) as opened:
        yield opened
