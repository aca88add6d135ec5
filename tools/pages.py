"""Pages of the documentation that are made from the code: written, or compared with what they should be."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def run(tool: str, page: Path, text: Callable[[], str], source: str, arguments: Sequence[str]) -> int:
    """Write ``page``, or compare it with ``text``, as the arguments of ``tool`` say; gives the exit status."""
    if list(arguments) == ["--write"]:
        page.write_text(text(), encoding="utf-8")
        return 0
    if arguments:
        print(f"{tool} takes --write or nothing, not {' '.join(arguments)}", file=sys.stderr)
        return 2
    if page.is_file() and page.read_text(encoding="utf-8") == text():
        return 0
    print(f"{page.name} is not what {source} says; run: python -m tools.{tool} --write", file=sys.stderr)
    return 1
