"""X's count of a text, by examples made from its documented rules. `tools/post_vectors.py` compares with its own test vectors."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.posts.weigh import LONGEST, pieces, weight
from tests.budget import examples

FAMILY = "👨\u200d👩\u200d👧\u200d👦"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("Closed long $AAPL", 17),
        ("a\nb", 3),
        ("é", 1),
        ("e\u0301", 1),  # brought together first
        ("ßñжא", 4),  # up to U+10FF
        ("–—“”‘’", 6),  # U+2010 to U+201F
        ("…", 2),  # U+2026 is beyond
        ("₹", 2),
        ("€£", 3),
        ("日本", 4),
        ("ก", 1),
        ("한", 2),
        ("\u200b\u200d", 2),
        ("✅❌➖📈📉", 10),
        ("✂️", 2),  # a letter that U+FE0F makes a picture
        ("⚠️ stop", 7),
        (FAMILY, 2),
        ("🙋🏽", 2),
        ("👩🏽\u200d🚀", 2),
        ("🇩🇪🇮🇳", 4),
        ("1️⃣#⃣", 4),
        ("🏳️\u200d🌈", 2),
        ("©", 2),
        ("🟢\u200d🔴", 5),  # two pictures and what joins none
        ("https://example.com/a/very/long/path/that/goes/on/and/on?with=query&and=more#end", 23),
        ("see http://t.co.", 28),
        ("example.com", 23),
        ("(https://example.com/a_(b))", 25),
        ("user@example.com", 16),
        ("$BRK.B", 6),
        ("1.25", 4),
        ("U.S. e.g. v1.2.3", 16),
        ("https://日本.jp/x", 23),
        ("日本.jp", 7),  # without https:// only plain letters make a name
        (f"https://{'a' * 63}.com", 23),
        (f"{'a' * 64}.com", 68),
        (f"https://{'a' * 64}.com", 76),
        ("https://a.com https://b.com", 47),
    ],
)
def test_what_counts_how_much(text: str, expected: int) -> None:
    """Letters of the first ranges 1, others 2, a URL 23, an emoji 2 however it is made."""
    assert weight(text) == expected


def test_a_name_that_may_be_one_counts_what_is_more() -> None:
    """Whether X knows the ending isn't known here: neither a short nor a long one is ever longer than it seems."""
    assert weight("report.pdf") == 23
    long = f"{'a' * 40}.qwertz"
    assert weight(long) == len(long)


@given(st.text(st.sampled_from("aé日👨👩🏽\u200d\ufe0f1️⃣🇩🇪$.,/:com htps…\n"), max_size=80))
@settings(max_examples=examples())
def test_pieces_are_the_text(text: str) -> None:
    """Put together they are the text in NFC, and none is empty or weighs nothing."""
    found = list(pieces(text))
    assert "".join(piece.text for piece in found) == unicodedata.normalize("NFC", text)
    assert all(piece.text and piece.weight for piece in found)


def test_two_hundred_and_eighty_fit() -> None:
    """And one more does not."""
    assert (weight("x" * 280), weight("日" * 140), weight(FAMILY * 140)) == (LONGEST,) * 3
    assert weight("x" * 281) > LONGEST
