"""The HTTP session under a broker's own client: bounded waiting, one request a call, no redirects, no foreign credentials."""

import time
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of a body that are read. The longest answers there are, lists of all that can be traded, have some ten million."""

PIECE = 64 * 1024


class Patience(NamedTuple):
    """How long a request may take, in seconds: to connect, in silence, and for the whole body."""

    connect_s: float
    read_s: float
    answer_s: float


class OnceSession(requests.Session):
    """Sends once and keeps the last answer for those who want to know. Used by one thread.

    Proxies come from the environment (``HTTPS_PROXY``, ``NO_PROXY``); a ``.netrc`` is not used.
    """

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._timeout_s = (patience.connect_s, patience.read_s)
        self._answer_timeout_s = patience.answer_s
        self.answer: requests.Response | None = None
        self.auth = _as_it_is
        once = HTTPAdapter(max_retries=0)
        self.mount("https://", once)
        self.mount("http://", once)

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """One request. Raises requests.RequestException, also for a redirect, which an SDK may take for success."""
        kwargs["timeout"] = self._timeout_s
        kwargs["stream"] = True  # the body is read below: requests would wait for each byte of it anew
        answer = self.answer = super().request(*args, **kwargs)
        if 300 <= answer.status_code < 400:
            answer.close()
            raise requests.TooManyRedirects(f"redirected with status {answer.status_code}")
        try:
            self._read(answer)
        except HTTPError as error:
            raise requests.ConnectionError(error) from error
        finally:
            answer.close()
        return answer

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  requests names it
        """None: a redirect is not prepared either, since that reads its body and may trip over its address."""
        return None

    def _read(self, answer: requests.Response) -> None:
        deadline_s = time.monotonic() + self._answer_timeout_s
        body = bytearray()
        while piece := answer.raw.read1(PIECE, decode_content=True):
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise requests.ConnectionError(f"the answer has more than {LARGEST_ANSWER} bytes")
            if time.monotonic() > deadline_s:
                raise requests.ReadTimeout(f"the answer was not complete after {self._answer_timeout_s:g} s")
        answer._content = bytes(body)
        answer._content_consumed = True


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Adds nothing. A session with no authentication of its own would add what .netrc holds for the host."""
    return request
