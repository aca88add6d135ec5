"""Sends one message through apprise, in a process of its own: ``python -m holdfast.alerting.sender``, the message on stdin.

Apprise's requests block, so whoever waits for one kills this process when its time is up. What went wrong is said without any address: URLs
have tokens in them.
"""

import io
import logging
import os
import sys

import msgspec


class Message(msgspec.Struct, frozen=True):
    """What is sent where. ``url`` is apprise's; ``kind`` is ``info``, ``success``, ``warning`` or ``failure``."""

    url: str
    title: str
    text: str
    kind: str
    timeout_s: float


class Answer(msgspec.Struct, frozen=True):
    """What came of it: ``sent``, ``refused`` (it can't have arrived: it may be sent again) or ``unanswered`` (it may have arrived)."""

    outcome: str
    error: str = ""


READY = b"\n"
"""What this process says when the message can leave. It leaves when a byte comes back: by then it is durable that it does."""
NO_ANSWER = ("read timed out", "connection aborted", "remotedisconnected", "connection reset", "incompleteread")
"""In what a library says of a request that left, and came back without an answer."""


def deliver(message: Message) -> Answer:
    """Send it, and say what came of it."""
    try:
        import apprise
    except ImportError:
        return Answer("refused", "apprise isn't installed; pip install 'holdfast[alerts]'")
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    log = logging.getLogger("apprise")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    sender = apprise.Apprise()
    if not sender.add(message.url):
        return Answer("refused", "its url is none that apprise knows; see https://github.com/caronc/apprise/wiki")
    for server in sender:
        server.socket_connect_timeout = server.socket_read_timeout = message.timeout_s / 2
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    if not sys.stdin.buffer.read(1):  # whoever asked for it is gone: it will be asked for again
        return Answer("refused", "nobody waits for it")
    if sender.notify(body=message.text, title=message.title, notify_type=apprise.NotifyType(message.kind)):
        return Answer("sent")
    said = heard.getvalue().lower()
    if any(words in said for words in NO_ANSWER):
        return Answer("unanswered", "it left, and no answer came")
    return Answer("refused", _reason(said))


def _reason(said: str) -> str:
    """Why, in our words: theirs may have an address in them."""
    if "error=" in said:
        code = said.rpartition("error=")[2][:3]
        return f"its server refuses it with status {code}" if code.isdigit() else "its server refuses it"
    if "refused" in said or "connect timeout" in said or "connecttimeout" in said or "max retries" in said:
        return "its server can't be reached"
    return "apprise could not send it"


def main() -> None:
    """The process."""
    message = msgspec.json.decode(sys.stdin.buffer.readline(), type=Message)
    sys.stdout.buffer.write(msgspec.json.encode(deliver(message)))
    sys.stdout.buffer.flush()
    os._exit(0)  # whatever a service has left running


if __name__ == "__main__":
    main()
