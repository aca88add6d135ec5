"""The demo with its page: the engine is killed from it, by a real SIGKILL, and comes back with nothing lost."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest
import requests

from holdfast.journal.reader import Reader
from holdfast.journal.verify import verify
from tests.process.program import started, trading, until

pytestmark = pytest.mark.process


def ask(url: str, path: str, method: str = "GET") -> Any:
    """An answer of the page's API; None while it can't be asked."""
    try:
        answer = requests.request(method, f"{url}api/v1{path}", headers={"Idempotency-Key": "a"}, timeout=60)
    except requests.RequestException:
        return None
    return answer.json() if answer.ok else None


def is_gone(pid: int) -> bool:
    """Whether there is no such process any more, or only what is left of it for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_an_engine_that_is_killed_from_the_page_comes_back(tmp_path: Path) -> None:
    """The page says that the engine is gone, then that it runs again, an epoch later; nothing is left behind at the end."""
    journal = f"sqlite:///{tmp_path / '.holdfast' / 'demo.db'}"
    errors = tmp_path / "errors.txt"
    with started(tmp_path, "demo", "--web", "--no-open", "--speed", "600", errors=errors) as demo:
        found = until(lambda: re.search(r"the page is at (\S+)", errors.read_text()), "the page's address")
        url = found[1]
        until(lambda: trading(journal), "the engine trades")
        assert until(lambda: ask(url, "/me"), "the page answers")["demo"]
        before = ask(url, "/accounts")["items"][0]
        assert ask(url, "/demo/crash", "POST")
        until(lambda: not account["running"] or account["epoch"] > 1 if (account := first(url)) else None, "it is gone")
        back = until(
            lambda: account if (account := first(url)) and account["epoch"] > 1 and account["running"] else None,
            "it is back",
        )
        assert back["last_record"] >= before["last_record"]
        assert ask(url, "/demo")["crashes"] == 1
        with Reader.open(journal) as reader:
            engine = int(reader.account("demo").process.split()[1])
        until(lambda: trading(journal), "it is through with its start")
        demo.send_signal(signal.SIGTERM)
        assert demo.wait() == 0
        until(lambda: is_gone(engine), "the engine ends with its parent")
        until(lambda: ask(url, "/version") is None, "the page ends with its parent")
    assert verify(journal).ok


def first(url: str) -> Any:
    """The demo's account."""
    answer = ask(url, "/accounts")
    return answer and answer["items"][0]


def test_the_engine_does_not_outlive_a_demo_that_is_killed(tmp_path: Path) -> None:
    """Whoever kills the demo itself, as its screen asks for without a page, has killed its engine and its page as well."""
    journal = f"sqlite:///{tmp_path / '.holdfast' / 'demo.db'}"
    errors = tmp_path / "errors.txt"
    with started(tmp_path, "demo", "--web", "--no-open", errors=errors) as demo:
        url = until(lambda: re.search(r"the page is at (\S+)", errors.read_text()), "the page's address")[1]
        until(lambda: trading(journal), "the engine trades")
        with Reader.open(journal) as reader:
            engine = int(reader.account("demo").process.split()[1])
        demo.kill()
        until(lambda: is_gone(engine), "the engine ends with its parent")
        until(lambda: ask(url, "/version") is None, "the page ends with its parent")
