"""Headers that every answer gets: what the browser may load, frame and remember."""

from collections.abc import MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
ONLY_OURS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""The page's own files and nothing else; ``styles`` are the hashes of what a library writes into the page."""
WORKER: Final = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"
"""A worker has the policy that its file comes with."""
NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no page."""


def page_policy(hashes: list[str]) -> str:
    """The content security policy of the page, in which style with these hashes may be written."""
    return ONLY_OURS.format(styles="".join(f" 'sha256-{digest}'" for digest in hashes))


class SecurityHeaders:
    """Puts the headers on every answer, unless it has them already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_api = scope["path"].startswith("/api/")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message, is_api)
            await send(message)

        await self._app(scope, receive, with_headers)


def _add(message: MutableMapping[str, Any], is_api: bool) -> None:
    headers = message.setdefault("headers", [])
    present = {name.lower() for name, _ in headers}
    wanted = {**ALWAYS, "Content-Security-Policy": NOTHING, **({"Cache-Control": "no-store"} if is_api else {})}
    for name, value in wanted.items():
        key = name.lower().encode()
        if key not in present:
            headers.append((key, value.encode()))
