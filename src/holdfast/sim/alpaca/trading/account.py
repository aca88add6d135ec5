"""One account: who it is, how it is set, and what it says of itself."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from holdfast.core.types import ZERO, plain
from holdfast.sim.alpaca.errors import invalid
from holdfast.sim.alpaca.trading.bookings import Booking
from holdfast.sim.alpaca.trading.funds import Funds
from holdfast.sim.alpaca.trading.hours import new_york
from holdfast.sim.alpaca.trading.request import flag
from holdfast.sim.alpaca.trading.wire import Json, rounded, time_text

_CHOICES: Mapping[str, frozenset[str]] = {
    "max_margin_multiplier": frozenset({"1", "2", "4"}),
    "trade_confirm_email": frozenset({"all", "none"}),
}
_FLAGS = ("fractional_trading", "no_shorting", "suspend_trade", "ptp_no_exception_entry", "disable_overnight_trading")
_HIGHEST_OPTIONS_LEVEL = 3


class Configuration(msgspec.Struct, kw_only=True):
    """The account's settings, by Alpaca's names. Those of options and e-mails are kept and change nothing."""

    trade_confirm_email: str = "all"
    suspend_trade: bool = False
    no_shorting: bool = False
    fractional_trading: bool = True
    max_margin_multiplier: str = "4"
    ptp_no_exception_entry: bool = False
    max_options_trading_level: int | None = 0
    disable_overnight_trading: bool = False

    def __post_init__(self) -> None:
        self.max_options_trading_level = self.max_options_trading_level or 0  # older state files keep a null

    def change(self, body: Mapping[str, Any]) -> None:
        """Takes what is given and is not null. Raises `ApiError` and has then changed nothing."""
        changes: dict[str, Any] = {}
        for name, value in body.items():
            if value is None:
                continue
            if name in _FLAGS:
                changes[name] = flag(value, name)
            elif name in _CHOICES:
                if str(value) not in _CHOICES[name]:
                    raise invalid(f"invalid {name}")
                changes[name] = str(value)
            elif name == "max_options_trading_level":
                changes[name] = _options_level(value)
        for name, value in changes.items():
            setattr(self, name, value)


def _options_level(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _HIGHEST_OPTIONS_LEVEL:
        raise invalid("invalid max_options_trading_level")
    return value


class Account(msgspec.Struct, kw_only=True):
    """An account's identity and what it carries from day to day.

    ``secret_digest`` proves the secret without keeping it. ``close_equity`` is the worth at the last close, which becomes
    ``last_equity`` when the day is over; ``closes_ns`` and ``day_ends_ns`` say when that is next, ``fees_due_ns`` when fees are posted.
    """

    id: str
    account_number: str
    key: str
    secret_digest: str
    created_ns: int
    deposit: Decimal
    last_equity: Decimal
    last_maintenance: Decimal = ZERO
    balance_date: str
    close_equity: Decimal
    close_maintenance: Decimal = ZERO
    closes_ns: int = 0
    day_ends_ns: int = 0
    overnight: dict[str, Decimal] = msgspec.field(default_factory=dict)
    configuration: Configuration = msgspec.field(default_factory=Configuration)
    bookings: list[Booking] = []
    fees_due_ns: int = 0


def open_account(key: str, secret_digest: str, deposit: Decimal, now_ns: int) -> Account:
    """A new paper account with money in it."""
    account_id = uuid.uuid4()
    return Account(
        id=str(account_id),
        account_number=f"PA3{account_id.int % 36**9:09d}"[:12],
        key=key,
        secret_digest=secret_digest,
        created_ns=now_ns,
        deposit=deposit,
        last_equity=deposit,
        balance_date=new_york(now_ns).date().isoformat(),
        close_equity=deposit,
    )


def account_json(account: Account, funds: Funds) -> Json:
    """``GET /v2/account``. Amounts are exact; what has no meaning here (options, fees, transfers) is zero."""
    worth = funds.worth()
    equity = worth.equity
    multiplier = funds.multiplier(equity, int(account.configuration.max_margin_multiplier))
    power = funds.buying_power(worth, multiplier)
    cash_power = funds.spendable_cash(worth)
    regt_power = power if multiplier == 1 else max(equity - worth.initial_margin, ZERO) * 2 - funds.reserved()
    return {
        "id": account.id,
        "account_number": account.account_number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "buying_power": plain(power),
        "regt_buying_power": plain(max(regt_power, ZERO)),
        "effective_buying_power": plain(power),
        "non_marginable_buying_power": plain(cash_power),
        "options_buying_power": plain(cash_power),
        "cash": plain(worth.cash),
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "portfolio_value": plain(equity),
        "multiplier": str(multiplier),
        "equity": plain(equity),
        "last_equity": plain(account.last_equity),
        "long_market_value": plain(worth.long_value),
        "short_market_value": plain(worth.short_value),
        "position_market_value": plain(worth.position_value),
        "initial_margin": rounded(worth.initial_margin),
        "maintenance_margin": rounded(worth.maintenance),
        "last_maintenance_margin": rounded(account.last_maintenance),
        "sma": "0",
        "balance_asof": account.balance_date,
        "created_at": time_text(account.created_ns),
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": account.configuration.suspend_trade,
        "shorting_enabled": multiplier > 1 and not account.configuration.no_shorting,
        "options_approved_level": 0,
        "options_trading_level": 0,
        "crypto_tier": 1,
    }
