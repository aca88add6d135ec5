"""Where things are: the configuration a command means, its journal, its account."""

from difflib import get_close_matches
from pathlib import Path

from holdfast.cli.terminal import say
from holdfast.config import DEFAULT_PATH, Config, load_config
from holdfast.errors import InvalidValue

DEMO_FOLDER = Path(".holdfast")
DEMO_CONFIG = DEMO_FOLDER / "demo.toml"


def config_for_reading(path: Path | None) -> Config:
    """The configuration named; or ``holdfast.toml``; or, where there is none, the demo's."""
    if path is None and not DEFAULT_PATH.exists() and DEMO_CONFIG.exists():
        say(f"there is no {DEFAULT_PATH} here; this is about the demo ({DEMO_CONFIG})")
        path = DEMO_CONFIG
    return load_config(path or DEFAULT_PATH)


def the_account(config: Config, name: str | None) -> str:
    """The account that is meant. Raises :class:`~holdfast.errors.InvalidValue` when that can't be told."""
    names = [account.name for account in config.accounts]
    if name is None and len(names) > 1:
        raise InvalidValue(f"which account? Add --account {' or --account '.join(names)}")
    return known_account(config, name) or names[0]


def known_account(config: Config, name: str | None) -> str | None:
    """``name`` as it is, if there is such an account. Raises :class:`~holdfast.errors.InvalidValue`."""
    names = [account.name for account in config.accounts]
    if name is not None and name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise InvalidValue(f"the configuration has no account {name!r}; {hint}")
    return name
