"""``holdfast demo``: a made-up market, strategies, a journal, and a screen to watch them on. It can be killed and goes on."""

import os
import signal
from collections.abc import Callable
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

from holdfast.assembly import build_feed, calendar_of
from holdfast.cli import demo_config, terminal
from holdfast.cli.demo_broker import broker_child
from holdfast.cli.narrate import Narrator
from holdfast.cli.run import summary, with_speed
from holdfast.cli.screen import Screen
from holdfast.cli.session import TICK_S, Session, audited, duration_of
from holdfast.cli.tape import Tape
from holdfast.cli.terminal import many, money, signed, when
from holdfast.config import Config
from holdfast.runtime.compose import Engine, open_engine
from holdfast.telemetry.leash import follow

STATUS_EVERY = round(1 / TICK_S)
"""Ticks between two status lines where there is no screen."""


class Shown(NamedTuple):
    """How the demo is shown: ``web`` with a page (None: on a terminal), ``browser`` opened (None: where there is one).

    ``leash`` and ``page`` come from the process that keeps this engine running: its descriptor, and the page's address.
    """

    as_json: bool
    web: bool | None = None
    browser: bool | None = None
    leash: int | None = None
    page: str = ""

    def has_page(self, console: Console) -> bool:
        """Whether a page is to be served from here."""
        if self.leash is not None:
            return False
        return (
            (console.is_terminal and not console.is_dumb_terminal and not self.as_json)
            if self.web is None
            else self.web
        )


def demo(duration: str | None, speed: str | None, seed: int | None, fresh: bool, shown: Shown) -> int:
    """Run the demo until it is stopped. Exit status 0, or 1 when the journal doesn't prove itself; raises HoldfastError."""
    duration_s = duration_of(duration)
    console = terminal.console()
    has_page = shown.has_page(console)
    config = with_speed(demo_config.prepare(seed, fresh, with_broker=has_page), speed)
    if has_page:
        from holdfast.cli import demo_web

        arguments = [*(["--speed", speed] if speed else []), *(["--json"] if shown.as_json else [])]
        return demo_web.run(config, arguments, duration_s, shown.browser)
    if shown.leash is not None:
        follow(shown.leash, lambda: os.kill(os.getpid(), signal.SIGKILL))
        return _trade(config, duration_s, shown, console)
    with broker_child(config):
        return _trade(config, duration_s, shown, console)


def _trade(config: Config, duration_s: float | None, shown: Shown, console: Console) -> int:
    """The engine of the demo, in this process."""
    session, as_json = Session(config), shown.as_json
    with terminal.console(stderr=True).status("the market is about to open"):  # libraries take a moment to load
        market = demo_config.market_of(config)
        tape = Tape(build_feed(config, market), calendar_of(config.accounts[0]))
    screen = Screen(session, tape, shown.page)
    with open_engine(config, screen.watch, {market.name: tape}) as engine:
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
