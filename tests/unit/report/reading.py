"""A page as a browser's parser sees it, and its data as its script does."""

import base64
import json
import zlib
from html.parser import HTMLParser
from typing import Any

import numpy as np


class Seen(HTMLParser):
    """Elements with their attributes, the text that is shown, and what scripts and styles there are."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag == "style":
            self.styles.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif self.open and self.open[-1] == "style":
            self.styles[-1] += data
        else:
            self.shown.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.shown)

    def number(self, name: str) -> str:
        """A key number as it is written."""
        start = next(place for place, (_, said) in enumerate(self.elements) if said.get("data-number") == name)
        assert self.elements[start][0] == "dd"
        return name

    @property
    def data(self) -> Any:
        """What the charts are drawn from."""
        text = next(text for said, text in self.scripts if said.get("id") == "data")
        return json.loads(zlib.decompress(base64.b64decode(text)))


def numbers(column: dict[str, Any]) -> list[float]:
    """The values of a packed column, as the script unpacks them."""
    return list(np.cumsum(np.array(column["v"], dtype=np.int64)) / 10 ** column["d"])
