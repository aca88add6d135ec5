"""The way to Alpaca: settings, a hardened REST session, symbols, streams' addresses."""
