"""``holdfast demo``: a made-up market, strategies, a journal, and a screen to watch them on. It can be killed and goes on."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from holdfast.assembly import build_feed, calendar_of
from holdfast.cli import terminal
from holdfast.cli.narrate import Narrator
from holdfast.cli.place import DEMO_CONFIG, DEMO_FOLDER
from holdfast.cli.run import summary, with_speed
from holdfast.cli.screen import Screen
from holdfast.cli.session import TICK_S, Session, audited, duration_of
from holdfast.cli.tape import Tape
from holdfast.cli.terminal import many, money, signed, when
from holdfast.config import Config, load_config
from holdfast.errors import ConfigError, InvalidValue, Refused
from holdfast.journal.holder import is_running
from holdfast.runtime.compose import Engine, open_engine

STATUS_EVERY = round(1 / TICK_S)
"""Ticks between two status lines where there is no screen."""
SEED = 1

CONFIG = """\
# Made by `holdfast demo`. An ordinary configuration: change what you like, `holdfast demo` takes it as it is.

[journal]
url = "sqlite:///demo.db"

[feed]
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


def demo(duration: str | None, speed: str | None, seed: int | None, fresh: bool, as_json: bool) -> int:
    """Run the demo until it is stopped. Exit status 0, or 1 when the journal doesn't prove itself; raises HoldfastError."""
    duration_s = duration_of(duration)
    config = with_speed(_prepare(seed, fresh), speed)
    session, console = Session(config), terminal.console()
    with terminal.console(stderr=True).status("the market is about to open"):  # libraries take a moment to load
        tape = Tape(build_feed(config), calendar_of(config.accounts[0]))
    screen = Screen(session, tape)
    with open_engine(config, screen.watch, {"": tape}) as engine:
        screen.attach(engine)
        if as_json:
            session.run(engine, duration_s, session.news.clear)
        elif console.is_terminal and not console.is_dumb_terminal:
            _live(session, engine, screen, console, duration_s)
        else:
            session.run(engine, duration_s, _lines(session, engine, console))
    result = audited(session, engine)
    if as_json:
        terminal.print_json(result)
    else:
        summary(session, engine, console)
        _goodbye(result["chain_verified"], console)
    return 0 if result["chain_verified"] else 1


def _prepare(seed: int | None, fresh: bool) -> Config:
    """The demo's configuration, made when there is none."""
    if fresh and DEMO_CONFIG.exists():
        _forget()
    if not DEMO_CONFIG.exists():
        _write(CONFIG.format(seed=SEED if seed is None else seed))
    config = load_config(DEMO_CONFIG)
    if seed is not None and seed != config.feed.seed:
        raise InvalidValue(f"the demo here runs on seed {config.feed.seed}; add --fresh to begin anew with {seed}")
    return config


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
    for path in (journal, Path(f"{journal}-wal"), Path(f"{journal}-shm"), DEMO_CONFIG):
        path.unlink(missing_ok=True)


def _live(session: Session, engine: Engine, screen: Screen, console: Console, duration_s: float | None) -> None:
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:

        def tick() -> None:
            session.news.clear()
            live.update(screen.render(console), refresh=True)

        session.run(engine, duration_s, tick)


def _lines(session: Session, engine: Engine, console: Console) -> Callable[[], None]:
    """Where there is no screen: fills as they come, and every second how things stand."""
    narrate, ticks = Narrator(session, engine, console), 0

    def tick() -> None:
        nonlocal ticks
        narrate()
        ticks += 1
        if ticks % STATUS_EVERY == 0 and engine.loop.last_event is not None:
            console.print(_status(session, engine), soft_wrap=True)

    return tick


def _status(session: Session, engine: Engine) -> Text:
    state = engine.accounts[0].state
    value = state.portfolio.value(state.price)
    orders, fills = session.counts["OrderPrepared"], session.counts["OrderFilled"]
    gain = signed(value.equity - state.portfolio.total.deposits)
    return Text.assemble(
        (f"{when(state.now_ns)}  ", "dim"),
        f"equity {money(value.equity)} (",
        gain,
        f")  {many(orders, 'order')}  {many(fills, 'fill')}",
    )


def _goodbye(proven: bool, console: Console) -> None:
    if proven:
        console.print(Text("The journal proves itself: every record, order, fill and position.", style="green"))
        console.print(
            Text("Look around with `holdfast status`, `orders`, `positions`, `fills`, `audit tail`.", style="dim")
        )
    else:
        console.print(Text("The journal does NOT prove itself; `holdfast audit verify` says why.", style="bold red"))
