"""``holdfast reload``: the engine reads its own file again, wherever this is typed."""

from pathlib import Path

from holdfast.cli.act import client_for, finish
from holdfast.cli.place import JOURNAL, config_for_reading
from holdfast.core.settings import Reload


def reload(config: Path | None, account: str | None, reason: str, timeout_s: float, as_json: bool) -> int:
    """File the command and print the answer. Of several accounts in one engine, which one it is filed for makes no difference."""
    name = account or config_for_reading(config, JOURNAL).accounts[0].name
    return finish(client_for(config, name, timeout_s), Reload(reason), as_json)
