"""Trading days, and the account's state machine."""
