"""Brokers in a box: local servers that speak a real broker's protocol, for tests and dry runs."""
