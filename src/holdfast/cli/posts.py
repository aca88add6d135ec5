"""``holdfast post``: write a post of a trade, a day or a text; show it, or send it once."""

import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import JOURNAL, config_for_reading, known_account, the_account
from holdfast.cli.terminal import BAD, DIM, GOOD, WARN, Cell, Column, say, table, when, zone_name
from holdfast.config import Config
from holdfast.errors import InvalidValue, Refused
from holdfast.journal.posts import FAILED, SENDING, SENT, UNKNOWN, Outbox, PostRow
from holdfast.journal.reader import Reader
from holdfast.posts import compose, facts
from holdfast.posts.compose import Post
from holdfast.posts.targets import target_of
from holdfast.posts.weigh import LONGEST
from holdfast.views.encode import as_json as encoded

COLUMNS = [
    Column("written (UTC)"),
    Column("account", 4),
    Column("what", 1),
    Column("to", 3),
    Column("state"),
    Column("id there", 5),
    Column("post"),
    Column("why", 2),
]
STYLES = {SENT: GOOD, UNKNOWN: WARN, SENDING: WARN, FAILED: BAD}
SHOWN = 50
"""How many posts people get unless they ask for more; programs get all."""


class Sending(NamedTuple):
    """What is asked besides: to send it, to whom, though it was sent already, and how it is told."""

    send: bool
    to: str | None
    again: bool
    as_json: bool


def trade(config_file: Path | None, client_order_id: str, asked: Sending) -> int:
    """The trade that an order is of. Returns the exit status."""
    return _post(config_file, asked, lambda config, reader: _trade(config, reader, client_order_id))


def _trade(config: Config, reader: Reader, client_order_id: str) -> Post:
    return compose.compose(facts.trade(reader, client_order_id, config.posts), config.posts)


def day(config_file: Path | None, date: str | None, account: str | None, asked: Sending) -> int:
    """A trading day. Returns the exit status."""
    return _post(config_file, asked, lambda config, reader: _day(config, reader, date, account))


def _day(config: Config, reader: Reader, date: str | None, account: str | None) -> Post:
    found = facts.trading_day(reader, the_account(config, known_account(config, account)), date)
    return compose.compose(found, config.posts)


def text(config_file: Path | None, said: Sequence[str], asked: Sending) -> int:
    """Somebody's own words, or what is on stdin. Returns the exit status."""
    whole = sys.stdin.read() if list(said) == ["-"] else " ".join(said)
    key = f"text {hashlib.sha256(' '.join(whole.split()).encode()).hexdigest()[:32]}"
    return _post(config_file, asked, lambda _config, _reader: compose.free(whole, key))


def _post(config_file: Path | None, asked: Sending, write: Callable[[Config, Reader], Post]) -> int:
    if not asked.send and (asked.to is not None or asked.again):
        raise InvalidValue("--to and --again go with --send; without it a post is only shown")
    config = config_for_reading(config_file, (*JOURNAL, "posts") if asked.send else JOURNAL)
    with Reader.open(config.journal.url) as reader:
        post = write(config, reader)
    outbox = Outbox(config.journal.url)
    before = outbox.find(post.account, post.key)
    row = _send(config, outbox, post, asked) if asked.send else before
    if asked.as_json:
        terminal.print_json(encoded(post) | {"sent": None if row is None else encoded(row)})
    else:
        print(post.text, flush=True)
        for line in _remarks(post, before):
            say(line)
        if asked.send and row is not None:
            _tell(row)
    return 0 if not asked.send or (row is not None and row.state == SENT) else 1


def _send(config: Config, outbox: Outbox, post: Post, asked: Sending) -> PostRow:
    name, target = target_of(config.posts, asked.to)
    now_ns = time.time_ns()
    row = PostRow(post.account, post.key, post.kind, post.text, name, SENDING, "", "", now_ns, now_ns, 0)
    claimed = outbox.claim(row, again=asked.again)
    outcome = target(post.text)
    outbox.settle(claimed, outcome.state, time.time_ns(), post_id=outcome.post_id, reason=outcome.reason)
    settled = outbox.find(post.account, post.key)
    if settled is None:
        raise Refused("the post is not in the journal any more; look at its target")
    return settled


def _remarks(post: Post, before: PostRow | None) -> list[str]:
    """What there is to say beside the post."""
    said = [f"{post.weight} of {LONGEST} weighted characters"]
    if post.left_out:
        said.append(f"no room for {', '.join(post.left_out)}")
    if post.hidden:
        said.append(f"hidden by posts.show: {', '.join(post.hidden)}")
    said += post.notes
    if before is not None:
        said.append(_earlier(post, before))
    return said


def _earlier(post: Post, before: PostRow) -> str:
    first = before.text.replace("\n", " / ")
    changed = "" if before.text == post.text else f"; it said: {first}"
    return f"it is in the list of posts as {before.state} since {when(before.updated_ns)} {zone_name(before.updated_ns)}{changed}"


def _tell(row: PostRow) -> None:
    if row.state == SENT:
        say(f"posted to {row.target}" + (f" as {row.post_id}" if row.post_id else ""))
    elif row.state == FAILED:
        say(f"not posted: {row.reason}; the same command tries again")
    else:
        say(f"nobody knows whether it was posted: {row.reason}. Look there; --again posts it once more")


def show(config_file: Path | None, limit: int | None, as_json: bool) -> None:
    """The posts that were sent, or were to be, the newest first."""
    config = config_for_reading(config_file, JOURNAL)
    rows = Outbox(config.journal.url).latest(limit if limit is not None or as_json else SHOWN)
    if as_json:
        terminal.print_json([encoded(row) for row in rows])
        return
    console = terminal.console()
    cells = [_line(row) for row in rows]
    console.print(table(COLUMNS, cells, console.width) if cells else Text("nothing was posted yet", style=DIM))


def _line(row: PostRow) -> list[Cell]:
    first = row.text.partition("\n")[0]
    state = Text(row.state, style=STYLES[row.state])
    told: list[Cell] = [row.account, row.kind, row.target, state, row.post_id, first]
    return [when(row.updated_ns), *told, Text(row.reason, style=DIM)]
