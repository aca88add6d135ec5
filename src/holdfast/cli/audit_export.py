"""``holdfast audit export``, ``verify FILE``, ``key`` and ``anchor``: what proves a journal to others, and outside of it (docs/audit.md)."""

import os
from pathlib import Path

from rich.text import Text

from holdfast.cli import terminal
from holdfast.cli.place import JOURNAL, config_for_reading, known_account
from holdfast.cli.progress import progress
from holdfast.cli.terminal import BAD, GOOD, many
from holdfast.config import DEFAULT_PATH, Config, read_config
from holdfast.config.secrets import place_of
from holdfast.errors import ConfigError, DataError, InvalidValue
from holdfast.journal import anchor_log
from holdfast.journal import export as exports
from holdfast.journal.reader import Reader
from holdfast.vault.signing import Signer, check_public, signer
from holdfast.vault.store import Store


def export(config_file: Path | None, to: Path, account: str | None, *, sign: bool, as_json: bool) -> None:
    """Write the records; the file appears when it is whole."""
    config = config_for_reading(config_file, JOURNAL)
    by = signer(_store(config_file)) if sign else None
    new = to.with_name(f".{to.name}.new")
    with Reader.open(config.journal.url) as reader, progress("export", "records") as update:
        names = [row.account for row in reader.accounts() if known_account(config, account) in (None, row.account)]
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                done = exports.write(reader, names, file, by, update)
                file.flush()
                os.fsync(file.fileno())
            new.replace(to)
        except OSError as error:
            raise DataError(f"{to} can't be written: {(error.strerror or str(error)).lower()}") from None
        finally:
            new.unlink(missing_ok=True)
    if as_json:
        terminal.print_json({"file": str(to), "accounts": done.records, "key": done.key or None})
        return
    console = terminal.console()
    for name, count in done.records.items():
        console.print(f"{name}: {many(count, 'record')}", soft_wrap=True, markup=False)
    console.print(
        f"{to} is written, {f'signed by {done.key}' if done.key else 'not signed'}", soft_wrap=True, markup=False
    )


def verify(path: Path, key: str | None, as_json: bool) -> int:
    """Check an export; 1 when it is not what was exported."""
    public = None if key is None else _public(key)
    try:
        with path.open("rb") as file:
            lines = iter(lambda: file.readline(exports.LONGEST_LINE), b"")
            found = exports.check(lines, public or "")
    except OSError as error:
        raise DataError(f"{path} can't be read: {(error.strerror or str(error)).lower()}") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if found.key and public is None:
        raise InvalidValue(
            f"{path} says that it is signed by {found.key}; give the key that you know to be its maker's: --key KEY"
        )
    if as_json:
        rows = [{"account": name, "records": count} for name, count in found.records.items()]
        terminal.print_json(
            {
                "ok": found.ok,
                "made": found.made,
                "key": found.key or None,
                "accounts": rows,
                "problem": found.problem or None,
            }
        )
        return 0 if found.ok else 1
    _print(found)
    return 0 if found.ok else 1


def _print(found: exports.ExportCheck) -> None:
    console = terminal.console()
    for name, count in found.records.items():
        console.print(f"{name}: {many(count, 'record')} proven", soft_wrap=True, markup=False)
    if not found.ok:
        console.print(Text(f"  {found.problem}", style=BAD), soft_wrap=True)
        console.print(Text("NOT OK: this is not what was exported.", style=f"bold {BAD}"), soft_wrap=True)
        return
    if found.key:
        text = f"OK: every record is what was exported at {found.made}, signed by {found.key}."
    else:
        text = (
            f"OK: nothing is damaged since the export at {found.made}. It is not signed, so anybody may have made it."
        )
    console.print(Text(text, style=f"bold {GOOD}"), soft_wrap=True)


def key(config_file: Path | None, as_json: bool) -> None:
    """Print the public key."""
    found = signer(_store(config_file), make=True)
    if as_json:
        terminal.print_json({"key": found.public})
    else:
        print(found.public)


def anchor(config_file: Path | None, *, sign: bool, as_json: bool) -> None:
    """Add to the anchor file."""
    config = config_for_reading(config_file, JOURNAL)
    path = config.audit.anchor_file
    if path is None:
        raise ConfigError(
            'there is no anchor_file in [audit]: name one on another disk or machine, anchor_file = "/mnt/other/holdfast.anchors"'
        )
    by = _signer(config, config_file) if sign else None
    with Reader.open(config.journal.url) as reader:
        lines = anchor_log.add(Path(path), reader, by)
    if as_json:
        terminal.print_json({"file": path, "added": lines})
        return
    for line in lines:
        terminal.console().print(f"{line.account}: anchored at record {line.sequence}", soft_wrap=True, markup=False)
    if not lines:
        terminal.say("nothing has come since the last time")


def anchor_problems(config: Config, reader: Reader, key: str | None = None) -> list[str]:
    """What of the journal, or of the anchor file, is not as it was anchored; nothing where there is no anchor file."""
    if config.audit.anchor_file is None:
        return []
    path = Path(config.audit.anchor_file)
    log = anchor_log.read(path, key or config.audit.key or "")
    if not log.lines and not log.problem:
        return [f"the anchor file {path} has nothing in it; `holdfast audit anchor` adds to it"]
    return [*([log.problem] if log.problem else []), *anchor_log.misfits(reader, log.lines)]


def _signer(config: Config, config_file: Path | None) -> Signer:
    found = signer(_store(config_file))
    if config.audit.key is not None and config.audit.key != found.public:
        raise ConfigError(
            f"the signing key of the secret store is {found.public}, and key of [audit] is {config.audit.key}: give the right one"
        )
    return found


def _store(config_file: Path | None) -> Store:
    path = config_file or DEFAULT_PATH
    return Store(place_of(read_config(path), path.resolve().parent))


def _public(text: str) -> str:
    """A public key as it is typed, or the file that has it."""
    path = Path(text)
    if not text.startswith("ed25519:") and path.is_file():
        text = path.read_bytes()[:1000].decode("ascii", "replace")
    return check_public(text)
