"""Asks a Prometheus for every expression of the Grafana dashboard, and says which have data: ``python -m tools.dashboard http://127.0.0.1:9090``.

A dashboard whose names fit may still show nothing, for a label that no sample has or a quotient of nothing. Exit status 1 where an expression is no
PromQL.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

DASHBOARD = Path("ops/grafana/holdfast.json")
VARIABLES = {"$account": ".*", "$__rate_interval": "1m", "$__interval": "15s", "$__range": "5m"}
"""What Grafana puts in the place of its variables."""


class Panel(NamedTuple):
    """One expression of a panel."""

    title: str
    expr: str


def panels(dashboard: Path = DASHBOARD) -> Iterator[Panel]:
    """Every expression, in the order of the page."""
    for panel in json.loads(dashboard.read_text())["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"]
            for name, value in VARIABLES.items():
                expr = expr.replace(name, value)
            yield Panel(panel["title"], expr)


def series(prometheus: str, expr: str) -> int:
    """How many series an expression gives now. Raises ValueError where it is none."""
    try:
        with urlopen(f"{prometheus}/api/v1/query?{urlencode({'query': expr})}", timeout=30) as answer:  # noqa: S310 - as typed
            return len(json.load(answer)["data"]["result"])
    except HTTPError as error:
        raise ValueError(json.load(error)["error"]) from error


def main() -> int:
    """Ask, and tell."""
    if len(sys.argv) != 2:
        print(
            "python -m tools.dashboard URL   the address of a Prometheus that reads an engine and an observer",
            file=sys.stderr,
        )
        return 2
    with_data, wrong, every = 0, 0, list(panels())
    for panel in every:
        try:
            found = series(sys.argv[1].rstrip("/"), panel.expr)
        except ValueError as error:
            wrong += 1
            print(f"  wrong    {panel.title}: {panel.expr}: {error}")
            continue
        with_data += found > 0
        print(f"  {found:6} {panel.title}: {panel.expr}")
    print(f"{with_data} of {len(every)} expressions have data, {wrong} are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
