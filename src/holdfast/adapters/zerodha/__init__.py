"""Zerodha: Indian exchanges, through Kite Connect version 3."""
