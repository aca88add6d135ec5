"""A line in the log for each request to a broker: what was asked, what came back, how long it took (docs/logs.md)."""

import logging
from collections.abc import Mapping
from typing import Any

from holdfast.telemetry.channels import BROKER_LOG, MARKET_LOG

LONGEST = 2000
"""Characters of an error that are kept."""

_BROKER, _MARKET = logging.getLogger(BROKER_LOG), logging.getLogger(MARKET_LOG)


def note_request(
    method: str,
    path: str,
    parameters: Mapping[str, Any] | None,
    status: int,
    seconds: float,
    *,
    is_market_data: bool = False,
    **more: Any,
) -> None:
    """Log a request at debug; ``status`` is 0 when no answer came. ``more`` is what else is known, such as the error; None is left out.

    Whose it is comes from what is bound where it is made (`logs.about`). To be called by adapters, in whichever thread.
    """
    if not (_MARKET if is_market_data else _BROKER).isEnabledFor(logging.DEBUG):
        return
    import structlog

    known = {name: _bounded(value) for name, value in more.items() if value is not None}
    structlog.get_logger(MARKET_LOG if is_market_data else BROKER_LOG).debug(
        "request",
        method=method,
        path=path,
        parameters=dict(parameters or {}),
        status=status,
        ms=round(seconds * 1000, 1),
        **known,
    )


def _bounded(value: object) -> object:
    return value[:LONGEST] if isinstance(value, str) else value
