"""What one step of the engine gives back, and how it makes records."""

from collections.abc import Iterator

from holdfast.core.messages import AnyBody, Effect, Envelope
from holdfast.core.milestones import AccountStateChanged
from holdfast.core.session.account import AccountEvent, next_state
from holdfast.core.state import EngineState, apply


class Turn:
    """``records`` to keep, in order, and ``effects`` to carry out once they are durable.

    ``correlation_id`` is given to every record that doesn't belong to an older chain. A strategy is told of its order as soon as
    the record is applied, as in a recovery.

    ``touched`` are the symbols of which something has changed, each with the record that it comes of and the chain of that;
    ``account_is_touched`` when something of the whole account has, ``is_due`` when the time has come for what is put off.
    `engine/obligations` goes by these; ``is_touched`` says that there is something for it to do.
    """

    __slots__ = (
        "_account_events",
        "_last",
        "account_is_touched",
        "correlation_id",
        "effects",
        "is_due",
        "is_touched",
        "records",
        "source",
        "state",
        "touched",
    )

    def __init__(self, state: EngineState, source: str = "engine", correlation_id: str = "") -> None:
        self.state = state
        self.source = source
        self.correlation_id = correlation_id
        self.records: list[Envelope] = []
        self.effects: list[Effect] = []
        self._account_events: list[tuple[AccountEvent, str]] = []
        self.touched: dict[str, tuple[str, str]] = {}
        self._last = "", ""
        self.is_touched = self.account_is_touched = self.is_due = False

    def begin_anew(self) -> None:
        """Forget what was touched: it is dealt with."""
        self.touched = {}
        self._last = "", ""
        self.is_touched = self.account_is_touched = self.is_due = False

    def touch(self, symbol: str, cause: str = "") -> None:
        """Note that something of a symbol has changed, by the record ``cause``: what is owed for it is done as the step ends."""
        self.touched[symbol] = self._last = cause, self.correlation_id
        self.is_touched = True

    def touch_account(self, cause: str = "") -> None:
        """Note that something of the whole account has changed, by the record ``cause``."""
        self._last = cause, self.correlation_id
        self.is_touched = self.account_is_touched = True

    def time_has_come(self) -> None:
        """Note that the clock is to be looked at: what is put off may be due."""
        self.is_touched = self.is_due = True

    def each_touched(self) -> Iterator[tuple[str, str]]:
        """The touched symbols and their causes. What is recorded for each belongs to the chain of its cause."""
        for symbol, (cause, chain) in list(self.touched.items()):
            self.correlation_id = chain
            yield symbol, cause

    def resume(self, symbol: str = "") -> str:
        """Go on with the chain of what touched a symbol, or with the last of all, and give back its cause."""
        cause, self.correlation_id = self.touched.get(symbol, ("", "")) if symbol else self._last
        return cause

    def record(self, body: AnyBody, cause: str = "", source: str = "", correlation_id: str = "") -> Envelope:
        """Make a record of something that happened, and apply it. It is of the turn's chain, or of its cause's; without either it begins one."""
        state = self.state
        sequence = state.sequence + 1
        now_ns = state.now_ns
        record_id = state.ids.message(sequence, now_ns)
        envelope = Envelope(
            record_id,
            now_ns,
            state.account,
            state.broker,
            source or self.source,
            correlation_id or self.correlation_id or self._chain_of(cause) or record_id,
            cause or record_id,
            sequence,
            state.epoch,
            state.cursor,
            body,
        )
        apply(state, envelope)
        self.records.append(envelope)
        if state.host.listens:
            state.host.tell(envelope)
        return envelope

    def _chain_of(self, cause: str) -> str:
        """The chain of a record of this turn."""
        if not cause:
            return ""
        return next((record.correlation_id for record in reversed(self.records) if record.id == cause), "")

    def account(self, event: AccountEvent, reason: str) -> None:
        """Note an event of the account's state machine; :meth:`finish` records where all of a turn's lead."""
        self._account_events.append((event, reason))

    def finish(self) -> "Turn":
        """Record the account's new state, if all that happened in this turn moved it."""
        if self._account_events:
            old = new = self.state.account_state
            why = ""
            for event, reason in self._account_events:
                moved = next_state(new, event)
                if moved is not new:
                    new, why = moved, reason
            self._account_events.clear()
            if new is not old:
                self.record(AccountStateChanged(old, new, why))
        return self
