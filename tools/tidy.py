"""The size ratchet: keeps functions, classes and files small, tests explained, work unfinished and retired words out.

    python -m tools.tidy

prints one line for each finding and then what the sizes are. It ends with 1 when there is a finding. A size counts every
line of the definition, docstring included, decorators not.

``EXCEPTIONS`` may only shrink. Each entry allows one definition or file exactly the size it has: when it grows, when
it shrinks and the entry is not lowered, when it fits the limit after all, or when it is gone, that is a finding.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "tools", "bench")
LIMITS = {"function": 70, "class": 300, "file": 700}
EXCEPTIONS: Mapping[str, int] = {}
"""``path`` or ``path::qualified.name`` to its size in lines."""

UNFINISHED = re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X)\b")  # the brackets keep this line from being one

RETIRED: Mapping[str, str] = {
    r"wish(?:es|ed)?": "order intent",
    r"ways?[ _]out": "reduce-only order, or exit",
    r"orders?(?: is| are)? in doubt|in_doubt": "unresolved",
    r"foreign[ _]orders?|is_foreign": "external order",
    r"strays?": "external execution",
    r"tenures?": "term of a lease, or takeover",
    r"desks?": "live account, or trading account",
}
"""Words that Holdfast doesn't use any more, as patterns of whole words or parts of a name, to the term in use (``docs/glossary.md``)."""
ON_THE_WIRE = (
    "WishWaits",
    "WishOver",
    "wishes_per_minute",
    "foreign_orders",
    '"foreign orders"',
    "`foreign orders`",
    "0015-a-wish-waits",
)
"""Names that stay as they are, since journals, configurations and pages of before have them."""
OLD_PAGES = frozenset({"glossary.md", "fault-matrix.md"})
"""Pages that may name the old words: the one that explains them, and one that is made from the tests' names."""
_RETIRED = re.compile(
    "|".join(rf"(?P<w{number}>(?<![a-z]){word}(?![a-z]))" for number, word in enumerate(RETIRED)), re.I
)
_WIRE = re.compile("|".join(map(re.escape, ON_THE_WIRE)))


@dataclass(frozen=True)
class Item:
    """A file or a definition and its size in lines. ``name`` is what findings and exceptions call it."""

    kind: str
    name: str
    lines: int


