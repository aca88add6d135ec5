"""The way to Zerodha: settings, the session of the day, a hardened REST client, instruments, times."""
