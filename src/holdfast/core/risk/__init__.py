"""Limits, and how big an order is."""
