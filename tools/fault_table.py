"""The faults of each broker in a box as a page: ``docs/sim-alpaca-faults.md`` is made from ``sim/alpaca/faults/catalogue.py``, and so on.

python -m tools.fault_table            ends with 1 when a page is not what its catalogue says
python -m tools.fault_table --write    makes the pages
"""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.sim.alpaca.faults import catalogue as alpaca
from holdfast.sim.chassis.faults.catalogue import COUNTING, Entry, Parameter, Place
from holdfast.sim.kite.faults import catalogue as kite
from tools import pages


class Broker(NamedTuple):
    """A broker in a box: its name in paths and commands, as people write it, its faults, and an example of one by its place."""

    folder: str
    name: str
    entries: Mapping[Any, Entry]
    narrowing: Mapping[Place, Mapping[str, Parameter]]
    example: str
    read: str


BROKERS = (
    Broker("alpaca", "Alpaca", alpaca.CATALOGUE, alpaca.NARROWING, "accepted_then_504", "/v2/"),
    Broker("kite", "Kite", kite.CATALOGUE, kite.NARROWING, "accepted_then_502", "/orders"),
)

HEAD = """\
# Faults of the local {name}

This page is made from `src/holdfast/sim/{folder}/faults/catalogue.py` by `python -m tools.fault_table --write`; a test
compares the two.

A fault makes the server go wrong on purpose: what the client sees and what is true at the server come apart, as they do
with a real broker on a bad day. Which one fires, when and how often is told beforehand and counted, so a run can be repeated
and a test can say that the fault it is about did happen.

## Putting faults on

In a file, for `holdfast sim {folder} --faults FILE`:

```toml
[[faults]]
name = "{example}"   # the third order is carried out, and its client is told so
after = 2

[[faults]]
name = "slow"                # one read in ten is two seconds late
method = "GET"
path = "{read}"
probability = 0.1
seed = 7
seconds = 2
```

The same in JSON is `{{"faults": [{{"name": "{example}", "after": 2}}, ...]}}`. Or while it runs, with a table, a list of
them or such an object:

```
curl -X POST   localhost:PORT/_sim/faults -d '{{"name": "storm_429", "seconds": 10}}'
curl           localhost:PORT/_sim/catalogue                 # what there is
curl           localhost:PORT/_sim/faults                    # what is on, and how often each has fired
curl -X DELETE localhost:PORT/_sim/faults                    # all off; ?name=slow or ?id=3 for some of them
```

Anything that can't be used (a fault there is not, a parameter it doesn't know, a value of the wrong kind) is refused with what
it should have been.

Seconds are those of the wall clock, whatever the speed of the market. Websockets are never bitten by the faults of
requests, `/_sim/` by none.

## Steering

| | |
|---|---|
| `GET /_sim/status` | market time, speed, events so far, accounts |
| `POST /_sim/clock` | `{{"action": "pause"}}`, `resume`, `step` (with `"events": n`), `finish` (flat out to the end of the data) |
| `GET /_sim/audit?key=K` | every request that could place, change, cancel or close, as it came: wall and market time, body, what the handler answered (`status`, `answer`; null when it never saw it), what the client was told (`told`: a status, or `nothing`) and the `fault` between the two; then every order as it is |

The last is evidence: it doesn't depend on what a client believes to have sent or received.
"""

TITLES = {
    Place.HTTP: "Around a request",
    Place.TRADING: "In the life of an order",
    Place.STREAM: "On a websocket",
    Place.NOW: "At once",
}
INTRODUCTIONS = {
    Place.HTTP: "Asked at each request, in the order of this table; the first that fires is the one.",
    Place.TRADING: "Asked where an order comes to the point in question.",
    Place.STREAM: (
        "Asked for each frame with trade updates or market data; what answers the client (authorization, listening, "
        "subscriptions, pongs) always passes. A frame of market data may hold many events."
    ),
    Place.NOW: "Posted to `/_sim/faults` and done before the answer comes; they have no place in a file.",
}


def page(broker: Broker) -> str:
    """The whole page as the catalogue has it now."""
    head = HEAD.format(name=broker.name, folder=broker.folder, example=broker.example, read=broker.read)
    return head + "\n".join(_sections(broker)) + "\n"


def path_of(broker: Broker) -> Path:
    """Where its page is."""
    return pages.DOCS / f"sim-{broker.folder}-faults.md"


def _sections(broker: Broker) -> Iterator[str]:
    yield "\n## When a fault fires\n"
    yield "Each fault but those done at once can be told:\n"
    yield from _parameter_rows(COUNTING)
    for place in Place:
        yield f"\n## {TITLES[place]}\n"
        yield f"{INTRODUCTIONS[place]}\n"
        if broker.narrowing[place]:
            yield from _parameter_rows(broker.narrowing[place])
            yield ""
        yield "| fault | the client sees | the truth | parameters |"
        yield "|---|---|---|---|"
        yield from (_fault_row(name, entry) for name, entry in _in_order(broker) if entry.place is place)


def _in_order(broker: Broker) -> Iterator[tuple[str, Entry]]:
    """As they are asked: as their names stand in the code."""
    yield from ((name, broker.entries[name]) for name in type(next(iter(broker.entries))))


def _fault_row(name: str, entry: Entry) -> str:
    told = "<br>".join(f"`{key}`: {_meaning(parameter)}" for key, parameter in entry.parameters.items())
    return f"| `{name}` | {entry.seen} | {entry.true} | {told} |"


def _parameter_rows(parameters: Mapping[str, Parameter]) -> Iterator[str]:
    yield "| parameter | meaning |"
    yield "|---|---|"
    yield from (f"| `{key}` | {_meaning(parameter)} |" for key, parameter in parameters.items())


def _meaning(parameter: Parameter) -> str:
    words = f" ({', '.join(parameter.kind)})" if isinstance(parameter.kind, tuple) else ""
    default = "" if parameter.default is None else f"; default {parameter.default}"
    return f"{parameter.meaning}{words}{default}"


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them; gives the exit status."""
    each = [pages.run("fault_table", path_of(one), partial(page, one), "the catalogue", arguments) for one in BROKERS]
    return max(each)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
