"""How often a live account looks and asks, changed while it runs."""

from collections.abc import Sequence

from holdfast.config import Config
from holdfast.runtime.live.live_account import LiveAccount


def retune(accounts: Sequence[LiveAccount], config: Config) -> None:
    """Go by what the configuration says now, from the next look on."""
    for live in accounts:
        live.check_every_s = config.live.check_every_s
        live.reconciler.every_s = config.live.reconcile_every_s
        if live.supervisor is not None:
            live.supervisor.config = config.supervisor
