"""The page and its files: every address that is not of the API, and ``/static/<build>/...`` that a browser keeps for ever.

``{{build}}`` in a file becomes the build, which changes with the version and with any of the files; ``{{preload}}`` in `index.html`
the modules that the page begins with, so that they come at once and not one after another.
"""

import gzip
import hashlib
import mimetypes
import posixpath
import re
from base64 import b64encode
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from holdfast import __version__
from holdfast.web.context import Here
from holdfast.web.errors import NotFound
from holdfast.web.security import WORKER, page_policy

STATIC = Path(__file__).with_name("static")
INDEX = "index.html"
BEGINS = "app.js"
CHART = "vendor/lightweight-charts.js"
WITHOUT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Holdfast</title><meta name="viewport" content="width=device-width"></head>
<body>
<h1>Holdfast</h1>
<p>The page is not here: its libraries ({missing}) were never fetched. In a clone of Holdfast, run <code>make setup</code> or
<code>python -m tools.client.vendor</code> where the network can be reached, and load this page again. A wheel has them.</p>
<p>Everything else works. The API is at <a href="/api/v1/openapi.json">/api/v1</a>; <code>holdfast status</code> shows the same here.</p>
</body>
</html>
"""
COMPRESSED = (".js", ".mjs", ".css", ".html", ".json", ".svg", ".webmanifest", ".map")
FOR_EVER = "public, max-age=31536000, immutable"
NOT_PAGES = ("api", "static", "health", "ready", "metrics")
IMPORTS = re.compile(
    r"""^\s*(?:import|export)\b[^"';]*?["'](\.[^"']+)["']|\b(?:from|import)\s*["'](\.[^"']+)["']""", re.MULTILINE
)
CHART_STYLE = re.compile(r'innerText="(a#tv-attr-logo[^"]*)"')
"""The chart writes this much style into the page by itself, for its maker's mark."""

mimetypes.add_type("text/javascript", ".mjs")
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/manifest+json", ".webmanifest")

router = APIRouter(include_in_schema=False)


def build_of(folder: Path = STATIC) -> str:
    """Names the files as they are."""
    digest = hashlib.sha256(__version__.encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@router.get("/static/{build}/{path:path}")
def static(build: str, path: str, web: Here, request: Request) -> Response:
    """A file of the page."""
    if build != web.build:
        raise NotFound("these files are of another version; load the page again")
    found = (STATIC / path).resolve()
    if not found.is_relative_to(STATIC) or not found.is_file():
        raise NotFound(f"there is no file {path}")
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding", "Content-Security-Policy": WORKER}
    body, packed = _file(found, build)
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = packed, "gzip"
    return Response(body, headers=headers, media_type=mimetypes.guess_type(found.name)[0])


@router.get("/{path:path}")
def index(path: str, web: Here) -> Response:
    """The page; which of its views is shown, it reads from its address."""
    if path.split("/", maxsplit=1)[0] in NOT_PAGES:
        raise NotFound(f"there is nothing at /{path}")
    body, policy = _index(web.build)
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return Response(body, headers=headers, media_type="text/html; charset=utf-8")


@cache
def _index(build: str) -> tuple[bytes, str]:
    """The page and its policy."""
    modules, missing = _modules(BEGINS)
    if missing:
        return WITHOUT.format(missing=", ".join(missing)).encode(), page_policy([])
    links = "\n".join(f'<link rel="modulepreload" href="/static/{build}/{name}">' for name in modules)
    text = (STATIC / INDEX).read_text(encoding="utf-8").replace("{{preload}}", links).replace("{{build}}", build)
    styles = CHART_STYLE.findall((STATIC / CHART).read_text(encoding="utf-8"))
    return text.encode(), page_policy([b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles])


def _modules(begin: str) -> tuple[list[str], list[str]]:
    """The modules that one needs, itself the first, and those of them that aren't there."""
    found: dict[str, None] = {begin: None}
    missing: list[str] = []
    for name in (waiting := [begin]):
        path = STATIC / name
        if not path.is_file():
            missing.append(name)
            continue
        for pair in IMPORTS.findall(path.read_text(encoding="utf-8")):
            needed = posixpath.normpath(posixpath.join(posixpath.dirname(name), pair[0] or pair[1]))
            if needed not in found:
                found[needed] = None
                waiting.append(needed)
    return list(found), missing


@cache
def _file(path: Path, build: str) -> tuple[bytes, bytes]:
    """A file as it is, and compressed where that is of use; both are kept, there are few."""
    body = path.read_bytes().replace(b"{{build}}", build.encode())
    return body, gzip.compress(body, 9, mtime=0) if path.suffix in COMPRESSED else b""
