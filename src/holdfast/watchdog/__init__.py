"""A small process of its own that looks after an account's positions when its engine has fallen silent (docs/watchdog.md)."""
