"""A post out of facts and a template, no longer than X takes, cut where nothing is torn apart."""

import re
import unicodedata

import msgspec

from holdfast.config.posts import PostsConfig, Segment
from holdfast.errors import InvalidValue
from holdfast.posts.facts import Facts
from holdfast.posts.weigh import FORBIDDEN, LONGEST, Piece, pieces, weight

MORE = "…"
"""What a text ends with that was cut."""


class Post(msgspec.Struct, frozen=True):
    """A post as it would be sent."""

    text: str
    """What it says."""
    weight: int
    """How many of X's 280 weighted characters it uses."""
    kind: str
    """What it is about: ``opened``, ``reduced``, ``closed``, ``day`` or ``text``."""
    key: str
    """What it is known by: the same for the same news."""
    account: str
    """Of which account; empty for a free text."""
    left_out: tuple[str, ...]
    """The fields for which there was no room."""
    hidden: tuple[str, ...]
    """Fields of the template that the configuration hides."""
    notes: tuple[str, ...]
    """What there is to say of it."""


def compose(facts: Facts, posts: PostsConfig) -> Post:
    """The post of a trade or a day. Raises :class:`~holdfast.errors.InvalidValue` when it can't be made to fit."""
    visible = posts.visible
    template = posts.templates.of(facts.kind)
    values = {field: value for field, value in facts.values.items() if field in visible}
    kept = [part for part in template if not part.optional or all(values.get(field) for field in part.fields)]
    left_out: list[str] = []
    while weight(_written(kept, values)) > LONGEST and any(part.optional for part in kept):
        last = max(place for place, part in enumerate(kept) if part.optional)
        left_out[:0] = kept.pop(last).fields
    named = {field for part in template for field in part.fields}
    text, was_cut = cut(_written(kept, values))
    notes = (*facts.notes, "cut: it was too long with nothing left to leave out") if was_cut else facts.notes
    hidden = tuple(sorted(field for field in named - visible if facts.values.get(field)))
    return Post(text, weight(text), facts.kind, facts.key, facts.account, tuple(left_out), hidden, notes)


def _written(parts: list[Segment], values: dict[str, str]) -> str:
    written = "".join(
        values.get(piece[0], "") if isinstance(piece, tuple) else piece for part in parts for piece in part.parts
    )
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in written.split("\n"))
    return unicodedata.normalize("NFC", "\n".join(lines).strip("\n"))


def free(text: str, key: str) -> Post:
    """A post of somebody's own words. Raises :class:`~holdfast.errors.InvalidValue` for an empty one, and one that X would not take."""
    text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise InvalidValue("there is nothing to post: give a text")
    bad = next((letter for letter in text if letter in FORBIDDEN or (letter < " " and letter != "\n")), None)
    if bad is not None:
        raise InvalidValue(f"the text has the character U+{ord(bad):04X}, which no post may have; leave it out")
    fitting, was_cut = cut(text)
    notes = (f"cut: {weight(text)} weighted characters, and a post has {LONGEST}",) if was_cut else ()
    return Post(fitting, weight(fitting), "text", key, "", (), (), notes)


# --- cutting ----------------------------------------------------------------------------------------------------------


def cut(text: str, longest: int = LONGEST) -> tuple[str, bool]:
    """As much of a text as a post takes, and whether that is not all: never within a number, a tag, a URL or an emoji.

    It ends between two words, and within one only where it has neither digits nor a tag and nothing else can be kept. Raises
    :class:`~holdfast.errors.InvalidValue` when not even the first word can be.
    """
    if weight(text) <= longest:
        return text, False
    room, kept, used = longest - weight(MORE), list[Piece](), 0
    for word in _words(list(pieces(text))):
        used += sum(piece.weight for piece in word)
        if used > room:
            break
        kept += word
    shown = "".join(piece.text for piece in kept).rstrip()
    if not shown:
        shown = _begin(_words(list(pieces(text)))[0], room)
    return shown + MORE, True


def _words(found: list[Piece]) -> list[list[Piece]]:
    """The pieces, put together as far as nothing may come between them: blanks, words, and signs that need no word around them."""
    words: list[list[Piece]] = []
    for piece in found:
        if words and _are_tied(words[-1][-1], piece):
            words[-1].append(piece)
        else:
            words.append([piece])
    return words


def _are_tied(before: Piece, piece: Piece) -> bool:
    """Whether a cut between two pieces would tear something apart."""
    if piece.text.isspace() or before.text.isspace():
        return False
    if unicodedata.combining(piece.text[0]) or piece.text[0] in "\u200d\ufe0f":
        return True
    return not (_is_wide(before) or _is_wide(piece))


def _is_wide(piece: Piece) -> bool:
    """Whether it stands by itself: an emoji, a letter of a script without blanks."""
    return piece.kind == "emoji" or (piece.kind == "text" and piece.weight == 2 and piece.text.isalpha())


def _begin(word: list[Piece], room: int) -> str:
    """The begin of a word that is too long by itself."""
    if any(piece.kind != "text" or piece.text.isdigit() or piece.text in "$#@" for piece in word):
        raise InvalidValue(
            f"the first word has more than {room} weighted characters and can't be cut: there is a number, a tag or a link in it"
        )
    shown, used = "", 0
    for piece in word:
        used += piece.weight
        if used > room:
            break
        shown += piece.text
    return shown
