"""Zerodha's Kite Connect in a box: its own SDKs can't tell it from the real one (facts: kite.trade/docs/connect/v3)."""
