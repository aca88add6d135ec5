"""What can be typed after ``holdfast sim``; the rest of what can be typed is in `app.py`."""

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import MOST, Json, Speed

sim_app = typer.Typer(help="A broker on this machine, to try a program on.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Give the program these commands."""
    app.add_typer(sim_app, name="sim", rich_help_panel="Try")


@sim_app.command()
def alpaca(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8765,
    host: Annotated[str, typer.Option(help="Where to listen; whoever gets there may trade.")] = "127.0.0.1",
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Bars, quotes or trades: a file or a folder; may be repeated.  [made up]"),
    ] = None,
    symbols: Annotated[str | None, typer.Option(metavar="A,B,..", help="What the made-up market trades.")] = None,
    seed: Annotated[int, typer.Option(help="Another made-up market.")] = 1,
    speed: Speed = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where market time starts: 2024-01-02, or with a time.")
    ] = None,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="What is to go wrong.")] = None,
    accounts: Annotated[Path | None, typer.Option(metavar="FILE", help="Who may trade.  [anyone]")] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keeps accounts and orders over a restart.")
    ] = None,
    requests: Annotated[
        int, typer.Option(min=0, max=MOST, metavar="N", help="Allowed to an account in a minute; 0 is no limit.")
    ] = 200,
    fees: Annotated[
        bool, typer.Option(help="What trades cost at Alpaca: of coins, and the regulators' of shares.")
    ] = True,
    tls: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Speak TLS, with a certificate of its own that is kept there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve Alpaca on this machine: bots written for Alpaca trade on it unchanged."""
    from holdfast.cli import sim

    asked = sim.Asked(data or [], symbols, seed, speed, start, faults, accounts, state, requests, fees)
    raise typer.Exit(sim.alpaca(asked, sim.Place(host, port, tls), as_json))


@sim_app.command()
def kite(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8180,
    data: Annotated[
        list[Path] | None, typer.Option(help="Files or folders of market data, instead of a made-up market.")
    ] = None,
    symbols: Annotated[str | None, typer.Option(metavar="A,B", help="What a made-up market trades.")] = None,
    seed: Annotated[int, typer.Option(help="Of the made-up market.")] = 1,
    speed: Annotated[str | None, typer.Option(help="Market seconds a second, or max.  [1]")] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where market time starts: 2024-07-10T09:15, of India.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is to go wrong (docs/sim-kite-faults.md).")
    ] = None,
    accounts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Whose accounts; without one there is AB1234's.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS", help="Take orders from this address only.")
    ] = None,
    limits: Annotated[bool, typer.Option(help="Refuse what is over Kite's limits of requests.")] = True,
    as_json: Json = False,
) -> None:
    """Serve Zerodha's Kite Connect: its own SDK can't tell it from the real one. Made-up money, no login but a button."""
    from holdfast.cli import sim_kite

    asked = sim_kite.Asked(data or [], symbols, seed, speed, start, faults, accounts, allow or [], limits)
    raise typer.Exit(sim_kite.kite(asked, port, as_json))
