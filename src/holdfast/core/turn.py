"""What one step of the engine gives back, and how it makes records."""

from holdfast.core.messages import AnyBody, Effect, Envelope
from holdfast.core.milestones import AccountStateChanged
from holdfast.core.session.account import AccountEvent, next_state
from holdfast.core.state import EngineState, apply


class Turn:
    """``records`` to keep, in order, and ``effects`` to carry out once they are durable.

    ``correlation_id`` is given to every record that doesn't belong to an older chain. A strategy is told of its order as soon as
    the record is applied, as in a recovery.
    """

    __slots__ = ("_account_events", "correlation_id", "effects", "records", "source", "state")

    def __init__(self, state: EngineState, source: str = "engine", correlation_id: str = "") -> None:
        self.state = state
        self.source = source
        self.correlation_id = correlation_id
        self.records: list[Envelope] = []
        self.effects: list[Effect] = []
        self._account_events: list[tuple[AccountEvent, str]] = []

    def record(self, body: AnyBody, cause: str = "", source: str = "", correlation_id: str = "") -> Envelope:
        """Make a record of something that happened, and apply it. Without a cause it begins a chain of its own."""
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
            correlation_id or self.correlation_id or record_id,
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
