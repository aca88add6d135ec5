"""What the long proofs last came to: ``docs/campaign.toml``, the page made from it, and whether a part is too old."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from tools import pages

ROOT = pages.DOCS.parent
RECORD = pages.DOCS / "campaign.toml"
PAGE = pages.DOCS / "campaign.md"
OLDEST_COMMITS = 400
"""A campaign takes an hour and belongs before each release. Some hundred commits lie between two; when a part has not been run
for a few times as many, nobody runs it, and what the pages say of it is about another program."""

Figures = Mapping[str, int | str]

HEAD = """\
# The long proofs

What `make campaign` last came to, part by part. Made by `python -m tools.campaign --record`; a check fails when a part has not been
run for {oldest} commits. Each run searches with new seeds. What the words mean stands in [reliability.md](reliability.md).

"""


class Commit(NamedTuple):
    """Where the code stands. ``name`` ends with a digest of what is not committed; ``number`` is how many commits lead to it.

    ``number`` is None where the history isn't there: without git, or in a clone that has the last commits only.
    """

    name: str
    number: int | None

    @property
    def turn(self) -> int:
        """A number that goes on by one from commit to commit; without a history, some number of the commit's."""
        return self.number if self.number is not None else int(self.name[:7], 16)


class Passed(NamedTuple):
    """A part that passed: where, when, with which seed, how long it took, and what it counted.

    A new part that nobody has run yet has no ``commit``, and is as old as its record.
    """

    commit: str
    commits: int | None
    date: str
    seed: int
    minutes: float
    figures: Figures


def commit_now(root: Path = ROOT) -> Commit:
    """The commit that is checked out."""
    name = _git(root, "rev-parse", "--short=10", "HEAD")
    if name is None:
        return Commit("0" * 10, None)
    changes = _git(root, "diff", "HEAD")
    if changes:
        name += "+" + blake2b(changes.encode(), digest_size=4).hexdigest()
    if _git(root, "rev-parse", "--is-shallow-repository") != "false":
        return Commit(name, None)
    return Commit(name, int(_git(root, "rev-list", "--count", "HEAD") or 0))


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None where it can't be asked."""
    try:
        done = subprocess.run(  # noqa: S603  our own questions
            ["git", *arguments],  # noqa: S607  whichever git the person uses
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


# --- the record -------------------------------------------------------------------------------------------------------


def recorded() -> dict[str, Passed]:
    """What docs/campaign.toml says, by part."""
    if not RECORD.exists():
        return {}
    rows = tomllib.loads(RECORD.read_text(encoding="utf-8"))
    usual = Passed("", None, "", 0, 0.0, {})._asdict()
    return {name: Passed(**{**usual, **row}) for name, row in rows.items()}


def record(names: Mapping[str, str], passed: Mapping[str, Passed], commit: Commit) -> int:
    """Take what has passed on committed code into the record and its page, and note new parts; gives the exit status."""
    uncommitted = [name for name, row in passed.items() if "+" in row.commit]
    if uncommitted:
        print(f"passed with changes that are not committed, and left out: {', '.join(uncommitted)}", file=sys.stderr)
    new = {name: Passed("", commit.number, "", 0, 0.0, {}) for name in names}
    rows = new | recorded() | {name: row for name, row in passed.items() if name not in uncommitted}
    RECORD.write_text("\n".join(_toml(name, rows[name]) for name in names), encoding="utf-8")
    PAGE.write_text(page(names), encoding="utf-8")
    return 0


def _toml(name: str, row: Passed) -> str:
    if not row.commit:
        return f"[{name}]  # nobody has run it yet\n" + (
            f"commits = {row.commits}\n" if row.commits is not None else ""
        )
    lines = [f"[{name}]", f'commit = "{row.commit}"', f'date = "{row.date}"', f"seed = {row.seed}"]
    lines += [f"commits = {row.commits}"] if row.commits is not None else []
    lines += [f"minutes = {row.minutes}", f"[{name}.figures]"]
    lines += [
        f'"{key}" = {value}' if isinstance(value, int) else f'"{key}" = "{value}"' for key, value in row.figures.items()
    ]
    return "\n".join(lines) + "\n"


# --- the page ---------------------------------------------------------------------------------------------------------


def page(names: Mapping[str, str]) -> str:
    """The whole page, from the record."""
    return HEAD.format(oldest=OLDEST_COMMITS) + tables(names, recorded()) + "\n"


def tables(names: Mapping[str, str], passed: Mapping[str, Passed]) -> str:
    """The parts, and the figures of those that count something, as Markdown."""
    return "\n".join([*_parts(names, passed), *_figures(names, passed)])


def _parts(names: Mapping[str, str], passed: Mapping[str, Passed]) -> Iterator[str]:
    yield "| part | what | passed at | on | seed | minutes |"
    yield "|---|---|---|---|---|---|"
    for name, what in names.items():
        row = passed.get(name)
        stands = f"`{row.commit}` | {row.date} | {row.seed} | {row.minutes}" if row and row.commit else "not yet | | |"
        yield f"| {name} | {what} | {stands} |"


def _figures(names: Mapping[str, str], passed: Mapping[str, Passed]) -> Iterator[str]:
    """One table for all parts that count the same things, as wide as they are many."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        if name in passed and passed[name].figures:
            alike.setdefault(tuple(passed[name].figures), []).append(name)
    for keys, parts in alike.items():
        yield ""
        yield f"| | {' | '.join(parts)} |"
        yield "|---" * (len(parts) + 1) + "|"
        for key in keys:
            yield f"| {key} | {' | '.join(_shown(passed[part].figures[key]) for part in parts)} |"


def _shown(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


# --- the check --------------------------------------------------------------------------------------------------------


def check(names: Mapping[str, str], commit: Commit) -> int:
    """Complain of parts that were never run or not for long, and of a page that isn't the record's; gives the exit status."""
    wrong = problems(names, commit)
    for line in wrong:
        print(line, file=sys.stderr)
    if commit.number is None:
        print("how old the campaign is can't be told: the history is not here", file=sys.stderr)
    differs = not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page(names)
    if differs:
        print("campaign.md is not what campaign.toml says; run: python -m tools.campaign --record", file=sys.stderr)
    return int(bool(wrong) or differs)


def problems(names: Mapping[str, str], commit: Commit) -> list[str]:
    """Parts without a record, parts that are too old, and records of parts that there are not."""
    rows = recorded()
    found = [
        f"campaign: {name} is new: python -m tools.campaign --record notes it" for name in names if name not in rows
    ]
    found += [f"campaign: there is no part {name}, but a record of it" for name in rows if name not in names]
    for name, row in rows.items():
        if row.commits is None or commit.number is None:
            continue
        age = commit.number - row.commits
        if age > OLDEST_COMMITS:
            found.append(
                f"campaign: {name} has not passed for {age} commits; {OLDEST_COMMITS} are allowed: "
                f"make campaign ARGS={name}, then python -m tools.campaign --record"
            )
    return found
