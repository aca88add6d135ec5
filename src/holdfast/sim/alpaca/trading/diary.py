"""What an account remembers as time passes: its worth by the minute, at the close, and at the end of the day."""

from holdfast.core.session.calendar import TradingCalendar
from holdfast.core.types import MINUTE_NS
from holdfast.sim.alpaca.trading.account import Account
from holdfast.sim.alpaca.trading.changes import Changes
from holdfast.sim.alpaca.trading.curve import Curve
from holdfast.sim.alpaca.trading.executions import Executions
from holdfast.sim.alpaca.trading.funds import Funds, Worth
from holdfast.sim.chassis.state import Kind


class Diary:
    """Takes the samples of the curve and turns the account's days over."""

    def __init__(
        self, account: Account, calendar: TradingCalendar, executions: Executions, funds: Funds, changes: Changes
    ) -> None:
        self._account = account
        self._calendar = calendar
        self._executions = executions
        self._books = executions.books
        self._funds = funds
        self._changes = changes
        self.curve = Curve()

    def next_ns(self, now_ns: int) -> int:
        """When there is something to write next: each minute with positions, else at the close, the fees and the day's end."""
        next_ns = min(self._account.day_ends_ns, self._account.closes_ns, self._executions.fees_due_ns)
        return min(next_ns, now_ns - now_ns % MINUTE_NS + MINUTE_NS) if self._books.ledgers else next_ns

    def write(self, now_ns: int) -> None:
        """Pays what is due, keeps what the account is worth, and what Alpaca shows of the close the day after."""
        self._executions.pay(now_ns)
        worth = self._funds.worth()
        sample = self.curve.add(now_ns, worth.equity)
        if sample is not None:
            self._changes.put(Kind.EQUITY, f"{now_ns:020d}", sample)
        if now_ns >= self._account.closes_ns:
            self._close(worth, now_ns)
        if now_ns >= self._account.day_ends_ns:
            self._end_day(now_ns)

    def _close(self, worth: Worth, now_ns: int) -> None:
        account = self._account
        account.close_equity, account.close_maintenance = worth.equity, worth.maintenance
        account.closes_ns = self._calendar.next_close_ns(now_ns)
        self._changes.account()

    def _end_day(self, now_ns: int) -> None:
        account = self._account
        account.last_equity, account.last_maintenance = account.close_equity, account.close_maintenance
        account.balance_date = self._calendar.day_at(account.day_ends_ns - 1).date
        account.day_ends_ns = self._calendar.next_start_ns(now_ns)
        self._books.start_day()
        account.overnight = self._books.overnight
        self._changes.account()
