"""Holdfast: a crash-safe trading engine for your own strategies on your own accounts."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("holdfast")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
