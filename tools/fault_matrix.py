"""What can go wrong, and the tests that make it go wrong: ``docs/fault-matrix.md`` is made from the rows here and the tests' marks.

python -m tools.fault_matrix            ends with 1 when a row has no test, or none that `make test` runs, when a mark names no
                                        row, or when the page is another
python -m tools.fault_matrix --write    makes the page

A test says what it shows with ``@pytest.mark.proves("K3", "I1")``; a file does for all its tests with ``pytestmark``. A test
that only `make campaign` runs says so with ``@pytest.mark.campaign``.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tools import pages

PAGE = pages.DOCS / "fault-matrix.md"
TESTS = pages.DOCS.parent / "tests"

HEAD = """\
# What can go wrong, and which tests make it

This page is made by `python -m tools.fault_matrix --write`, and a check fails when a row has no test. What the words mean, what is
promised and how the proof is run stands in [reliability.md](reliability.md).
"""

INVARIANTS = {
    "I1": "Every order that the broker received was durable in the journal before it was received.",
    "I2": "An intent has at most one order at the broker, whatever was sent again, restarted or taken over.",
    "I3": "No execution is lost: at rest the books have the broker's, order by order.",
    "I4": "No execution is booked twice, whichever way and however often it is reported.",
    "I5": "Orders move only as the table of their life says; what is ignored is ignored for a stated reason.",
    "I6": "Positions and cash are the exact sum of what is journaled, and at rest the broker's.",
    "I7": "The worst case (open, in flight, unknown) never exceeds the limits.",
    "I8": "An order without an answer never ends by time alone: absence takes the evidence its broker's class asks for.",
    "I9": "Replaying the journal gives the state that wrote it; a snapshot and its tail give the same; so does another hash seed.",
    "I10": "The journal has no gap and no broken link, and nothing that was acknowledged is missing from it.",
    "I11": "One writer: after a takeover the old holder commits nothing, and sends nothing after its own deadline.",
    "I12": "Recovery is the only start; doing it again changes nothing; a replayed event sends nothing.",
    "I13": "The account is not ready before every order is explained; while it is halted nothing that raises risk leaves.",
    "I14": "When the faults stop, the engine is ready or says why not, within a bound, and no order is left in between.",
    "I15": "Waiting is measured by the monotonic clock; journal time never goes back; what is stale is dropped, not sent late.",
    "I16": "What people are shown at a record is what the engine knew at it; a slow reader can't slow the engine.",
    "I17": "However what is open fills, a position stays between what is held, zero and what was asked for; exits close no more than is left.",
    "I18": "Nothing goes out beyond what both books and broker have where they are known to differ; exits stand until their replacement can.",
}

ROWS: dict[str, dict[str, tuple[str, str]]] = {
    "The process dies": {
        "K1": ("before the order is durable", "no trace; nothing is at the broker; the strategy may decide anew"),
        "K2": (
            "between preparing an order and releasing it",
            "there is no between: both are in one commit, there or not",
        ),
        "K3": (
            "when the order is durable and no byte has left",
            "asked for until its absence is proven; then not sent, or sent under its id",
        ),
        "K4": ("while it is sent, or before the answer", "found and taken in if it is there; never a second id"),
        "K5": ("with the answer in hand and not recorded", "found by asking: one order"),
        "K6": ("with the answer durable and nobody told", "replay applies it"),
        "K7": ("with an execution in hand and not recorded", "found in the broker's list of executions, booked once"),
        "K8": (
            "with an execution durable and the strategy not told",
            "replay applies it and shows it; nothing is sent for it",
        ),
        "K9": (
            "inside a commit, or after it and before the watermark",
            "all of the batch or nothing; what is durable counts",
        ),
        "K10": ("with a cancel on its way", "the order stays live until the broker has ended it; late fills count"),
        "K11": ("while the broker changes an order's quantity", "the larger of both counts until it is known"),
        "K12": ("while a snapshot is written or the journal is migrated", "the one before serves; never half a schema"),
        "K13": ("during recovery, again and again", "the same end as one clean recovery, and no more orders"),
        "K14": ("while it stops, or closes positions", "as any crash; the flatten goes on"),
    },
    "Answers that say too little": {
        "A1": ("timeout or error on an order that was taken", "unknown, then found; not sent again under another id"),
        "A2": ("the same on one that was not taken", "unknown until proven absent; its exposure counts until then"),
        "A3": ("first not found, then there", "one no is no proof; an order that shows up later is taken in, loudly"),
        "A4": ("a resend answered with: that id is taken", "read as taken, and looked for"),
        "A5": ("a library or proxy that sends twice by itself", "the same id: one order"),
        "A6": ("429, 401, 403, a maintenance page", "definite only where the broker's contract says so"),
        "A7": ("200 with nothing readable in it", "unknown"),
        "A8": (
            "cancel refused as already done, no fill seen",
            "the executions are asked for; neither canceled nor an error",
        ),
        "A9": ("one answer for several orders that fails", "each of them is unknown by itself"),
        "A10": ("unknown beyond its bound", "its symbol takes no new risk, a person decides, the rest trades on"),
    },
    "The stream of events": {
        "S1": ("the same execution twice, by whatever ways", "booked once"),
        "S2": ("fill before acknowledgement, old news after new", "the fill counts, the state never goes back"),
        "S3": (
            "filled without executions, or the reverse",
            "positions move by executions alone; what is missing is asked for",
        ),
        "S4": ("partial fills in any order", "the same end"),
        "S5": ("frames missing while the connection looks well", "found by comparing, within a bound"),
        "S6": ("orders and fills of somebody else", "taken in as external, counted by risk, reported"),
        "S7": ("an execution is undone or corrected", "a reversing entry; history stays"),
        "S8": ("overfill, impossible quantity or price", "refused at the door or recorded as an anomaly"),
        "S9": (
            "a snapshot races with the stream on reconnect",
            "listen first, ask then; the older never undoes the newer",
        ),
        "S10": ("reconnect storm, full inbox", "bounded; overflow leads to asking, never to silence"),
    },
    "The broker": {
        "B1": ("restarts, orders survive", "nothing that raises risk leaves until everything is explained again"),
        "B2": (
            "loses orders, also acknowledged ones",
            "proven absent, or lost: the account takes no new risk, or as the policy says",
        ),
        "B3": ("uses an id again", "no collision with what was: keys carry account, epoch and counter"),
        "B4": ("refuses the keys in flight", "nothing more is sent, no storm of logins"),
        "B5": ("throttles for minutes", "cancels go first, what is stale is dropped with a reason"),
    },
    "The disk and the database": {
        "D1": ("locked by somebody else", "nothing leaves meanwhile; after a bound the engine stops"),
        "D2": ("full", "the commit fails, nothing is sent, the next start goes on"),
        "D3": ("fsync fails", "final at once; never tried again"),
        "D4": ("the unsynced end is torn off", "cut to the last commit; no order at the broker is missing"),
        "D5": ("an old record is changed, the file cut", "found at the start; no trading on it"),
        "D6": ("a commit takes seconds", "back-pressure; stale intents are dropped; memory stays bounded"),
        "D7": ("an old backup is put back", "refused: the broker knows orders that the journal doesn't"),
    },
    "Two engines": {
        "L1": ("the lease is lost between decision and commit", "the commit fails, nothing is sent, the engine ends"),
        "L2": ("between commit and sending", "the gate sees its own deadline; not sent"),
        "L3": (
            "frozen inside the send, awake after a takeover",
            "can't be excluded: found, taken in, and the window stated",
        ),
        "L4": (
            "the lock's store is away or slow",
            "no renewal counts before it is confirmed; sending ends before the deadline",
        ),
        "L5": ("two hosts' clocks differ", "wall clocks are never compared; who takes over waits by its own"),
        "L6": ("a second engine on the same journal", "ends before it touches the broker, with a status of its own"),
        "L7": (
            "a second engine with another journal",
            "kept out by a common lock store; without one its orders are seen as external",
        ),
        "L8": ("a takeover with orders in flight", "all explained first; none of the other's intents is sent again"),
    },
    "People are to know": {
        "W1": (
            "something goes wrong",
            "what mends itself wakes nobody; what needs a person is told by its own rule, once, and so is its end",
        ),
        "W2": (
            "the observer is killed while it tells",
            "nothing is untold; again only what may not have arrived, and it says so",
        ),
        "W3": ("everything that is written is read by somebody else", "no secret is in it, in whatever form"),
    },
    "Clocks and the core": {
        "C1": ("the wall clock jumps", "nothing goes by it; a day begins once"),
        "C2": ("the machine sleeps", "the lease has lapsed, intents are stale, everything is asked for again"),
        "C3": (
            "the clock differs from the broker's",
            "the broker's counts; market data from the future is not believed",
        ),
        "C4": ("the wall clock goes back while something waits", "no burst and no stall"),
        "C5": ("many events at one time", "their order is fixed: the same digest each time"),
        "X1": (
            "a strategy raises, blocks or floods",
            "that strategy stops, its orders are dealt with; if it can't be interrupted the engine ends and the next leaves it out",
        ),
        "X2": ("an invariant of the core is broken", "the engine ends; it doesn't trade on"),
        "X3": ("a reader is dead or slow", "the engine doesn't notice"),
        "X4": (
            "a broker's adapter raises what nobody expects",
            "unresolved orders, questions asked again in PRESERVATION, the stream begun again",
        ),
        "X5": ("a feed raises what nobody expects", "PRESERVATION, and it is begun again"),
    },
}


def known() -> set[str]:
    """Every row and invariant there is."""
    return {name for rows in ROWS.values() for name in rows} | set(INVARIANTS)


class Proof(NamedTuple):
    """A test that shows something, as ``path::name``, relative to ``tests/``; and whether `make test` leaves it out."""

    test: str
    campaign: bool


def marks() -> dict[str, list[Proof]]:
    """For each id that tests name, those tests."""
    found: dict[str, list[Proof]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "proves(" not in text:
            continue
        tree = ast.parse(text)
        of_all = [node for value in _values(tree, "pytestmark") for node in ast.walk(value)]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                given = [*of_all, *node.decorator_list]
                proof = Proof(f"{path.relative_to(TESTS)}::{node.name}", any(map(_is_campaign, given)))
                for name in dict.fromkeys(name for mark in given for name in _names(mark)):
                    found[name].append(proof)
    return found


def _values(tree: ast.Module, variable: str) -> Iterator[ast.expr]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == variable for t in node.targets):
            yield node.value


def _names(node: ast.AST) -> Iterator[str]:
    """The ids in ``pytest.mark.proves(...)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "proves":
        for argument in node.args:
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def _is_campaign(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "campaign"


def problems() -> list[str]:
    """Rows without a test, rows whose tests `make test` leaves out, and marks that name no row."""
    found = marks()
    missing = [f"nothing proves {name}" for name in sorted(known() - set(found))]
    rare = [
        f"{name} is proven by `make campaign` alone: leave a smaller test of it in `make test`"
        for name in sorted(known() & set(found))
        if all(proof.campaign for proof in found[name])
    ]
    strange = [
        f"{name} is no row: {', '.join(proof.test for proof in found[name])}" for name in sorted(set(found) - known())
    ]
    return missing + rare + strange


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(_sections(marks())) + "\n"


def _sections(found: dict[str, list[Proof]]) -> Iterator[str]:
    yield "\n## What always holds\n"
    yield "| | | tests |"
    yield "|---|---|---|"
    for name, text in INVARIANTS.items():
        yield f"| {name} | {text} | {_tests(found[name])} |"
    for title, rows in ROWS.items():
        yield f"\n## {title}\n"
        yield "| | what happens | what must come of it | tests |"
        yield "|---|---|---|---|"
        for name, (fault, expected) in rows.items():
            yield f"| {name} | {fault} | {expected} | {_tests(found[name])} |"


def _tests(proofs: list[Proof]) -> str:
    files: dict[str, list[str]] = defaultdict(list)
    for proof in proofs:
        path, _, test = proof.test.partition("::")
        files[path].append(test.removeprefix("test_") + (" (campaign)" if proof.campaign else ""))
    return "<br>".join(f"`{path}`: {', '.join(tests)}" for path, tests in files.items())


def main(arguments: list[str]) -> int:
    """Write the page, or check it and the rows; gives the exit status."""
    wrong = [] if arguments else problems()
    for line in wrong:
        print(line, file=sys.stderr)
    return max(pages.run("fault_matrix", PAGE, page, "its source", arguments), int(bool(wrong)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