class Sizes(ast.NodeVisitor):
    """Collects the functions and classes of one module, and its test functions that have no docstring."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.items: list[Item] = []
        self.silent_tests: list[str] = []
        self._scope: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Measure a function; a test has to say what it shows."""
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Measure a function; a test has to say what it shows."""
        self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Measure a class with all that is in it."""
        self._enter("class", node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        name = self._enter("function", node)
        if node.name.startswith("test_") and Path(self.path).name.startswith("test_") and not ast.get_docstring(node):
            self.silent_tests.append(name)

    def _enter(self, kind: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
        self._scope.append(node.name)
        name = f"{self.path}::{'.'.join(self._scope)}"
        self.items.append(Item(kind, name, (node.end_lineno or node.lineno) - node.lineno + 1))
        self.generic_visit(node)
        self._scope.pop()
        return name


def measure(path: str, text: str) -> tuple[list[Item], list[str]]:
    """The sizes in one file, and the findings that have nothing to do with size."""
    sizes = Sizes(path)
    sizes.visit(ast.parse(text, path))
    lines = text.splitlines()
    findings = [f"{name}: a test needs a docstring that says what it shows" for name in sizes.silent_tests]
    findings += [
        f"{path}:{number}: {match[0]} is left; do it, or file an issue"
        for number, line in enumerate(lines, 1)
        for match in UNFINISHED.finditer(line)
    ]
    return [Item("file", path, len(lines)), *sizes.items], findings


def oversized(items: list[Item], exceptions: Mapping[str, int]) -> Iterator[str]:
    """The findings about sizes, with the exceptions held to the line."""
    found = {}
    for item in items:
        limit = LIMITS[item.kind]
        if item.lines > limit:
            found[item.name] = item.lines
            allowed = exceptions.get(item.name)
            if allowed is None:
                yield f"{item.name}: {item.kind} of {item.lines} lines, the limit is {limit}; split it"
            elif item.lines > allowed:
                yield f"{item.name}: grew from {allowed} to {item.lines} lines; exceptions may only shrink"
            elif item.lines < allowed:
                yield f"{item.name}: shrank to {item.lines} lines, well done; lower its exception from {allowed}"
    names = {item.name for item in items}
    for name in exceptions.keys() - found.keys():
        what = "fits the limit now" if name in names else "is not there"
        yield f"{name}: {what}; take it off the exceptions"


def unknown_rooms(pyproject: str, source: Path) -> Iterator[str]:
    """Modules of ours that the import contracts and the scoped lint rules name and that do not exist."""
    config = tomllib.loads(pyproject)
    named = set(re.findall(r"\bholdfast(?:\.\w+)+", repr(config["tool"]["importlinter"])))
    for name in sorted(named):
        path = source.joinpath(*name.split("."))
        if not path.is_dir() and not path.with_suffix(".py").is_file():
            yield f"pyproject.toml: an import contract names {name}, which does not exist"
    for pattern in config["tool"]["ruff"]["lint"]["per-file-ignores"]:
        if not (source.parent / pattern.removesuffix("/**")).exists():
            yield f"pyproject.toml: an escape from lint names {pattern}, which does not exist"


def retired_words(path: str, text: str) -> Iterator[str]:
    """The retired words in a file, each with its line and the term to use."""
    terms = list(RETIRED.values())
    for number, line in enumerate(text.splitlines(), 1):
        for match in _RETIRED.finditer(_WIRE.sub("", line)):
            term = terms[int((match.lastgroup or "w0")[1:])]
            yield f"{path}:{number}: {match[0]!r} is a retired word; the term is {term} (docs/glossary.md)"


def all_retired_words(root: Path) -> Iterator[str]:
    """The retired words in the program and the pages under ``root``; decisions of before (``docs/adr``) keep theirs."""
    pages = (path for path in (root / "docs").glob("*.md") if path.name not in OLD_PAGES)
    for path in sorted([*(root / "src").rglob("*.py"), *pages]):
        yield from retired_words(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


def summary(items: list[Item]) -> Iterator[str]:
    """Count, median, 90th percentile and largest of each kind."""
    for kind in LIMITS:
        of_kind = sorted((item for item in items if item.kind == kind), key=lambda item: item.lines)
        if of_kind:
            median, high = of_kind[len(of_kind) // 2].lines, of_kind[len(of_kind) * 9 // 10].lines
            largest = of_kind[-1]
            yield (
                f"{kind:<8} {len(of_kind):>5}   median {median:>3}   p90 {high:>3}   "
                f"largest {largest.lines:>3} ({largest.name})"
            )


def check(root: Path, exceptions: Mapping[str, int]) -> tuple[list[Item], list[str]]:
    """Every size and every finding under ``root``."""
    items: list[Item] = []
    findings: list[str] = []
    for folder in FOLDERS:
        paths = sorted((root / folder).rglob("*.py"))
        if not paths:
            findings.append(f"{folder}: no Python file here, but tools/tidy.py is told to look")
        for path in paths:
            sizes, others = measure(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
            items += sizes
            findings += others
    findings += oversized(items, exceptions)
    findings += all_retired_words(root)
    findings += unknown_rooms((root / "pyproject.toml").read_text(encoding="utf-8"), root / "src")
    return items, findings


def main() -> int:
    """Check this repository; 1 when something was found."""
    items, findings = check(ROOT, EXCEPTIONS)
    for line in (*findings, *summary(items)):
        print(line)
    print(f"tidy: {len(findings)} findings" if findings else "tidy: nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
