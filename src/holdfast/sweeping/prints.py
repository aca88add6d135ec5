"""Fingerprints of what a sweep rests on, so that trials of another one are never taken for its own."""

import hashlib
import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec

import holdfast
from holdfast.core.strategy.api import Strategy
from holdfast.feeds.port import Feed
from holdfast.sweeping.trial import Study, digest

INSTALLED = ("site-packages", "dist-packages")


def prints_of(study: Study, feed: Feed, strategy: type[Strategy]) -> dict[str, str]:
    """By what it is: the data, the strategy's code, the settings, Holdfast itself."""
    config = study.config
    source = msgspec.structs.replace(config.feed_of(config.accounts[0]), path=None, paths=None, actions=None)
    settings: list[Any] = [config.venue, config.accounts, config.strategies, source, config.rates, config.instruments]
    return {
        "the data": _data(study, feed),
        "the strategy's code": _code(strategy),
        "the settings": digest(*(msgspec.json.encode(part, order="deterministic") for part in settings)),
        "Holdfast's version": holdfast.__version__,
    }


def _data(study: Study, feed: Feed) -> str:
    """Of every file that the data comes from; of a made-up market, or a feed that was given, what it says of itself."""
    source = study.config.feed_of(study.config.accounts[0])
    named = [study.frame] if study.frame is not None else [source.path, *(source.paths or ())]
    places = [Path(text) for text in (*named, source.actions) if text is not None]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    return digest(feed.fingerprint().encode(), *(_file(file) for file in files if file.is_file()))


def _file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _code(strategy: type[Strategy]) -> str:
    """Of the strategy's module and those that lie beside it or below; of one without a file its own source."""
    own = getattr(sys.modules.get(strategy.__module__), "__file__", None)
    if own is None or any(part in INSTALLED for part in Path(own).parts):
        return digest(_source(strategy))
    folder = Path(own).resolve().parent
    files = {Path(own).resolve()}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and _is_beside(Path(path), folder):
            files.add(Path(path).resolve())
    return digest(*(part for path in sorted(files) for part in (path.name.encode(), path.read_bytes())))


def _is_beside(path: Path, folder: Path) -> bool:
    return path.is_absolute() and path.is_relative_to(folder) and not any(part in INSTALLED for part in path.parts)


def _source(strategy: type[Strategy]) -> bytes:
    try:
        return inspect.getsource(strategy).encode()
    except (OSError, TypeError):
        return strategy.__qualname__.encode()
