"""Alpaca in a box: a local server that Alpaca's own clients can't tell from Alpaca, with faults on demand."""
