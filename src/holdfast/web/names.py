"""Names with a ``/`` in addresses: ``BTC%2FUSD`` is one part of a path.

A server decodes a path before its route is looked for, and then the name is two parts. So its slash is held back until the route is found:
`KeepSlashes` puts another character in its place, and whatever a route takes out of its path gets the slash again.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

from starlette.convertors import PathConvertor, StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

SLASH: Final = "\ue000"
"""Stands for a slash within a name; it is of the area that Unicode gives to nobody."""
_ENCODED: Final = quote(SLASH).encode()
_WRITTEN: Final = re.compile(rb"%2f", re.IGNORECASE)


def with_slashes(text: str) -> str:
    """A path, or a part of one, as it was meant."""
    return text.replace(SLASH, "/")


def path_of(request: Request) -> str:
    """The path that was asked for, decoded."""
    return with_slashes(request.url.path)


class _Name(StringConvertor):
    """A part of a path."""

    def convert(self, value: str) -> str:
        return with_slashes(value)


class _Names(PathConvertor):
    """All that is left of a path."""

    def convert(self, value: str) -> str:
        return with_slashes(value)


register_url_convertor("str", _Name())
register_url_convertor("path", _Names())


class KeepSlashes:
    """Keeps a path's encoded slashes apart from those between its parts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        raw: bytes = scope.get("raw_path") or b""
        if scope["type"] == "http" and _WRITTEN.search(raw):
            scope = dict(scope) | {"path": unquote(_WRITTEN.sub(_ENCODED, raw).decode("latin-1"))}
        await self._app(scope, receive, send)
