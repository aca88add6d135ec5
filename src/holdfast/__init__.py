"""Holdfast: a crash-safe trading engine for your own strategies on your own accounts."""


def __getattr__(name: str) -> str:
    """``__version__``: looked up when it is asked for, as reading what is installed takes longer than most commands."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("holdfast")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"
