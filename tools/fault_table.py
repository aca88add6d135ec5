"""The faults of the local Alpaca as a page: ``docs/sim-alpaca-faults.md`` is made from ``sim/alpaca/faults/catalogue.py``.

python -m tools.fault_table            ends with 1 when the page is not what the catalogue says
python -m tools.fault_table --write    makes the page
"""

import sys
from collections.abc import Iterator, Mapping

from holdfast.sim.alpaca.faults.catalogue import (
    CATALOGUE,
    COUNTING,
    NARROWING,
    FaultName,
    Parameter,
    Place,
)
from tools import pages

PAGE = pages.DOCS / "sim-alpaca-faults.md"

HEAD = """\
# Faults of the local Alpaca

This page is made from `src/holdfast/sim/alpaca/faults/catalogue.py` by `python -m tools.fault_table --write`; a test
compares the two.

A fault makes the server go wrong on purpose: what the client sees and what is true at the server come apart, as they do
with a real broker on a bad day. Which one fires, when and how often is told beforehand and counted, so a run can be repeated
and a test can say that the fault it is about did happen.

## Putting faults on

In a file, for `holdfast sim alpaca --faults FILE`:

```toml
[[faults]]
name = "accepted_then_504"   # the third order is carried out, and its client is told 504
after = 2

[[faults]]
name = "slow"                # one read in ten is two seconds late
method = "GET"
path = "/v2/"
probability = 0.1
seed = 7
seconds = 2
```

The same in JSON is `{"faults": [{"name": "accepted_then_504", "after": 2}, ...]}`. Or while it runs, with a table, a list of
them or such an object:

```
curl -X POST   localhost:PORT/_sim/faults -d '{"name": "storm_429", "seconds": 10}'
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
| `POST /_sim/clock` | `{"action": "pause"}`, `resume`, `step` (with `"events": n`), `finish` (flat out to the end of the data) |
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


def page() -> str:
    """The whole page as the catalogue has it now."""
    return HEAD + "\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    yield "\n## When a fault fires\n"
    yield "Each fault but those done at once can be told:\n"
    yield from _parameter_rows(COUNTING)
    for place in Place:
        yield f"\n## {TITLES[place]}\n"
        yield f"{INTRODUCTIONS[place]}\n"
        if NARROWING[place]:
            yield from _parameter_rows(NARROWING[place])
            yield ""
        yield "| fault | the client sees | the truth | parameters |"
        yield "|---|---|---|---|"
        yield from (_fault_row(name) for name in FaultName if CATALOGUE[name].place is place)


def _fault_row(name: FaultName) -> str:
    entry = CATALOGUE[name]
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
    """Write the page, or compare it; gives the exit status."""
    return pages.run("fault_table", PAGE, page, "the catalogue", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
