"""What can be typed after ``holdfast data``. What a command does is in the module it imports."""

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.options import ConfigFile, Json

app = typer.Typer(help="Market data that you have, for backtests.", no_args_is_help=True)

MOST_LINES = 1_000_000


@app.command("import")
def data_import(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER ...", help="CSV, text, JSON, Parquet; packed or not.")
    ],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="The catalogue.")] = Path("data"),
    symbol: Annotated[str | None, typer.Option(help="Whose data it is, where no column says so.")] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of times that name none: America/New_York, UTC.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option(metavar="NAME", help="The exchange whose days they are: XNYS, XBOM, 24/7.")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=NAME,...", help="Which column is what: ts=Date,open=2.")
    ] = None,
    stamp: Annotated[str | None, typer.Option(metavar="start|end", help="What a bar's time is.")] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="s|ms|us|ns|excel", help="What times count that are numbers.")
    ] = None,
    day_first: Annotated[
        bool | None, typer.Option("--day-first/--month-first", help="What 01/02/2024 begins with.")
    ] = None,
    separator: Annotated[
        str | None, typer.Option(metavar="SIGN", help="Between values; or tab, space, semicolon.")
    ] = None,
    header: Annotated[bool | None, typer.Option("--header/--no-header", help="Whether a line has the names.")] = None,
    skip: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=MOST_LINES, help="Lines before the header.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as cp1252 or utf-16.")] = None,
    decimal: Annotated[str | None, typer.Option(metavar="SIGN", help="The decimal sign, point or comma.")] = None,
    thousands: Annotated[str | None, typer.Option(metavar="SIGN", help="The sign between thousands, or none.")] = None,
    price_scale: Annotated[float | None, typer.Option(help="What prices are multiplied with, such as 0.0001.")] = None,
    holds: Annotated[str | None, typer.Option(metavar="bars|trades|quotes", help="What the files hold.")] = None,
    bar: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Of bars, where it can't be seen: 1Min, 1Day.")
    ] = None,
    adjustment: Annotated[
        str | None, typer.Option(metavar="WORD", help="How prices are adjusted: raw, splits, all.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Where bars differ from those there, take the new ones.")
    ] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask; take what is likely.")] = False,
    as_json: Json = False,
) -> None:
    """Read files of any layout into a catalogue. Shows what it found, and asks what the data don't tell."""
    from holdfast.cli import data

    request = data.ImportRequest(tuple(paths), to, calendar, adjustment, replace, yes, as_json)
    layout = {
        "symbol": symbol, "timezone": timezone, "stamp": stamp, "unit": unit, "day_first": day_first, "separator": separator,
        "header": header, "skip": skip, "encoding": encoding, "decimal": decimal, "thousands": thousands,
        "price_scale": price_scale, "holds": holds, "bar": bar,
    }  # fmt: skip
    raise typer.Exit(data.import_files(request, columns or [], **layout))


CatalogueFolder = Annotated[Path, typer.Option("--catalogue", metavar="FOLDER", help="The catalogue.")]


@app.command("list")
def data_list(
    folder: Annotated[Path, typer.Argument(metavar="[CATALOGUE]")] = Path("data"), as_json: Json = False
) -> None:
    """What a catalogue has: symbols, lengths of bars, from when to when, how many rows."""
    from holdfast.cli import data_looks

    raise typer.Exit(data_looks.list_entries(folder, as_json))


@app.command("check")
def data_check(
    path: Annotated[Path, typer.Argument(metavar="[CATALOGUE|FILE]")] = Path("data"),
    calendar: Annotated[
        str | None, typer.Option(metavar="NAME", help="The exchange whose sessions they are held against: XNYS, 24/7.")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="This one alone; of a file, whose data it is.")] = None,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="Of a file's times that name none.")] = None,
    as_json: Json = False,
) -> None:
    """What is doubtful in bars: gaps, duplicates, outliers, splits, stale runs. Exit status 1 when something is an error."""
    from holdfast.cli import data_looks

    raise typer.Exit(data_looks.check(path, calendar, symbol, timezone, as_json))


@app.command("show")
def data_show(
    symbol: str,
    catalogue: CatalogueFolder = Path("data"),
    bar: Annotated[str | None, typer.Option(metavar="LENGTH", help="Where it is there in several: 1Min, 1Day.")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Such as 2024-01-02T09:30.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="A date is included.")] = None,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, max=100_000, help="How many, of both ends.")] = 10,
    calendar: Annotated[str | None, typer.Option(metavar="NAME", help="On whose clocks times are shown.")] = None,
    as_json: Json = False,
) -> None:
    """The rows of a symbol as they are read, the first and the last, on the clocks of its exchange."""
    from holdfast.cli import data_looks

    request = data_looks.ShowRequest(symbol, catalogue, bar, start, end, rows, calendar, as_json)
    raise typer.Exit(data_looks.show(request))


@app.command("download")
def data_download(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL ...")],
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day, of the exchange.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day, included.")],
    bar: Annotated[str, typer.Option(metavar="LENGTH", help="1Min, 1Hour, 1Day ...")] = "1Min",
    broker: Annotated[str, typer.Option(metavar="NAME", help="Whose history, where there are several.")] = "",
    login: Annotated[str, typer.Option(metavar="NAME", help="The login, where there are several.")] = "",
    adjustment: Annotated[
        str, typer.Option(metavar="WORD", help="raw, splits, or all: for dividends too. It changes with each split.")
    ] = "raw",
    catalogue: CatalogueFolder = Path("data"),
    replace: Annotated[
        bool, typer.Option("--replace", help="Ask for all again; where bars differ, take the new ones.")
    ] = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """The history of a broker into a catalogue. Stop it and start it again: what is there isn't asked for twice."""
    from holdfast.cli import data_download as command

    request = command.DownloadRequest(
        tuple(symbols), start, end, bar, broker, login, adjustment, catalogue, replace, as_json
    )
    raise typer.Exit(command.download(config, request))
