"""Compares how posts are counted with the test vectors that X publishes.

    python -m tools.post_vectors FOLDER

``FOLDER`` is a copy of the public repository ``twitter/twitter-text``; its ``conformance/validate.yml`` is read, and nothing of it is kept here. With
``--package`` the Python package ``twitter-text-parser``, where that is installed beside it, is asked of a hundred thousand random texts of words, links
and emoji too: what is counted here must never be less. Prints a line for each difference and a sum; ends with 1 when there is one that matters.
"""

import argparse
import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdfast.posts.weigh import weight

SECTIONS = ("WeightedTweetsWithDiscountedEmojiCounterTest", "UnicodeDirectionalMarkerCounterTest")
"""Those of the vectors that are about version 3 of the counting."""
ATOMS = [
    "AAPL", "$AAPL", "$BRK.B", "+1.25", "12,345.60", "-0.5%", "@me", "#tag", "http://a.com", "https://x.com/a/b?c=d", "example.com", "a.co.uk/x",
    "(https://t.co/abc)", "user@mail.com", "U.S.", "v1.2.3", "日本", "🟢", "✅", "❌", "📈", "👨\u200d👩\u200d👧", "🙋🏽", "❤️", "☺", "©", "1️⃣", "🇩🇪",
    "é", "e\u0301", "ß", "ж", "₹", "€", "–", "…", "½", "\n", ".", ",", "!", "(", ")", ":", "Ω", "ا", "한", "⚠️", "→", "■",
]  # fmt: skip
TEXTS = 100_000


def vectors(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Each text, what it counts, and what it is about. Raises OSError when the folder has none."""
    yaml: Any = importlib.import_module("yaml")
    found: Any = yaml.safe_load((folder / "conformance" / "validate.yml").read_text(encoding="utf-8"))
    for section in SECTIONS:
        for case in found["tests"][section]:
            yield case["text"], case["expected"]["weightedLength"], case["description"]


def from_vectors(folder: Path) -> int:
    """How many of the vectors count otherwise here."""
    wrong = number = 0
    for text, expected, what in vectors(folder):
        number += 1
        if weight(text) != expected:
            wrong += 1
            print(f"{what}: {weight(text)}, not {expected}")
    print(f"{number - wrong} of {number} vectors count the same")
    return wrong


def from_package() -> int:
    """How many random texts count less here than by the package."""
    parse: Any = importlib.import_module("twitter_text").parse_tweet
    chance, less, more = random.Random(1), 0, 0  # noqa: S311  texts, no keys
    for _ in range(TEXTS):
        text = "".join(
            chance.choice(ATOMS) + chance.choice((" ", " ", "\n", ", ")) for _ in range(chance.randint(1, 6))
        )
        ours, theirs = weight(text), parse(text).weightedLength
        more += ours > theirs
        if ours < theirs:
            less += 1
            print(f"{text!r}: {ours}, not {theirs}")
    print(f"of {TEXTS:,} random texts {less:,} count less here, {more:,} more, {TEXTS - less - more:,} the same")
    return less


def main() -> None:
    """Compare, as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--package", action="store_true")
    asked = parser.parse_args()
    wrong = from_vectors(asked.folder)
    if asked.package:
        wrong += from_package()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
