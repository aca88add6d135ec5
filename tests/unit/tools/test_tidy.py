"""The size ratchet finds what it says it finds, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import tidy

PYPROJECT = """
[tool.importlinter]
root_package = "holdfast"
[[tool.importlinter.contracts]]
protected_modules = ["holdfast.venue"]
[tool.ruff.lint.per-file-ignores]
"src/holdfast/cli/**" = ["T20"]
"""

Tree = Callable[[dict[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Makes a repository in which nothing is to be found, with the given files added or changed."""

    def make(files: dict[str, str]) -> Path:
        tidy_files = {f"{folder}/empty.py": "" for folder in tidy.FOLDERS}
        rooms = {"src/holdfast/venue/__init__.py": "", "src/holdfast/cli/__init__.py": "", "pyproject.toml": PYPROJECT}
        for name, text in (tidy_files | rooms | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return make


def findings(root: Path, exceptions: dict[str, int] | None = None) -> list[str]:
    return tidy.check(root, exceptions or {})[1]


def function(lines: int, name: str = "f") -> str:
    return f"def {name}():\n" + "    pass\n" * (lines - 1)


def test_a_tidy_tree_has_no_findings(tree: Tree) -> None:
    """Where every size is within its limit nothing is reported."""
    text = function(70) + "class C:\n" + "    pass\n" * 299
    assert findings(tree({"src/a.py": text})) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (function(71), "src/a.py::f: function of 71 lines, the limit is 70; split it"),
        ("async " + function(71), "src/a.py::f: function of 71 lines, the limit is 70; split it"),
        ("class C:\n" + "    x = 1\n" * 300, "src/a.py::C: class of 301 lines, the limit is 300; split it"),
        ("x = 1\n" * 701, "src/a.py: file of 701 lines, the limit is 700; split it"),
        (
            "class C:\n    def f(self):\n" + "        pass\n" * 70,
            "src/a.py::C.f: function of 71 lines, the limit is 70; split it",
        ),
    ],
)
def test_one_line_over_a_limit_is_a_finding(tree: Tree, text: str, expected: str) -> None:
    """A function, method, class or file one line over its limit is named with its size, in the tests' tree as well."""
    assert findings(tree({"src/a.py": text})) == [expected]
    assert findings(tree({"src/a.py": "", "tests/a.py": text})) == [expected.replace("src/", "tests/")]


def test_an_exception_allows_exactly_the_size_it_names(tree: Tree) -> None:
    """A listed function of the listed size passes."""
    assert findings(tree({"src/a.py": function(80)}), {"src/a.py::f": 80}) == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (81, "src/a.py::f: grew from 80 to 81 lines; exceptions may only shrink"),
        (79, "src/a.py::f: shrank to 79 lines, well done; lower its exception from 80"),
        (70, "src/a.py::f: fits the limit now; take it off the exceptions"),
    ],
)
def test_an_exception_that_is_not_exact_is_a_finding(tree: Tree, lines: int, expected: str) -> None:
    """An exception can't hide growth, and can't stay larger than what it excuses."""
    assert findings(tree({"src/a.py": function(lines)}), {"src/a.py::f": 80}) == [expected]


@pytest.mark.parametrize("name", ["src/gone.py", "src/empty.py::gone"])
def test_an_exception_for_what_is_gone_is_a_finding(tree: Tree, name: str) -> None:
    """A file or definition that was listed and no longer exists is reported."""
    assert findings(tree({}), {name: 800}) == [f"{name}: is not there; take it off the exceptions"]


def test_a_test_without_a_docstring_is_a_finding(tree: Tree) -> None:
    """Tests must say what they show; helpers beside them, and functions elsewhere that sound like tests, need not."""
    text = 'def helper(): ...\ndef test_a(): ...\nclass TestB:\n    async def test_c(self): ...\n    def test_d(self): "D."\n'
    root = tree({"tests/unit/test_a.py": text, "src/a.py": "def test_connection(): ...\n"})
    assert findings(root) == [
        f"tests/unit/test_a.py::{name}: a test needs a docstring that says what it shows"
        for name in ("test_a", "TestB.test_c")
    ]


@pytest.mark.parametrize("word", [word.upper() for word in ("todo", "fixme", "xxx")])
def test_unfinished_work_is_a_finding(tree: Tree, word: str) -> None:
    """Each of the marks of unfinished work is reported with its line; words that contain one are not."""
    assert findings(tree({"src/a.py": f"x = 1\n# {word}: later\n{word}S = 1\n"})) == [
        f"src/a.py:2: {word} is left; do it, or file an issue"
    ]


def test_a_contract_that_names_no_module_is_a_finding(tree: Tree) -> None:
    """An import contract for a room that was moved or misspelt is reported rather than kept by nobody."""
    root = tree({"pyproject.toml": PYPROJECT.replace("holdfast.venue", "holdfast.venues.paper")})
    assert findings(root) == [
        "pyproject.toml: an import contract names holdfast.venues.paper, which does not exist",
    ]


def test_a_lint_escape_that_names_no_file_is_a_finding(tree: Tree) -> None:
    """An escape from a lint rule must not outlive the folder it was made for."""
    root = tree({"pyproject.toml": PYPROJECT.replace("holdfast/cli", "holdfast/gone")})
    assert findings(root) == ["pyproject.toml: an escape from lint names src/holdfast/gone/**, which does not exist"]


def test_a_folder_without_python_is_a_finding(tree: Tree) -> None:
    """When a folder it should look at is empty, the ratchet says so instead of finding nothing there."""
    root = tree({})
    (root / "bench" / "empty.py").unlink()
    assert findings(root) == ["bench: no Python file here, but tools/tidy.py is told to look"]


def test_the_summary_gives_median_p90_and_largest(tree: Tree) -> None:
    """The sizes are summed up for each kind, so that their drift can be seen before a limit is met."""
    text = "".join(function(lines, f"f{lines}") for lines in range(2, 12))
    items, _ = tidy.check(tree({"src/a.py": text}), {})
    functions = next(line for line in tidy.summary(items) if line.startswith("function"))
    assert functions.split() == ["function", "10", "median", "7", "p90", "11", "largest", "11", "(src/a.py::f11)"]


@pytest.mark.parametrize(
    ("line", "term"),
    [
        ("self.wishes = []", "order intent"),
        ("# a way out of it", "reduce-only"),
        ("def is_way_out(order):", "reduce-only"),
        ('raise Refused("the order is in doubt")', "unresolved"),
        ("orders of others are foreign orders", "external order"),
        ("if is_foreign(key):", "external order"),
        ("Tenure = 1", "term of a lease"),
        ("self._desks = {}", "live account"),
    ],
)
def test_a_retired_word_is_found_with_the_term_to_use(line: str, term: str) -> None:
    """In names, messages and prose, in any case of letters, at its line."""
    (finding,) = tidy.retired_words("src/a.py", f"ok = 1\n{line}\n")
    assert finding.startswith("src/a.py:2: ")
    assert term in finding


@pytest.mark.parametrize(
    "line",
    [
        "record(WishWaits(signal))",
        "wishes_per_minute = 50",
        'EXTERNAL_ORDERS = "foreign orders"',
        "supervisor.foreign_orders",
        "balances in foreign currencies; a straight line; without doubts of a file's columns; what it is wishful of",
    ],
)
def test_names_on_the_wire_and_other_words_pass(line: str) -> None:
    """What journals and configurations of before have stays, and a word that only contains an old one is another."""
    assert not list(tidy.retired_words("src/a.py", line))
