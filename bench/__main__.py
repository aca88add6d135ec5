"""Runs the benches: ``python -m bench`` all of them, ``python -m bench NAME ...`` those named.

A bench is a module ``bench/NAME_bench.py`` with a function ``main()`` that measures and prints its report.
"""

import argparse
import importlib
import sys
from pathlib import Path

SUFFIX = "_bench"


def names() -> list[str]:
    """Every bench there is, in order of name."""
    return sorted(path.stem.removesuffix(SUFFIX) for path in Path(__file__).parent.glob(f"*{SUFFIX}.py"))


def main() -> int:
    """Run the chosen benches in turn; 1 when there is none to run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run benches and print their reports.")
    parser.add_argument("name", nargs="*", help=f"which to run: {', '.join(names()) or 'none there'} (default: all)")
    chosen = parser.parse_args().name or names()
    if unknown := sorted(set(chosen) - set(names())):
        parser.error(f"no such bench: {', '.join(unknown)}; there are: {', '.join(names()) or 'none'}")
    for name in chosen:
        print(f"== {name}", flush=True)
        importlib.import_module(f"bench.{name}{SUFFIX}").main()
    return 0 if chosen else 1


if __name__ == "__main__":
    sys.exit(main())
