"""Posts that fit, and what gives way."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdfast.config.posts import SHOWN, PostsConfig, TemplatesConfig
from holdfast.errors import InvalidValue
from holdfast.posts.compose import MORE, compose, cut, free
from holdfast.posts.facts import Facts
from holdfast.posts.weigh import LONGEST, pieces, weight
from tests.budget import examples

VALUES = {
    "icon": "✅",
    "verb": "Closed long",
    "symbol": "$AAPL",
    "size": "10",
    "entry": "187.42",
    "exit": "190.00",
    "pnl": "+$25.80",
    "pnl_pct": "+1.38%",
    "r": "+1.20R",
    "held": "13m",
    "account": "house",
    "strategy": "ema",
}
FACTS = Facts("closed", "closed 1", "house", VALUES)


def with_template(text: str, **more: object) -> PostsConfig:
    return PostsConfig(templates=TemplatesConfig(closed=text), **more)  # type: ignore[arg-type]


def test_a_trade_by_the_template_that_ships() -> None:
    """Every value in its place."""
    post = compose(FACTS, PostsConfig())
    assert post.text == "✅ Closed long $AAPL 10\nIn 187.42, out 190.00\nPnL +$25.80 (+1.38%)\n+1.20R\nHeld 13m"
    assert post.weight == weight(post.text) == 82
    assert (post.left_out, post.hidden, post.notes) == ((), (), ())


def test_what_is_hidden_takes_its_words_along() -> None:
    """Sizes and money are not there, nor what stood around them; what was hidden is told to who writes the post."""
    post = compose(FACTS, PostsConfig(show=("side", "price", "r")))
    assert post.text == "✅ Closed long $AAPL\nIn 187.42, out 190.00\n+1.20R"
    assert post.hidden == ("held", "pnl", "pnl_pct", "size")


def test_equity_and_the_account_are_hidden_unless_shown() -> None:
    """A template that has them says nothing of them until the configuration does."""
    template = "{icon}[ {account}][ {strategy}]"
    assert compose(FACTS, with_template(template)).text == "✅"
    assert compose(FACTS, with_template(template, show=(*SHOWN, "account"))).text == "✅ house"


def test_what_is_not_there_is_left_out() -> None:
    """A trade without a stop has no R."""
    values = {**VALUES, "r": ""}
    assert "R" not in compose(replace(FACTS, values=values), PostsConfig()).text.replace("PnL", "")


def test_what_comes_last_gives_way_first() -> None:
    """Too long for one post: from the end on, until it fits; and that is told."""
    template = "{icon} {verb}[\n{entry}][\n" + "x" * 200 + " {exit}][\n" + "y" * 100 + " {r}][\n{held}]"
    post = compose(FACTS, with_template(template))
    assert post.left_out == ("r", "held")
    assert post.text.endswith("x 190.00")
    assert post.weight <= LONGEST


def test_doubled_brackets_are_themselves() -> None:
    """Of both kinds."""
    assert compose(FACTS, with_template("[[{{{r}}}]]")).text == "[{+1.20R}]"


# --- cutting ----------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["won", "+1,234.56", "-0.5%", "$BRK.B", "$AAPL", "187.42", "₹1,250.00", "+$25.80", "#fintwit", "https://example.com/a/b?c=1", "✅", "👩🏽\u200d🚀",
     "日本語", "é" * 9, "12:30", "2026-11-30", "x" * 30]
)  # fmt: skip


@given(st.lists(WORDS, min_size=20, max_size=90), st.sampled_from([" ", "\n", " · "]))
@settings(max_examples=examples())
def test_nothing_is_torn_apart(words: list[str], between: str) -> None:
    """Whatever is cut: each number, tag, link and emoji that is begun is whole, and the post fits."""
    text = between.join(words)
    shown, was_cut = cut(text)
    assert weight(shown) <= LONGEST
    assert was_cut is (weight(text) > LONGEST)
    if was_cut:
        kept = shown.removesuffix(MORE)
        assert text.startswith(kept)
        rest = text[len(kept) :].lstrip()
        last = kept.split()[-1]
        assert last in (*words, "·") or "日本語".startswith(last)
        assert not re.match(r"[\d.,%]", rest) or not last[-1].isdigit() or text[len(kept)].isspace()


def test_as_much_as_fits_is_kept() -> None:
    """Not a word less: the next one would be too much."""
    words = [f"w{number:03d}" for number in range(80)]
    shown, _ = cut(" ".join(words))
    kept = shown.removesuffix(MORE).split()
    assert kept == words[: len(kept)]
    assert weight(" ".join(words[: len(kept) + 1]) + MORE) > LONGEST


def test_a_script_without_blanks_is_cut_between_letters() -> None:
    """And an accent stays with its letter."""
    shown, _ = cut("日" * 200)
    assert shown == "日" * 139 + MORE
    assert cut("क\u093c" * 300)[0].removesuffix(MORE)[-1] == "\u093c"


def test_a_long_word_is_cut_only_without_digits_and_tags() -> None:
    """Letters alone may be; what has a number, a tag or a link in it is refused."""
    assert cut("x" * 300)[0] == "x" * 278 + MORE
    for text in ("1" * 300, "$" + "A" * 300, "x" * 200 + "7" + "x" * 200):
        with pytest.raises(InvalidValue, match="can't be cut"):
            cut(text)


def test_a_text_of_ones_own() -> None:
    """In NFC; what no post may have is refused, what is too long is cut and said."""
    assert free("  cafe\u0301 ", "k").text == "café"
    assert free("a " * 200, "k").notes == ("cut: 399 weighted characters, and a post has 280",)
    for bad, said in (("", "nothing to post"), ("a\x07b", r"U\+0007"), ("\ufeffa", r"U\+FEFF")):
        with pytest.raises(InvalidValue, match=said):
            free(bad, "k")


@given(st.text(max_size=700))
@settings(max_examples=examples())
def test_any_text_fits_or_is_refused(text: str) -> None:
    """Whatever somebody types."""
    try:
        post = free(text, "k")
    except InvalidValue:
        return
    assert 0 < post.weight <= LONGEST
    assert post.weight == sum(piece.weight for piece in pieces(post.text))
