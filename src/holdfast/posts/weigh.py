"""How long a post is by X's own count, and the pieces of which none may be cut.

The rules are those that X documents as version 3 of its counting: Latin letters, digits and most punctuation count 1, all else 2, a URL 23 however
long it is, an emoji of any number of code points 2; the text is brought into NFC first. Where it can't be known here
whether X takes something for a URL (a bare name whose ending is not one of `ENDINGS`), it counts what is more of the two, so that nothing is ever
longer than it seems. `tools/post_vectors.py` compares all of it with X's published test vectors.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 280
"""Weighted characters that a post may have."""
URL_WEIGHT = 23
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that count 1."""
FORBIDDEN = frozenset("￾﻿￿")
"""What no post may have."""
ENDINGS = frozenset(
    re.findall(
        r"\w+",
        "com org net edu gov mil int info biz name pro io co ai app dev xyz me tv us uk de fr es it nl be ch at se no dk fi pl pt ie eu in jp cn kr au "
        "nz ca br mx ar ru ua tr za il hk sg tw my id th vn ph ly gg fm so to link news blog shop site online store tech club live finance trade money",
    )
)
"""How names on the net end, of those that texts have most; of others X knows, and this doesn't, it is only known that they may be."""

_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
_PLAIN = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_LETTER = r"[a-z0-9_!*';:=+,.$/%#\[\]~&|@À-ɏЀ-ӿ-]"
_PATH = rf"(?:{_LETTER}|\({_LETTER}*\))"
_ASKED = r"[a-z0-9_!*';:=+,.$/%#\[\]~&|@?-]"
_REST = rf"(?::\d+)?(?P<path>(?:/{_PATH}*)?(?:\?{_ASKED}+)?)"
_BEFORE = r"(?<![a-z0-9@＠$#＃])"
_URL = re.compile(
    rf"{_BEFORE}(?P<scheme>https?://)(?P<host>{_LABEL}(?:\.{_LABEL})*\.(?P<ending>[a-z]{{2,}}|[^\W\d_a-z]{{2,}})){_REST}",
    re.I,
)
_BARE = re.compile(
    rf"(?a:{_BEFORE}(?P<scheme>)(?P<host>{_PLAIN}(?:\.{_PLAIN})*\.(?P<ending>[a-z]{{2,}}))(?![a-z0-9@＠])){_REST}", re.I
)
_TRAILING = ".,;:!?'\"]}%@$*|~&+"
_FLAT = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe"
    "\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642\u2648-\u2653"
    "\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e\u267f\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1"
    "\u26bd\u26be\u26c4\u26c5\u26c8\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705\u2708-\u270d"
    "\u270f\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797\u27a1"
    "\u27b0\u27bf"
    "\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299]"
)
"""Pictures that are also letters: U+FE0F after one says that the picture is meant."""
_TONE = "[\U0001f3fb-\U0001f3ff]"
_BRIGHT = (
    "[\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea"
    "\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]"
)
"""Pictures that need no U+FE0F: one after them counts by itself."""
_ONE = rf"(?:{_BRIGHT}|{_FLAT}(?:\ufe0f?{_TONE}|\ufe0f)?|[\U0001f000-\U0001faff]{_TONE}?)"
_PEOPLE = (
    "[\U0001f466-\U0001f469\U0001f9d1\U0001f46e\U0001f470\U0001f471\U0001f473\U0001f477\U0001f481\U0001f482\U0001f486\U0001f487\U0001f3c3\U0001f3c4\U0001f3ca"
    "\U0001f645-\U0001f647\U0001f64b\U0001f64d\U0001f64e\U0001f6a3\U0001f6b4-\U0001f6b6\U0001f926\U0001f937-\U0001f939\U0001f93d\U0001f93e\U0001f9b8\U0001f9b9"
    "\U0001f9cd-\U0001f9cf\U0001f9d6-\U0001f9dd]"
)
_WITH = rf"\u200d(?:[\u2640\u2642\u2695\u2696\u2708]\ufe0f|\u2764\ufe0f|[\U0001f000-\U0001faff]{_TONE}?)"
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    "|[0-9#*]\ufe0f?\u20e3"  # a key
    rf"|{_PEOPLE}{_TONE}?(?:{_WITH})+"  # people with what they are, do or hold
    "|\U0001f3f3\ufe0f?\u200d\U0001f308"  # the rainbow's flag
    "|\U0001f3f4[\U000e0020-\U000e007f]+"  # a flag spelt in tags
    rf"|{_ONE}"
)


class Piece(NamedTuple):
    """A part of a text that is never cut, and what it counts. ``kind``: ``url``, ``emoji`` or ``text``, a single character."""

    text: str
    weight: int
    kind: str


def weight(text: str) -> int:
    """How many of the 280 a text uses."""
    return sum(piece.weight for piece in pieces(text))


def pieces(text: str) -> Iterator[Piece]:
    """The text in NFC, piece by piece."""
    text, place = unicodedata.normalize("NFC", text), 0
    found = (match for pattern in (_BARE, _URL) for match in pattern.finditer(text))
    urls = {match.start(): piece for match in found if (piece := _url(match)) is not None}
    while place < len(text):
        piece = urls.get(place) or _next(text, place)
        yield piece
        place += len(piece.text)


def _next(text: str, place: int) -> Piece:
    emoji = _EMOJI.match(text, place)
    if emoji is not None:
        return Piece(emoji[0], 2, "emoji")
    return Piece(text[place], character(text[place]), "text")


def character(letter: str) -> int:
    """What a single character counts."""
    return 1 if any(first <= ord(letter) <= last for first, last in LIGHT) else 2


def _url(match: re.Match[str]) -> Piece | None:
    """The URL that was found; None where X would see none."""
    text = match[0].rstrip(_TRAILING) if match["path"] else match[0]
    labels = match["host"].split(".")
    if any(_too_long(label) for label in labels):
        return None
    plain = sum(map(character, text))
    if match["ending"].lower() in ENDINGS:
        return Piece(text, URL_WEIGHT, "url")
    has_inner = any(label.lower() in ENDINGS for label in labels[1:])  # X may see a shorter one, and the rest beside it
    return Piece(text, URL_WEIGHT + plain if has_inner else max(URL_WEIGHT, plain), "url")


def _too_long(label: str) -> bool:
    """A part of a name may have 63 characters as the net writes it."""
    try:
        return len(label if label.isascii() else "xn--" + label.encode("punycode").decode()) > 63
    except UnicodeError:
        return True
