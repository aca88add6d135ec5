"""An account as the API and the stream show it: its status, its valuation beside it, and where its exchange is in its day."""

from holdfast.config import AccountConfig, Config
from holdfast.errors import HoldfastError
from holdfast.views.board import market
from holdfast.views.encode import Json, as_json
from holdfast.views.sessions import session
from holdfast.views.status import account_json, account_status
from holdfast.web.reading import WebReader


def shown(config: Config, reader: WebReader, account: AccountConfig) -> Json:
    """The account's JSON."""
    row = next((row for row in reader.accounts() if row.account == account.name), None)
    found = account_json(account_status(config, account, row, reader))
    return found | {"session": None if row is None else _session(reader, account)}


def _session(reader: WebReader, account: AccountConfig) -> Json | None:
    """The phase of the exchange's day by the market's time; None where there is none yet, or no calendar."""
    time_ns = market(reader, account.name).time_ns
    try:
        return None if time_ns is None else as_json(session(account, time_ns))
    except HoldfastError:
        return None
