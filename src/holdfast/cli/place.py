"""Where things are: the configuration a command means, its journal, its account."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from holdfast.cli.terminal import say
from holdfast.config import DEFAULT_PATH, Config, load_config
from holdfast.errors import InvalidValue
from holdfast.telemetry.sentry import watch_errors

DEMO_FOLDER = Path(".holdfast")
DEMO_CONFIG = DEMO_FOLDER / "demo.toml"


JOURNAL = ("journal",)
"""The section whose secrets are needed by who only looks at the journal, or asks the engine by it."""


def config_for_reading(path: Path | None, secrets: Sequence[str] | None = None) -> Config:
    """The configuration named; or ``holdfast.toml``; or, where there is none, the demo's. ``secrets`` as in `load_config`."""
    if path is None and not DEFAULT_PATH.exists() and DEMO_CONFIG.exists():
        say(f"there is no {DEFAULT_PATH} here; this is about the demo ({DEMO_CONFIG})")
        path = DEMO_CONFIG
    return load_config(path or DEFAULT_PATH, secrets=secrets)


def tell_of_errors(config: Config, part: str) -> None:
    """Send the errors of this program to Sentry, where the configuration names one; ``part`` says which program it is.

    Raises :class:`~holdfast.errors.ConfigError`.
    """
    tags = {
        "account": ",".join(account.name for account in config.accounts),
        "broker": ",".join(sorted({str(account.broker) for account in config.accounts})),
    }
    watch_errors(config.sentry.dsn, part, tags, config.sentry.environment)


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
