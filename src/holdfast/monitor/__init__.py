"""The pipeline monitor: whether data still becomes signals, orders, fills and a portfolio, read from what the journal has."""
