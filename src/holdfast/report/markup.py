"""HTML in small pieces. Text is escaped here and nowhere else: what isn't :class:`Html` becomes harmless text."""

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is HTML already. Only this module's functions, and literals of this package, make it."""

    __slots__ = ()


Content = str | Iterable["Content"]

VOID = frozenset({"meta", "link", "br"})


def html(content: Content) -> Html:
    """Anything as HTML: text escaped, pieces one after the other."""
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return Html(escape(content, quote=True))
    return Html("".join(html(piece) for piece in content))


def tag(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Html:
    """An element. ``class_`` is ``class``, ``aria_label`` is ``aria-label``; an attribute of True has no value, one of None or False is left out."""
    said = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value), quote=True)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{said}>" if name in VOID else f"<{name}{said}>{html(content)}</{name}>")


def section(name: str, title: str, /, *content: Content, **attributes: str) -> Html:
    """A part of the page with a heading, to be found by its name."""
    return tag("section", tag("h2", title), *content, id=name, **attributes)


def table(
    head: Sequence[Content], rows: Iterable[Sequence[Content]], *, caption: str, text: int = 1, class_: str = ""
) -> Html:
    """A table that scrolls sideways where there is no room. The first ``text`` columns are words, the others numbers; the first names its row."""
    heads = [tag("th", cell, scope="col", class_="w" if place < text else None) for place, cell in enumerate(head)]
    body = []
    for row in rows:
        cells = [tag("td", cell, class_="w" if place < text else None) for place, cell in enumerate(row) if place]
        body.append(tag("tr", tag("th", row[0], scope="row", class_="w"), cells))
    whole = tag("table", tag("caption", caption), tag("thead", tag("tr", heads)), tag("tbody", body), class_=class_)
    return tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)
