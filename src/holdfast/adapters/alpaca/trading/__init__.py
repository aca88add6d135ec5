"""Alpaca: orders out, reports in (facts of the wire: docs/alpaca.md)."""
