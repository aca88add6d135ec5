"""The demo's configuration: an ordinary file, made when there is none. With a page it has a second account, at a broker that can be broken."""

import socket
from pathlib import Path

from holdfast.cli.place import DEMO_CONFIG, DEMO_FOLDER
from holdfast.config import Config, load_config
from holdfast.config.sections import FeedConfig
from holdfast.errors import ConfigError, InvalidValue, Refused
from holdfast.journal.holder import is_running

SEED = 1
BROKER_STATE = DEMO_FOLDER / "broker.db"
"""What the broker on this machine knows: its orders outlive an engine that is killed, and a demo that is stopped."""

CONFIG = """\
# Made by `holdfast demo`. An ordinary configuration: change what you like, `holdfast demo` takes it as it is.

[journal]
url = "sqlite:///demo.db"

{feed}
kind = "synthetic"     # a made-up market, the same for the same seed
seed = {seed}
symbols = ["AVOR", "BRYX", "DELM", "KORU", "TYNE"]
history_days = 1       # the strategies warm up on these
speed = 120            # two minutes of market time in a second

[venue]
slippage_bps = 1
volume_share = "0.1"   # an order fills with at most a tenth of a bar's volume
commission = {{ type = "per_share", rate = "0.005", minimum = "1" }}

[[accounts]]
name = "demo"
cash = 100000
{fed}
[[strategies]]
id = "trend"
class = "holdfast.strategies:EmaCross"
account = "demo"
symbols = ["AVOR", "BRYX", "DELM"]
params = {{ fast = 5, slow = 15, quantity = 100, allow_short = true }}

[[strategies]]
id = "revert"
class = "holdfast.strategies:MeanReversion"
account = "demo"
symbols = ["KORU", "TYNE"]
params = {{ window = 15, entry = 1.5, quantity = 80, allow_short = true, stop_pct = 0.5 }}
"""

ONE_FEED = {"feed": "[feed]", "fed": ""}
TWO_FEEDS = {"feed": '[[feeds]]\nname = "made-up"', "fed": 'feed = "made-up"\n'}


def prepare(seed: int | None, fresh: bool, with_broker: bool) -> Config:
    """The demo's configuration, made when there is none. Raises :class:`~holdfast.errors.HoldfastError`."""
    if fresh and DEMO_CONFIG.exists():
        _forget()
    if not DEMO_CONFIG.exists():
        _write(_text(SEED if seed is None else seed, with_broker))
    config = load_config(DEMO_CONFIG)
    used = market_of(config).seed
    if seed is not None and seed != used:
        raise InvalidValue(f"the demo here runs on seed {used}; add --fresh to begin anew with {seed}")
    return config


def market_of(config: Config) -> FeedConfig:
    """The made-up market."""
    return config.sources[0]


def _text(seed: int, with_broker: bool) -> str:
    if not with_broker:
        return CONFIG.format(seed=seed, **ONE_FEED)
    from holdfast.cli.sim import demo_account  # a server's libraries take a moment to load

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    return CONFIG.format(seed=seed, **TWO_FEEDS) + demo_account(port)


def _write(text: str) -> None:
    try:
        DEMO_FOLDER.mkdir(exist_ok=True)
        DEMO_CONFIG.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{DEMO_CONFIG} can't be written ({error.strerror}); go to a folder of your own") from None


def _forget() -> None:
    """Remove the last demo; its lock file stays, as lock files must."""
    config = load_config(DEMO_CONFIG)
    journal = DEMO_FOLDER / "demo.db"
    url = f"sqlite:///{journal}"
    for account in config.accounts:
        if is_running(config.journal.url, account.name) or is_running(url, account.name):
            raise Refused("the demo is running; stop it before you begin anew")
    told = DEMO_FOLDER / "holdfast-observer.db"  # how far an observer came in a journal that goes
    for path in (*with_sides(journal), *with_sides(told), *with_sides(BROKER_STATE), DEMO_CONFIG):
        path.unlink(missing_ok=True)


def with_sides(database: Path) -> list[Path]:
    """A database's files."""
    return [database, Path(f"{database}-wal"), Path(f"{database}-shm")]
