"""Alpaca on this machine: a server that programs written for Alpaca can be pointed at unchanged."""
